"""Decodes text from JSON, shells, URLs, HTML and base64, and keeps where each piece stood."""

import base64
import re
import sys
from bisect import bisect
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final
from urllib.parse import unquote

from mogplex_ci.sanitize.formats import compiled

_ESCAPE: Final = (
    r"(\\\\{0,63}(?:u(?!00[89])[0-9A-Fa-f]{4}|U000[01][0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-7][0-9A-Fa-f]"
    r"|x[89A-Fa-f][0-9A-Fa-f](?:\\{1,63}x[89ABab][0-9A-Fa-f]){0,3}|3[0-7]{2}(?:\\{1,63}2[0-7]{2}){1,3}"
    r"|0?[01][0-7]{2}|[0-7]{2}|[nrtbf]|[\W_])|\\\\{1,63}"
    r"|%(?:25){0,9}(?:[0-7][0-9A-Fa-f]|[89A-Fa-f][0-9A-Fa-f](?:%(?:25){0,9}[89ABab][0-9A-Fa-f]){0,3})"
    r"|&(?:#x0{0,5}[0-9A-Fa-f]{1,5}|#0{0,7}\d{1,6}|[A-Za-z]{2,24});|\[[\d;]{0,8}m)"
)
"""A character as an encoding writes it, even if the text was encoded several times; and the rest of
a colour.

``\\u009b`` is the visible form of a control: text only.
"""
_ESCAPE_MARKS: Final = "\\%&["
"""Each escape begins with one of these."""
_LINES: Final = (
    r"(?P<plain>(?:[^\\%&\[\n]*+\n)++)"
    r"|(?:[^\n\\]*+(?:\\(?!\n)[^\n\\]*+)*+\\\n)*+[^\n]*+\n?"
)
"""Consecutive lines without a character that begins an escape; or another line, which a backslash
at its end continues, as in a shell.
"""
_SHORT_ESCAPES: Final = {"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": " "}
_BASE64: Final = r"([A-Za-z0-9+/_-]{24,}(?:[ \t]*\r?\n[ \t]*[A-Za-z0-9+/_-]{2,})*)"
"""A line of base64, and those below it."""
_BETWEEN_LINES: Final = r"(\s+)"


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

    @property
    def length(self) -> int:
        """Length of the text as it is written."""
        return self._starts[0][-1]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place of ``text[start:end]`` in the source; decoded text is one piece."""
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
    may_hold_one = any(mark in text for mark in _ESCAPE_MARKS)
    if not may_hold_one or not compiled(_ESCAPE).search(text):
        return Decoded(written, read)
    for lines in compiled(_LINES).finditer(text):
        if lines["plain"]:
            written.append(lines["plain"])
            read.append("")
            continue
        parts = compiled(_ESCAPE).split(lines[0])
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
    if len(end) < 2:
        return _SHORT_ESCAPES.get(end, end or "\\")
    if end[0].isdigit():
        codes = [int(code, 8) for code in re.findall(r"\d+", end)]
        return bytes(codes).decode(errors="replace")
    if end.startswith("x"):
        raw = bytes.fromhex(re.sub(r"\\*x", "", end))
        return raw.decode(errors="replace")
    code = int(end[1:].strip("{}"), 16)
    return chr(code) if code <= sys.maxunicode else "\ufffd"


def from_base64(text: str) -> Decoded:
    """Return the texts that ``text`` holds in base64, with a line break for anything else;
    consecutive lines of complete groups of four belong together.
    """
    written: list[str] = []
    read: list[str] = []
    for number, part in enumerate(compiled(_BASE64).split(text)):
        if number % 2 == 0:
            written.append(part)
            read.append("\n")
        else:
            pieces = re.split(_BETWEEN_LINES, part)
            written += pieces
            read += map(_from_base64, pieces)
    return Decoded(written, read)


DECODERS: Final = (unescaped, from_base64)


def _from_base64(piece: str) -> str:
    """Return the ASCII text that a line is in base64, without padding, or a line break; nothing for
    the text between two lines.
    """
    if piece.isspace():
        return ""
    is_last = len(piece) % 4 > 0
    if len(piece) % 4 == 1:
        piece = piece[:-1]  # one character more is less than a byte
    is_for_urls = "-" in piece or "_" in piece
    raw = base64.b64decode(f"{piece}==", altchars="-_" if is_for_urls else None)
    if not raw.isascii():
        return "\n"
    text = raw.decode()
    if not re.sub(r"[\n\r\t]", "", text).isprintable():
        return "\n"
    return f"{text}\n" if is_last else text
