"""The run file: YAML with inputs of a step, and with tasks. Its scalars are text as written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mogplex_ci.credentials import could_be_credential
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import SEE_INPUTS, inputs, instead_of, nearest
from mogplex_ci.problems import Problem, RunFilePlace
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import read_text

if TYPE_CHECKING:
    from mogplex_ci.yaml_lines import FieldPath

BYTES: Final = 500_000
"""Enough for the longest prompt. Reading more could take longer than half a second."""
_MAX_VALUES: Final = 20_000
"""Names and values of a run file. More would take seconds to parse."""
_LISTED: Final = 10
"""Faults and tasks that are named."""


class RunFile(NamedTuple):
    """A run file that could be read."""

    name: str
    """As the input ``run-file`` has it."""
    document: Mapping[str, Any]
    """``tasks`` and inputs, whose values are text as written, or None for null; without those whose
    names or structure are wrong.
    """
    lines: Mapping[FieldPath, int]
    """The line of each value; counts from 1."""

    @property
    def tasks(self) -> Mapping[str, Any]:
        """What each task sets, or None for nothing."""
        return self.document.get("tasks") or {}

    def placed(self, problem: Problem, task: str | None) -> Problem:
        """Return a problem of an input with its place in this file, if the file sets the input: for
        ``task``, or for all.
        """
        if task is not None and problem.input in (self.tasks.get(task) or {}):
            return _placed(problem, self.name, self.lines, ("tasks", task, problem.input))
        if problem.input in self.document:
            return _placed(problem, self.name, self.lines, (problem.input,))
        return problem


def read_run_file(workspace: Path, name: str) -> tuple[RunFile | None, Sequence[Problem]]:
    """Return a run file and the faults of its structure; None if its tasks are unclear.

    Raises:
        UsageError: it cannot be read, or is not a mapping. No message quotes anything of it but its
            names.
    """
    text = read_text(workspace, name, input_name="run-file", max_bytes=BYTES)
    try:
        document, lines = _parse(text)
    except ValueError as error:
        remedy = "Write names and values, such as 'prompt: Fix the tests'."
        raise UsageError(Problem("run-file", str(error), remedy, Untrusted(name))) from error
    problems = [
        _placed(problem, name, lines, path) for path, problem in _take_out_what_is_wrong(document)
    ]
    if not isinstance(document.get("tasks"), dict | None):
        return None, problems[:_LISTED]
    return RunFile(name, document, lines), problems[:_LISTED]


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
    document, _ = _parse(text)
    return {name: _as_options(value) for name, value in document.items()}


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


def _take_out_what_is_wrong(document: dict[str, Any]) -> Iterator[tuple[FieldPath, Problem]]:
    """Yield what is wrong with the run file's names and structure, and where; remove it. The values
    are checked with the other inputs.

    Without the jsonschema library and the schema that editors use, which take long to load; a test
    compares.
    """
    tasks = document.get("tasks")
    parts: list[tuple[FieldPath, dict[str, Any]]] = [((), document)]
    if not isinstance(tasks, dict):
        if tasks is not None:
            yield ("tasks",), _not_a_mapping("tasks")
        tasks = {}
    for name, part in tasks.items():
        if isinstance(part, dict):
            parts.append((("tasks", name), part))
        elif part is not None:
            yield ("tasks", name), _not_a_mapping(name)
            tasks[name] = None
    for path, part in parts:
        for name, value in list(part.items()):
            if part is document and name == "tasks":
                continue
            problem = _fault_of_value(name, value)
            if problem is not None:
                yield (*path, name), problem
                del part[name]


def _placed(
    problem: Problem, file: str, lines: Mapping[FieldPath, int], path: FieldPath
) -> Problem:
    """Return a problem with its place. ``path`` is that of an input, ``(NAME,)`` or ``("tasks",
    TASK, NAME)``, or of what is wrong instead.
    """
    task = None
    if len(path) == len(("tasks", "TASK", "NAME")):
        task = Untrusted(str(path[1]))
    return problem._replace(place=RunFilePlace(Untrusted(file), lines.get(path, 1), task))


def _not_a_mapping(name: str) -> Problem:
    remedy = "Write names and values below it, such as 'prompt: Fix the tests'."
    return Problem("run-file", "is not a mapping", remedy, Untrusted(name))


def _fault_of_value(name: str, value: object) -> Problem | None:
    """Return what is wrong with a name and the shape of its value, or None."""
    if name not in inputs():
        known_names = {each: each for each in (*inputs(), "tasks")}
        remedy = instead_of(name, known_names, otherwise=SEE_INPUTS)
        return Problem("run-file", "is not an input", remedy, Untrusted(name))
    known = inputs()[name]
    if not known.is_for_run_file:
        fault = "must not be set in a run file"
        return Problem("run-file", fault, "Set it outside the file.", Untrusted(known.name))
    is_mapping_allowed = known.name == "run-options"
    if isinstance(value, list) or (isinstance(value, dict) and not is_mapping_allowed):
        remedy = "Write one string, number or boolean."
        return Problem("run-file", "has more than one value", remedy, Untrusted(known.name))
    return None


def _as_options(node: Any) -> Any:
    """Return a value of a run file as ``run-options`` has it."""
    from mogplex_ci.yaml_lines import Unquoted

    if isinstance(node, dict):
        return {name: _as_options(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_as_options(value) for value in node]
    if not isinstance(node, Unquoted):
        return node
    try:
        value = json.loads(node, parse_constant=str)
    except ValueError:
        return node
    if isinstance(value, bool | int | float) and abs(value) < inf:
        return value
    return node  # such as 1e400, which JSON cannot say


def _parse(text: str) -> tuple[dict[str, Any], Mapping[FieldPath, int]]:
    """Return the mapping in ``text``, whose scalars are text as written, or None for null, and the
    lines of its fields.

    Raises:
        ValueError: it holds something else, or too much.
    """
    from mogplex_ci.yaml_lines import read_as_text  # loads PyYAML, which few steps need

    document = read_as_text(text, max_values=_MAX_VALUES)
    if not isinstance(document.value, dict):
        raise ValueError("is not a YAML mapping")
    return document.value, document.lines
