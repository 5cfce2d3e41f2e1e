"""The run file: YAML with inputs of a step, and with tasks. Its scalars are text as written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mogplex_ci.errors import Problem, UsageError, could_be_credential
from mogplex_ci.inputs.declared import SEE_INPUTS, inputs, instead_of, nearest
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import read_text

if TYPE_CHECKING:
    import yaml

BYTES: Final = 500_000
"""Enough for the longest prompt. Reading more could take longer than half a second."""
_NODES: Final = 20_000
"""Values and names that a YAML file may have. More would take seconds to parse."""
_EXPANDED_SIZE: Final = 4_000_000
"""Characters and nodes that a YAML file may have once its aliases are expanded."""
_LISTED: Final = 10
"""Faults and tasks that are named."""
_NULLS: Final = ("", "~", "null", "Null", "NULL")


def read_run_file(workspace: Path, name: str) -> dict[str, Any]:
    """Return the mapping in the file: ``tasks`` and inputs, whose values are text as written, or
    None for null.

    Raises:
        UsageError: it cannot be read, or holds something else. The messages quote nothing of it but
            its names.
    """
    text = read_text(workspace, name, input_name="run-file", max_bytes=BYTES)
    try:
        document = _parse(text)
    except ValueError as error:
        remedy = "Write names and values, such as 'prompt: Fix the tests'."
        raise UsageError(Problem("run-file", str(error), remedy, Untrusted(name))) from error
    problems = list(_structure_problems(document))
    if problems:
        raise UsageError(*problems[:_LISTED])
    return document


def inputs_of_task(
    document: Mapping[str, Any], task: str | None
) -> tuple[dict[str, str], Sequence[Problem]]:
    """Return the inputs that a run file sets, those of a task before those at the top; and if it
    has no such task.
    """
    tasks = document.get("tasks") or {}
    values = {**document, **(tasks.get(task) or {}), "tasks": None}
    if isinstance(options := values.get("run-options"), dict):
        values["run-options"] = json.dumps(_options(options))  # JSON is YAML
    problems = [_unknown_task(task, tasks)] if task is not None and task not in tasks else []
    return {
        name: text for name, value in values.items() if value and (text := value.strip())
    }, problems


def parse_options(text: str) -> dict[str, Any]:
    """Return the YAML mapping in ``text``, whose plain scalars are numbers, booleans and null where
    JSON's are.

    Raises:
        ValueError: it holds something else, or too much.
    """
    return {_options(name): _options(value) for name, value in _parse(text).items()}


def _unknown_task(task: str, tasks: Mapping[str, object]) -> Problem:
    names = [name for name in map(str, tasks) if not could_be_credential(name)]
    near = tuple(map(Untrusted, nearest(task, names)))
    listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    remedy = f"Its tasks: {listed}." if tasks else "The file has no tasks."
    return Problem("task", "is not in the run file", remedy, Untrusted(task), near)


def _structure_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the run file's names and shape. The values are checked with the
    other inputs.

    Without the jsonschema library and the schema that editors use, which take long to load; a test
    compares.
    """
    tasks = document.get("tasks")
    of_tasks = tasks if isinstance(tasks, dict) else {}
    for name, part in (("tasks", tasks), *of_tasks.items()):
        if not isinstance(part, dict | None):
            remedy = "Write names and values below it, such as 'prompt: Fix the tests'."
            yield Problem("run-file", "is not a mapping", remedy, Untrusted(str(name)))
    top = {name: value for name, value in document.items() if name != "tasks"}
    for part in (top, *(part for part in of_tasks.values() if isinstance(part, dict))):
        for name, value in part.items():
            if name not in inputs() or not inputs()[name].is_for_run_file:
                yield _unknown_name(str(name))
            elif isinstance(value, list) or (isinstance(value, dict) and name != "run-options"):
                remedy = "Write one text, number or boolean."
                yield Problem("run-file", "has more than one value", remedy, Untrusted(name))


def _unknown_name(name: str) -> Problem:
    if name in inputs():
        return Problem(
            "run-file", "must not be set in a run file", "Set it in the job.", Untrusted(name)
        )
    remedy = instead_of(
        name, {known: known for known in (*inputs(), "tasks")}, otherwise=SEE_INPUTS
    )
    return Problem("run-file", "is not an input", remedy, Untrusted(name))


class _Plain(str):
    """A scalar without quotes."""

    __slots__ = ()


def _options(node: Any) -> Any:
    """Return a value of a run file as ``run-options`` has it."""
    if isinstance(node, dict):
        return {_options(name): _options(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_options(value) for value in node]
    with suppress(
        ValueError
    ):  # JSON's numbers but such as 1e400, which would be sent as something else
        value = json.loads(node, parse_constant=str) if isinstance(node, _Plain) else node
        return value if isinstance(value, bool | int | float) and abs(value) < inf else node
    return node


def _parse(text: str) -> dict[str, Any]:
    """Return the mapping in ``text``, whose scalars are text as written, or None for null.

    Raises:
        ValueError: it holds something else, or too much.
    """
    import yaml

    class TextLoader(yaml.BaseLoader):
        """Ignores tags, so that ``branch: no`` is not a boolean and ``branch: 1.10`` not a
        number.
        """

        nodes = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            self.nodes += 1
            if self.nodes > _NODES:
                raise ValueError(f"has more than {_NODES:,} names and values")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            lines: dict[str, int] = {}
            for name in (name for name, _ in node.value if isinstance(name, yaml.ScalarNode)):
                line = name.start_mark.line + 1
                if name.value in lines:
                    shown = (
                        "a name" if could_be_credential(name.value) else f"the name {name.value}"
                    )
                    raise ValueError(
                        f"has {shown} twice, see line {lines[name.value]} and line {line}"
                    )
                lines[name.value] = line
            return super().construct_mapping(node, deep)

        def construct_scalar(self, node: yaml.ScalarNode) -> Any:
            if node.style is not None:
                return node.value
            return None if node.value in _NULLS else _Plain(node.value)

    try:
        document = yaml.load(text, TextLoader)  # noqa: S506 - a BaseLoader makes nothing but text, lists and mappings
        size = _expanded_size(document, {})
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML{_why_not_yaml(error)}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("is not a YAML mapping")
    if size > _EXPANDED_SIZE:
        raise ValueError("has aliases that expand to too much text")
    return document


def _why_not_yaml(error: yaml.YAMLError) -> str:
    """Return PyYAML's reason and place. A reason is cut where it quotes more of the file than one
    character.
    """
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", ""))
    shown = re.match(r"""(?:[^'"]|'(?:<[a-z ]*>|\\?.)')*""", reason)
    why = f": {shown[0].strip()}" if shown and shown[0] else ""
    mark = getattr(error, "problem_mark", None)
    return why + (f", see line {mark.line + 1}, column {mark.column + 1}" if mark else "")


def _expanded_size(node: object, known: dict[int, int]) -> int:
    """Return how many characters and nodes ``node`` has when its aliases are expanded."""
    if id(node) not in known:
        children = (
            [*node.keys(), *node.values()]
            if isinstance(node, dict)
            else node
            if isinstance(node, list)
            else []
        )
        own = len(node) if isinstance(node, str) else 1
        known[id(node)] = own + sum(_expanded_size(child, known) for child in children)
    return known[id(node)]
