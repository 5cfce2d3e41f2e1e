"""Names close to a mistyped one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """Return up to ``count`` of the ``known`` words that look like ``word``, the closest first."""
    from difflib import get_close_matches  # needed only for mistakes

    return get_close_matches(word, list(known), n=count, cutoff=0.5)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean NAME?``, or nothing when no known word is close."""
    close = nearest(word, known)
    return f"did you mean {close[0]}?" if close else ""
