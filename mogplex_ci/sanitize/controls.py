"""Characters that steer a terminal, a log viewer or a reader's eye instead of being text."""

from __future__ import annotations

import re

from mogplex_ci.sanitize.patterns import compiled

_LINE_BREAKS = "\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]"
_TERMINAL = (
    r"section_(?:start|end):\d+:[\w.-]+(?:\[[a-z=,_]*\])?\r\x1b\[0K"  # GitLab's folds
    r"|\x1b[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # OSC (titles, links), DCS, SOS, PM, APC, when they end
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-Z\\`-~]"  # the short ones: character sets, reset
    r"|\x9d[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)|\x9b[0-?]*[ -/]*[@-~]"  # OSC and CSI in one 8-bit control
)
"""ECMA-48 sequences. Every run in it stops where the next one starts: a text of a million starts takes linear time."""

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_INVISIBLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's default-ignorable and bidi characters: a reader does not see them, and a parser may skip them."""
_STRANGE = f"[{_CONTROLS}{_INVISIBLE}\u2028\u2029]"
_UNPRINTABLE = f"[{_CONTROLS}{_INVISIBLE}]"
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff]"
)
_MARKERS = r"##(?=\[|vso|teamcity)"


def show_controls(text: str) -> str:
    """Return ``text`` with controls made visible, and terminal sequences and invisible characters dropped.

    Line feeds are its only line breaks, tabs its only other control.
    """
    if not compiled(_STRANGE).search(text):
        return text
    return compiled(_UNPRINTABLE).sub(_shown, compiled(_LINE_BREAKS).sub("\n", compiled(_TERMINAL).sub("", text)))


def break_markers(text: str) -> str:
    """Return ``text`` in which ``##[``, ``##vso`` and ``##teamcity`` no longer stand anywhere.

    The space is visible on purpose: a runner that compares text by the rules of a culture ignores invisible ones.
    """
    return compiled(_MARKERS, re.IGNORECASE).sub("# #", text) if "##" in text else text


def _shown(match: re.Match[str]) -> str:
    """Return the picture of a control, nothing for an invisible character, or the joint of an emoji as it is."""
    char, text, at = match[0], match.string, match.start()
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code < 0xA0 or 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    return char if _joins_emoji(char, text[max(at - 2, 0) : at], text[at + 1 : at + 2]) else ""


def _joins_emoji(char: str, before: str, after: str) -> bool:
    emoji = compiled(_EMOJI).match
    if char == "\ufe0f":
        return bool(emoji(before[-1:]))
    if char == "\u200d" and emoji(after):
        return bool(emoji(before[-1:]) or (before.endswith("\ufe0f") and emoji(before)))
    return False
