"""``Sanitizer``, which makes text of untrusted values that may leave the program."""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, LiteralString, TypeAlias, TypeGuard

from mogplex_ci.sanitize.controls import show_controls
from mogplex_ci.sanitize.formats import compiled
from mogplex_ci.sanitize.named_values import is_named
from mogplex_ci.sanitize.redactor import MASK, Redactor
from mogplex_ci.sanitize.safe_text import CleanText, Markdown, QuotedText, SafeText
from mogplex_ci.untrusted import Untrusted

PREFIX: Final = "│\xa0"
"""Stands in front of every line that the program did not write itself. It is five bytes long, see
``_TIME_STAMP``.
"""
INLINE_LIMIT: Final = 300
OWN_LIMIT: Final = 1_000
"""Characters of our own words in a line: an error's remedy has some hundred."""
BLOCK_LIMIT: Final = 20_000
LINE_LIMIT: Final = 2_000
WRAP_AT: Final = 100
"""Characters of a line in a fence that does not wrap."""
LINES_LIMIT: Final = 500
TAIL_LIMIT: Final = 16_000_000
"""Characters of a log whose last lines are shown; of a longer one the beginning is not read."""
JSON_LIMIT: Final = 100_000
JSON_TOTAL: Final = 200_000
JSON_NODES: Final = 20_000
JSON_DEPTH: Final = 32
"""Bounds of one JSON value: characters of a string and of all strings, values in it, and how deep
they are nested.
"""

_MARGIN = 1024
"""Characters read beyond a limit, so that a secret at the limit is seen completely."""
_BETWEEN_WORDS = r"(?:(?<=[\s\u2e80-\ud7ff\uf900-\ufaff])|(?=[\s\u2e80-\ud7ff\uf900-\ufaff]))"
_BAD_START = r"[\s:#^~+-]"
"""Begins a command or a fold on some CI system."""
_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_BRANCH_NAME = r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/+@=-]{0,254}"
_PORT = r"(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_URL = rf"https://[A-Za-z0-9.-]{{1,253}}(?::{_PORT})?(?:[/?#][A-Za-z0-9._~%&+,=:@/?#-]{{0,2000}})?"
_REPO = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_.-]{1,100}"
_KEY = r"[A-Za-z0-9][A-Za-z0-9 ._/:@+=,-]{0,199}"
_FILE_PATH = r"[A-Za-z0-9._][A-Za-z0-9._/@+=, -]{0,999}"
"""Characters that mermaid may take for syntax, and more."""

_TIME_STAMP = rb"[^\n]{4}-[^\n]{2}-[^\n]{2}T[^\n]{2}:[^\n]{12}Z"
"""GitLab takes the first 32 bytes of a line for a time stamp, and drops them, when bytes 4, 7, 10,
13 and 26 are these, even behind the time stamp that the runner has put there. A byte of ours among
the five prevents that.
"""

_IGNORED = r"[^\x00-\x7f]*+"
_MARKERS = rf"#(?={_IGNORED}#{_IGNORED}(?:\[|{_IGNORED.join('vso')}|{_IGNORED.join('teamcity')}))"
"""Azure's agent looks for ``##vso[`` and ``##[`` by culture, which skips about a thousand code
points: U+0489 and other combining marks, U+0600, U+0640, … Which ones depends on its version of
ICU: here every non-ASCII character is skipped.
"""

_OTHER_MARKERS: Final = (
    # GitLab takes a piece of a live log whose first line has the runner's time stamp for one that
    # has stamps in every line: ``2026-11-30T10:00:00.000000Z 00O ``.
    (r"Z (?<=[0-9]Z )(?=[0-9a-f]{2}[A-Z])", "Z\xa0"),
    # GitLab's runner has begun to read it, as GitHub's does.
    (r":(?=:\s*(?i:add-mask))", ":\xa0"),
)
"""Places in which a no-break space makes text of what a CI system obeys.

Each begins with plain characters: a search for these is far faster than a try at every
place.
"""

Value: TypeAlias = Untrusted | str | int
"""A value that is cleaned before it is shown."""
Part: TypeAlias = LiteralString | Untrusted | CleanText | int | None
"""Part of a sentence: our words are literals; None is left out."""
_Start: TypeAlias = Callable[[str, int], tuple[str, int]]
"""Returns the start of a text, up to a limit, and how many characters are missing."""


class Sanitizer:
    """Makes ``SafeText``, ``CleanText`` and ``Markdown``; knows the secrets of this process.

    Every text goes through the same steps: controls are shown and invisible characters dropped,
    then secrets are redacted in all of it, then it is cut, then markers are broken. In this order,
    nothing that a later step removes can hide from an earlier one.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """``secrets`` are values that must never appear."""
        self.redactor = Redactor(secrets)
        """Finds the secrets."""
        self._margin = _MARGIN + 2 * self.redactor.longest_value

    def line(self, template: LiteralString, *values: Value) -> SafeText:
        """Return one line of ours with ``values`` filled into the ``{}`` of ``template``; without
        values, as it is.

        Raises:
            ValueError: the template begins with a placeholder for anything but ``SafeText``, with
                white space, or like the marker of a CI system.
        """
        if template.startswith("{") and not (values and isinstance(values[0], SafeText)):
            raise ValueError("a line begins with a character of ours")
        if values:
            text = template.format(*map(self._inline, values))
            return self._own_line(text, _kind_of(values))
        return self._own_line(template)

    def sentence(self, *parts: Part) -> SafeText:
        """Return ``parts`` as one line: literals as they are, everything else cleaned, None left
        out.

        Raises:
            ValueError: the first part is neither a literal nor ``SafeText``, or begins like the
                marker of a CI system.
        """
        given = [part for part in parts if part is not None]
        if not given or not _is_ours(given[0]):
            raise ValueError("a line begins with a character of ours")
        return self._own_line("".join(map(self._part, given)), _kind_of(given))

    def message(self, text: Untrusted | str) -> SafeText:
        """Return ``text``, such as the cause of an error, as one line.

        It stands behind the prefix unless it begins with a letter or a digit.
        """
        shown = self._inline(text)
        if not shown[:1].isalnum():
            shown = PREFIX + shown
        return self._own_line(shown, _kind_of([text]))

    def block(self, value: Value, *, limit: int = BLOCK_LIMIT) -> list[SafeText]:
        """Return the lines of ``value``, each behind the prefix, at most ``limit`` characters in
        all.
        """
        text, missing = self._read(value, limit)
        *lines, last = text.rstrip("\n").split("\n")
        shown = [_cut(line, LINE_LIMIT) for line in lines] + [_cut(last, LINE_LIMIT, missing)]
        if len(shown) > LINES_LIMIT:
            shown[LINES_LIMIT:] = [f"… {len(shown) - LINES_LIMIT:,} more lines"]
        return [str.__new__(QuotedText, PREFIX + line) for line in shown]

    def last_lines(self, log: Untrusted, most: int) -> tuple[list[SafeText], int]:
        """Return the last ``most`` lines of a log, each behind the prefix, and how many lines
        precede them.

        The log is redacted before it is cut: a private key whose first lines were left out would
        not be recognized.
        """
        text = log.text
        is_cut = len(text) > TAIL_LIMIT
        shown, _ = self._start(text[-TAIL_LIMIT:], TAIL_LIMIT)
        lines = shown.rstrip("\n").split("\n") if shown else []
        if is_cut:
            # A secret may have begun before the part that was read.
            lines = shown[self._margin :].rstrip("\n").split("\n")[1:]
        last = [_cut(line, LINE_LIMIT) for line in lines[-most:]]
        return [str.__new__(QuotedText, PREFIX + line) for line in last], len(lines) - len(last)

    def clean(self, value: Value, *, limit: int = BLOCK_LIMIT) -> CleanText:
        """Return ``value`` as text for a file that quotes or escapes it; may have several lines."""
        text, missing = self._read(value, limit)
        return str.__new__(CleanText, _cut(text, limit, missing))

    def fence(
        self,
        value: Value,
        *,
        language: LiteralString = "text",
        limit: int = BLOCK_LIMIT,
        wrap: bool = False,
    ) -> Markdown:
        """Return ``value`` as a fenced block that nothing in it can end; it has to stand on lines
        of its own. ``wrap``: long lines are wrapped, which GitHub does not do in a fence.
        """
        text: str = self.clean(value, limit=limit)
        if wrap:
            text = "\n".join(map(_wrapped, text.split("\n")))
        bar = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return str.__new__(Markdown, f"{bar}{language}\n{text}\n{bar}")

    def link(self, url: Untrusted | str | None, label: Markdown | None = None) -> Markdown | None:
        """Return a link with ``label``, or with the URL itself; None if it is not an https URL
        without credentials.
        """
        target = self.url(url)
        if target is None:
            return None
        return str.__new__(Markdown, f"[{label or Markdown.code(target)}]({target})")

    def data(self, value: Untrusted) -> object:
        """Return a JSON value like ``value``, every key and string in it clean, cut where it is too
        large or deep.

        Keys stay distinct: keys that collide get a numeric suffix.
        """
        return _Json(value._value, self._start).value

    def listed(self, value: Untrusted) -> Untrusted:
        """Return a JSON value as text, one ``name.name: value`` a line; text of several lines
        stands below its name.
        """
        plain = _Json(value._value, _shown_start, BLOCK_LIMIT + self._margin).value
        return Untrusted("\n".join(_lines(plain, "")))

    def losses(self, value: Untrusted) -> list[LiteralString]:
        """Return the changes that ``data`` makes to ``value``, other than masking text in strings;
        empty if there are none.

        They would invalidate an earlier check of the value, such as an artifact's against its
        schema.
        """
        return sorted(_Json(value._value, self._start).losses)

    def json(self, value: Untrusted) -> SafeText:
        """Return ``value`` as one line of JSON; every string in it is clean."""
        text = json.dumps(self.data(value), ensure_ascii=False, separators=(",", ":"))
        while _begins_like_time_stamp(text):
            text = f" {text}"
        return str.__new__(SafeText, text)

    def identifier(self, value: Untrusted | str | None) -> SafeText | None:
        """Return an id or enum word; None when it is not one."""
        return self._matching(value, _IDENTIFIER)

    def repo(self, value: Untrusted | str | None) -> SafeText | None:
        """Return ``owner/name``; None when it is not one."""
        return self._matching(value, _REPO, _kind_of([value]))

    def branch(self, value: Untrusted | str | None) -> SafeText | None:
        """Return a branch name of a strict character set; None when it is not one."""
        return self._matching(value, _BRANCH_NAME, _kind_of([value]))

    def key(self, value: str | None) -> SafeText | None:
        """Return an idempotency key; None when it is empty or could be taken for something else."""
        return self._matching(value, _KEY)

    def path(self, value: Untrusted | str | None) -> SafeText | None:
        """Return a relative path of a strict character set; None when it is not one."""
        return self._matching(value, _FILE_PATH, _kind_of([value]))

    def url(self, value: Untrusted | str | None) -> SafeText | None:
        """Return an https URL without credentials; None when it is not one."""
        return self._matching(value, _URL)

    def _matching(
        self, value: Untrusted | str | None, pattern: str, kind: type[SafeText] = SafeText
    ) -> SafeText | None:
        text = value._value if isinstance(value, Untrusted) else value
        if not isinstance(text, str) or not compiled(pattern).fullmatch(text):
            return None
        if any(self.redactor.find(text)) or _begins_like_time_stamp(text):
            return None
        if break_markers(text) != text:
            return None
        return str.__new__(kind, text)

    def _own_line(self, text: str, kind: type[SafeText] = SafeText) -> SafeText:
        """Return ``text``, which begins with a character of ours, as one line."""
        if not text or compiled(_BAD_START).match(text):
            raise ValueError("a line begins with a character of ours that begins no marker")
        clean = self.redactor.redact(show_controls(text))
        text = break_markers(clean.replace("\n", " "))
        if _begins_like_time_stamp(text):
            text = PREFIX + text
        return str.__new__(kind, text)

    def _part(self, part: Value) -> str:
        """Return a part of a sentence as it is shown."""
        if _is_ours(part):
            return part
        return self._inline(part)

    def _inline(self, value: Value) -> str:
        if isinstance(value, SafeText):
            return value
        if isinstance(value, str) and not isinstance(value, CleanText):
            return self.clean(value, limit=OWN_LIMIT).replace("\n", " ")
        return self.clean(value, limit=INLINE_LIMIT).replace("\n", " ")

    def _as_text(self, value: Value) -> str:
        if isinstance(value, Untrusted):
            return value._value if isinstance(value._value, str) else self.json(value)
        return _scalar_text(value)

    def _read(self, value: Value, limit: int) -> tuple[str, int]:
        """Return the clean start of ``value``, and how many characters are missing."""
        if isinstance(value, CleanText):
            head = cut_between_words(value, limit)
            return head, len(value) - len(head)
        return self._start(self._as_text(value), limit)

    def _start(self, text: str, limit: int) -> tuple[str, int]:
        """Return the clean start of ``text``, up to the limit, and how many characters are missing.

        Only this is read, and a margin, because a secret may begin near the limit. If there is
        more text, the margin is not shown: a secret that begins in it was not read to its end.
        """
        read, unread = _shown_start(text, limit + self._margin)
        clean = self.redactor.redact(read)
        end = limit
        if unread:
            end = min(limit, max(len(clean) - self._margin, 0))
        head = cut_between_words(clean, end)
        return break_markers(head), unread + len(clean) - len(head)


def is_plain_path(text: str) -> bool:
    """Whether ``text`` is a relative path of a strict character set, which an output can hold."""
    return compiled(_FILE_PATH).fullmatch(text) is not None


def _shown_start(text: str, end: int) -> tuple[str, int]:
    """Return the start of ``text`` with visible controls, and how many characters are missing."""
    shown = show_controls(text[:end])
    return shown[:end], max(len(text) - end, 0) + max(len(shown) - end, 0)


def _is_ours(part: object) -> TypeGuard[str]:
    """Whether ``part`` of a sentence is a literal, or text that is safe already."""
    return isinstance(part, SafeText) or (isinstance(part, str) and not isinstance(part, CleanText))


def _kind_of(parts: Iterable[object]) -> type[SafeText]:
    """Return the type of a text with these parts: whether one of them is words of others."""
    for part in parts:
        is_ours = isinstance(part, SafeText) and not isinstance(part, QuotedText)
        if isinstance(part, Untrusted | CleanText) and not is_ours:
            return QuotedText
    return SafeText


class _Json:
    """A JSON value with clean texts in it, cut where it is too large or deep."""

    def __init__(self, value: object, start: _Start, room: int = JSON_TOTAL) -> None:
        self.losses: set[LiteralString] = set()
        """Changes other than those to the text in strings."""
        self._start = start
        self._room = room
        """Characters that still fit."""
        self._nodes = JSON_NODES
        self.value = self._shown(value, 0)

    def _shown(self, value: object, depth: int) -> object:
        """Return ``value`` up to the limit. A number that is not a secret stays a number."""
        self._nodes -= 1
        if isinstance(value, dict | list):
            if depth >= JSON_DEPTH or self._nodes <= 0:
                return self._mark("…")
            return (
                self._object(value, depth) if isinstance(value, dict) else self._list(value, depth)
            )
        if isinstance(value, bool) or value is None:
            return value
        text = _scalar_text(value)
        shown = self._text(text)
        if not isinstance(value, int | float):
            return shown
        if shown == text and text[-1:].isdigit():  # JSON numbers are finite
            return value
        self.losses.add("a number would be masked or become text")
        return shown

    def _object(self, value: dict[object, object], depth: int) -> object:
        keys: list[tuple[str, str]] = []
        items: list[object] = []
        for key, item in islice(value.items(), self._nodes):
            name = str(key)
            keys.append((name, self._text(name)))
            is_secret = isinstance(item, str) and is_named(name, item)
            items.append(MASK if is_secret else self._shown(item, depth + 1))
            if self._is_full:
                break
        missing = len(value) - len(items)
        if missing:
            keys.append(("", "…"))
            items.append(self._mark(f"{missing:,} more"))
        return dict(zip(self._apart(keys), items, strict=True))

    def _list(self, value: list[object], depth: int) -> object:
        items: list[object] = []
        for item in islice(value, self._nodes):
            items.append(self._shown(item, depth + 1))
            if self._is_full:
                break
        missing = len(value) - len(items)
        if missing:
            items.append(self._mark(f"… {missing:,} more"))
        return items

    @property
    def _is_full(self) -> bool:
        return self._nodes <= 0 or self._room <= 0

    def _mark(self, text: str) -> str:
        """Return ``text``, which reports the missing part."""
        self.losses.add("a part would be cut off")
        return text

    def _text(self, text: str) -> str:
        if self._room <= 0:
            return self._mark(f"… {len(text):,} more characters")
        limit = min(JSON_LIMIT, self._room)
        self._room -= min(len(text), limit)
        shown, missing = self._start(text, limit)
        if missing:
            return self._mark(_cut(shown, len(shown), missing))
        return shown

    def _apart(self, keys: list[tuple[str, str]]) -> Iterator[str]:
        """Yield the keys of an object, given as they were and are shown, each once: the unchanged
        keep their names.
        """
        taken = {shown for raw, shown in keys if shown == raw}
        numbers: Counter[str] = Counter()
        for raw, shown in keys:
            key = shown
            if shown != raw:
                if raw:  # no mark of ours
                    self.losses.add("a key would change")
                while key in taken:
                    numbers[shown] += 1
                    key = f"{shown} ({numbers[shown] + 1})"
                taken.add(key)
            yield key


def _lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _lines(item, f"{name}.{key}" if name else key)
        return
    label = f"{name}: " if name else ""
    if not isinstance(value, str):
        yield label + json.dumps(value)
    elif "\n" in (text := value.strip("\n")):
        yield label.rstrip()
        yield from (f"  {line}".rstrip() for line in text.split("\n"))
    else:
        yield label + text


def _scalar_text(value: object) -> str:
    """Return a text or a number as text. Python refuses to write more than a few thousand
    digits.
    """
    if isinstance(value, int) and value.bit_length() > 10_000:
        return f"… a number of about {value.bit_length() * 0.30103:,.0f} digits"
    return str(value)


def _wrapped(line: str) -> str:
    """Return a line as lines of up to ``WRAP_AT`` characters; a longer word stays whole."""
    if len(line) <= WRAP_AT:
        return line
    return textwrap.fill(line, WRAP_AT, break_long_words=False, break_on_hyphens=False)


def _cut(text: str, limit: int, missing: int = 0) -> str:
    """Cut ``text`` at ``limit`` and say how much is missing, including the earlier ``missing``
    part.
    """
    if len(text) <= limit and not missing:  # most lines, of which there are many
        return text
    head = cut_between_words(text, limit)
    return f"{head}… {missing + len(text) - len(head):,} more characters"


def cut_between_words(text: str, limit: int) -> str:
    """Return the start of ``text``, at most ``limit`` characters. A word that does not fit is left
    out: half of a secret that only the CI system knows would not be masked.

    Chinese, Japanese and Korean have no spaces between their words.
    """
    if len(text) <= limit:
        return text
    if compiled(_BETWEEN_WORDS).match(text, limit):
        return text[:limit]
    starts = compiled(rf"(?s).*{_BETWEEN_WORDS}").match(text, 0, limit)
    return "" if starts is None else starts[0]


def _begins_like_time_stamp(text: str) -> bool:
    return re.match(_TIME_STAMP, text[:27].encode()) is not None


def break_markers(text: str) -> str:
    """Return ``text`` in which ``##[``, ``##vso``, ``##teamcity``, ``::add-mask`` and a time stamp
    of GitLab's runner no longer stand anywhere.

    The space is visible on purpose: comparison by culture ignores invisible characters.
    """
    if "#" in text:
        text = re.sub(_MARKERS, "# ", text, flags=re.IGNORECASE)
    for place, space in _OTHER_MARKERS:
        text = re.sub(place, space, text)
    return text
