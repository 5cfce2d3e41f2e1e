"""Makes control characters visible, and drops terminal sequences and invisible characters."""

from functools import cache
from typing import Final

from mogplex_ci.sanitize.formats import compiled

# GitHub's runner ends a line at a lone \r as well, str.splitlines() at all of the others.
_LINE_BREAKS = "\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]"
_TERMINAL = (
    r"section_(?:start|end):\d+:[\w.-]+(?:\[[a-z=,_]*\])?\r\x1b\[0K"  # GitLab's folds
    # OSC (titles, links), DCS, SOS, PM, APC, when they end
    r"|\x1b[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-Z\\`-~]"  # the short ones: character sets, reset
    # OSC and CSI in one 8-bit control
    r"|\x9d[^\x07\x1b\x9c\x9d\n]*(?:\x07|\x1b\\|\x9c)|\x9b[0-?]*[ -/]*[@-~]"
)
"""ECMA-48 sequences. Every run stops where the next sequence may start, so a search takes linear
time.
"""

# JSON can hold lone surrogates (\ud800), which cannot be encoded as UTF-8.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
INVISIBLE: Final = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's default-ignorable and bidi characters: readers do not see them, and parsers may skip
them.
"""
_STRANGE = f"[{_CONTROLS}{INVISIBLE}\u2028\u2029]"
_UNPRINTABLE = f"[{_CONTROLS}{INVISIBLE}]"
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff]"
)
_DROPPED = f"(?!(?<={_EMOJI})(?:\ufe0f|\u200d(?={_EMOJI}))|(?<={_EMOJI}\ufe0f)\u200d(?={_EMOJI}))[{INVISIBLE}]"
"""An invisible character that joins no emoji."""


def show_controls(text: str) -> str:
    """Return ``text`` with controls made visible, and terminal sequences and invisible characters
    dropped.

    Line feeds are its only line breaks, tabs its only other control.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # most text, told apart in a quarter of the time
    if not compiled(_STRANGE).search(text):
        return text
    # Sequences before line breaks: GitLab's folds have a \r in them.
    text = compiled(_LINE_BREAKS).sub("\n", compiled(_TERMINAL).sub("", text))
    return compiled(_DROPPED).sub("", text).translate(_pictures())


def without_invisible(text: str) -> str:
    """Return ``text`` without invisible characters. Line feeds are its only line breaks."""
    text = compiled(_LINE_BREAKS).sub("\n", compiled(_TERMINAL).sub("", text))
    return compiled(_UNPRINTABLE).sub("", text)


@cache
def _pictures() -> dict[int, str]:
    """Return the pictures of controls, and the numbers of those without one."""
    pictures = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
    numbers = {code: f"\\u{code:04x}" for code in (*range(0x80, 0xA0), *range(0xD800, 0xE000))}
    return pictures | {0x7F: "\u2421"} | numbers
