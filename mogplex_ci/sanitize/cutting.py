"""Cuts text between words."""

import textwrap
from typing import Final

from mogplex_ci.sanitize.formats import compiled

WRAP_AT: Final = 100
"""Characters of a line in a fence that does not wrap."""
_BETWEEN_WORDS = r"(?:(?<=[\s\u2e80-\ud7ff\uf900-\ufaff])|(?=[\s\u2e80-\ud7ff\uf900-\ufaff]))"

_UP_TO_A_SIGN = r"(?s).*[^\w+/=~*\x80-\U0010ffff-]"
"""Of a line with few blanks, such as minified code: base64 and letters of any script have no such
sign, and ``***`` stays whole.
"""


def wrapped(line: str) -> str:
    """Return a line as lines of up to ``WRAP_AT`` characters; a longer word stays whole."""
    if len(line) <= WRAP_AT:
        return line
    return textwrap.fill(line, WRAP_AT, break_long_words=False, break_on_hyphens=False)


def cut(text: str, limit: int, missing: int = 0) -> str:
    """Cut ``text`` at ``limit`` and say how much is missing, including the earlier ``missing``
    part.
    """
    if len(text) <= limit and not missing:  # most lines, of which there are many
        return text
    head = cut_between_words(text, limit)
    return f"{head}… {missing + len(text) - len(head):,} more characters"


def cut_between_words(text: str, limit: int) -> str:
    """Return the start of ``text``, at most ``limit`` characters. A word that does not fit is left
    out: half of a secret that only the CI system knows would not be masked. Where that leaves less
    than half of the limit, a word ends at a sign.

    Chinese, Japanese and Korean have no spaces between their words.
    """
    if len(text) <= limit:
        return text
    if compiled(_BETWEEN_WORDS).match(text, limit):
        return text[:limit]
    starts = compiled(rf"(?s).*{_BETWEEN_WORDS}").match(text, 0, limit)
    if starts is not None and 2 * len(starts[0]) >= limit:
        return starts[0]
    signs = compiled(_UP_TO_A_SIGN).match(text, 0, limit)
    return max((found[0] for found in (starts, signs) if found), key=len, default="")
