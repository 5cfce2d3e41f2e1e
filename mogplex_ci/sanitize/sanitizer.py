"""The types of text that may leave the program, and ``Sanitizer``, which makes them of untrusted values.

The types are subclasses of ``str`` that only this package constructs: ``SafeText("x")`` fails type checking and raises.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Final, LiteralString, NamedTuple, Never, Self, TypeAlias, TypeGuard

from mogplex_ci.durations import format_clock, format_duration
from mogplex_ci.sanitize import names
from mogplex_ci.sanitize.redactor import MASK, Redactor
from mogplex_ci.untrusted import Untrusted

PREFIX: Final = "│\xa0"
"""Stands in front of every line that the program did not write itself. It is five bytes long, see ``_GITLAB_TIME``."""
INLINE_LIMIT: Final = 300
BLOCK_LIMIT: Final = 20_000
LINE_LIMIT: Final = 2_000
LINES_LIMIT: Final = 500
JSON_LIMIT: Final = 100_000
JSON_TOTAL: Final = 200_000
JSON_NODES: Final = 20_000
JSON_DEPTH: Final = 32
"""Bounds of one JSON value: characters of a string and of all strings, values in it, and how deep they are nested."""

_MARGIN = 1024
"""Characters that are read beyond a limit, so that a secret at the limit is seen whole."""
_BAD_START = r"[\s:#^~+-]"
"""Begins a command or a fold on some CI system."""
_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_BRANCH = r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/+@=-]{0,254}"
_PORT = r"(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_URL = rf"https://[A-Za-z0-9.-]{{1,253}}(?::{_PORT})?(?:[/?#][A-Za-z0-9._~%&+,=:@/?#-]{{0,2000}})?"
_REPO = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_.-]{1,100}"
_KEY = r"[A-Za-z0-9][A-Za-z0-9 ._/:@+=,-]{0,199}"
_PATH = r"[A-Za-z0-9._][A-Za-z0-9._/@+=, -]{0,999}"
_MARKUP = (
    r"(?<=@)(?=\S)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)"  # what GitHub makes links of
    r"|[`*~\[\]<|$]|\\(?=[!-/:-@\[-`{-~]|\Z)|&(?=[#\w])"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|#(?=#*\Z)|\A(?:[>#+=:-]|\d{1,9}[.)](?!\S))"  # the end of a heading; the start of a line
)
"""Places in a text, and characters at the end of a match, where markdown may obey."""
_NOT_IN_DIAGRAMS = r"[^\w .,/()=+@'-]+"
"""Characters that mermaid may take for syntax, and more."""

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
_IGNORED = r"[^\x00-\x7f]*+"
_MARKERS = rf"#(?={_IGNORED}#{_IGNORED}(?:\[|{_IGNORED.join('vso')}|{_IGNORED.join('teamcity')}))"
"""Azure's agent looks for ``##vso[`` and ``##[`` by culture, which skips about a thousand code points: U+0489 and other
combining marks, U+0600, U+0640, … Which ones depends on its version of ICU: here every non-ASCII character is skipped.
"""
_GITLAB_TIME = rb"[^\n]{4}-[^\n]{2}-[^\n]{2}T[^\n]{2}:[^\n]{12}Z"
"""GitLab takes the first 32 bytes of a line for a time stamp, and drops them, when bytes 4, 7, 10, 13 and 26 are these,
even behind the time stamp that the runner has put there. A byte of ours among the five prevents that.
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
        values = (_escaped(part) if isinstance(part, SafeText) else part for part in parts)
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
        return str.__new__(cls, f"<code>{_escaped(text)}</code>")


Value: TypeAlias = Untrusted | str | int | float
"""A value that is cleaned before it is shown."""
Part: TypeAlias = LiteralString | Untrusted | CleanText | int | None
"""Part of a sentence: our words are literals; None is left out."""


class Sanitizer:
    """Makes ``SafeText``, ``CleanText`` and ``Markdown``; knows the secrets of this process.

    Every text goes through the same steps: controls are shown and invisible characters dropped, then secrets are
    redacted in all of it, then it is cut, then markers are broken. In this order, nothing that a later step removes
    can hide from an earlier one.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Know ``secrets``, values that must never appear."""
        self._redactor = Redactor(secrets, show_controls)
        self._margin = _MARGIN + 2 * self._redactor.longest_value

    def line(self, template: LiteralString, *values: Value) -> SafeText:
        """Return one line of ours with ``values`` filled into the ``{}`` of ``template``; without values, as it is.

        Raises:
            ValueError: the template begins with a placeholder for anything but ``SafeText``, with white space, or like
                the marker of a CI system.
        """
        if template.startswith("{") and not (values and isinstance(values[0], SafeText)):
            raise ValueError("a line begins with a character of ours")
        return self._own_line(template.format(*map(self._inline, values)) if values else template)

    def sentence(self, *parts: Part) -> SafeText:
        """Return ``parts`` as one line: literals as they are, everything else cleaned, None left out.

        Raises:
            ValueError: the first part is neither a literal nor ``SafeText``, or begins like the marker of a CI system.
        """
        given = [part for part in parts if part is not None]
        if not given or not _is_ours(given[0]):
            raise ValueError("a line begins with a character of ours")
        return self._own_line("".join(part if _is_ours(part) else self._inline(part) for part in given))

    def message(self, text: Untrusted | str) -> SafeText:
        """Return ``text``, such as the cause of an error, as one line.

        It stands behind the prefix unless it begins with a letter or a digit.
        """
        shown = self._inline(text)
        return self._own_line(shown if shown[:1].isalnum() else PREFIX + shown)

    def block(self, value: Value, *, limit: int = BLOCK_LIMIT) -> list[SafeText]:
        """Return the lines of ``value``, each behind the prefix, at most ``limit`` characters in all."""
        text, missing = self._read(value, limit)
        *lines, last = text.rstrip("\n").split("\n")
        shown = [_cut(line, LINE_LIMIT) for line in lines] + [_cut(last, LINE_LIMIT, missing)]
        if len(shown) > LINES_LIMIT:
            shown[LINES_LIMIT:] = [f"… {len(shown) - LINES_LIMIT:,} more lines"]
        return [str.__new__(SafeText, PREFIX + line) for line in shown]

    def clean(self, value: Value, *, limit: int = BLOCK_LIMIT) -> CleanText:
        """Return ``value`` as text for a file that quotes or escapes it; may have several lines."""
        text, missing = self._read(value, limit)
        return str.__new__(CleanText, _cut(text, limit, missing))

    def markdown(self, value: Value) -> Markdown:
        """Return ``value`` as inline code for markdown; it may stand in a table or in HTML."""
        return Markdown.code(self.clean(value, limit=INLINE_LIMIT))

    def fence(self, value: Value, *, language: LiteralString = "text", limit: int = BLOCK_LIMIT) -> Markdown:
        """Return ``value`` as a fenced block that nothing in it can end; it has to stand on lines of its own."""
        text = self.clean(value, limit=limit)
        bar = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return str.__new__(Markdown, f"{bar}{language}\n{text}\n{bar}")

    def quote(self, value: Value, *, limit: int = BLOCK_LIMIT) -> Markdown:
        """Return ``value`` as a quote, whose lines wrap and stay apart; it has to stand on lines of its own."""
        lines = []
        for line in self.clean(value, limit=limit).split("\n"):
            text = line.lstrip(" \t")
            indent = len(line[: len(line) - len(text)].expandtabs(4))
            lines.append(f"> {'&nbsp;' * min(indent, 40)}{_escaped(text)}<br>" if text else ">")
        return str.__new__(Markdown, "\n".join(lines))

    def link(self, url: Untrusted | str | None, label: Markdown | None = None) -> Markdown | None:
        """Return a link with ``label``, or with the URL itself; None when it is no https URL without credentials."""
        target = self.url(url)
        return str.__new__(Markdown, f"[{label or Markdown.code(target)}]({target})") if target else None

    def diagram_label(self, value: Value, *, limit: int = 48) -> Markdown:
        """Return ``value`` as a label for a mermaid diagram: letters, digits and signs that are no syntax there."""
        text = self.clean(value, limit=limit)
        return str.__new__(Markdown, _compiled(_NOT_IN_DIAGRAMS, re.UNICODE).sub(" ", text).strip() or "…")

    def data(self, value: Untrusted) -> object:
        """Return a JSON value like ``value``, every key and string in it clean, cut where it is too large or deep.

        Keys stay apart: one that would become another one's text gets a number behind it.
        """
        return _Json(value._value, self._scrub).value

    def details(self, value: Untrusted) -> CleanText:
        """Return a JSON value as text, one ``name.name: value`` a line; text of several lines stands below its name."""

        def shown(texts: Sequence[str], limits: Sequence[int]) -> list[tuple[str, int]]:
            return [
                (show_controls(text[:limit]), max(len(text) - limit, 0))
                for text, limit in zip(texts, limits, strict=True)
            ]

        plain = _Json(value._value, shown, BLOCK_LIMIT + self._margin).value
        return self.clean("\n".join(_lines(plain, "")))

    def losses(self, value: Untrusted) -> list[LiteralString]:
        """Return what ``data`` does to ``value`` beyond masking text in strings; empty when nothing.

        A value that was checked before it was cleaned, such as an artifact, must not have changed in these ways.
        """
        return sorted(_Json(value._value, self._scrub).losses)

    def json(self, value: Untrusted) -> SafeText:
        """Return ``value`` as one line of JSON; every string in it is clean."""
        text = json.dumps(self.data(value), ensure_ascii=False, separators=(",", ":"))
        while _has_gitlab_time(text):
            text = f" {text}"
        return str.__new__(SafeText, text)

    def identifier(self, value: Untrusted | str | None) -> SafeText | None:
        """Return an id or enum word; None when it is not one."""
        return self._matching(value, _IDENTIFIER)

    def repo(self, value: Untrusted | str | None) -> SafeText | None:
        """Return ``owner/name``; None when it is not one."""
        return self._matching(value, _REPO)

    def branch(self, value: Untrusted | str | None) -> SafeText | None:
        """Return a branch name of a strict character set; None when it is not one."""
        return self._matching(value, _BRANCH)

    def key(self, value: str | None) -> SafeText | None:
        """Return an idempotency key; None when it is empty or could be taken for something else."""
        return self._matching(value, _KEY)

    def path(self, value: Untrusted | str | None) -> SafeText | None:
        """Return a relative path of a strict character set; None when it is not one."""
        return self._matching(value, _PATH)

    def url(self, value: Untrusted | str | None) -> SafeText | None:
        """Return an https URL without credentials; None when it is not one."""
        return self._matching(value, _URL)

    def _matching(self, value: Untrusted | str | None, pattern: str) -> SafeText | None:
        text = value._value if isinstance(value, Untrusted) else value
        if not isinstance(text, str) or not _compiled(pattern).fullmatch(text):
            return None
        if self._redactor.redact(text) != text or _has_gitlab_time(text):
            return None
        return str.__new__(SafeText, text)

    def _own_line(self, text: str) -> SafeText:
        """Return ``text``, which begins with a character of ours, as one line."""
        if not text or _compiled(_BAD_START).match(text):
            raise ValueError("a line begins with a character of ours that begins no marker")
        text = break_markers(self._redactor.redact(show_controls(text)).replace("\n", " "))
        return str.__new__(SafeText, PREFIX + text if _has_gitlab_time(text) else text)

    def _inline(self, value: Value) -> str:
        if isinstance(value, SafeText):
            return value
        return self.clean(value, limit=INLINE_LIMIT).replace("\n", " ")

    def _as_text(self, value: Value) -> str:
        if isinstance(value, Untrusted):
            return value._value if isinstance(value._value, str) else self.json(value)
        if isinstance(value, float):
            return f"{value:g}"
        return value if isinstance(value, str) else _number(value)

    def _read(self, value: Value, limit: int) -> tuple[str, int]:
        """Return the clean start of ``value``, and how many characters are missing."""
        if isinstance(value, CleanText):
            return _start(value, limit), max(len(value) - limit, 0)
        ((text, missing),) = self._scrub([self._as_text(value)], [limit])
        return text, missing

    def _scrub(self, texts: Sequence[str], limits: Sequence[int]) -> list[tuple[str, int]]:
        """Return the clean starts of ``texts``, at most ``limits`` characters of each, and how many are missing.

        Only what can be shown is read, and a margin, since a secret may begin near the limit. When there is more, the
        margin is not shown: a secret that begins in it was not read to its end.
        """
        rooms = [limit + self._margin for limit in limits]
        shown = [show_controls(text[:room]) for text, room in zip(texts, rooms, strict=True)]
        redacted = self._redactor.redact_all([text[:room] for text, room in zip(shown, rooms, strict=True)])
        scrubbed = []
        for text, seen, clean, limit, room in zip(texts, shown, redacted, limits, rooms, strict=True):
            unread = max(len(text) - room, 0) + max(len(seen) - room, 0)
            end = min(limit, max(len(clean) - self._margin, 0)) if unread else limit
            scrubbed.append((break_markers(_start(clean, end)), unread + max(len(clean) - end, 0)))
        return scrubbed


def _is_ours(part: object) -> TypeGuard[str]:
    """Whether ``part`` of a sentence is a literal, or text that is safe already."""
    return isinstance(part, SafeText) or (isinstance(part, str) and not isinstance(part, CleanText))


class _Json:
    """A JSON value with clean texts in it, cut where it is too large or deep.

    All texts are cleaned at once: a secret may span several of them.
    """

    def __init__(
        self, value: object, scrub: Callable[[list[str], list[int]], list[tuple[str, int]]], room: int = JSON_TOTAL
    ) -> None:
        self.losses: set[LiteralString] = set()
        """Changes other than those to the text in strings."""
        self._texts: list[str] = []
        self._limits: list[int] = []
        """How many characters of each text there is room for."""
        self._room, self._nodes = room, JSON_NODES
        shape = self._taken(value)
        self._clean = [
            self._mark(_cut(text, len(text), missing)) if missing else text
            for text, missing in scrub(self._texts, self._limits)
        ]
        self.value = self._filled(shape)

    def _taken(self, value: object, name: str = "", depth: int = 0) -> object:
        """Return ``value`` with a ``_Place`` instead of each text, as far as there is room; ``name`` is a secret's."""
        self._nodes -= 1
        if isinstance(value, str):
            return MASK if name and names.is_secret_value(value, name) else self._place(value)
        if isinstance(value, dict | list):
            return self._entries(value, name, depth) if depth < JSON_DEPTH and self._nodes > 0 else self._mark("…")
        if isinstance(value, bool) or value is None:
            return value
        return self._place(_number(value), value) if isinstance(value, int | float) else self._place(str(value))

    def _entries(self, value: dict[object, object] | list[object], name: str, depth: int) -> object:
        pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        keys, items = [], []
        for key, item in islice(pairs, self._nodes):
            if key is not None and self._room <= 0:
                break  # nothing would tell the keys apart
            keys.append(self._place(str(key)) if key is not None else "")
            items.append(self._taken(item, str(key) if names.is_secret_name(str(key)) else name, depth + 1))
            if self._nodes <= 0:
                break
        missing = len(value) - len(items)
        if isinstance(value, dict):
            shape = dict(zip(keys, items, strict=True))
            return shape | {"…": self._mark(f"{missing:,} more")} if missing else shape
        return [*items, self._mark(f"… {missing:,} more")] if missing else items

    def _mark(self, text: str) -> str:
        """Return ``text``, which says what is missing."""
        self.losses.add("a part would be cut off")
        return text

    def _place(self, text: str, number: float | None = None) -> _Place | str:
        if self._room <= 0:
            return self._mark(f"… {len(text):,} more characters")
        self._texts.append(text)
        self._limits.append(min(JSON_LIMIT, self._room))
        self._room -= min(len(text), self._limits[-1])
        return _Place(len(self._texts) - 1, number)

    def _filled(self, shape: object) -> object:
        """Return ``shape`` with its texts. A number that is no secret stays one; JSON numbers are finite."""
        if isinstance(shape, dict):
            return dict(zip(self._keys(list(shape)), map(self._filled, shape.values()), strict=True))
        if isinstance(shape, list):
            return [self._filled(item) for item in shape]
        if not isinstance(shape, _Place):
            return shape
        text, number = self._clean[shape.place], shape.number
        if number is None:
            return text
        if text == _number(number) and text[-1:].isdigit():
            return number
        self.losses.add("a number would become text")
        return text

    def _keys(self, places: list[_Place | str]) -> list[str]:
        """Return the keys of an object, each once: those that cleaning does not change keep their names."""
        keys = [self._clean[place.place] if isinstance(place, _Place) else place for place in places]
        changed = [
            not isinstance(p, _Place) or self._texts[p.place] != key for p, key in zip(places, keys, strict=True)
        ]
        taken = {key for key, is_changed in zip(keys, changed, strict=True) if not is_changed}
        numbers: Counter[str] = Counter()
        for at, (place, name) in enumerate(zip(places, keys, strict=True)):
            if changed[at]:
                self.losses |= {"a key would change"} if isinstance(place, _Place) else set()
                while keys[at] in taken:
                    numbers[name] += 1
                    keys[at] = f"{name} ({numbers[name] + 1})"
                taken.add(keys[at])
        return keys


def _lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _lines(item, f"{name}.{key}" if name else key)
        return
    label = f"{name}: " if name else ""
    if not isinstance(value, str):
        yield label + json.dumps(value, ensure_ascii=False)
    elif "\n" in (text := value.strip("\n")):
        yield label.rstrip()
        yield from (f"  {line}".rstrip() for line in text.split("\n"))
    else:
        yield label + text


class _Place(NamedTuple):
    """Where a text was, and the number that it stands for."""

    place: int
    number: int | float | None


def _number(value: float) -> str:
    """Return an integer or a float as text. Python refuses to write more than a few thousand digits."""
    if isinstance(value, int) and value.bit_length() > 10_000:
        return f"… a number of about {value.bit_length() * 0.30103:,.0f} digits"
    return str(value)


def _cut(text: str, limit: int, missing: int = 0) -> str:
    """Cut ``text`` at ``limit`` and say how much is missing, including what was ``missing`` before."""
    missing += max(len(text) - limit, 0)
    return f"{_start(text, limit)}… {missing:,} more characters" if missing else text


def _start(text: str, limit: int) -> str:
    """Return the start of ``text``, without a joiner at its end."""
    return text[:limit].rstrip("\u200d")


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
    if not _compiled(_STRANGE).search(text):
        return text
    text = _compiled(_LINE_BREAKS).sub("\n", _compiled(_TERMINAL).sub("", text))
    return _compiled(f"[{_INVISIBLE}]").sub(_shown, text).translate(_pictures())


def take_out_invisible(text: str) -> tuple[str, list[str]]:
    """Return ``text`` without what readers do not see, and what that was. Line feeds are its only line breaks."""
    taken: list[str] = []

    def take(match: re.Match[str]) -> str:
        taken.append(match[0])
        return ""

    text = _compiled(_LINE_BREAKS).sub("\n", _compiled(_TERMINAL).sub(take, text))
    return _compiled(_UNPRINTABLE).sub(take, text), taken


def break_markers(text: str) -> str:
    """Return ``text`` in which ``##[``, ``##vso`` and ``##teamcity`` no longer stand anywhere.

    The space is visible on purpose: what compares by culture ignores invisible characters.
    """
    return _compiled(_MARKERS, re.IGNORECASE).sub("# ", text) if "#" in text else text


def _bounded(seconds: float) -> float:
    """Return ``seconds`` between 0 and a million hours; NaN is 0."""
    return min(max(0.0, seconds), 3.6e9)


def _escaped(text: str) -> str:
    """Return ``text`` on one line with its markup as character references, which markdown takes for plain characters.

    Addresses, mentions and issues are found after references are decoded: a ``wbr``, which only allows a line break,
    keeps their parts apart.
    """
    return _compiled(_MARKUP).sub(_reference, text.replace("\n", " "))


def _reference(match: re.Match[str]) -> str:
    return f"{match[0][:-1]}&#{ord(match[0][-1])};" if match[0] else "<wbr>"


def _has_gitlab_time(text: str) -> bool:
    return re.match(_GITLAB_TIME, text[:27].encode()) is not None


def _shown(match: re.Match[str]) -> str:
    """Return nothing for an invisible character, and a joiner inside an emoji as it is."""
    return match[0] if _joins_emoji(match[0], match.string, match.start()) else ""


@cache
def _pictures() -> dict[int, str]:
    """Return the pictures of controls, and the numbers of those without one."""
    pictures = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
    numbers = {code: f"\\u{code:04x}" for code in (*range(0x80, 0xA0), *range(0xD800, 0xE000))}
    return pictures | {0x7F: "\u2421"} | numbers


def _joins_emoji(char: str, text: str, at: int) -> bool:
    emoji = _compiled(_EMOJI).match
    if char == "\u200d" and emoji(text, at + 1):
        return bool(emoji(text, at - 2 if text[at - 1 : at] == "\ufe0f" else at - 1))
    return char == "\ufe0f" and bool(emoji(text, at - 1))


@cache
def _compiled(pattern: str, flags: re.RegexFlag = re.ASCII) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, flags)
