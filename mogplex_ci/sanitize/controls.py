"""Characters that steer a terminal, a log viewer or a reader's eye instead of being text."""

from __future__ import annotations

import re

LINE_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKERS = re.compile(r"##(?=\[|vso|teamcity)", re.IGNORECASE)


def show_controls(text: str) -> str:
    """Return ``text`` with controls made visible, and colours and invisible characters dropped.

    Line feeds are its only line breaks.
    """
    text = LINE_BREAKS.sub("\n", text)
    text = _COLOURS.sub("", text)
    text = _INVISIBLE.sub("", text)
    return _CONTROLS.sub(_picture, text)


def break_markers(text: str) -> str:
    """Return ``text`` in which ``##[``, ``##vso`` and ``##teamcity`` no longer stand anywhere."""
    return _MARKERS.sub("#\u2060#", text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"
