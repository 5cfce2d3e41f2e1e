"""Files that a report writes whole: whoever reads one reads all of it, and never that of an earlier step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def discard(path: Path) -> None:
    """Remove what an earlier step wrote."""
    path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` in place of what is at ``path``, all at once."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
