"""Secret values that this process knows, in every form in which a tool may repeat them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from mogplex_ci.sanitize.controls import show_controls
from mogplex_ci.sanitize.patterns import compiled, occurrences

_SHORTEST_VARIABLE = 8
_SHORTEST = 4
_SHORTEST_ACROSS_BREAKS = 16
"""A value is looked for across line breaks and spaces when it is this long: a shorter one could be made up by prose."""

_TELLING_NAME = r"TOKEN|SECRET|PASSW|PASSPHRASE|KEY|CREDENTIAL"
_INNOCENT_NAME = r"(?:IDEMPOTENCY|MISSING)[_-]KEY$|KEY[_-]SUFFIX$"
"""Inputs of ours whose names sound like secrets; the first is an output too."""
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_BREAKS = r"\s+|(?<!\\)\\+[nrt]"
"""White space, and how JSON and shells write it."""


def secrets_of(env: Mapping[str, str]) -> set[str]:
    """Return the values of those variables in ``env`` whose names speak of secrets; at least 8 characters long."""
    return {
        value
        for name, value in env.items()
        if len(value.strip()) >= _SHORTEST_VARIABLE
        and compiled(_TELLING_NAME).search(name.upper())
        and not compiled(_INNOCENT_NAME).search(name.upper())
    }


class KnownValues:
    """Finds given values in text, whatever line breaks, escapes or encodings they come with."""

    def __init__(self, values: Iterable[str]) -> None:
        """Take the values; those under 4 characters are ignored, for they would mask ordinary text."""
        forms = {form for value in values for form in _forms(value.strip()) if len(form) >= _SHORTEST}
        self.longest = max(map(len, forms), default=0)
        """Characters of the longest form."""
        self._forms = [form for form in map(show_controls, forms) if len(form) >= _SHORTEST]
        self._needles = {needle: form for form in self._forms if len(needle := _squeezed(form)) >= _SHORTEST}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Return where in ``text``, whose controls are shown already, the values stand."""
        if "\\" in text:  # a break there may also be a backslash before a value that begins with n, r or t
            for form in self._forms:
                yield from ((at, at + len(form)) for at in occurrences(form, text))
        squeezed = _squeezed(text)
        hits = [needle for needle in self._needles if needle in squeezed]
        if not hits:
            return
        places = _places(text)
        for needle in hits:
            across = len(needle) >= _SHORTEST_ACROSS_BREAKS or len(self._needles[needle]) != len(needle)
            for at in occurrences(needle, squeezed):
                start, end = places[at], places[at + len(needle) - 1] + 1
                if across or end - start == len(needle):
                    yield start, end


def _forms(value: str) -> Iterator[str]:
    yield value
    if "\n" in value:
        yield from (
            line for part in value.splitlines() if len(line := part.strip()) >= 8 and not line.startswith("-----")
        )
    raw = value.encode("utf-8", "surrogateescape")
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield value.translate(_XML)
    yield from _base64_forms(raw)


def _base64_forms(value: bytes) -> Iterator[str]:
    """Return what base64 makes of ``value`` wherever it stands in the encoded text; the partial ends are left out."""
    for lead in range(3):
        first, end = -(-lead * 8 // 6), (lead + len(value)) * 8 // 6
        padded = b"\0" * lead + value
        yield base64.b64encode(padded).decode()[first:end]
        yield base64.urlsafe_b64encode(padded).decode()[first:end]


def _squeezed(text: str) -> str:
    return compiled(_BREAKS, re.UNICODE).sub("", text) if "\\" in text else "".join(text.split())


def _places(text: str) -> list[int]:
    """Return for every character of the squeezed text where it stands in ``text``."""
    places: list[int] = []
    here = 0
    for match in compiled(_BREAKS, re.UNICODE).finditer(text):
        places.extend(range(here, match.start()))
        here = match.end()
    places.extend(range(here, len(text)))
    return places
