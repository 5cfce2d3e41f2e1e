"""The declared inputs, and the check of a text against its declaration.

``schemas/inputs.schema.json`` declares each input once; the typed inputs (``typed.py``), the body of the start call,
action.yml, the run file's schema and the reference page follow from it. It is read here without the jsonschema library,
which would take longer to load than everything else before the first request. Only the keywords ``enum``, ``pattern``
and ``maxLength`` are used, and a test compares the results with jsonschema's. Ours are, for an input, those that
``Input`` has a field for, such as ``x-api-field`` for ``api_field``, and for a kind:

- ``x-allowed``: words that may follow "Use"; ``x-fault``: what is wrong with text that its pattern does not match
- ``x-refused``: patterns of what is plainly something else, and what is then wrong; looked at first
- ``x-placeholder``: stands for a value in the help; ``x-is-shown``: false if values may hold credentials, or are long
- ``x-type``: the type of the typed value; ``x-ignore-case``: text in capitals is the same, as for choices

``x-instead`` names the input for a name that people try, or that an input had before.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from mogplex_ci.durations import parse_duration
from mogplex_ci.errors import Problem
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import base_url_fault

PROMPT_LIMIT: Final = 100_000
"""The API's limit, in UTF-16 code units."""
PROMPT_FILE_BYTES: Final = 4 * PROMPT_LIMIT + 100_000
"""Largest prompt file: a character takes at most four bytes, and white space around the prompt does not count."""
EMULATOR_TOKEN: Final = "mog_EmulatorTokenOpensNothingReal000"  # noqa: S105 - it opens nothing
"""The token of the emulator's default world. It is public and opens nothing."""
_SCHEMAS: Final = Path(__file__).parents[1] / "schemas"
_LONGEST_MISTAKE: Final = 400
"""Characters of a text for which something else is suggested; longer ones would take time."""


class Kind(NamedTuple):
    """The texts that an input accepts: an entry of ``$defs`` in the schema, or the choices of one input."""

    name: str
    """Name in ``$defs``, or ``choice``."""
    allowed: str
    """The accepted values, in words that may follow "Use"."""
    choices: tuple[str, ...] = ()
    """The only allowed values; empty when other rules decide."""
    rules: Mapping[str, Any] = MappingProxyType({})
    """Those of its entry in ``$defs``."""

    @property
    def ignores_case(self) -> bool:
        """Whether capitals make no difference; the value is then read in lower case."""
        return bool(self.choices) or self.rules.get("x-ignore-case", False)

    @property
    def remedy(self) -> str:
        """Advice for a wrong value."""
        return f"Use {self.allowed}."

    def fault(self, text: str, *, token: str = "") -> str | None:
        """Return what is wrong with ``text``, stripped and not empty, as ``is not a duration``; None for valid text.

        ``token`` is the ``api-key`` given beside it: the emulator's may be sent to any host over plain http, because
        it opens nothing.
        """
        if text.encode(errors="ignore").decode() != text:
            return "is not UTF-8 text"
        if self.ignores_case:
            text = text.lower()
        if self.choices:
            return None if text in self.choices else "is not one of the choices"
        for fault in (said for wrong, said in self.rules.get("x-refused", {}).items() if re.search(wrong, text)):
            return str(fault)
        most = self.rules.get("maxLength", len(text))
        if len(text) > most:
            return f"has {len(text):,} characters, {most:,} are allowed"
        if not re.fullmatch(self.rules.get("pattern", "(?s:.*)"), text):
            return str(self.rules["x-fault"])
        if self.name == "base-url":
            return base_url_fault(text, allow_http=token == EMULATOR_TOKEN)
        return _MORE_RULES[self.name](text) if self.name in _MORE_RULES else None

    def suggestion(self, text: str) -> str | None:
        """Return a valid value that the user may have meant by ``text``, which is invalid."""
        if len(text) > _LONGEST_MISTAKE:
            return None
        known = _SUGGESTIONS.get(self.name)
        candidates = known(text) if known else nearest(text.lower(), self.choices)
        return next((candidate for candidate in candidates if self.fault(candidate) is None), None)


class Scope(StrEnum):
    """The scope of an input."""

    STEP = "step"
    """The step as a whole, however many runs it makes."""
    START = "start"
    """A run that is started; it has no meaning for one that was started elsewhere."""
    RUN = "run"
    """Each run, however it was started."""


class Input(NamedTuple):
    """One input. The fields from ``group`` on are the schema's keywords."""

    name: str
    description: str
    """Markdown."""
    default: str | None
    """Empty where the program reads a missing text as an empty one."""
    kind: Kind
    group: str
    """Title under which people read about it."""
    scope: Scope
    variables: tuple[str, ...]
    """Environment variables that set it; the first one that is set wins. The schema has those besides its own."""
    api_field: str | None = None
    """Field of the start request that it sets."""
    is_upper: bool = False
    """Whether the API writes its value in upper case."""
    is_typed: bool = True
    """Whether ``ActionInputs`` has a field for it."""
    is_secret: bool = False
    is_for_run_file: bool = True
    """Whether a run file, which may come from another person's branch, may set it: not what decides where the token
    goes, or lifts a guard."""
    is_for_action: bool = True
    """Whether the action has it; else it is a flag and a variable only."""
    github_expression: str | None = None
    """The value of an internal input in action.yml; None for the inputs that people set."""

    @property
    def field(self) -> str:
        """The name of its field in ``ActionInputs``."""
        return self.name.replace("-", "_")

    @property
    def github_variable(self) -> str:
        """The variable that GitHub sets for ``with:``: upper case, hyphens kept."""
        return f"INPUT_{self.name.upper()}"

    def problem(self, text: str, *, token: str = "") -> Problem | None:
        """Return what is wrong with ``text``, or None. Arguments as for ``Kind.fault``."""
        fault = self.kind.fault(text, token=token)
        if fault is None:
            return None
        if self.is_secret or not self.kind.rules.get("x-is-shown", True):
            return Problem(self.name, fault, self.kind.remedy)
        suggestion = self.kind.suggestion(text)
        if suggestion is None:
            return Problem(self.name, fault, self.kind.remedy, Untrusted(text))
        remedy = self.kind.remedy if self.kind.choices else ""
        return Problem(self.name, fault, remedy, Untrusted(text), (Untrusted(suggestion),))


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """Return the JSON Schema ``name``, such as ``inputs``, from the package data."""
    text = (_SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def kinds() -> Mapping[str, Kind]:
    """Return the kinds that are not choices, by name."""
    defined = load_schema("inputs")["$defs"]
    return {name: Kind(name, rules["x-allowed"], rules=rules) for name, rules in defined.items()}


@cache
def inputs() -> Mapping[str, Input]:
    """Return every input by name, in the order of the documentation."""
    return {name: _input(name, entry) for name, entry in load_schema("inputs")["properties"].items()}


def check(values: Mapping[str, str]) -> list[Problem]:
    """Return all that is wrong with ``values``: the text of each input by name. Defaults are not looked at."""
    token = values.get("api-key", "")
    changed = ((inputs()[name], text) for name, text in values.items() if text != inputs()[name].default)
    found = (spec.problem(text, token=token) for spec, text in changed)
    return [problem for problem in found if problem is not None]


def is_true(text: str) -> bool:
    """Whether a valid boolean is true."""
    return text.lower() == "true"


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a UUID as the API writes it."""
    return re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()) is not None


def nearest(word: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """Return up to ``count`` of the ``known`` words that look like ``word``, the closest first."""
    from difflib import get_close_matches  # needed only for mistakes

    return get_close_matches(word, list(known), n=count)


def instead_of(name: str, known: Mapping[str, str], *, otherwise: str) -> str:
    """Return what to write for a name that is no input, as a remedy. ``known``: names, and how each is written."""
    tried = load_schema("inputs")["x-instead"].get(name)
    if tried in known:
        return f"Use {known[tried]} instead."
    return next((f"Did you mean {known[near]}?" for near in nearest(name.lower(), known)), otherwise)


def enumeration(words: Sequence[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _input(name: str, entry: Mapping[str, Any]) -> Input:
    choices = tuple(entry.get("enum", ()))
    kind = Kind("choice", enumeration(choices), choices) if choices else kinds()[entry["$ref"].rpartition("/")[2]]
    given = {key[2:].replace("-", "_"): value for key, value in entry.items() if key.startswith("x-")}
    variables = ("MOGPLEX_" + name.upper().replace("-", "_"), *given.get("variables", ()))
    known = given | {"scope": Scope(given["scope"]), "variables": variables}
    return Input(name, entry["description"], entry.get("default"), kind, **known)


def _prompt_fault(text: str) -> str | None:
    if text.startswith("/"):
        return "begins with /, which would make its first word the name of a skill or command"
    if len(text) <= PROMPT_LIMIT // 2:
        return None  # a character has two units at most, and most starts do without the codec
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units <= PROMPT_LIMIT:
        return None
    return f"has {units:,} characters, counted in UTF-16, {PROMPT_LIMIT:,} are allowed"


def _duration_fault(text: str) -> str | None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return "is longer than 720h"
    return None if seconds > 0 else "is not more than zero"


def _json_fault(text: str) -> str | None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return "is not JSON"
    return None


def _object_fault(text: str) -> str | None:
    """Return the fault of text that is not a JSON object; GitHub may also say ``null``."""
    fault = _json_fault(text)
    return fault or (None if isinstance(json.loads(text), dict | None) else "is not a JSON object")


_MORE_RULES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "prompt": _prompt_fault,
    "duration": _duration_fault,
    "matrix": _json_fault,
    "strategy": _object_fault,
}
"""Checks by kind that no pattern can express. Each returns the fault, or None."""


def _boolean_suggestions(text: str) -> Iterator[str]:
    word = text.lower()
    yield from ("true" for alias in ("true", "yes", "y", "on", "1") if word == alias)
    yield from ("false" for alias in ("false", "no", "n", "off", "0") if word == alias)


def _duration_suggestions(text: str) -> Iterator[str]:
    """Yield ``1h30m`` for ``1 hour 30 minutes``."""
    words = re.sub(r"\s|,|\band\b", "", text.lower())
    yield re.sub(r"(?<=\d)(hours?|hrs?|minutes?|mins?|seconds?|secs?)", lambda unit: unit[1][0], words)


def _repo_suggestions(text: str) -> Iterator[str]:
    """Yield ``owner/name`` for a clone URL, the address of a repository, ``@owner/name`` and ``owner / name``."""
    match = re.search(r"(?:://|@)[^/:\s]+[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", text, re.ASCII)
    if match:
        yield match[1]
    yield re.sub(r"[\s@]", "", text)


def _repos_suggestions(text: str) -> Iterator[str]:
    """Yield what ``_repo_suggestions`` does, and ``acme/web acme/api`` for a list with commas."""
    yield from _repo_suggestions(text)
    yield " ".join(re.split(r"[\s,;]+", text.strip(" ,;")))


_SUGGESTIONS: Final[Mapping[str, Callable[[str], Iterable[str]]]] = {
    "boolean": _boolean_suggestions,
    "duration": _duration_suggestions,
    "repo": _repo_suggestions,
    "repos": _repos_suggestions,
    "branch": lambda text: [re.sub(r"\s+", "-", text)],
}
"""Finders of the value that the user may have meant, by kind. Only valid values are suggested."""
