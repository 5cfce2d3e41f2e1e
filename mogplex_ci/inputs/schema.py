"""What an input is, and whether a text is one.

``schemas/inputs.schema.json`` lists the inputs and the kinds of text that they take. It is read here without the
jsonschema library, which would take longer to load than everything else before the first request. Only the keywords
``enum``, ``pattern`` and ``maxLength`` are used, and a test compares the results with jsonschema's.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mogplex_ci import durations, schemas
from mogplex_ci.errors import Problem
from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PROMPT_LIMIT: Final = 100_000
"""The API's limit, in UTF-16 code units."""
PROMPT_FILE_BYTES: Final = 4 * PROMPT_LIMIT + 100_000
"""Largest prompt file: a character takes at most four bytes, and white space around the prompt does not count."""
EMULATOR_TOKEN: Final = "mog_EmulatorTokenOpensNothingReal000"  # noqa: S105 - it opens nothing
"""The token of the emulator's default world. It is public and opens nothing."""
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """What text an input takes: an entry of ``$defs`` in the schema, or the choices of one input."""

    name: str
    """Name in ``$defs``, or ``choice``."""
    allowed: str
    """What it takes, in words."""
    choices: tuple[str, ...] = ()
    """The only allowed values; empty when other rules decide."""
    _rules: Mapping[str, Any] = field(default_factory=dict)

    def fault(self, text: str, *, token: str = "") -> str | None:
        """Return what is wrong with ``text``, stripped and not empty, or None.

        ``token`` is the ``api-key`` given beside it: the emulator's may be sent to any host over plain http, because
        it opens nothing.
        """
        rules = self._rules
        if self.choices:
            return None if text in self.choices else "not one of the choices"
        if len(text) > rules.get("maxLength", len(text)) or not re.fullmatch(rules.get("pattern", "(?s:.*)"), text):
            return str(rules["x-fault"])
        if self.name == "base-url":
            return _base_url_fault(text, allow_http=token == EMULATOR_TOKEN)
        more = _MORE_RULES.get(self.name)
        return more(text) if more else None


@dataclass(frozen=True, slots=True)
class Input:
    """One input."""

    name: str
    description: str
    """Markdown."""
    default: str | None
    kind: Kind
    is_secret: bool
    github_expression: str | None
    """Fills an internal input on GitHub; None for the inputs that people set."""
    variables: tuple[str, ...]
    """Environment variables that set it; the first one that is set wins."""

    @property
    def github_variable(self) -> str:
        """The variable that GitHub sets for ``with:``: upper case, hyphens kept."""
        return f"INPUT_{self.name.upper()}"

    def problem(self, text: str, *, token: str = "") -> Problem | None:
        """Return what is wrong with ``text``, or None. Arguments as for ``Kind.fault``."""
        fault = self.kind.fault(text, token=token)
        if fault is None:
            return None
        return Problem(self.name, fault, self.kind.allowed, None if self.is_secret else Untrusted(text))


@cache
def kinds() -> Mapping[str, Kind]:
    """Return the kinds that are not choices, by name."""
    defined = schemas.load("inputs")["$defs"]
    return {name: Kind(name, rules["x-allowed"], (), rules) for name, rules in defined.items()}


@cache
def inputs() -> Mapping[str, Input]:
    """Return every input by name, in the order of the documentation."""
    return {name: _input(name, entry) for name, entry in schemas.load("inputs")["properties"].items()}


def check(values: Mapping[str, str]) -> list[Problem]:
    """Return all that is wrong with ``values``: the text of each input by name."""
    token = values.get("api-key", "")
    found = (inputs()[name].problem(text, token=token) for name, text in values.items())
    return [problem for problem in found if problem is not None]


def is_true(text: str) -> bool:
    """Whether a valid boolean is true."""
    return text.lower() == "true"


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a UUID as the API writes it."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def nearest(word: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """Return up to ``count`` of the ``known`` words that look like ``word``, the closest first."""
    from difflib import get_close_matches  # needed only for mistakes

    return get_close_matches(word, list(known), n=count, cutoff=0.5)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean NAME?``, or nothing when no known word is close."""
    close = nearest(word, known)
    return f"did you mean {close[0]}?" if close else ""


def _input(name: str, entry: Mapping[str, Any]) -> Input:
    choices = tuple(entry.get("enum", ()))
    return Input(
        name=name,
        description=entry["description"],
        default=entry.get("default"),
        kind=Kind("choice", " or ".join(choices), choices) if choices else kinds()[entry["$ref"].rpartition("/")[2]],
        is_secret=entry.get("x-secret", False),
        github_expression=entry.get("x-github"),
        variables=("MOGPLEX_" + name.upper().replace("-", "_"), *entry.get("x-variables", ())),
    )


def _base_url_fault(text: str, *, allow_http: bool) -> str | None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # ValueError: a port or an IPv6 address that is none
    except ValueError:
        return "not a URL"
    if not host:
        return "not a URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "holds credentials, a query or a fragment"
    if parts.scheme == "http" and not allow_http and not _LOOPBACK.fullmatch(host):
        return "http would send the token unencrypted"
    return None


def _prompt_fault(text: str) -> str | None:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return f"has {units:,} characters" if units > PROMPT_LIMIT else None


def _duration_fault(text: str) -> str | None:
    try:
        seconds = durations.parse_duration(text)
    except ValueError:
        return "longer than 720h"
    return None if seconds > 0 else "must be longer than nothing"


def _json_fault(text: str) -> str | None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return "not JSON"
    return None


_MORE_RULES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "prompt": _prompt_fault,
    "duration": _duration_fault,
    "json": _json_fault,
}
"""Checks by kind that no pattern can express. Each returns the fault, or None."""
