"""Replaces secrets by ``***``: tokens of known formats, private keys, values that this process
knows, and random words behind the name of a secret.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from mogplex_ci.sanitize.formats import find_formats
from mogplex_ci.sanitize.known_values import KnownValues
from mogplex_ci.sanitize.named_values import find_named

MASK: Final = "***"


class Redactor:
    """Finds and masks secrets."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Know ``values``. Those of less than 4 characters are ignored: they are in every text."""
        self._known = KnownValues(values)
        self.longest_value = self._known.longest
        """Length of the longest known value, in its longest form."""

    def redact(self, text: str) -> str:
        """Return ``text`` with its secrets masked."""
        shown: list[str] = []
        at = 0
        for start, end in sorted(self.find(text)):
            if end <= at:
                continue
            if start > at or not shown:
                shown += [text[at:start], MASK]
            at = end
        return "".join([*shown, text[at:]])

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the places of secrets in ``text``; they may overlap."""
        yield from self._known.find(text)
        yield from find_formats(text)
        yield from find_named(text)
