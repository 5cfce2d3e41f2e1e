"""``python -m benchmarks``: measure everything and print one table; exit 1 when a limit is not
kept.

Names of modules, such as ``start memory``, measure only those. ``--write`` puts the table of all
into docs/maintaining/performance.md.
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

from benchmarks.figures import ROOT, Figures
from benchmarks.table import Row, markdown

NAMES = (
    *("start", "delay", "follow", "memory", "stop", "fleet", "rate_budget", "growth"),
    *("redaction", "image"),
)
PAGE = "docs/maintaining/performance.md"
COMMAND = "python -m benchmarks"
_MADE = re.compile(rf"^`{COMMAND}` on .*$", re.MULTILINE)


def main() -> int:
    """Measure what the arguments name, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what docs/maintaining/performance.md says.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument(
        "--write", action="store_true", help="write the table into docs/maintaining/performance.md"
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
        assert not options.names, "the page has the figures of all"
        _write(rows)
    return 0 if all(row.kept is not False for row in rows) else 1


def _write(rows: Sequence[Row]) -> None:
    """Replace the page's table, and the line above it that says how it was made."""
    machine = f"{os.cpu_count()} cores in {time.strftime('%B %Y')}, with Python {platform.python_version()}"
    page = ROOT / PAGE
    text, count = _MADE.subn(f"`{COMMAND}` on {machine}:", page.read_text(encoding="utf-8"))
    assert count == 1, "the page does not say how its table was made"
    page.write_text(text, encoding="utf-8")
    numbers = {row.what: row.shown for row in rows}
    numbers |= {
        f"{row.what}: {row.reference}": row.reference_shown for row in rows if row.reference
    }
    Figures(COMMAND).write(tables={PAGE: markdown(rows).splitlines()}, numbers=numbers)


if __name__ == "__main__":
    sys.exit(main())
