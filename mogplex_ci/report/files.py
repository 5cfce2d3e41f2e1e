"""Files that a report writes whole: whoever reads one reads all of it, and never that of an earlier step."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile


def discard(path: Path) -> None:
    """Remove what an earlier step wrote."""
    path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` in place of what is at ``path``, all at once.

    The new file's first name cannot be guessed: the workspace may hold a link of that name to somewhere else.
    """
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as partial:
        partial.write(text)
    whole = Path(partial.name)
    whole.chmod(0o644)  # later steps may run as another user
    whole.replace(path)
