"""Checks a JSON document against a JSON Schema, in a process of its own: a slow pattern cannot hold the step.

Patterns are those of ECMA 262, ``format`` is asserted, and other documents are not read.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from urllib.parse import urlsplit

from mogplex_ci.gates.ecma import python_pattern
from mogplex_ci.waiting import bounded

_MAPS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
"""Keywords whose values are schemas by name."""
_VALUES: Final = ("enum", "const", "default", "examples")
"""Keywords whose values are no schemas."""
_PROBES: Final[tuple[object, ...]] = (None, 0, "", [], {})
"""Values on which a schema that refers to itself without end, or to nothing, shows it."""
_CPU_SECONDS: Final = 60
"""Limit after which the process ends by itself, in case its parent is gone and cannot end it."""

_TIME: Final = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*"
_LETTERS: Final = r"(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"


def _date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None and bool(date.fromisoformat(text))


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text, re.ASCII) is not None


def _uri(text: str) -> bool:
    return re.fullmatch(rf"[A-Za-z][A-Za-z0-9+.-]*:{_LETTERS}(?:#{_LETTERS})?", text) is not None and bool(
        urlsplit(text)
    )


FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _date,
    "date-time": lambda text: _date(text[:10]) and re.fullmatch(f"[Tt]{_TIME}", text[10:], re.ASCII) is not None,
    "duration": _matches(r"P(?=.)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)"),
    "email": _matches(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_HOST}"),
    "hostname": _matches(_HOST),
    "ipv4": lambda text: bool(IPv4Address(text)),
    "ipv6": lambda text: "%" not in text and bool(IPv6Address(text)),
    "json-pointer": _matches(r"(?:/(?:[^~/]|~[01])*)*"),
    "regex": lambda text: bool(python_pattern(text)),
    "time": _matches(_TIME),
    "uri": _uri,
    "uri-reference": lambda text: _uri(text) or _uri(f"x:{text}"),
    "uuid": _matches(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
}
"""Whether a text has a format; an error means no."""


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Return why nothing can be checked against ``schema``, as ``is not a JSON Schema``; None when that is possible."""
    from jsonschema import FormatChecker
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing.exceptions import Unresolvable

    try:
        # Without formats: patterns would have to be Python's.
        check: Callable[..., None] = validator_for(schema).check_schema
        check(schema, format_checker=FormatChecker(formats=()))
        translation = _Translation()
        validator = _validator(translation.of(schema))
        formats = {str(part["format"]) for part in translation.parts if "format" in part}
        if unknown := sorted(formats - FORMATS.keys()):
            return f"uses the format {unknown[0]}, and only {', '.join(FORMATS)} can be checked"
        for part in translation.parts:
            for probe in _PROBES:
                list(validator.evolve(schema=part).iter_errors(probe))
    except SchemaError:
        return "is not a JSON Schema"
    except Unresolvable:
        return "refers to another document, which is not read, or to nothing"
    except RecursionError:
        return "refers to itself without end, or is nested too deeply"
    except ValueError as error:
        return f"has a pattern that {error}"
    return None


def faults(content: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return every fault of ``content`` with its JSON pointer, sorted."""
    translation = _Translation()
    found = []
    for error in _validator(translation.of(schema)).iter_errors(content):
        words = error.message
        if error.validator == "pattern":
            words = f"{json.dumps(error.instance)} does not match {translation.originals[str(error.validator_value)]}"
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
        found.append(f"/{'/'.join(steps)}: {words}")
    return sorted(found)


def faults_in_child(content: Any, schema: Mapping[str, Any], seconds: float) -> list[str]:
    """Return ``faults``, found in a process that ends after ``seconds``, or with the wait of this thread.

    Raises:
        TimeoutError: it took longer.
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    given = json.dumps({"content": content, "schema": schema}).encode()
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mogplex_ci.gates.schema"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": path, "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},  # no token
    )
    try:
        answer, _ = bounded(lambda: process.communicate(given), seconds)
    finally:
        process.kill()
    found: list[str] = json.loads(answer) if answer else ["checking it against the schema failed"]
    return found


def _validator(schema: Mapping[str, Any]) -> Any:
    """Return what validates by a translated schema."""
    from jsonschema import FormatChecker
    from jsonschema.validators import validator_for
    from referencing import Registry

    checker = FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checks(name, raises=ValueError)(lambda value, check=check: not isinstance(value, str) or check(value))
    return validator_for(schema)(schema, registry=Registry(), format_checker=checker)


class _Translation:
    """A schema with patterns of Python's."""

    def __init__(self) -> None:
        self.originals: dict[str, str] = {}
        """Patterns as they were, by what they became."""
        self.parts: list[dict[str, Any]] = []
        """The schemas that the schema is made of, itself included; also what is none and looks like one."""

    def of(self, value: Any, keyword: str = "") -> Any:
        """Return the translation of a schema, or of the value of one of its keywords.

        Raises:
            ValueError: a pattern is not valid.
        """
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if not isinstance(value, dict):
            return self._pattern(value) if keyword == "pattern" and isinstance(value, str) else value
        found: dict[str, Any] = {}
        for name, item in value.items():
            if name in _MAPS and isinstance(item, dict):
                keys = map(self._key, range(len(item)), item) if name == "patternProperties" else item
                found[name] = dict(zip(keys, map(self.of, item.values()), strict=True))
            else:
                found[name] = item if name in _VALUES else self.of(item, name)
        self.parts.append(found)
        return found

    def _pattern(self, text: str) -> str:
        translated = python_pattern(text)
        self.originals[translated] = text
        return translated

    def _key(self, number: int, text: str) -> str:
        """Return a pattern that is no other one's."""
        return f"{self._pattern(text)}(?#{number})"


def main() -> None:
    """Answer what ``faults_in_child`` asks."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    given = json.load(sys.stdin.buffer)
    try:
        found = faults(given["content"], given["schema"])
    except RecursionError:
        found = ["it is nested too deeply to be checked"]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
