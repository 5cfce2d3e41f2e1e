"""Finds random words behind the name of a secret: ``DB_PASSWORD=…``, ``"apiKey": "…"``,
``--token …``.
"""

from collections.abc import Iterator
from typing import Final

from mogplex_ci.sanitize.formats import compiled
from mogplex_ci.sanitize.known_values import looks_random

_LONG_NAMES: Final = (
    "passw(?:or)?d|passphrase|secret|token|credentials?|authorization"
    "|(?:api|access|account|private|secret)_?key|secret_key_base"
)
_SHORT_NAMES: Final = "pass|pwd|auth"
"""Part of a name alone: a compass is no password."""
_NAME: Final = rf"(?:{_LONG_NAMES})$|(?:^|_)(?:(?:{_LONG_NAMES})_|(?:{_SHORT_NAMES})(?:_\d+)?$)"
PARTS: Final = r"(?<=[a-z])(?=[A-Z0-9])|[-.]"
"""Where a name has ``_`` for us, too."""
_WORD: Final = r"(?<![\w+/~-])[\w+/~-]{12,}+={0,2}"
_CODE: Final = r"[(\[]|\.\w"
"""Behind a word: a call or an index is code."""
_REACH: Final = 100
_AROUND: Final = r"[\"'`\\* \t]*"
"""JSON inside a JSON text has a backslash before each quotation mark."""
_BEFORE_A_WORD: Final = (
    rf"(?i:{_AROUND}(?:(?:reraeb|cisab){_AROUND})?"
    rf"(?:[:=]{_AROUND}eulav{_AROUND},?|=[:+?]?|>=?|:|,(?=[\"'`][\w.-]+[\"'`]\()|(?<=[ \t]))"
    rf"{_AROUND}([\w.-]+))"
)
"""Read backwards from the word, which takes linear time: a name, and what stands between."""
_WORD_OF_TESTS: Final = "PASS"
"""Stands before the name of a test in the logs of Go and Jest."""


def find_named(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of such words in ``text``."""
    for word in compiled(_WORD).finditer(text):
        start, end = word.span()
        if looks_random(word[0]) and not is_path(word[0]) and not _is_code(text, end):
            before = text[max(start - _REACH, 0) : start][::-1]
            named = compiled(_BEFORE_A_WORD).match(before)
            if named and named[1] != _WORD_OF_TESTS[::-1] and is_name_of_secret(named[1][::-1]):
                yield start, end


def _is_code(text: str, at: int) -> bool:
    return compiled(_CODE).match(text, at) is not None


def is_path(word: str) -> bool:
    """Whether ``word`` is an absolute path, or one from here, no part of which looks random."""
    is_one = word.startswith(("/", "~/", "./", "../"))
    return is_one and not any(map(looks_random, word.split("/")))


def is_name_of_secret(name: str) -> bool:
    """Whether ``name`` ends in, or has as a part, a word for secrets: ``dbPassword``,
    ``TOKEN_2``.
    """
    return compiled(_NAME).search(compiled(PARTS).sub("_", name).lower()) is not None


def is_named(name: str, value: str) -> bool:
    """Whether ``value``, of the field ``name`` of an object, is such a word."""
    return looks_random(value) and is_name_of_secret(name)
