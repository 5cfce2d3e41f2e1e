"""``python -m benchmarks``: measure everything and print one table; exit 1 when a limit is not kept."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.table import markdown

NAMES = ("start", "delay", "follow", "memory", "stop", "fleet", "growth", "redaction", "image")


def main() -> int:
    """Measure what the arguments name, or all."""
    rows = [row for name in sys.argv[1:] or NAMES for row in import_module(f"benchmarks.{name}").measure()]
    print(markdown(rows))
    return 0 if all(row.kept is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
