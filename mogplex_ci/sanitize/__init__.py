"""Makes text of untrusted values that may be printed: visible controls, no secrets, bounded, no CI
system's markers.

``Sanitizer`` is the only way from ``Untrusted`` to ``SafeText``, ``CleanText`` or ``Markdown``.
``redactor`` finds secrets by their value (``known_values``, ``environment``), by their format
(``formats``) and by the name in front of them (``names``).
"""

from mogplex_ci.sanitize.environment import secrets_of
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
    INVISIBLE,
    Part,
    Sanitizer,
    Value,
    take_out_invisible,
)

__all__ = [
    "BLOCK_LIMIT",
    "INVISIBLE",
    "CleanText",
    "Markdown",
    "Part",
    "QuotedText",
    "SafeText",
    "Sanitizer",
    "Value",
    "clock",
    "count",
    "duration",
    "secrets_of",
    "take_out_invisible",
    "timestamp",
]
