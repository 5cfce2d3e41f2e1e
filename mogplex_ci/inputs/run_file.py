"""The run file: YAML with inputs, and named tasks with inputs of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.nearest import did_you_mean
from mogplex_ci.inputs.spec import inputs
from mogplex_ci.models import Untrusted
from mogplex_ci.workspace import read_text

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 1_000_000
_NOT_HERE: Final = ("api-key", "run-file", "task")


def read_run_file(workspace: Path, name: str, task: str | None) -> dict[str, str]:
    """Return the inputs that the file gives: the task's own before those at the top.

    Raises:
        UsageError: the file cannot be read, is no YAML, or holds something else than inputs.
    """
    document = _parse(read_text(workspace, name, input_name="run-file", max_bytes=MAX_BYTES))
    tasks = document.pop("tasks", None) or {}
    if not isinstance(tasks, dict):
        raise UsageError(Problem("run-file", "tasks is not a mapping", "tasks: {NAME: {prompt: …}}"))
    values, problems = _inputs(document, "run-file")
    if task is not None:
        if not isinstance(tasks.get(task), dict):
            known = ", ".join(str(known) for known in tasks) or "none: the file has no tasks"
            raise UsageError(Problem("task", "the run file has no such task", known, Untrusted(task)))
        own, own_problems = _inputs(tasks[task], f"run-file, task {task}")
        values, problems = values | own, problems + own_problems
    if problems:
        raise UsageError(*problems)
    return values


def _parse(text: str) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(Problem("run-file", f"not YAML{where}", "YAML: a mapping of input names")) from error
    if not isinstance(document, dict):
        raise UsageError(Problem("run-file", "not a mapping", "YAML such as 'prompt: Fix the tests'"))
    return document


def _inputs(mapping: dict[Any, Any], where: str) -> tuple[dict[str, str], list[Problem]]:
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in mapping.items():
        if name in _NOT_HERE:
            problems.append(Problem(where, f"{name} does not belong into the run file", "an input or variable"))
        elif name not in inputs():
            allowed = did_you_mean(str(name), inputs()) or "an input of the action"
            problems.append(Problem(where, "no such input", allowed, Untrusted(str(name))))
        elif isinstance(value, bool):
            values[name] = str(value).lower()
        elif isinstance(value, str | int | float):
            values[name] = str(value)
        elif value is not None:
            problems.append(Problem(where, f"{name} is not plain text, a number or a boolean", "one value"))
    return values, problems
