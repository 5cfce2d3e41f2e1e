"""``python -m benchmarks``: measure everything and print one table; exit 1 when a limit is not
kept.

Names of modules, such as ``start memory``, measure only those. ``--write`` puts the figures into
figures.json, and six of them into benchmarks/figures.md; earlier figures of other
modules stay.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from benchmarks.figures import ROOT, Figures, read
from benchmarks.table import Row, markdown

NAMES = ("start", "follow", "memory", "stop", "rate_budget", "image", "masking")
PAGE = "benchmarks/figures.md"
COMMAND = "python -m benchmarks"
ON_PAGE = (
    "start to first request, in the image: CPU",
    "idle stream: CPU",
    "full feed of 20 KB payloads: peak memory",
    "SIGTERM while the API hangs for good to exit",
    "image pulled",
)
"""Figures in the page's table. All of them are in figures.json."""
_MADE = re.compile(rf"^`{COMMAND}` on .*$", re.MULTILINE)


def main() -> int:
    """Measure what the arguments name, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what benchmarks/figures.md says.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument(
        "--write", action="store_true", help="write the table into benchmarks/figures.md"
    )
    options = parser.parse_args()
    rows = [
        row
        for name in options.names or NAMES
        for row in import_module(f"benchmarks.{name}").measure()
    ]
    table = markdown(rows)
    print(table)
    if options.write:
        _write(rows)
    return 0 if all(row.kept is not False for row in rows) else 1


def _write(rows: Sequence[Row]) -> None:
    """Replace the page's table, and the line above it that says how it was made."""
    machine = f"{os.cpu_count()} cores in {time.strftime('%B %Y')}, with Python {platform.python_version()}"
    page = ROOT / PAGE
    text, count = _MADE.subn(f"`{COMMAND}` on {machine}:", page.read_text(encoding="utf-8"))
    assert count == 1, "the page does not say how its table was made"
    page.write_text(text, encoding="utf-8")
    last = read()[COMMAND]
    head, rule, *kept = last["tables"][PAGE]
    lines = {_key(line): line for line in (head, rule)}
    lines |= {_key(line): line for line in kept if _key(line)[0] in ON_PAGE}
    on_page = [row for row in rows if row.what in ON_PAGE]
    lines |= {_key(line): line for line in markdown(on_page).splitlines()}
    numbers = dict(last["numbers"])
    for row in rows:
        numbers[row.what] = row.shown
        if row.reference:
            numbers[f"{row.what}: {row.reference}"] = row.reference_shown
    Figures(COMMAND).write(tables={PAGE: list(lines.values())}, numbers=numbers)


def _key(line: str) -> tuple[str, str]:
    """Return what a line of the table is about: the figure, and what it is compared with."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    return cells[0], re.sub(r" [\d.,]+ .*", "", cells[2])


if __name__ == "__main__":
    sys.exit(main())
