"""The types of text that may leave the program.

They are subclasses of ``str`` that only this package constructs: ``SafeText("x")`` fails type
checking and raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import LiteralString, Never, Self

from mogplex_ci.sanitize.formats import compiled

_MARKUP = (
    # what GitHub makes links of
    r"(?<=@)(?=\S)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)"
    r"|[`*~\[\]<|$]|\\(?=[!-/:-@\[-`{-~]|\Z)|&(?=[#\w])"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|#(?=#*\Z)|\A(?:[>#+=:-]|\d{1,9}[.)](?!\S))"  # the end of a heading; the start of a line
)
"""Places in a text, and characters at the end of a match, where markdown may obey."""


class _Text(str):
    __slots__ = ()

    def __new__(cls, _never: Never) -> Self:
        raise TypeError(f"only mogplex_ci.sanitize makes {cls.__name__}")


class CleanText(_Text):
    """Redacted, bounded text with visible controls; may have several lines.

    For files whose format quotes or escapes it: JSON, HTML. Not for a job log.
    """

    __slots__ = ()

    def padded(self, width: int) -> Self:
        """Return the text with spaces on the right up to ``width`` characters."""
        return str.__new__(type(self), self.ljust(width))


class SafeText(CleanText):
    """Clean text on one line that no CI system takes for a command: it begins with a character of
    our own.

    The only type that a platform prints.
    """

    __slots__ = ()


class Markdown(_Text):
    """Markdown whose markup is ours: text of others in it shows every character and is no link,
    mention or HTML.
    """

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
        """Return ``text`` as inline code that may stand anywhere in markdown, in a table's cell and
        in HTML too.

        Line breaks become spaces. The ``code`` element keeps GitHub's second pass from making links
        of mentions, issue numbers and commits.
        """
        return str.__new__(cls, f"<code>{escaped(text)}</code>")


def duration(seconds: float) -> SafeText:
    """Return ``seconds`` for a person: ``0.4s``, ``12s``, ``3m 05s``, ``1h 02m``."""
    if (known := _bounded(seconds)) < 10:
        return str.__new__(SafeText, f"{known:.1f}".removesuffix(".0") + "s")
    hours, minutes, rest = _clock_parts(round(known))
    if hours:
        return str.__new__(SafeText, f"{hours}h {minutes:02d}m")
    if minutes:
        return str.__new__(SafeText, f"{minutes}m {rest:02d}s")
    return str.__new__(SafeText, f"{rest}s")


def clock(seconds: float) -> SafeText:
    """Return a time since some start as a clock shows it: ``00:04``, ``12:30``, ``1:02:03``."""
    hours, minutes, rest = _clock_parts(int(_bounded(seconds)))
    if hours:
        return str.__new__(SafeText, f"{hours}:{minutes:02d}:{rest:02d}")
    return str.__new__(SafeText, f"{minutes:02d}:{rest:02d}")


def count(number: int, noun: LiteralString) -> SafeText:
    """Return ``1 event``, ``2 events``, ``1,200 events``."""
    return str.__new__(SafeText, f"{number:,} {noun}" + ("" if number == 1 else "s"))


def timestamp(time: datetime | None) -> SafeText:
    """Return ``time`` in UTC with milliseconds, 24 characters; ``unknown`` for None and where UTC
    has no such year.
    """
    text = "unknown"
    if time is not None:
        with suppress(OverflowError):
            text = time.astimezone(UTC).isoformat(timespec="milliseconds")
    return str.__new__(SafeText, text.replace("+00:00", "Z"))


def _bounded(seconds: float) -> float:
    """Return ``seconds`` between 0 and a million hours; NaN is 0."""
    return min(max(0.0, seconds), 3.6e9)


def _clock_parts(seconds: int) -> tuple[int, int, int]:
    """Return ``seconds`` as hours, minutes and seconds."""
    minutes, rest = divmod(seconds, 60)
    return *divmod(minutes, 60), rest


def escaped(text: str) -> str:
    """Return ``text`` on one line with its markup as character references, which markdown takes for
    plain characters.

    Addresses, mentions and issues are found after references are decoded: a ``wbr``, which only
    allows a line break, keeps their parts apart.
    """
    return compiled(_MARKUP).sub(_reference, text.replace("\n", " "))


def _reference(match: re.Match[str]) -> str:
    if not match[0]:
        return "<wbr>"
    return f"{match[0][:-1]}&#{ord(match[0][-1])};"
