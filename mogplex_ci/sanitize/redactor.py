"""Replaces secrets by ``***``: values that this process knows, known formats, and values after the
name of a secret.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from mogplex_ci.sanitize import formats, names
from mogplex_ci.sanitize.controls import show_controls
from mogplex_ci.sanitize.encodings import DECODERS
from mogplex_ci.sanitize.known_values import KnownValues

MASK: Final = "***"
_CONTEXT: Final = 1024
_MAX_CONTEXT: Final = 4096
"""Characters around the end of a piece that are searched together; more if a known value is longer,
up to this many.
"""


class Redactor:
    """Finds and masks secrets: those of this process, and values that look like one.

    Values of less than 4 characters are ignored: masking them would mask ordinary text.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Know ``values``."""
        self._known = KnownValues(values)
        self.longest_value = self._known.longest
        """Length of the longest known value, in its longest form."""

    def half_at_end(self, text: str) -> int:
        """Return the index from which ``text`` may hold half of a known value; its length if there
        is none. A secret found before stays on one side: its end may look like the beginning of a
        value, even of the same one.
        """
        at = self._known.half_at_end(text)
        if at == len(text):
            return at
        secrets = sorted(self.find(text), reverse=True)
        for start, end in secrets:
            if start < at < end:
                at = start
        return at

    def redact(self, texts: Sequence[str]) -> list[str]:
        """Return ``texts`` without secrets, also without those that span several texts, like the
        lines of a key.
        """
        return list(_masked(texts, self.find("\n".join(texts))))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Return the places of secrets in ``text``, and in its base64 or escaped content."""
        yield from self._find(text)
        for decode in DECODERS:
            decoded = decode(text)
            if decoded.text.strip():
                yield from (decoded.span(*span) for span in self._find(decoded.text))

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        vocabulary = formats.Vocabulary.of(text)
        yield from self._known.find(text, vocabulary)
        yield from formats.find_formats(text, vocabulary)
        yield from names.find_named(text)


class PieceByPiece:
    """A text that is shown piece by piece, such as an agent's words as they come. Each piece is
    searched together with the text before it, so that no secret appears in two halves.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._reach = min(_CONTEXT + 2 * redactor.longest_value, _MAX_CONTEXT)
        self._before = ""

    @property
    def last_word(self) -> str:
        """The end of the text shown so far, after its last white space."""
        if self._before[-1:].isspace():
            return ""
        return (self._before.split() or [""])[-1]

    def half_at_end(self, text: str) -> int:
        """Return the index from which ``text``, the next piece, must wait, because it may hold half
        of a known value; its length if nothing must.
        """
        joined = self._before + text[-self._reach :]
        half = len(joined) - self._redactor.half_at_end(joined)
        return max(len(text) - half, 0)

    def without_half(self, text: str) -> str:
        """Return ``text``, the last piece, with ``***`` for a possible half of a known value."""
        half = self.half_at_end(text)
        return text if half == len(text) else text[:half] + MASK

    def next(self, parts: Sequence[str]) -> list[str]:
        """Return the parts of the next piece, which are shown separately, without secrets that are
        visible only together with the text before: it holds their beginning or their name.
        """
        before = show_controls(self._before)
        shown = [show_controls(part) for part in parts]
        joined = "".join([before, *shown])
        borders = list(accumulate(map(len, shown), initial=len(before)))[:-1]
        window = joined[: borders[-1] + self._reach]
        found = []
        if self._before or len(parts) > 1:
            found = [span for span in self._redactor.find(window) if span[1] > len(before)]
        self._before = "".join([self._before, *parts])[-self._reach :]
        if not found:
            return list(parts)
        whole = [(start, _word_end(joined, end)) for start, end in found if end == len(window)]
        return list(_masked([before, *shown], [*found, *whole], gap=0))[1:]


def _word_end(text: str, at: int) -> int:
    """Return the end of the word around ``at``."""
    while at < len(text) and not text[at].isspace():
        at += 1
    return at


def _masked(texts: Sequence[str], spans: Iterable[tuple[int, int]], gap: int = 1) -> Iterator[str]:
    """Mask ``spans``: positions in the texts joined by ``gap`` characters. A span may cover several
    texts.
    """
    covered = bytearray(sum(map(len, texts)) + gap * len(texts))
    for start, stop in spans:
        covered[start:stop] = b"x" * (stop - start)
    offset = 0
    for text in texts:
        parts = []
        here = 0
        for secret in re.finditer(b"x+", covered[offset : offset + len(text)]):
            parts += [text[here : secret.start()], MASK]
            here = secret.end()
        yield "".join([*parts, text[here:]])
        offset += len(text) + gap
