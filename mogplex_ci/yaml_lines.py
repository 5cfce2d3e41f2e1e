"""Reads YAML of strangers with the line of each value, within bounds; imports nothing of ours."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.scanner import ScannerError

FieldPath: TypeAlias = tuple[str | int, ...]

MAX_TEXT: Final = 4 * 1024 * 1024
"""Characters of all values after aliases are expanded: each may stand for a long text."""
_TAGS_BEYOND_JSON: Final = tuple(
    f"tag:yaml.org,2002:{name}" for name in ("binary", "omap", "pairs", "set", "timestamp")
)


class YamlError(ValueError):
    """The text cannot be read; ``str()`` is the rest of a sentence about it, such as ``is nested
    too deeply``, and quotes nothing of it but single characters.
    """

    def __init__(self, fault: str, line: int = 1, path: FieldPath = ()) -> None:
        """``line`` counts from 1; ``path`` is the field, if one is at fault."""
        super().__init__(fault)
        self.line = line
        self.path = path


class YamlDocument(NamedTuple):
    """The value of a document, and where its fields stand."""

    value: Any
    lines: Mapping[FieldPath, int]
    """The line of each value, counted from 1: that of its name, if it has one."""


def read_as_json(text: str, *, max_values: int) -> YamlDocument:
    """Read YAML with the values that JSON has. A time stays a string.

    Raises:
        YamlError: it is not YAML, or exceeds ``max_values`` (aliases expanded) or ``MAX_TEXT``.
    """
    return _read(text, _JsonLoader, max_values)


class _Bounded(yaml.SafeLoader):
    """Composes a bounded number of nodes."""

    max_values = 0
    nodes = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """Return the next node.

        Raises:
            YamlError: the document has too many.
        """
        self.nodes += 1
        if self.nodes > self.max_values:
            raise _too_many(self.max_values)
        return super().compose_node(parent, index)

    def compose_scalar_node(self, anchor: dict[Any, Node]) -> ScalarNode:
        """Return the next scalar with each emoji and its like as one character: JSON may write two
        halves, which PyYAML leaves as they are.
        """
        node = super().compose_scalar_node(anchor)
        node.value = node.value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        return node

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: yaml.Mark) -> list[str]:
        """Return the next piece of a quoted scalar.

        Raises:
            ScannerError: its escape is not a character; PyYAML lets the error of ``chr`` through.
        """
        try:
            return super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError) as error:
            problem = "found an escape that is not a character"
            raise ScannerError(None, None, problem, self.get_mark()) from error


class _JsonLoader(_Bounded):
    """Knows the tags of JSON's values."""

    yaml_constructors = {  # noqa: RUF012  (PyYAML's own shape)
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag not in _TAGS_BEYOND_JSON
    }
    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own shape)
        first: [(tag, regex) for tag, regex in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        """Return the value of ``node``.

        Raises:
            ConstructorError: there is none, as for ``!!bool abc`` and ``!!int ""``, at which
                PyYAML itself stumbles; or it is a number too long to be written.
        """
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(value)
        except (ValueError, LookupError) as error:
            problem = "a value that cannot be read"
            raise ConstructorError(None, None, problem, node.start_mark) from error
        return value


def _read(text: str, kind: type[_Bounded], max_values: int) -> YamlDocument:
    lines: dict[FieldPath, int] = {}
    characters = 0
    try:
        loader = kind(text)
        loader.max_values = max_values
        node = loader.get_single_node()
        if node is None:
            return YamlDocument(None, lines)
        # Before values are made of it: what aliases expand to, and what contains itself, ends here.
        for path, line, size in _fields(node):
            lines[path] = line
            characters += size
            if len(lines) > max_values:
                raise _too_many(max_values)
            if characters > MAX_TEXT:
                raise YamlError("has aliases that expand to too much text")
        return YamlDocument(loader.construct_document(node), lines)
    except yaml.YAMLError as error:
        raise _not_yaml(error) from error
    except RecursionError as error:
        raise YamlError("is nested too deeply") from error


def _too_many(max_values: int) -> YamlError:
    return YamlError(f"has more than {max_values:,} names and values")


def _fields(
    node: Node, path: FieldPath = (), name_line: int = 0
) -> Iterator[tuple[FieldPath, int, int]]:
    """Yield path, line and number of characters of each value, aliases expanded.

    Raises:
        YamlError: a mapping has a name twice: to PyYAML the last one counts.
    """
    size = 0
    if isinstance(node, ScalarNode):
        size = len(node.value)
    yield path, name_line or node.start_mark.line + 1, size
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _fields(item, (*path, index))
    elif isinstance(node, MappingNode):
        seen: dict[str, int] = {}
        for name, value in node.value:
            if not isinstance(name, ScalarNode):
                continue  # refused when the value is made
            line = name.start_mark.line + 1
            if name.value in seen:
                fault = f"has a name twice, see line {seen[name.value]} and line {line}"
                raise YamlError(fault, line, (*path, name.value))
            seen[name.value] = line
            yield from _fields(value, (*path, name.value), line)


def _not_yaml(error: yaml.YAMLError) -> YamlError:
    """Return PyYAML's reason and place. A reason is cut where it quotes more of the file than one
    character.
    """
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", ""))
    fault = "is not YAML"
    shown = re.match(r"""(?:[^'"]|'(?:<[a-z ]*>|\\?.)')*""", reason)
    if shown is not None and shown[0]:
        fault += f": {shown[0].strip()}"
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return YamlError(fault)
    return YamlError(f"{fault}, see line {mark.line + 1}, column {mark.column + 1}", mark.line + 1)
