"""Finds random words behind the name of a secret: ``DB_PASSWORD=…``, ``"apiKey": "…"``."""

from collections.abc import Iterator
from typing import Final

from mogplex_ci.sanitize.formats import compiled
from mogplex_ci.sanitize.known_values import looks_random

_NAME: Final = r"(?i:password|secret|token|(?:api|secret|private|access)[_-]?key)"
# JSON inside a JSON text has a backslash before each quotation mark.
_QUOTE: Final = r"\\?[\"'`]?"
_NAMED: Final = rf"{_NAME}{_QUOTE}[ \t]*:?[=:][ \t]*{_QUOTE}([\w+/=~-]{{12,}}+)([(\[]|\.\w)?"
"""A call or an index is code. That is looked at afterwards: what does not match would be read again
from each name in it.
"""


def find_named(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of such words in ``text``."""
    for found in compiled(_NAMED).finditer(text):
        if not found[2] and looks_random(found[1]):
            yield found.span(1)


def is_named(name: str, value: str) -> bool:
    """Whether ``value``, of the field ``name`` of an object, is such a word."""
    return looks_random(value) and compiled(rf".*{_NAME}").fullmatch(name) is not None
