"""The types of text that may leave the program.

They are subclasses of ``str`` that only this package constructs: ``SafeText("x")`` fails type
checking and raises.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString, Never, Self

from mogplex_ci.sanitize.formats import compiled

_MARKUP = (
    # what GitHub makes links of
    r"(?<=@)(?=\S)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)"
    r"|[`*~\[\]<|$]|\\(?=[!-/:-@\[-`{-~]|\Z)|&(?=[#\w])"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|#(?=#*\Z)|\A(?:[>#+=:-]|\d{1,9}[.)](?!\S))"  # the end of a heading; the start of a line
)
"""Places in a text where markdown may obey."""


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


class QuotedText(SafeText):
    """Safe text that holds words of others. A CI system whose log other programs search prints it
    so that they find nothing in it.
    """

    __slots__ = ()


class Markdown(_Text):
    """Markdown with our own markup. Others' text is unchanged, in code if any of it has a meaning
    on GitHub: so it is not a link, a mention or HTML, and the runner masks values that another step
    has registered, which it would not recognize with a character escaped.
    """

    __slots__ = ()

    @classmethod
    def of(cls, template: LiteralString, *parts: "Markdown | SafeText | int") -> "Markdown":
        """Return ``template`` with ``parts`` filled into its ``{}``; without parts, as it is.

        For ``SafeText`` see ``plain``; ``Markdown`` and numbers go in as they are.
        """
        values = (cls.plain(part) if isinstance(part, SafeText) else part for part in parts)
        return str.__new__(cls, template.format(*values) if parts else template)

    @classmethod
    def joined(cls, separator: LiteralString, parts: "Iterable[Markdown]") -> "Markdown":
        """Return ``parts`` as one text with ``separator`` between them."""
        return str.__new__(cls, separator.join(parts))

    @classmethod
    def plain(cls, text: CleanText) -> "Markdown":
        """Return ``text`` on one line: as it is, or as code if GitHub would obey anything in it. In
        words of ours only brackets are escaped, so that advice with an example stays a sentence.
        """
        # Behind a backslash of its own text, the one that escapes a bracket would be escaped
        # itself.
        if type(text) is SafeText and "\\" not in text:
            without = re.sub(r"[][]", "", text)
            if not compiled(_MARKUP).search(without):
                return str.__new__(cls, re.sub(r"([][])", r"\\\1", text))
        if compiled(_MARKUP).search(text) or "\n" in text:
            return cls.code(text)
        return str.__new__(cls, text)

    @classmethod
    def code(cls, text: CleanText) -> "Markdown":
        """Return ``text`` as code on one line; in a table it must hold no bar.

        GitHub makes no link of a mention, an issue number or a commit in code.
        """
        words = text.replace("\n", " ")
        if not words.strip():
            return str.__new__(cls, "")
        ticks = "`" * (1 + max(map(len, re.findall("`+", words)), default=0))
        # A parser takes one space off both ends, if it is not all there is.
        has_spaces = words.startswith(" ") and words.endswith(" ")
        space = " " if has_spaces or words.startswith("`") or words.endswith("`") else ""
        return str.__new__(cls, f"{ticks}{space}{words}{space}{ticks}")


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
    """Return ``time``, which is in UTC, with milliseconds, 24 characters; ``unknown`` for None."""
    if time is None:
        return str.__new__(SafeText, "unknown")
    text = time.isoformat(timespec="milliseconds")
    return str.__new__(SafeText, text.replace("+00:00", "Z"))


def _bounded(seconds: float) -> float:
    """Return ``seconds`` between 0 and a million hours; NaN is 0."""
    # In this order: max() returns its first argument if the second is NaN.
    return min(max(0.0, seconds), 3.6e9)


def _clock_parts(seconds: int) -> tuple[int, int, int]:
    """Return ``seconds`` as hours, minutes and seconds."""
    minutes, rest = divmod(seconds, 60)
    return *divmod(minutes, 60), rest
