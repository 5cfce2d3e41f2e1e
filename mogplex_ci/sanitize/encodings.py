"""Decodes text from JSON, shells, URLs, HTML and base64, and keeps where each piece stood."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect
from functools import cache, cached_property
from itertools import accumulate
from typing import Final

_ESCAPE: Final = (
    r"\\\\*(?:u(?!00[89])([0-9A-Fa-f]{4})|([nrtbf])|(\W))|\\\\+|%(?:25)*([0-7][0-9A-Fa-f])"
    r"|%(?:25)*([89A-Fa-f][0-9A-Fa-f](?:%(?:25)*[89A-Fa-f][0-9A-Fa-f])*)"
    r"|&(?:#x([0-9A-Fa-f]{1,5})|#(\d{1,6})|(amp|lt|gt|quot|apos));|\[[\d;]{0,8}m"
)
"""A character as an encoding writes it, however often the text was encoded; and what is left of a colour.

``\\u009b`` is how controls are shown: no more than text.
"""
_CHARACTERS: Final[dict[str, str]] = dict(
    zip(("n", "r", "t", "b", "f", "amp", "lt", "gt", "quot", "apos"), "\n\n\t  &<>\"'", strict=True)
)
_BASE64: Final = r"[A-Za-z0-9+/_-]{24,}(?:[ \t\r]*\n[ \t]*[A-Za-z0-9+/_-]{2,})*"
_BASE64_LINE: Final = r"[A-Za-z0-9+/_-]{2,}"


class Decoded:
    """A text put together from pieces that know where in another text they stand."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._spans: list[tuple[int, int]] = []

    def add(self, piece: str, start: int, end: int) -> None:
        """Append ``piece``, which stands at ``start`` to ``end``; if it is not as long as that, it is decoded."""
        if piece:
            self._pieces.append(piece)
            self._spans.append((start, end))

    @cached_property
    def text(self) -> str:
        """All pieces."""
        return "".join(self._pieces)

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate(map(len, self._pieces), initial=0))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where what ``text[start:end]`` holds stands; what is decoded counts as a whole."""
        return self._span_at(start)[0], self._span_at(end - 1)[1]

    def _span_at(self, at: int) -> tuple[int, int]:
        number = bisect(self._starts, at) - 1
        start, end = self._spans[number]
        if len(self._pieces[number]) != end - start:
            return start, end
        start += at - self._starts[number]
        return start, start + 1


def unescaped(text: str) -> Decoded:
    """Return the lines of ``text`` that hold escapes, without these."""
    decoded, here, line_end = Decoded(), 0, 0
    for match in _compiled(_ESCAPE).finditer(text):
        start, end = match.span()
        if start >= line_end:
            decoded.add(text[here:line_end], here, line_end)
            here, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", start) + 1 or len(text)
        if start > here:
            decoded.add(text[here:start], here, start)
        decoded.add(_character(match), start, end)
        here = end
    decoded.add(text[here:line_end], here, line_end)
    return decoded


def _character(match: re.Match[str]) -> str:
    text: str = match[match.lastindex or 0]
    match match.lastindex:
        case 1 | 4 | 6:
            return chr(int(text, 16))
        case 5:
            return bytes.fromhex(text.replace("%25", "").replace("%", "")).decode(errors="replace")
        case 7:
            return chr(int(text))
        case None:
            return "\\" if text[0] == "\\" else " "
    return _CHARACTERS.get(text, text)


def from_base64(text: str) -> Decoded:
    """Return the texts that ``text`` holds in base64; lines of whole groups of four belong together."""
    decoded = Decoded()
    for block in _compiled(_BASE64).finditer(text):
        for line in _compiled(_BASE64_LINE).finditer(text, *block.span()):
            shown = _from_base64(line[0])
            decoded.add(shown, *line.span())
            if not shown or len(line[0]) % 4:
                decoded.add("\n", line.end(), line.end())
        decoded.add("\n", block.end(), block.end())
    return decoded


def _from_base64(line: str) -> str:
    """Return the text that ``line`` is in base64, padding left out; empty when it is no text."""
    whole = line[:-1] if len(line) % 4 == 1 else line  # one character more is less than a byte
    try:
        text = base64.b64decode(f"{whole}==", altchars="-_" if "-" in line or "_" in line else None).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if re.sub(r"[\n\r\t]", "", text).isprintable() else ""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, re.ASCII)
