"""How many harmless lines are changed, and what nasty text costs: ``python -m
benchmarks.redaction``.

Harmless lines are those that the machine has, and those of the files and folders that ``--read``
names. ``--write`` keeps the counts that docs/maintaining/performance.md repeats.
"""

from __future__ import annotations

import argparse
import functools
import io
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures
from benchmarks.table import Row
from mogplex_ci.api.transport import MAX_ANSWER_BYTES
from mogplex_ci.report.log import Log
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import Feed, delta, event, github, planned
from tests.unit.sanitize.corpus import CORPORA, changed, lines

SANITIZER = Sanitizer()
PAGE_EVENTS = 200
"""As many events as the client asks for."""
PAIRS = 5
"""Measurements of the worst and of harmless text."""
NASTY: dict[str, str] = {
    "-----BEGIN": "-----BEGIN ",
    "private keys": "-----BEGIN PRIVATE KEY-----A: ",
    "assignments": "pwd=",
    "assignments with escapes": "pwd=\\n",
    "names": '"pwd',
    "encoded names": "%70wd=",
    "long names": "secretsecret=",
    "keys": "key=",
    "quotes": '"token": \'',
    "URLs": "https://a:",
    "commands": "curl -u a -p ",
    "escapes": '\\"',
    "URL escapes": "%22token%3D",
    "base64": "QUJDREVG",
    "formats": "eyJ.sk-ghp_",
    "controls": "\x9d",
}


def harmless(corpora: dict[str, Callable[[], Iterator[str]]]) -> list[str]:
    """Print how many lines of each corpus are changed, and which; return the first as a table."""
    read, found = 0, 0
    table = ["| lines of the machine | changed |", "| --- | --- |"]
    for name, corpus in corpora.items():
        texts = list(corpus())
        if not texts:
            print(f"{name}: not on this machine")
            continue
        masked = changed(SANITIZER, texts)
        read += len(texts)
        found += len(masked)
        print(f"{name}: {len(masked)} of {len(texts):,} lines changed")
        for line, shown in masked:
            print(f"    {line.strip()[:100]}  ->  {shown.strip()[:100]}")
        table.append(f"| {name} | {len(masked)} of {len(texts):,} |")
    all_ = f"{found} of {read:,}, {1e6 * found / max(read, 1):.1f} in a million"
    print(f"all: {all_}")
    return [*table, f"| all | {all_} |"]


def measure() -> list[Row]:
    """Measure how long the log takes for the largest page of text, harmless or nasty, and how many
    harmless lines are changed.
    """
    texts = list(islice(CORPORA["Python's standard library"](), 100_000))
    nasty = [text for unit in NASTY.values() for text in (unit, f"{unit * (100 // len(unit))}\n")]
    text = max(nasty, key=page_seconds)
    ordinary = "\n".join(texts)[: MAX_ANSWER_BYTES // PAGE_EVENTS]
    pairs = [(page_seconds(text), page_seconds(ordinary)) for _ in range(PAIRS)]
    return [
        Row(
            f"{len(texts):,} harmless lines: changed", [len(changed(SANITIZER, texts))], "", limit=2
        ),
        Row(
            "log of a page of 16 MiB of nasty text, the worst of all kinds: CPU",
            [ours for ours, _ in pairs],
            "s",
            "harmless text",
            [its for _, its in pairs],
            ratio_limit=4,
            in_pairs=True,
        ),
    ]


def page_seconds(unit: str) -> float:
    """Return the processor time that the log takes for the largest answer, which is full of
    ``unit``.

    It stands in what tools put out, in messages and in the agent's words.
    """
    text = unit * (MAX_ANSWER_BYTES // PAGE_EVENTS // len(unit))
    kinds: list[Callable[[int], dict[str, Any]]] = [
        lambda at: event("log", "Output", at, stage="install", output=text),
        lambda at: event("log", text, at, stage="install"),
        lambda at: delta(f"{text}\n\n", at),
    ]
    feed = Feed()
    log = Log(github(io.StringIO()), Sanitizer())
    run = planned()
    log.begin_run(run)
    began = time.process_time()
    log.on(feed.arrived(*(kinds[at % len(kinds)](at) for at in range(PAGE_EVENTS))))
    log.on(feed.ended())
    return time.process_time() - began


def _lines_of(path: Path) -> Iterator[str]:
    return lines(sorted(path.rglob("*")) if path.is_dir() else [path])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Print how many harmless lines are changed.")
    parser.add_argument(
        "--corpora",
        nargs="*",
        default=list(CORPORA),
        choices=CORPORA,
        help="harmless lines to read",
    )
    parser.add_argument(
        "--read",
        nargs="*",
        default=[],
        type=Path,
        help="files and folders with more harmless lines",
    )
    parser.add_argument("--write", action="store_true", help="keep the counts for the pages")
    arguments = parser.parse_args()
    read = {str(path): functools.partial(_lines_of, path) for path in arguments.read}
    table = harmless({name: CORPORA[name] for name in arguments.corpora} | read)
    if arguments.write:
        tables = {"docs/maintaining/performance.md": table}
        Figures("python -m benchmarks.redaction").write(tables=tables, numbers={})


if __name__ == "__main__":
    main()
