"""Decodes text from JSON, shells, URLs, HTML, base64 and hex, and keeps where each piece stood."""

from __future__ import annotations

import base64
import re
import sys
from bisect import bisect
from collections.abc import Callable
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final
from urllib.parse import unquote

from mogplex_ci.sanitize.formats import compiled

_ESCAPE: Final = (
    r"(\\\\{0,63}(?:u(?!00[89])[0-9A-Fa-f]{4}|U000[01][0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-7][0-9A-Fa-f]"
    r"|x[89A-Fa-f][0-9A-Fa-f](?:\\{1,63}x[89ABab][0-9A-Fa-f]){0,3}|0?[01][0-7]{2}|[0-7]{2}|[nrtbf]|\W)|\\\\{1,63}"
    r"|%(?:25){0,9}(?:[0-7][0-9A-Fa-f]|[89A-Fa-f][0-9A-Fa-f](?:%(?:25){0,9}[89ABab][0-9A-Fa-f]){0,3})"
    r"|&(?:#x0{0,5}[0-9A-Fa-f]{1,5}|#0{0,7}\d{1,6}|[A-Za-z]{2,24});|\[[\d;]{0,8}m)"
)
"""A character as an encoding writes it, however often the text was encoded; and what is left of a
colour.

``\\u009b`` is how controls are shown: no more than text.
"""
_ESCAPE_MARKS: Final = "\\%&["
"""Each escape begins with one of these."""
_LINES: Final = r"(?P<plain>(?:[^\\%&\[\n]*+\n)++)|[^\n]++\n?"
"""Lines without a character that begins an escape, as many as follow one another; any other
line.
"""
_SHORT_ESCAPES: Final = {"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": " "}
_BASE64: Final = (
    r"([A-Za-z0-9+/_-]{24,}"
    r"(?:[ \t\r\"',\\]*\n[ \t\"'>|#*;%]*[A-Za-z0-9+/_-]{2,})*)"  # more lines, perhaps behind a prefix
)
_BETWEEN_LINES: Final = r"([^A-Za-z0-9+/_-]+)"
_HEX: Final = r"([0-9A-Fa-f]{32,})"


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
    if end.isdigit():
        return chr(int(end, 8))
    if end.startswith("x"):
        raw = bytes.fromhex(re.sub(r"\\*x", "", end))
        return raw.decode(errors="replace")
    code = int(end[1:].strip("{}"), 16)
    return chr(code) if code <= sys.maxunicode else "\ufffd"


def from_base64(text: str) -> Decoded:
    """Return the texts that ``text`` holds in base64; lines of whole groups of four belong
    together.
    """
    return _from_pieces(text, _BASE64, lambda part: re.split(_BETWEEN_LINES, part), _from_base64)


def from_hex(text: str) -> Decoded:
    """Return the texts that ``text`` holds as hexadecimal digits."""
    return _from_pieces(text, _HEX, lambda part: [part], _from_hex)


DECODERS: Final = (unescaped, from_base64, from_hex)


def _from_pieces(
    text: str, pattern: str, divide: Callable[[str], list[str]], decode: Callable[[str], str]
) -> Decoded:
    """Return what the matches of ``pattern`` hold, each divided into pieces that are decoded alone;
    a line break stands for all other text.
    """
    written: list[str] = []
    read: list[str] = []
    for number, part in enumerate(compiled(pattern).split(text)):
        if number % 2 == 0:
            written.append(part)
            read.append("\n")
        else:
            pieces = divide(part)
            written += pieces
            read += map(decode, pieces)
    return Decoded(written, read)


def _from_base64(piece: str) -> str:
    """Return the text that a line is in base64, padding left out, or a line break; nothing for
    what stands between two lines.
    """
    if not piece[:1].isalnum() and compiled(_BETWEEN_LINES).fullmatch(piece):
        return ""
    text = _text_of_base64(piece)
    if text is None and piece.startswith(("+", "-")):
        text = _text_of_base64(piece[1:])  # a line of a diff
        piece = piece[1:]
    if text is None:
        return "\n"
    if len(piece) % 4:  # the last line
        text += "\n"
    return text


def _text_of_base64(piece: str) -> str | None:
    """Return the text that ``piece`` is in base64; None if it is none. ``piece`` has letters and
    signs of base64 alone, and no padding, so that it can be decoded.
    """
    is_for_urls = "-" in piece or "_" in piece
    if len(piece) % 4 == 1:
        piece = piece[:-1]  # one character more is less than a byte
    return _as_text(base64.b64decode(f"{piece}==", altchars="-_" if is_for_urls else None))


def _from_hex(piece: str) -> str:
    whole = piece[: len(piece) // 2 * 2]  # a cut one may end inside a byte
    return _as_text(bytes.fromhex(whole)) or "\n"


def _as_text(raw: bytes) -> str | None:
    """Return ``raw`` as text in ASCII, or in UTF-16, as PowerShell takes its commands; None if it
    is none.
    """
    encoding = "ascii"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif raw[1:2] == b"\0":
        encoding = "utf-16-le"
    elif raw[:1] == b"\0":
        encoding = "utf-16-be"
    if encoding != "ascii":
        raw = raw[: len(raw) // 2 * 2]
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    if not re.sub(r"[\n\r\t]", "", text).isprintable():
        return None
    return text
