"""``python -m benchmarks``: measure everything and print one table; exit 1 when a limit is not
kept.

Names of modules, such as ``start memory``, measure only those. ``--write`` puts the table into
docs/maintaining/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.table import markdown

NAMES = ("start", "delay", "follow", "memory", "stop", "fleet", "growth", "redaction", "image")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "maintaining" / "performance.md"
_TABLE = re.compile(r"^`python -m benchmarks.*\n\n(\|.*\n)+", re.MULTILINE)


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
        _write(" ".join(["python -m benchmarks", *options.names]), table)
    return 0 if all(row.kept is not False for row in rows) else 1


def _write(command: str, table: str) -> None:
    """Replace the page's table, and the line above it that says how it was made."""
    machine = f"{os.cpu_count()} cores in {time.strftime('%B %Y')}, with Python {platform.python_version()}"
    made = f"`{command}` on {machine}:\n\n{table}\n"
    page, count = _TABLE.subn(lambda _: made, PAGE.read_text(encoding="utf-8"))
    assert count == 1, "the page has no table"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
