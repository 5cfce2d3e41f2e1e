"""Decodes text from JSON, shells, URLs, HTML and base64, and keeps where each piece stood."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final
from urllib.parse import unquote

from mogplex_ci.sanitize.formats import compiled

_ESCAPE: Final = (
    r"(\\\\{0,63}(?:u(?!00[89])[0-9A-Fa-f]{4}|[nrtbf]|\W)|\\\\{1,63}"
    r"|%(?:25){0,9}(?:[0-7][0-9A-Fa-f]|[89A-Fa-f][0-9A-Fa-f](?:%(?:25){0,9}[89ABab][0-9A-Fa-f]){0,3})"
    r"|&(?:#x[0-9A-Fa-f]{1,5}|#\d{1,6}|amp|lt|gt|quot|apos);|\[[\d;]{0,8}m)"
)
"""A character as an encoding writes it, however often the text was encoded; and what is left of a
colour.

``\\u009b`` is how controls are shown: no more than text.
"""
_SHORT_ESCAPES: Final = {"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": " "}
_BASE64: Final = r"([A-Za-z0-9+/_-]{24,}(?:[ \t\r]*\n[ \t]*[A-Za-z0-9+/_-]{2,})*)"


class Decoded:
    """The content of a text, in pieces that know where they stand in it."""

    def __init__(self, written: list[str], read: list[str]) -> None:
        """Know the pieces as they are ``written`` in the text, and as they are ``read``."""
        self._written, self._read = written, read
        self.text = "".join(read)
        """All pieces, decoded."""

    @cached_property
    def _starts(self) -> tuple[list[int], list[int]]:
        written, read = (
            list(accumulate(map(len, pieces), initial=0)) for pieces in (self._written, self._read)
        )
        return written, read

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where what ``text[start:end]`` holds stands; what is decoded counts as a whole."""
        return self._span_at(start)[0], self._span_at(end - 1)[1]

    def _span_at(self, at: int) -> tuple[int, int]:
        written, read = self._starts
        number = bisect(read, at) - 1
        if self._written[number] != self._read[number]:
            return written[number], written[number + 1]
        start = written[number] + at - read[number]
        return start, start + 1


def unescaped(text: str) -> Decoded:
    """Return the lines of ``text`` that hold escapes, without these."""
    written: list[str] = []
    read: list[str] = []
    for line in text.splitlines(keepends=True) if compiled(_ESCAPE).search(text) else ():
        parts = compiled(_ESCAPE).split(line)
        written += parts
        parts[1::2] = map(_character, parts[1::2])
        read += parts if len(parts) > 1 else [""]
    return Decoded(written, read)


@lru_cache(1_000)
def _character(escape: str) -> str:
    """Return the character that ``escape`` stands for."""
    match escape[0]:
        case "%":
            return unquote(re.sub("%(?:25)+", "%", escape))
        case "&":
            from html import unescape  # slow to import

            return unescape(escape)
        case "[":
            return " "
    end = escape.lstrip("\\")
    return chr(int(end[1:], 16)) if end[1:] else _SHORT_ESCAPES.get(end, end or "\\")


def from_base64(text: str) -> Decoded:
    """Return the texts that ``text`` holds in base64; lines of whole groups of four belong
    together.
    """
    written: list[str] = []
    read: list[str] = []
    for number, part in enumerate(compiled(_BASE64).split(text)):
        pieces = re.split(r"(\s+)", part) if number % 2 else [part]
        written += pieces
        read += map(_from_base64, pieces) if number % 2 else ["\n"]
    return Decoded(written, read)


def _from_base64(piece: str) -> str:
    """Return the text that a line is in base64, padding left out, or a line break; nothing for
    white space.
    """
    if piece.isspace():
        return ""
    whole = piece[:-1] if len(piece) % 4 == 1 else piece  # one character more is less than a byte
    try:
        text = base64.b64decode(
            f"{whole}==", altchars="-_" if "-" in piece or "_" in piece else None
        ).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return "\n"
    if not re.sub(r"[\n\r\t]", "", text).isprintable():
        return "\n"
    return text if len(piece) % 4 == 0 else f"{text}\n"
