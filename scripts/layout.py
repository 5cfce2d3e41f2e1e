"""Code without its layout, so that a formatter may break lines as it likes."""

from __future__ import annotations

import io
import re
import tokenize
from typing import Final

_ENDS: Final = (tokenize.NEWLINE, tokenize.ENDMARKER)
_NO_CODE: Final = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)


def logical_lines(source: str) -> list[str]:
    """Return the lines of ``source``, each whole however many the file has of it, as words with a
    space between.

    Parentheses, and a comma before a closing bracket, are left out: a formatter adds and removes
    them. ``source`` may be a piece of a line.
    """
    lines: list[str] = []
    words: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _ENDS:
                lines.append(_joined(words))
                words = []
            elif token.type not in _NO_CODE:
                words.append(token.string)
    except (tokenize.TokenError, IndentationError):  # a piece may leave brackets open
        lines.append(_joined(words))
    return [line for line in lines if line]


def _joined(words: list[str]) -> str:
    text = re.sub(r" , (?=[)\]}])", " ", " ".join(words))
    return " ".join(word for word in text.split(" ") if word not in ("(", ")"))
