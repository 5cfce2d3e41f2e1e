"""Checks a JSON document against a JSON Schema, in a process of its own: a slow pattern cannot hold
the step.

Patterns are those of ECMA 262, ``format`` is asserted, and other documents are not read.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from urllib.parse import urlsplit

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with
from regress import Regex, RegressError

from mogplex_ci.child import answer_parent, ask_child

_PROBES: Final[tuple[object, ...]] = (None, 0, "", [], {})
"""Values on which a schema that refers to itself without end, or to nothing, shows it."""

_TIME: Final = (
    r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*"
_LETTERS: Final = r"(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"


def _date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return False
    date.fromisoformat(text)  # ValueError: there is no such day
    return True


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text, re.ASCII) is not None


@cache
def _regex(pattern: str) -> Regex:
    r"""Return the regular expression, by the rules for Unicode; without them if they forbid it, as
    ``[\w-.]``.

    Raises:
        RegressError: it is none.
    """
    try:
        return Regex(pattern, "u")
    except RegressError:
        return Regex(pattern)


def _uri(text: str) -> bool:
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9+.-]*:{_LETTERS}(?:#{_LETTERS})?", text):
        return False
    urlsplit(text)  # ValueError: not an IPv6 address in its brackets
    return True


FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _date,
    "date-time": lambda text: (
        _date(text[:10]) and re.fullmatch(f"[Tt]{_TIME}", text[10:], re.ASCII) is not None
    ),
    "duration": _matches(
        r"P(?=.)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)"
    ),
    "email": _matches(
        rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_HOST}"
    ),
    "hostname": _matches(_HOST),
    "ipv4": lambda text: bool(IPv4Address(text)),
    "ipv6": lambda text: "%" not in text and bool(IPv6Address(text)),
    "json-pointer": _matches(r"(?:/(?:[^~/]|~[01])*)*"),
    "regex": lambda text: bool(_regex(text)),
    "time": _matches(_TIME),
    "uri": _uri,
    "uri-reference": lambda text: _uri(text) or _uri(f"x:{text}"),
    "uuid": _matches(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
}
"""Whether a text has a format; an error means no."""


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Return why nothing can be checked against ``schema``, as ``is not a JSON Schema``; None when
    that is possible.
    """
    try:
        stock: Any = validator_for(schema)
        stock.check_schema(schema, format_checker=_checker("regex"))
        # Patterns are not tried: a slow one would hold the step.
        validator = _validator(schema, _KEYWORDS | {"pattern": lambda *_: ()})
        specification = specification_with(stock.META_SCHEMA["$schema"])
        parts = list(_parts(specification.create_resource(validator.schema)))
        for part in parts:
            for probe in _PROBES:
                list(validator.evolve(schema=part).iter_errors(probe))
    except (SchemaError, AttributeError, TypeError, ValueError) as error:
        # Keywords of another type than they may have also end in the library's own errors.
        if isinstance(error, SchemaError) and error.validator == "format":
            return "has an invalid pattern"  # no other format was asked for
        return "is not a JSON Schema"
    except Unresolvable:
        return "refers to another document, which the step does not read, or to nothing"
    except RecursionError:
        return "refers to itself without end, or is nested too deeply"
    keywords = {keyword for part in parts for keyword in part}
    if "$schema" in keywords:
        return "names a dialect of JSON Schema in a part of it"
    if {"patternProperties", "unevaluatedProperties"} <= keywords:
        return "uses patternProperties and unevaluatedProperties, which cannot be checked together"
    formats = {str(part["format"]) for part in parts if "format" in part}
    unknown = sorted(formats - FORMATS.keys())
    if unknown:
        return f"uses the format {unknown[0]}, and only {', '.join(FORMATS)} can be checked"
    return None


def _parts(schema: Resource[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas that a schema is made of, itself included, but for ``true`` and
    ``false``.
    """
    if isinstance(schema.contents, dict):
        yield schema.contents
    for part in schema.subresources():
        yield from _parts(part)


def faults(content: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return every fault of ``content`` with its JSON pointer, sorted."""
    found = []
    for error in _validator(schema, _KEYWORDS).iter_errors(content):
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
        found.append(f"/{'/'.join(steps)}: {error.message}")
    return sorted(found)


def faults_in_child(content: Any, schema: Mapping[str, Any], seconds: float) -> list[str]:
    """Return ``faults``, found in a process that ends after ``seconds``, or with the wait of this
    thread.

    Raises:
        TimeoutError: it took longer.
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    question = {"content": content, "schema": schema}
    found: list[str] | None = ask_child("mogplex_ci.inputs.schema", question, seconds)
    if found is None:
        return ["checking it against the schema failed"]
    return found


def _validator(schema: Mapping[str, Any], keywords: Mapping[str, Any]) -> Any:
    """Return what validates by ``schema``, whose dialect is replaced by ours: jsonschema takes
    patterns as Python's.
    """
    ours: Any = extend(validator_for(schema), keywords)  # type: ignore[no-untyped-call]  # stubs lack it
    rest = {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
    return ours(rest, registry=Registry(), format_checker=_checker(*FORMATS))


def _checker(*names: str) -> FormatChecker:
    """Return what asserts the formats of these names."""
    checker = FormatChecker(formats=())
    for name in names:
        checker.checks(name, raises=(ValueError, RegressError))(
            lambda value, check=FORMATS[name]: not isinstance(value, str) or check(value)
        )
    return checker


def _matches_in(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches somewhere in ``text``; half a character is written as it will be
    in outputs.
    """
    return _regex(pattern).find(text.encode(errors="backslashreplace").decode()) is not None


def _pattern(validator: Any, pattern: str, instance: Any, _: object) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches_in(pattern, instance):
        yield ValidationError(f"{json.dumps(instance)} does not match {pattern}")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, _: object
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, schema in patterns.items():
            for name, value in instance.items():
                if _matches_in(pattern, name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, additional: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_matches_in(pattern, name) for pattern in patterns):
            continue
        if additional is False:
            yield ValidationError(f"the property {json.dumps(name)} is not allowed")
        else:
            yield from validator.descend(value, additional, path=name)


_KEYWORDS: Final = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
"""The keywords that match patterns."""


def _faults_asked_for(question: Mapping[str, Any]) -> list[str]:
    try:
        return faults(question["content"], question["schema"])
    except RecursionError:
        return ["it is nested too deeply to be checked"]


if __name__ == "__main__":
    answer_parent(_faults_asked_for)
