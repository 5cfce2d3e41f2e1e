"""YAML files that people write for the emulator, checked by JSON Schema; every fault names file, line and field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mogplex_ci.durations import parse_duration

FieldPath: TypeAlias = tuple[str | int, ...]


class DocumentError(ValueError):
    """A scenario, world or fault is wrong; the message names file, line and field of every fault."""


@dataclass(frozen=True)
class Document:
    """A parsed file that knows on which line each field stands."""

    name: str
    value: Any
    lines: dict[FieldPath, int]

    def fault(self, path: FieldPath, message: str) -> DocumentError:
        """Make the error for the field at ``path``."""
        return DocumentError(self.describe(path, message))

    def describe(self, path: FieldPath, message: str) -> str:
        """Write one fault as ``file:line: field: message``."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.name}:{self.lines.get(known, 1)}: {field_name(path)}: {message}"


def load(path: Path, schema: str) -> Document:
    """Read the YAML file at ``path`` and check it against ``schemas/<schema>.schema.json``.

    Raises:
        DocumentError: the file cannot be read, is not YAML, or breaks the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DocumentError(f"{path}: cannot be read: {reason}") from None
    document = _parse(str(path), text)
    faults = [document.describe(path, message) for path, message in faults_of(document.value, schema_of(schema))]
    if faults:
        raise DocumentError("\n".join(faults))
    return document


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema ``name`` from the package data."""
    text = (resources.files("mogplex_ci.schemas") / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def faults_of(value: object, schema: dict[str, Any]) -> list[tuple[FieldPath, str]]:
    """Check ``value`` and return each fault's field and what is wrong with it, in the order of the fields."""
    validator = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)
    faults = [(tuple(error.absolute_path), _explain(error)) for error in validator.iter_errors(value)]
    return sorted(faults, key=lambda fault: [str(part) for part in fault[0]])


def field_name(path: Sequence[str | int]) -> str:
    """Write a field's path for people: ``steps[3].after``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(top level)"


_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("duration-text", raises=ValueError)
def _is_duration(value: object) -> bool:
    if isinstance(value, str):
        parse_duration(value)
    return True


def _explain(error: jsonschema.ValidationError) -> str:
    """Say what is wrong with one field; the schema's own description says what is allowed."""
    secret = "token" in error.absolute_path
    value: Any = error.instance
    shown = "this value" if secret else _shorten(json.dumps(value, ensure_ascii=False, default=str))
    schema: Any = error.schema
    rule: Any = error.validator_value
    if error.validator == "additionalProperties":
        allowed = schema["properties"]
        unknown = ", ".join(sorted(str(key) for key in value if key not in allowed))
        return f"unknown field {unknown}; allowed: {', '.join(allowed)}"
    if error.validator == "required" and len(rule) == 1:
        return f"{rule[0]} is missing"
    if error.validator == "dependentRequired":
        missing = [name for given, names in rule.items() if given in value for name in names if name not in value]
        return f"{', '.join(missing)} is missing"
    if error.validator == "enum":
        return f"{shown} is not one of {', '.join(map(str, rule))}"
    if error.validator == "format" and error.cause is not None:
        return f"{shown} is {error.cause}"
    if "description" in schema:
        return f"{shown} does not fit: {schema['description']}"
    return f"{shown} does not fit" if secret else _shorten(error.message)


def _shorten(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."


class _Loader(yaml.SafeLoader):
    """YAML without dates: a time stays the text that the schema checks."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own shape)
        first: [(tag, regex) for tag, regex in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _parse(name: str, text: str) -> Document:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = dict(_lines(name, node, ())) if node else {}
        value = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise DocumentError(f"{name}:{line}: (top level): not valid YAML: {problem}") from None
    return Document(name, value, lines)


def _lines(name: str, node: Node, path: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    line = node.start_mark.line + 1
    yield path, line
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(name, item, (*path, index))
    elif isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if key.value in seen:
                    where = f"{name}:{key.start_mark.line + 1}: {field_name((*path, key.value))}"
                    raise DocumentError(f"{where}: given twice")
                seen.add(key.value)
                for below, below_line in _lines(name, value, (*path, key.value)):
                    yield below, key.start_mark.line + 1 if below == (*path, key.value) else below_line
