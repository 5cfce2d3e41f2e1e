"""Replaces secrets by ``***``: values that this process knows, known formats, values behind telling
names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from mogplex_ci.sanitize import formats, names
from mogplex_ci.sanitize.encodings import DECODERS
from mogplex_ci.sanitize.known_values import KnownValues

MASK: Final = "***"

_MOST_ENCODINGS: Final = 2
"""Encodings around one another in which a secret is looked for, such as JSON in base64."""


class Redactor:
    """Finds and masks secrets: those of this process, and everything that looks like one.

    Values of less than 4 characters are ignored: masking them would mask ordinary text.
    """

    def __init__(self, values: Iterable[str], shown: Callable[[str], str]) -> None:
        """Know ``values``; ``shown`` is what every text goes through before it is redacted."""
        self._known = KnownValues(values, shown)
        self.longest_value = self._known.longest
        """Length of the longest known value, in its longest form."""

    def redact(self, texts: Sequence[str]) -> list[str]:
        """Return ``texts`` without secrets, also without those that span several texts, like the
        lines of a key.
        """
        return list(_masked(texts, self.find("\n".join(texts))))

    def find(self, text: str, encodings: int = _MOST_ENCODINGS) -> Iterator[tuple[int, int]]:
        """Return where secrets stand in ``text``, and in what it holds in up to so many
        ``encodings``.
        """
        vocabulary = formats.Vocabulary.of(text)
        yield from self._known.find(text, vocabulary)
        yield from formats.find(text, vocabulary)
        yield from names.find(text)
        for decode in DECODERS if encodings else ():
            decoded = decode(text)
            if decoded.text.strip():
                yield from (decoded.span(*span) for span in self.find(decoded.text, encodings - 1))


def _masked(texts: Sequence[str], spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Mask ``spans``: positions in the texts joined by one character each. A span may cover several
    texts.
    """
    covered = bytearray(sum(map(len, texts)) + len(texts))
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
        offset += len(text) + 1
