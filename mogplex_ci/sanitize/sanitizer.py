"""Opens untrusted values and makes text of them that may be printed or written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize.controls import break_markers, show_controls
from mogplex_ci.sanitize.secrets import Redactor
from mogplex_ci.sanitize.text import CleanText, SafeText

PREFIX = "│ "
"""Stands before every line that somebody else wrote."""
INLINE_LIMIT = 300
BLOCK_LIMIT = 20_000
LINE_LIMIT = 2_000
JSON_LIMIT = 100_000

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@=-]{0,254}", re.ASCII)
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~%!&'()*+,;=:@/?#-]*)?", re.ASCII)

Value = Untrusted | str | int | float


class Sanitizer:
    """Makes ``SafeText`` and ``CleanText``; knows the secrets of this process."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values that must never appear."""
        self._redactor = Redactor(secrets)

    def line(self, template: str, *values: Value) -> SafeText:
        """Return one line of ours with ``values`` filled into the ``{}`` of ``template``.

        The template is a literal of this program and begins with a visible character of its own, so that no value
        can stand at the start of the line.

        Raises:
            ValueError: the template begins with a placeholder, white space or a colon.
        """
        if not template or template[0] in "{: \t\n":
            raise ValueError("a line begins with a character of ours")
        return SafeText(template.format(*(self._inline(value) for value in values)))

    def block(self, value: Value, *, limit: int = BLOCK_LIMIT) -> list[SafeText]:
        """Return the lines of ``value``, each behind the prefix, at most ``limit`` characters in all."""
        lines = self.clean(value, limit=limit).split("\n")
        return [SafeText(PREFIX + _cut(line, LINE_LIMIT)) for line in lines]

    def clean(self, value: Value, *, limit: int = BLOCK_LIMIT) -> CleanText:
        """Return ``value`` as text for a file that quotes or escapes it; may have several lines."""
        return CleanText(_cut(self._scrub(_as_text(value)), limit))

    def data(self, value: Untrusted) -> object:
        """Return a JSON value equal in shape to ``value``, every key and string in it clean."""
        return self._data(value._value)

    def json(self, value: Untrusted) -> SafeText:
        """Return ``value`` as one line of JSON; every string in it is clean."""
        return SafeText(json.dumps(self.data(value), ensure_ascii=False, separators=(",", ":")))

    def identifier(self, value: Untrusted | str | None) -> SafeText | None:
        """Return an id or enum word; None when it is not one."""
        return self._matching(value, _IDENTIFIER)

    def branch(self, value: Untrusted | str | None) -> SafeText | None:
        """Return a branch name of a strict character set; None when it is not one."""
        return self._matching(value, _BRANCH)

    def url(self, value: Untrusted | str | None) -> SafeText | None:
        """Return an https URL without credentials; None when it is not one."""
        text = self._matching(value, _URL)
        if text is None:
            return None
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        return text if parts.hostname and "@" not in parts.netloc else None

    def _matching(self, value: Untrusted | str | None, pattern: re.Pattern[str]) -> SafeText | None:
        text = value._value if isinstance(value, Untrusted) else value
        if not isinstance(text, str) or not pattern.fullmatch(text) or self._redactor.redact(text) != text:
            return None
        return SafeText(text)

    def _inline(self, value: Value) -> str:
        if isinstance(value, SafeText):
            return value
        text = " ".join(self._scrub(_as_text(value)).split("\n"))
        return _cut(text, INLINE_LIMIT)

    def _scrub(self, text: str) -> str:
        return break_markers(self._redactor.redact(show_controls(text)))

    def _data(self, value: object) -> object:
        if isinstance(value, str):
            return _cut(self._scrub(value), JSON_LIMIT)
        if isinstance(value, dict):
            return {self._scrub(str(key)): self._data(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._data(item) for item in value]
        return value


def _as_text(value: Value) -> str:
    raw = value._value if isinstance(value, Untrusted) else value
    if isinstance(raw, str):
        return raw
    if isinstance(raw, float) and not isinstance(value, Untrusted):
        return f"{raw:g}"
    return json.dumps(raw, ensure_ascii=False)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… {len(text) - limit:,} more characters"
