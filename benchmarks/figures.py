"""The figures that a command last wrote: its tables in pages, and all of them in figures.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "benchmarks" / "figures.json"


class Figures:
    """The figures of one command."""

    def __init__(self, command: str) -> None:
        """``command`` is named in the page, above each of its tables."""
        self.command = command

    def write(
        self, *, tables: Mapping[str, Sequence[str]], numbers: Mapping[str, str] | None = None
    ) -> None:
        """Put each table into its page, and all figures into figures.json.

        Args:
            tables: lines of a Markdown table, by the path of its page.
            numbers: figures that sentences repeat, by name.
        """
        for name, lines in tables.items():
            page = ROOT / name
            text = page.read_text(encoding="utf-8")
            found = table_below(text, self.command)
            page.write_text(text.replace(found, "".join(f"{line}\n" for line in lines)), "utf-8")
        written = read()
        kept: dict[str, Any] = {"tables": {name: list(lines) for name, lines in tables.items()}}
        if numbers:
            kept["numbers"] = dict(numbers)
        written[self.command] = kept
        FILE.write_text(
            json.dumps(written, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8"
        )


def read() -> dict[str, Any]:
    """Return all figures by the command that wrote them: its ``tables`` by page, its ``numbers`` by
    name.
    """
    if not FILE.exists():
        return {}
    written: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return written


def table_below(page: str, command: str) -> str:
    """Return the first table below the paragraph that names ``command``.

    Raises:
        AssertionError: there is none.
    """
    named = rf"^(?!\|).*`{re.escape(command)}(?![.\w])[^`]*`"  # not the row of another table
    place = re.search(named, page, re.MULTILINE)
    assert place, f"the page does not name {command}"
    table = re.compile(r"^(?:\|.*\n)+", re.MULTILINE).search(page, place.end())
    assert table, f"the page has no table below {command}"
    return table[0]
