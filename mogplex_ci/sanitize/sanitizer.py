"""``Sanitizer``, which makes text of untrusted values that may leave the program."""

import json
import re
from collections.abc import Iterable
from typing import Final, LiteralString, TypeAlias, TypeGuard

from mogplex_ci.sanitize.controls import show_controls
from mogplex_ci.sanitize.cutting import cut, cut_between_words, wrapped
from mogplex_ci.sanitize.formats import compiled
from mogplex_ci.sanitize.json_values import JsonValue, lines_of
from mogplex_ci.sanitize.markers import begins_like_time_stamp, break_markers
from mogplex_ci.sanitize.redactor import Redactor
from mogplex_ci.sanitize.safe_text import CleanText, Markdown, QuotedText, SafeText
from mogplex_ci.untrusted import Untrusted

PREFIX: Final = "│\xa0"
"""Stands in front of every line that the program did not write itself. It is five bytes long, see
``markers.TIME_STAMP``.
"""
INLINE_LIMIT: Final = 300
OWN_LIMIT: Final = 1_000
"""Characters of our own words in a line: an error's remedy has some hundred."""
BLOCK_LIMIT: Final = 20_000
LINE_LIMIT: Final = 2_000
LINES_LIMIT: Final = 500
TAIL_LIMIT: Final = 1_000_000
"""Characters of a log whose last lines are shown; of a longer one the beginning is not read: it may
take the service's whole 16 MiB, and no stop signal ends the search for secrets.
"""

_MARGIN = 1024
"""Characters read beyond a limit, so that a secret at the limit is seen completely."""
_BAD_START = r"[\s:#^~+-]"
"""Begins a command or a fold on some CI system."""
_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_BRANCH_NAME = r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/+@=-]{0,254}"
_PORT = r"(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_URL = rf"https://[A-Za-z0-9.-]{{1,253}}(?::{_PORT})?(?:[/?#][A-Za-z0-9._~%&+,=:@/?#-]{{0,2000}})?"
_REPO = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_.-]{1,100}"
_KEY = r"[A-Za-z0-9._/@=][A-Za-z0-9 ._/:@+=,-]{0,199}"
_FILE_PATH = r"[A-Za-z0-9._][A-Za-z0-9._/@+=, -]{0,999}"

Value: TypeAlias = Untrusted | str | int
"""A value that is cleaned before it is shown."""
Part: TypeAlias = LiteralString | Untrusted | CleanText | int | None
"""Part of a sentence: our words are literals; None is left out."""


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
        # Twice: a value is also found with line breaks and backslashes in it, and is longer then.
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

    def clause(self, text: str) -> SafeText:
        """Return ``text``, a clause of ours, as a line: its first letter is in upper case, unless
        an input's name begins it.
        """
        first = text.partition(" ")[0]
        if "-" in first or first.endswith(":"):
            return self.message(text)
        return self.message(text[:1].upper() + text[1:])

    def block(self, value: Value, *, limit: int = BLOCK_LIMIT) -> list[SafeText]:
        """Return the lines of ``value``, each behind the prefix, at most ``limit`` characters in
        all.
        """
        text, missing = self._read(value, limit)
        *lines, last = text.rstrip("\n").split("\n")
        shown = [cut(line, LINE_LIMIT) for line in lines] + [cut(last, LINE_LIMIT, missing)]
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
        last = [cut(line, LINE_LIMIT) for line in lines[-most:]]
        return [str.__new__(QuotedText, PREFIX + line) for line in last], len(lines) - len(last)

    def clean(self, value: Value, *, limit: int = BLOCK_LIMIT) -> CleanText:
        """Return ``value`` as text for a file that quotes or escapes it; may have several lines."""
        text, missing = self._read(value, limit)
        return str.__new__(CleanText, cut(text, limit, missing))

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
            text = "\n".join(map(wrapped, text.split("\n")))
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
        return JsonValue(value._value, self._start).value

    def listed(self, value: Untrusted) -> Untrusted:
        """Return a JSON value as text, one ``name.name: value`` a line; text of several lines
        stands below its name.
        """
        plain = JsonValue(value._value, _shown_start, BLOCK_LIMIT + self._margin).value
        return Untrusted("\n".join(lines_of(plain, "")))

    def json(self, value: Untrusted) -> SafeText:
        """Return ``value`` as one line of JSON; every string in it is clean."""
        text = json.dumps(self.data(value), ensure_ascii=False, separators=(",", ":"))
        # A blank shifts every byte, and may shift others into the places of a time stamp.
        while begins_like_time_stamp(text):
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
        # Not masked or changed, as other text is: that would be another id, branch or address.
        if any(self.redactor.find(text)) or begins_like_time_stamp(text):
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
        if begins_like_time_stamp(text):
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
        return str(value)

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
