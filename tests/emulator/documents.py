"""YAML files written for the emulator, checked by JSON Schema; a mistake is reported with file,
line and field.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsonschema

from mogplex_ci.credentials import could_be_credential
from mogplex_ci.durations import ALLOWED, MAX_SECONDS, parse_duration
from mogplex_ci.yaml_lines import FieldPath, YamlError, read_as_json

_SCHEMAS: Final = Path(__file__).with_name("schemas")
_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_VALUES: Final = 200_000
"""Names and values in a file, those that an alias repeats included."""


class DocumentError(ValueError):
    """A scenario, world or fault is invalid; the message names file, line and field of each
    mistake.
    """


@dataclass(frozen=True)
class Document:
    """A parsed file and the line of each of its fields."""

    name: str
    value: Any
    lines: Mapping[FieldPath, int]

    def error(self, path: FieldPath, message: str) -> DocumentError:
        """Return the error for the field at ``path``."""
        return DocumentError(self.describe(path, message))

    def describe(self, path: FieldPath, message: str) -> str:
        """Format a mistake as ``file:line: field: message``."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.name}:{self.lines.get(known, 1)}: {field_name(path)}: {message}"


def load(path: Path, schema: str) -> Document:
    """Read the YAML file at ``path`` and check it against ``schemas/<schema>.schema.json``.

    Raises:
        DocumentError: the file cannot be read, is not YAML, or breaks the schema.
    """
    text = read_text(path, _MAX_BYTES)
    try:
        found = read_as_json(text, max_values=_MAX_VALUES)
    except YamlError as error:
        raise DocumentError(f"{path}:{error.line}: {field_name(error.path)}: {error}") from None
    document = Document(str(path), found.value, found.lines)
    mistakes = [
        document.describe(path, message)
        for path, message in errors_of(document.value, schema_of(schema))
    ]
    if mistakes:
        raise DocumentError("\n".join(mistakes))
    return document


def read_text(path: Path, max_bytes: int) -> str:
    """Return the text of the file at ``path``.

    Raises:
        DocumentError: it cannot be read, is not UTF-8, or is larger than ``max_bytes``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        text = data.decode()
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DocumentError(f"{path}: cannot be read: it is not UTF-8 text") from None
    if len(data) > max_bytes:
        raise DocumentError(f"{path}: is larger than {max_bytes} bytes")
    return text


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema ``name``."""
    text = (_SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def errors_of(value: Any, schema: dict[str, Any]) -> list[tuple[FieldPath, str]]:
    """Validate ``value``; return the field and the message of each mistake, sorted by field.

    The messages repeat nothing that could be a credential: the file may be another one than was
    meant.
    """
    validator = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)
    mistakes = [
        (tuple(error.absolute_path), _masked(_explain(error)))
        for error in validator.iter_errors(value)
    ]
    return sorted(mistakes, key=lambda mistake: [str(part) for part in mistake[0]])


def field_name(path: Sequence[str | int]) -> str:
    """Format a field's path for people: ``steps[3].after``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return _masked(text.removeprefix(".")) or "(top level)"


_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("duration-text", raises=ValueError)
def _is_duration(value: object) -> bool:
    if isinstance(value, str):
        parse_duration(value)
    if isinstance(value, int | float) and not value <= MAX_SECONDS:  # NaN is no duration either
        raise ValueError(f"not a duration, or too long: use {ALLOWED}")
    return True


def _explain(error: jsonschema.ValidationError) -> str:
    """Return the message for a mistake; what is allowed comes from the schema's descriptions."""
    # A value at the top level may be the content of some other file: it is not shown.
    secret = "token" in error.absolute_path or not error.absolute_path
    value: Any = error.instance
    shown = "this value"
    if not secret:
        shown = _shorten(json.dumps(value, ensure_ascii=False, default=str))
    schema: Any = error.schema
    rule: Any = error.validator_value
    if error.validator == "additionalProperties":
        allowed = schema["properties"]
        unknown = ", ".join(sorted(str(key) for key in value if key not in allowed))
        return f"unknown field {unknown}; allowed: {', '.join(allowed)}"
    if error.validator == "required" and len(rule) == 1:
        return f"{rule[0]} is missing"
    if error.validator == "dependentRequired":
        missing = [
            name
            for given, names in rule.items()
            if given in value
            for name in names
            if name not in value
        ]
        return f"{', '.join(missing)} is missing"
    if error.validator == "enum":
        return f"{shown} is not one of {', '.join(map(str, rule))}"
    if error.validator == "format" and error.cause is not None:
        return f"{shown} is {error.cause}"
    if "description" in schema:
        return f"{shown} does not fit: {schema['description']}"
    if secret:
        return f"{shown} does not fit"
    return _shorten(error.message)


def _masked(text: str) -> str:
    return re.sub(
        r"[^\s\"',;{}\[\]]+", lambda word: "***" if could_be_credential(word[0]) else word[0], text
    )


def _shorten(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
