"""The types of text that may leave the program, and how every character of it is made visible and harmless.

The types are subclasses of ``str`` that only this package constructs: ``SafeText("x")`` fails type checking and raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import LiteralString, Never, Self

from mogplex_ci.durations import format_clock, format_duration
from mogplex_ci.sanitize.formats import compiled

_MARKUP = (
    r"(?<=@)(?=\S)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)"  # what GitHub makes links of
    r"|[`*~\[\]<|$]|\\(?=[!-/:-@\[-`{-~]|\Z)|&(?=[#\w])"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|#(?=#*\Z)|\A(?:[>#+=:-]|\d{1,9}[.)](?!\S))"  # the end of a heading; the start of a line
)
"""Places in a text, and characters at the end of a match, where markdown may obey."""

_LINE_BREAKS = "\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]"
_TERMINAL = (
    r"section_(?:start|end):\d+:[\w.-]+(?:\[[a-z=,_]*\])?\r\x1b\[0K"  # GitLab's folds
    r"|\x1b[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # OSC (titles, links), DCS, SOS, PM, APC, when they end
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-Z\\`-~]"  # the short ones: character sets, reset
    r"|\x9d[^\x07\x1b\x9c\x9d\n]*(?:\x07|\x1b\\|\x9c)|\x9b[0-?]*[ -/]*[@-~]"  # OSC and CSI in one 8-bit control
)
"""ECMA-48 sequences. Every run stops where the next sequence may start, so that a search takes linear time."""

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_INVISIBLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's default-ignorable and bidi characters: readers do not see them, and parsers may skip them."""
_STRANGE = f"[{_CONTROLS}{_INVISIBLE}\u2028\u2029]"
_UNPRINTABLE = f"[{_CONTROLS}{_INVISIBLE}]"
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff]"
)
_DROPPED = f"(?!(?<={_EMOJI})(?:\ufe0f|\u200d(?={_EMOJI}))|(?<={_EMOJI}\ufe0f)\u200d(?={_EMOJI}))[{_INVISIBLE}]"
"""An invisible character that joins no emoji."""
_IGNORED = r"[^\x00-\x7f]*+"
_MARKERS = rf"#(?={_IGNORED}#{_IGNORED}(?:\[|{_IGNORED.join('vso')}|{_IGNORED.join('teamcity')}))"
"""Azure's agent looks for ``##vso[`` and ``##[`` by culture, which skips about a thousand code points: U+0489 and other
combining marks, U+0600, U+0640, … Which ones depends on its version of ICU: here every non-ASCII character is skipped.
"""


class _Text(str):
    __slots__ = ()

    def __new__(cls, _never: Never) -> Self:
        raise TypeError(f"only mogplex_ci.sanitize makes {cls.__name__}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class CleanText(_Text):
    """Redacted, bounded text with visible controls; may have several lines.

    For files whose format quotes or escapes it: JSON, HTML. Not for a job log.
    """

    __slots__ = ()

    def padded(self, width: int) -> Self:
        """Return the text with spaces on the right up to ``width`` characters."""
        return str.__new__(type(self), self.ljust(width))


class SafeText(CleanText):
    """Clean text on one line that no CI system takes for a command: it begins with a character of our own.

    The only type that a platform prints.
    """

    __slots__ = ()


class Markdown(_Text):
    """Markdown whose markup is ours: text of others in it shows every character and is no link, mention or HTML."""

    __slots__ = ()

    @classmethod
    def of(cls, template: LiteralString, *parts: Markdown | SafeText | int) -> Markdown:
        """Return ``template`` with ``parts`` filled into its ``{}``; without parts, as it is.

        ``SafeText`` is escaped; ``Markdown`` and numbers go in as they are.
        """
        values = (escaped(part) if isinstance(part, SafeText) else part for part in parts)
        return str.__new__(cls, template.format(*values) if parts else template)

    @classmethod
    def joined(cls, separator: LiteralString, parts: Iterable[Markdown]) -> Markdown:
        """Return ``parts`` as one text with ``separator`` between them."""
        return str.__new__(cls, separator.join(parts))

    @classmethod
    def code(cls, text: CleanText) -> Markdown:
        """Return ``text`` as inline code that may stand anywhere in markdown, in a table's cell and in HTML too.

        Line breaks become spaces. The ``code`` element keeps GitHub's second pass from making links of mentions,
        issue numbers and commits.
        """
        return str.__new__(cls, f"<code>{escaped(text)}</code>")


def duration(seconds: float) -> SafeText:
    """Return ``seconds`` for a person: ``0.4s``, ``12s``, ``3m 05s``, ``1h 02m``."""
    return str.__new__(SafeText, format_duration(_bounded(seconds)))


def clock(seconds: float) -> SafeText:
    """Return a time since some start as a clock shows it: ``00:04``, ``12:30``, ``1:02:03``."""
    return str.__new__(SafeText, format_clock(_bounded(seconds)))


def count(number: int, noun: LiteralString) -> SafeText:
    """Return ``1 event``, ``2 events``, ``1,200 events``."""
    return str.__new__(SafeText, f"{number:,} {noun}" + ("" if number == 1 else "s"))


def timestamp(time: datetime | None) -> SafeText:
    """Return ``time`` in UTC with milliseconds, 24 characters; ``unknown`` for None and where UTC has no such year."""
    try:
        text = "unknown" if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError:
        text = "unknown"
    return str.__new__(SafeText, text.replace("+00:00", "Z"))


def show_controls(text: str) -> str:
    """Return ``text`` with controls made visible, and terminal sequences and invisible characters dropped.

    Line feeds are its only line breaks, tabs its only other control.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # most text, told apart in a quarter of the time
    if not compiled(_STRANGE).search(text):
        return text
    text = compiled(_LINE_BREAKS).sub("\n", compiled(_TERMINAL).sub("", text))
    return compiled(_DROPPED).sub("", text).translate(_pictures())


def take_out_invisible(text: str) -> tuple[str, list[str]]:
    """Return ``text`` without what readers do not see, and what that was. Line feeds are its only line breaks."""
    taken = compiled(_TERMINAL).findall(text)
    text = compiled(_LINE_BREAKS).sub("\n", compiled(_TERMINAL).sub("", text))
    return compiled(_UNPRINTABLE).sub("", text), taken + compiled(_UNPRINTABLE).findall(text)


def break_markers(text: str) -> str:
    """Return ``text`` in which ``##[``, ``##vso`` and ``##teamcity`` no longer stand anywhere.

    The space is visible on purpose: what compares by culture ignores invisible characters.
    """
    return re.sub(_MARKERS, "# ", text, flags=re.IGNORECASE) if "#" in text else text


def _bounded(seconds: float) -> float:
    """Return ``seconds`` between 0 and a million hours; NaN is 0."""
    return min(max(0.0, seconds), 3.6e9)


def escaped(text: str) -> str:
    """Return ``text`` on one line with its markup as character references, which markdown takes for plain characters.

    Addresses, mentions and issues are found after references are decoded: a ``wbr``, which only allows a line break,
    keeps their parts apart.
    """
    return compiled(_MARKUP).sub(_reference, text.replace("\n", " "))


def _reference(match: re.Match[str]) -> str:
    return f"{match[0][:-1]}&#{ord(match[0][-1])};" if match[0] else "<wbr>"


@cache
def _pictures() -> dict[int, str]:
    """Return the pictures of controls, and the numbers of those without one."""
    pictures = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
    numbers = {code: f"\\u{code:04x}" for code in (*range(0x80, 0xA0), *range(0xD800, 0xE000))}
    return pictures | {0x7F: "\u2421"} | numbers
