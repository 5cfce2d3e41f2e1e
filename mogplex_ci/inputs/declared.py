"""The declared inputs, and the check of a text against its declaration.

``schemas/inputs.schema.json`` declares each input once; the typed inputs (``typed.py``), the body
of the start call, action.yml and the reference page follow from it. It is read here without the
jsonschema library, which would take longer to load than everything else before the first request.
Only the keywords ``enum``, ``pattern`` and ``maxLength`` are used, and a test compares the results
with jsonschema's. Ours are, for an input, those that ``Input`` has a field for, such as
``x-api-field`` for ``api_field``, and for a kind:

- ``x-allowed``: words that may follow "Use"; ``x-fault``: what is wrong with text that its pattern
  does not match
- ``x-refused``: patterns of what is plainly something else, and what is then wrong; looked at first
- ``x-placeholder``: stands for a value in the help; ``x-is-shown``: false if values may hold
  credentials, or are long
- ``x-type``: the type of the typed value; ``x-ignore-case``: text in capitals is the same, as for
  choices

``x-instead`` names the input for a name that people try.
"""

import json
import os
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import DOCS, base_url_fault
from mogplex_ci.waiting import parse_duration

PROMPT_LIMIT: Final = 100_000
"""The API's limit, in UTF-16 code units."""
PROMPT_FILE_BYTES: Final = 4 * PROMPT_LIMIT + 100_000
"""Largest prompt file: a character takes at most four bytes, and white space around the prompt does
not count.
"""
EMULATOR_TOKEN: Final = "mog_EmulatorTokenOpensNothingReal000"  # noqa: S105 - it opens nothing
"""The token of the emulator's default world. It is public and opens nothing."""
SEE_INPUTS: Final = f"See {DOCS}/inputs-and-outputs.md."
_SCHEMAS: Final = Path(__file__).parents[1] / "schemas"


class Kind(NamedTuple):
    """The texts that an input accepts: an entry of ``$defs`` in the schema, or the choices of one
    input.
    """

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

    def value(self, text: str) -> object:
        """Return the value of a valid ``text``, which is a text where its type needs more than this
        module knows.
        """
        if self.ignores_case:
            text = text.lower()
        return _VALUES.get(self.name, str)(text)

    def problem(self, name: str, text: str) -> Problem | None:
        """Return what is wrong with ``text`` as the value of ``name``, or None."""
        fault = self.fault(text)
        return None if fault is None else self.refused(name, text, fault)

    def refused(self, name: str, text: str, fault: str) -> Problem:
        """Return the problem that ``text`` as the value of ``name`` has this ``fault``."""
        remedy = f"Use {self.allowed}."
        if not self.rules.get("x-is-shown", True):
            return Problem(name, fault, remedy)
        return Problem(name, fault, remedy, Untrusted(text), nearest(text, self.choices))

    def fault(self, text: str) -> str | None:
        """Return what is wrong with ``text``, stripped and not empty, as ``is not a duration``;
        None for valid text.
        """
        # os.environ holds bytes that are not UTF-8 as lone surrogates.
        if text.encode(errors="ignore").decode() != text:
            return "is not UTF-8 text"
        if self.ignores_case:
            text = text.lower()
        if self.choices:
            return None if text in self.choices else "is not one of the choices"
        for wrong, fault in self.rules.get("x-refused", {}).items():
            if re.search(wrong, text):
                return str(fault)
        limit = self.rules.get("maxLength", len(text))
        if len(text) > limit:
            return f"has {len(text):,} characters; the limit is {limit:,}"
        if not re.fullmatch(self.rules.get("pattern", "(?s:.*)"), text):
            return str(self.rules["x-fault"])
        has_more_rules = self.name in _MORE_RULES
        return _MORE_RULES[self.name](text) if has_more_rules else None


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
    variables: tuple[str, ...]
    """Environment variables that set it; the first one that is set wins. The schema has those
    besides its own.
    """
    api_field: str | None = None
    """Field of the start request that it sets."""
    is_typed: bool = True
    """Whether ``ActionInputs`` has a field for it."""
    shapes_start: bool = False
    """Whether it is about a run that the step starts: not to be set for an existing one."""
    is_secret: bool = False
    is_for_action: bool = True
    """Whether the action has it; else it is a flag and a variable only."""
    github_expression: str | None = None
    """The value of an internal input in action.yml; None for the inputs that people set."""

    @property
    def field(self) -> str:
        """The name of its field in ``ActionInputs``."""
        return self.name.replace("-", "_")


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """Return the JSON Schema ``name``, such as ``inputs``, from the package data."""
    schema: dict[str, Any] = json.loads(
        (_SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    )
    return schema


@cache
def kinds() -> Mapping[str, Kind]:
    """Return the kinds that are not choices, by name."""
    defined = load_schema("inputs")["$defs"]
    return {name: Kind(name, rules["x-allowed"], rules=rules) for name, rules in defined.items()}


@cache
def inputs() -> Mapping[str, Input]:
    """Return every input by name, in the order of the documentation."""
    return {
        name: _input(name, entry) for name, entry in load_schema("inputs")["properties"].items()
    }


def check(texts: Mapping[str, str]) -> list[Problem]:
    """Return all that is wrong with the text of each input, by name. Defaults are not checked."""
    found = []
    for name, text in texts.items():
        spec = inputs()[name]
        # The emulator may be another container of the job, which has no certificate.
        is_for_emulator = name == "base-url" and texts.get("api-key") == EMULATOR_TOKEN
        if text == spec.default or (is_for_emulator and not base_url_fault(text, allow_http=True)):
            continue
        problem = spec.kind.problem(name, text)
        if problem is not None:
            found.append(problem)
    return found


def nearest(word: str, known: Iterable[str]) -> tuple[Untrusted, ...]:
    """Return the one of the ``known`` words, in lower case, that looks most like ``word``, if one
    does.
    """
    return tuple(map(Untrusted, get_close_matches(word.lower(), list(known), n=1)))


def instead_of(name: str, known: Mapping[str, str], *, otherwise: str) -> str:
    """Return the remedy for an unknown input. ``known``: names, and how each
    is written.
    """
    successor = load_schema("inputs")["x-instead"].get(name)
    if successor in known:
        return f"Use {known[successor]} instead."
    for near in nearest(name, known):
        return f"Did you mean {known[near.text]}?"
    return otherwise


def enumeration(words: Sequence[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    *others, last = words or [""]
    if not others:
        return last
    return f"{', '.join(others)} or {last}"


def _input(name: str, entry: Mapping[str, Any]) -> Input:
    if "enum" in entry:
        choices = tuple(entry["enum"])
        kind = Kind("choice", enumeration(choices), choices)
    else:
        kind = kinds()[entry["$ref"].rpartition("/")[2]]
    own = {
        keyword.removeprefix("x-").replace("-", "_"): value
        for keyword, value in entry.items()
        if keyword.startswith("x-")
    }
    variable = "MOGPLEX_" + name.upper().replace("-", "_")
    own["variables"] = (variable, *own.get("variables", ()))
    return Input(name, entry["description"], entry.get("default"), kind, **own)


def _prompt_fault(text: str) -> str | None:
    # The service trims byte order marks, too, which Python takes for no white space.
    trimmed = text.lstrip("\ufeff" + string.whitespace)
    if not trimmed:
        return "is empty"
    if trimmed.startswith("/") and os.path.isfile(trimmed):  # noqa: PTH113 - any text is allowed
        return "is a path; on GitLab set the variable's type to Variable"
    if trimmed.startswith("/"):
        return "begins with /, which would turn its first word into a skill or command"
    units = len(text) + sum(char > "\uffff" for char in text)
    if units > PROMPT_LIMIT:
        return f"has {units:,} characters, counted in UTF-16; the limit is {PROMPT_LIMIT:,}"
    return None


def _duration_fault(text: str) -> str | None:
    try:
        seconds = parse_duration(text)
    except ValueError:  # its form is right: the pattern says so
        return "is longer than 720h"
    if seconds > 0:
        return None
    return "must be more than zero"


def _json_object_fault(text: str) -> str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "is not JSON"
    if isinstance(value, dict):
        return None
    return "is not a JSON object"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.lower().replace(",", " ").split())


_MORE_RULES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "base-url": base_url_fault,
    "prompt": _prompt_fault,
    "duration": _duration_fault,
    "job-context": _json_object_fault,
}
"""Checks by kind that no pattern can express. Each returns the fault, or None."""
_VALUES: Final[Mapping[str, Callable[[str], object]]] = {
    "boolean": lambda text: text.lower() == "true",
    "duration": parse_duration,
    "number": int,
    "repairs": int,
    "requirements": _names,
    "users": _names,
    "bots": _names,
    "job-context": json.loads,
}
"""How a text becomes a value, by kind."""
