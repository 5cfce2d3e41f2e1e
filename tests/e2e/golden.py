"""Golden texts: what a run prints and writes, kept beside the tests for people to read.

`make golden` writes them anew; look at what changed before you commit it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(?<=mogplex-emulator-)[0-9a-f]+"), "<hex>"),
    (re.compile(r"(?<=mogplex/external/)[0-9a-f]+-[0-9a-f]+"), "<branch>"),
    (re.compile(r"(?<=mogplex/agent-)[0-9a-f]{12}"), "<branch>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"(?<=cmd_)[0-9a-f]+|(?<=\brun_)[0-9a-f]{21}\b"), "<hex>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "<port>"),
    (re.compile(r"(?<=section_start:)\d+(?=:)|(?<=section_end:)\d+(?=:)"), "<unix>"),
    (re.compile(r"(?<=mogplex_)[0-9a-f]{8,32}|(?<=plain-)[0-9a-f]{32}"), "<random>"),
    (re.compile(r"\b\d+(?:(?:\.|&#46;)\d+)?s\b"), "<seconds>"),
    (re.compile(r"(duration[-_]seconds\b[^\d\n]*\n?)\d+", re.IGNORECASE), r"\1<number>"),
    (re.compile(r"(?<=time=\")[\d.]+"), "<number>"),
    # A key's, which names the server
    (re.compile(r"(?<=-)[0-9a-f]{16}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{64}(?= \{\"base_url)"), "<mac>"),
    (re.compile(r"(?<=\"fingerprint\": \")[0-9a-f]{64}"), "<sha256>"),
)
"""Texts that differ from run to run, and their stand-ins."""
_VISIBLE = str.maketrans({"\x1b": "␛", "\r": "␍"})
"""Controls that the program prints on purpose, as pictures: a file with them would not show what it
holds.
"""


def normalized(text: str, known: Iterable[tuple[str, str]] = ()) -> str:
    """Return `text` without what differs from run to run; `known` are further texts and what stands
    for them.
    """
    for value, name in known:
        text = text.replace(value, name)
    for pattern, name in _CHANGING:
        text = pattern.sub(name, text)
    return text.translate(_VISIBLE)


def differences(shared: str, text: str) -> str:
    """Return the lines in which `text` differs from `shared`, a block for each place. It holds no
    line that both have, so that a sentence of all systems stands in one golden text.
    """
    old, new = shared.splitlines(), text.splitlines()
    blocks = []
    for tag, begins, ends, since, until in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            gone = [f"-{line}\n" for line in old[begins:ends]]
            added = [f"+{line}\n" for line in new[since:until]]
            blocks.append("".join(gone + added))
    return "@@\n".join(blocks)


def check_golden(name: str, text: str) -> None:
    """Compare with the golden text `name`, or write it where RUN_ACTION_GOLDEN is `write`."""
    path = GOLDEN / name
    if os.environ.get("RUN_ACTION_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    golden = path.read_text(encoding="utf-8") if path.exists() else ""
    difference = difflib.unified_diff(
        golden.splitlines(), text.splitlines(), f"golden/{name}", "this run", lineterm=""
    )
    assert golden == text, "\n".join(
        (*difference, "", "If this is meant: `make golden`, and read what changed.")
    )
