"""The run file: YAML with inputs of a step, and with tasks. Its scalars are text as written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mogplex_ci.errors import Problem, RunFilePlace, UsageError, could_be_credential
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


class RunFile(NamedTuple):
    """A run file that could be read."""

    name: str
    """As the input ``run-file`` has it."""
    document: Mapping[str, Any]
    """``tasks`` and inputs, whose values are text as written, or None for null; without those whose
    names or structure are wrong.
    """

    @property
    def tasks(self) -> Mapping[str, Any]:
        """What each task sets, or None for nothing."""
        return self.document.get("tasks") or {}

    def placed(self, problem: Problem, task: str | None) -> Problem:
        """Return a problem of an input with its place in this file, if the file sets the input: for
        ``task``, or for all.
        """
        for part, part_task in ((self.tasks.get(task or "") or {}, task), (self.document, None)):
            if problem.input in part:
                return _placed(problem, self.name, part, problem.input, part_task)
        return problem


def read_run_file(workspace: Path, name: str) -> tuple[RunFile | None, Sequence[Problem]]:
    """Return a run file and what is wrong with its structure; None if its tasks cannot be told.

    Raises:
        UsageError: it cannot be read, or is no mapping. No message quotes anything of it but its
            names.
    """
    text = read_text(workspace, name, input_name="run-file", max_bytes=BYTES)
    try:
        document = _parse(text)
    except ValueError as error:
        remedy = "Write names and values, such as 'prompt: Fix the tests'."
        raise UsageError(Problem("run-file", str(error), remedy, Untrusted(name))) from error
    problems = list(_take_out_what_is_wrong(document, name))
    if not isinstance(document.get("tasks"), dict | None):
        return None, problems[:_LISTED]
    return RunFile(name, document), problems[:_LISTED]


def inputs_of_task(run_file: RunFile, task: str | None) -> tuple[dict[str, str], Sequence[Problem]]:
    """Return the inputs that a run file sets, those of a task before those at the top; and if it
    has no such task.
    """
    tasks = run_file.tasks
    values = dict(run_file.document)
    values.pop("tasks", None)
    if task is not None:
        values |= tasks.get(task) or {}
    if isinstance(values.get("run-options"), dict):
        # Every input is a text, and JSON is YAML.
        values["run-options"] = json.dumps(_as_options(values["run-options"]))
    texts = {name: (value or "").strip() for name, value in values.items()}
    given = {name: text for name, text in texts.items() if text}
    if task is not None and task not in tasks:
        return given, [_unknown_task(task, tasks)]
    return given, []


def parse_options(text: str) -> dict[str, Any]:
    """Return the YAML mapping in ``text``, whose plain scalars are numbers, booleans and null where
    JSON's are.

    Raises:
        ValueError: it holds something else, or too much.
    """
    return {_as_options(name): _as_options(value) for name, value in _parse(text).items()}


def _unknown_task(task: str, tasks: Mapping[str, object]) -> Problem:
    names = [name for name in map(str, tasks) if not could_be_credential(name)]
    near = tuple(map(Untrusted, nearest(task, names)))
    listed = ", ".join(names[:_LISTED])
    if len(names) > _LISTED:
        listed += ", …"
    remedy = f"Its tasks: {listed}."
    if not tasks:
        remedy = "The file has no tasks."
    return Problem("task", "is not in the run file", remedy, Untrusted(task), near)


def _take_out_what_is_wrong(document: dict[str, Any], file: str) -> Iterator[Problem]:
    """Yield what is wrong with the run file's names and structure, and remove it. The values are
    checked with the other inputs.

    Without the jsonschema library and the schema that editors use, which take long to load; a test
    compares.
    """
    tasks = document.get("tasks")
    parts: list[tuple[dict[str, Any], str | None]] = [(document, None)]
    if tasks is None:
        tasks = {}
    elif not isinstance(tasks, dict):
        yield _placed(_not_a_mapping("tasks"), file, document, "tasks")
        tasks = {}
    for name, part in tasks.items():
        if isinstance(part, dict):
            parts.append((part, str(name)))
        elif part is not None:
            yield _placed(_not_a_mapping(name), file, tasks, name)
            tasks[name] = None
    for part, task in parts:
        for name, value in list(part.items()):
            problem = None
            if task is not None or name != "tasks":
                problem = _fault_of_value(name, value)
            if problem is not None:
                yield _placed(problem, file, part, name, task)
                del part[name]


def _placed(
    problem: Problem,
    file: str,
    part: Mapping[Any, Any],
    name: object,
    task: str | None = None,
) -> Problem:
    """Return a problem with the place of ``name`` in ``part``, the mapping of a ``task`` or of the
    whole file.
    """
    lines = part.lines if isinstance(part, _Mapping) else {}
    shown_task = Untrusted(task) if task is not None else None
    return problem._replace(
        place=RunFilePlace(Untrusted(file), lines.get(str(name), 1), shown_task)
    )


def _not_a_mapping(name: object) -> Problem:
    remedy = "Write names and values below it, such as 'prompt: Fix the tests'."
    return Problem("run-file", "is not a mapping", remedy, Untrusted(str(name)))


def _fault_of_value(name: object, value: object) -> Problem | None:
    """Return what is wrong with a name and the shape of its value, or None."""
    if name not in inputs():
        return _unknown_name(str(name))
    known = inputs()[str(name)]
    if not known.is_for_run_file:
        fault = "must not be set in a run file"
        return Problem("run-file", fault, "Set it outside of the file.", Untrusted(known.name))
    is_mapping_allowed = known.name == "run-options"
    if isinstance(value, list) or (isinstance(value, dict) and not is_mapping_allowed):
        remedy = "Write one text, number or boolean."
        return Problem("run-file", "has more than one value", remedy, Untrusted(known.name))
    return None


def _unknown_name(name: str) -> Problem:
    known = {name: name for name in (*inputs(), "tasks")}
    remedy = instead_of(name, known, otherwise=SEE_INPUTS)
    return Problem("run-file", "is not an input", remedy, Untrusted(name))


class _Mapping(dict[Any, Any]):
    """A mapping whose names have lines."""

    __slots__ = ("lines",)

    def __init__(self, content: Mapping[Any, Any], lines: Mapping[str, int]) -> None:
        super().__init__(content)
        self.lines = lines
        """The line of each name; counts from 1."""


class _Unquoted(str):
    """A scalar without quotes."""

    __slots__ = ()


def _as_options(node: Any) -> Any:
    """Return a value of a run file as ``run-options`` has it."""
    if isinstance(node, dict):
        return {_as_options(name): _as_options(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_as_options(value) for value in node]
    if not isinstance(node, _Unquoted):
        return node
    try:
        value = json.loads(node, parse_constant=str)
    except ValueError:
        return node
    if isinstance(value, bool | int | float) and abs(value) < inf:
        return value
    return node  # such as 1e400, which JSON cannot say


def _parse(text: str) -> dict[str, Any]:
    """Return the mapping in ``text``, whose scalars are text as written, or None for null.

    Raises:
        ValueError: it holds something else, or too much.
    """
    import yaml

    try:
        document = yaml.load(text, _loader())  # noqa: S506 - a BaseLoader makes nothing but text, lists and mappings
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


@cache
def _loader() -> type[yaml.BaseLoader]:
    """Return the class that reads YAML; made here, because few steps need the library."""
    import yaml
    from yaml.scanner import ScannerError

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

        def scan_flow_scalar_non_spaces(self, double: bool, start_mark: yaml.Mark) -> list[str]:
            try:
                return super().scan_flow_scalar_non_spaces(double, start_mark)
            except (ValueError, OverflowError) as error:  # of chr, which PyYAML does not catch
                problem = "found an escape that is no character"
                raise ScannerError(None, None, problem, self.get_mark()) from error

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            lines = _lines_of_names(node)
            return _Mapping(super().construct_mapping(node, deep), lines)

        def construct_scalar(self, node: yaml.ScalarNode) -> Any:
            if node.style is not None:  # it has quotes
                return _with_whole_characters(node.value)
            if node.value in _NULLS:
                return None
            return _Unquoted(node.value)

    return TextLoader


def _with_whole_characters(text: str) -> str:
    """Return ``text`` with each emoji and its like as one character: JSON may write two halves,
    which PyYAML leaves as they are.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _lines_of_names(mapping: yaml.MappingNode) -> dict[str, int]:
    """Return the line of each name.

    Raises:
        ValueError: the mapping has a name twice: to PyYAML the last one counts.
    """
    lines: dict[str, int] = {}
    for name, _ in mapping.value:
        text = name.value
        line = name.start_mark.line + 1
        if not isinstance(text, str):  # a list or a mapping as a name: PyYAML refuses it
            continue
        if text in lines:
            shown = f"the name {text}"
            if could_be_credential(text):
                shown = "a name"
            raise ValueError(f"has {shown} twice, see line {lines[text]} and line {line}")
        lines[text] = line
    return lines


def _why_not_yaml(error: yaml.YAMLError) -> str:
    """Return PyYAML's reason and place. A reason is cut where it quotes more of the file than one
    character.
    """
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", ""))
    why = ""
    shown = re.match(r"""(?:[^'"]|'(?:<[a-z ]*>|\\?.)')*""", reason)
    if shown is not None and shown[0]:
        why = f": {shown[0].strip()}"
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        why += f", see line {mark.line + 1}, column {mark.column + 1}"
    return why


def _expanded_size(node: object, known: dict[int, int]) -> int:
    """Return how many characters and nodes ``node`` has when its aliases are expanded.

    ``known`` has the sizes found so far: an alias is the same object as what it stands for, so that
    each is measured once, however much it expands to.
    """
    if id(node) not in known:
        size = 1
        if isinstance(node, str):
            size = len(node)
        elif isinstance(node, list):
            size += sum(_expanded_size(child, known) for child in node)
        elif isinstance(node, dict):
            children = [*node.keys(), *node.values()]
            size += sum(_expanded_size(child, known) for child in children)
        known[id(node)] = size
    return known[id(node)]
