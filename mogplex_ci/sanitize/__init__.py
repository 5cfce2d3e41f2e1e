"""Makes text of untrusted values that may be printed.

Replaced are tokens of the formats in ``formats.tsv``, private keys, the values of secret-looking
variables and inputs, as URLs, JSON, shells and base64 write them, and random words behind the name
of a secret.

``Sanitizer`` is the only way from ``Untrusted`` to ``SafeText``, ``CleanText`` or ``Markdown``,
which have visible controls, no secrets, no CI system's markers, and a bounded length.
"""

from mogplex_ci.sanitize.controls import INVISIBLE, without_invisible
from mogplex_ci.sanitize.cutting import cut_between_words
from mogplex_ci.sanitize.environment import secrets_of
from mogplex_ci.sanitize.known_values import is_maskable, looks_random
from mogplex_ci.sanitize.redactor import MASK, Redactor
from mogplex_ci.sanitize.safe_text import (
    CleanText,
    Markdown,
    QuotedText,
    SafeText,
    clock,
    count,
    duration,
    timestamp,
)
from mogplex_ci.sanitize.sanitizer import (
    BLOCK_LIMIT,
    INLINE_LIMIT,
    Part,
    Sanitizer,
    Value,
)

__all__ = [
    "BLOCK_LIMIT",
    "INLINE_LIMIT",
    "INVISIBLE",
    "MASK",
    "CleanText",
    "Markdown",
    "Part",
    "QuotedText",
    "Redactor",
    "SafeText",
    "Sanitizer",
    "Value",
    "clock",
    "count",
    "cut_between_words",
    "duration",
    "is_maskable",
    "looks_random",
    "secrets_of",
    "timestamp",
    "without_invisible",
]
