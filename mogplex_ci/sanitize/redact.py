"""Replaces secrets by ``***``: values that this process knows, known formats, values behind telling names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from mogplex_ci.sanitize import formats, named
from mogplex_ci.sanitize.known import KnownValues

MASK = "***"


class Redactor:
    """Knows the secrets of this process and what secrets look like."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Take the secret ``values`` of this process."""
        self._known = KnownValues(values)

    @property
    def longest(self) -> int:
        """Most characters that a known value takes in any of its forms."""
        return self._known.longest

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets."""
        return self.redact_all([text])[0]

    def redact_all(self, texts: Sequence[str]) -> list[str]:
        """Return ``texts`` without secrets, also such as reach over several of them, like the lines of a key."""
        whole = "\n".join(texts)
        spans = _merged([*self._known.find(whole), *formats.find(whole), *named.find(whole)])
        if not spans:
            return list(texts)
        return list(_masked(texts, spans))


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _masked(texts: Sequence[str], spans: list[tuple[int, int]]) -> Iterator[str]:
    """Mask ``spans``, which count in the texts joined by one character each and may reach over several of them."""
    pending = deque(spans)
    offset = 0
    for text in texts:
        end = offset + len(text)
        parts, here = [], offset
        while pending and pending[0][0] < end:
            start, stop = pending[0]
            parts += [text[here - offset : max(start, here) - offset], MASK]
            here = min(stop, end)
            if stop > end + 1:
                break
            pending.popleft()
        yield "".join([*parts, text[here - offset :]])
        offset = end + 1
