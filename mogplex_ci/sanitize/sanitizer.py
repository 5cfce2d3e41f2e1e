"""Opens untrusted values and makes text of them that may be printed or written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import markdown, named
from mogplex_ci.sanitize.controls import break_markers, show_controls
from mogplex_ci.sanitize.patterns import compiled
from mogplex_ci.sanitize.redact import MASK, Redactor
from mogplex_ci.sanitize.text import CleanText, Markdown, SafeText

PREFIX: Final = "│ "
"""Stands before every line that somebody else wrote."""
INLINE_LIMIT: Final = 300
BLOCK_LIMIT: Final = 20_000
LINE_LIMIT: Final = 2_000
LINES_LIMIT: Final = 500
JSON_LIMIT: Final = 100_000
JSON_DEPTH: Final = 32

_MARGIN = 4096
"""Characters that are read beyond a limit, so that a secret which the limit cuts is seen whole."""
_BAD_START = r"[\s{:#^~+-]"
"""Begins a command or a fold on some CI system, or leaves the start of the line to a value."""
_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_BRANCH = r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/$|\.$))[A-Za-z0-9_][A-Za-z0-9._/+@=-]{0,254}"
_URL = r"https://[A-Za-z0-9.-]{1,253}(?::\d{1,5})?(?:[/?#][A-Za-z0-9._~%&+,=:@/?#-]{0,2000})?"
_REPO = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_.-]{1,100}"
_KEY = r"[A-Za-z0-9][A-Za-z0-9 ._/:@+=,-]{0,199}"
_PATH = r"[A-Za-z0-9._][A-Za-z0-9._/@+=, -]{0,999}"

Value = Untrusted | str | int | float


class Sanitizer:
    """Makes ``SafeText``, ``CleanText`` and ``Markdown``; knows the secrets of this process.

    Every text takes the same way: controls are shown and invisible characters dropped, then secrets are redacted in
    the whole text, then it is cut, and then markers are broken. In this order nothing that a later step removes can
    hide from an earlier one.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values that must never appear."""
        self._redactor = Redactor(secrets)
        self._margin = _MARGIN + 2 * self._redactor.longest

    def line(self, template: str, *values: Value) -> SafeText:
        """Return one line of ours with ``values`` filled into the ``{}`` of ``template``; without values, as it is.

        The template is a literal of this program and begins with a visible character of its own, so that no value
        can stand at the start of the line.

        Raises:
            ValueError: the template begins with a placeholder, white space or the start of some CI system's marker.
        """
        if not template or compiled(_BAD_START).match(template):
            raise ValueError("a line begins with a character of ours")
        text = template.format(*map(self._inline, values)) if values else template
        text = self._redactor.redact(show_controls(text)).replace("\n", " ")
        return SafeText(break_markers(text))

    def block(self, value: Value, *, limit: int = BLOCK_LIMIT) -> list[SafeText]:
        """Return the lines of ``value``, each behind the prefix, at most ``limit`` characters in all."""
        text, missing = self._read(value, limit)
        *lines, last = text.rstrip("\n").split("\n")
        shown = [_cut(line, LINE_LIMIT) for line in lines] + [_cut(last, LINE_LIMIT, missing)]
        if len(shown) > LINES_LIMIT:
            shown[LINES_LIMIT:] = [f"… {len(shown) - LINES_LIMIT:,} more lines"]
        return [SafeText(PREFIX + line) for line in shown]

    def clean(self, value: Value, *, limit: int = BLOCK_LIMIT) -> CleanText:
        """Return ``value`` as text for a file that quotes or escapes it; may have several lines."""
        text, missing = self._read(value, limit)
        return CleanText(_cut(text, limit, missing))

    def markdown(self, value: Value) -> Markdown:
        """Return ``value`` as inline code for markdown; it may stand in a table or in HTML."""
        return markdown.inline(self._inline(value))

    def fence(self, value: Value, *, limit: int = BLOCK_LIMIT) -> Markdown:
        """Return ``value`` as a fenced block of markdown; it starts and ends at a line of its own."""
        return markdown.fence(self.clean(value, limit=limit))

    def data(self, value: Untrusted) -> object:
        """Return a JSON value equal in shape to ``value``, every key and string in it clean."""
        texts: list[str] = []

        def collect(text: str) -> str:
            texts.append(text)
            return text

        _replace(value._value, collect)
        cleaned = (_cut(text, JSON_LIMIT, missing) for text, missing in self._scrub(texts, JSON_LIMIT))
        return _replace(value._value, lambda text: next(cleaned))

    def json(self, value: Untrusted) -> SafeText:
        """Return ``value`` as one line of JSON; every string in it is clean."""
        return SafeText(json.dumps(self.data(value), ensure_ascii=False, separators=(",", ":")))

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
        text = self._matching(value, _URL)
        if text is None:
            return None
        try:
            urlsplit(text).port  # noqa: B018 (raises when it is none)
        except ValueError:
            return None
        return text

    def _matching(self, value: Untrusted | str | None, pattern: str) -> SafeText | None:
        text = value._value if isinstance(value, Untrusted) else value
        if not isinstance(text, str) or not compiled(pattern).fullmatch(text) or self._redactor.redact(text) != text:
            return None
        return SafeText(text)

    def _inline(self, value: Value) -> str:
        if isinstance(value, SafeText):
            return value
        return self.clean(value, limit=INLINE_LIMIT).replace("\n", " ")

    def _as_text(self, value: Value) -> str:
        if isinstance(value, Untrusted):
            return value._value if isinstance(value._value, str) else self.json(value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _read(self, value: Value, limit: int) -> tuple[str, int]:
        """Return the start of ``value``, clean, and how many characters are missing; what is clean stays as it is."""
        if isinstance(value, CleanText):
            return _start(value, limit), max(len(value) - limit, 0)
        ((text, missing),) = self._scrub([self._as_text(value)], limit)
        return text, missing

    def _scrub(self, texts: Sequence[str], limit: int) -> list[tuple[str, int]]:
        """Return the clean starts of ``texts``, at most ``limit`` characters each, and how many are missing.

        No more of a text is read than can be shown, and a margin: a secret may begin near the limit. The margin itself
        is not shown when there is more, for what begins in it was not read to its end.
        """
        windows = [text[: limit + self._margin] for text in texts]
        redacted = self._redactor.redact_all([show_controls(window) for window in windows])
        scrubbed = []
        for text, window, clean in zip(texts, windows, redacted, strict=True):
            unread = len(text) - len(window)
            end = min(limit, max(len(clean) - self._margin, 0)) if unread else limit
            scrubbed.append((break_markers(_start(clean, end)), unread + max(len(clean) - end, 0)))
        return scrubbed


def _replace(value: object, text: Callable[[str], str], name: str = "", depth: int = 0) -> object:
    """Return a JSON value like ``value``, every key and string in it replaced by what ``text`` makes of it."""
    if isinstance(value, str):
        return MASK if name and named.is_secret_value(value, name) else text(value)
    if isinstance(value, dict | list) and depth >= JSON_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {
            text(str(key)): _replace(item, text, str(key) if named.is_secret_name(str(key)) else name, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_replace(item, text, name, depth + 1) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    shown = text(str(value))  # a secret may be a number, and JSON has none that is not finite
    is_finite = not isinstance(value, float) or math.isfinite(value)
    return value if is_finite and shown == str(value) else shown


def _cut(text: str, limit: int, missing: int = 0) -> str:
    """Cut ``text`` with a mark that tells how much is missing, with what was missing already."""
    missing += max(len(text) - limit, 0)
    return f"{_start(text, limit)}… {missing:,} more characters" if missing else text


def _start(text: str, limit: int) -> str:
    """Return the start of ``text``; what joins it to the rest goes with the rest."""
    return text[:limit].rstrip("\u200d")
