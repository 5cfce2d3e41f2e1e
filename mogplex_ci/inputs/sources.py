"""Where an input's text comes from: flag, ``INPUT_``, ``MOGPLEX_``, run file or default, in this order."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mogplex_ci.durations import MAX_SECONDS
from mogplex_ci.errors import Problem, UsageError, could_be_credential
from mogplex_ci.inputs.declared import PROMPT_FILE_BYTES, inputs, instead_of, nearest
from mogplex_ci.inputs.flags import flags_of
from mogplex_ci.outputs import OUTPUTS, output_variable
from mogplex_ci.platforms.base import VARIABLES
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import DOCS
from mogplex_ci.waiting import bounded, stop_of_process
from mogplex_ci.workspace import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import yaml

OUTPUT_VARIABLES: Final = frozenset(output_variable(name) for name, told in OUTPUTS.items() if told.variable)
"""Outputs as other CI systems hand them to later jobs."""
STANDARD_INPUT: Final = "-"
"""As ``prompt-file``."""
ALL_TASKS: Final = "all"
"""As ``task``: every task of the run file."""
SEE_INPUTS: Final = f"See {DOCS}/inputs-and-outputs.md."
_RUNNER_INPUTS: Final = frozenset({"INPUT_ENTRYPOINT", "INPUT_ARGS"})
"""GitHub's runner takes these two from ``with:`` for itself, in every step with a container."""
_RUN_ID: Final = output_variable("run-id")
_STARTS: Final = frozenset({"prompt", "prompt-file", "run-file"})
"""Inputs that say that a run shall be started."""
_NULLS: Final = ("", "~", "null", "Null", "NULL")
_YAML_BYTES: Final = 500_000
"""Enough for the longest prompt. Reading more could take longer than half a second."""
_NODES: Final = 20_000
"""Values and names that a YAML file may have. More would take seconds to parse."""
_LISTED: Final = 10
"""Faults and tasks of a run file that are named."""
_EXPANDED_SIZE: Final = 4_000_000
"""Characters and nodes that a YAML file may have once its aliases are expanded."""


class Gathered(NamedTuple):
    """The text of every input that has one, and what is wrong with where it came from."""

    values: Mapping[str, str]
    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    is_complete: bool
    """False when flags or the run file could not be read: an input that seems to be missing may be among them."""


def gather(argv: Sequence[str], env: Mapping[str, str], workspace: Path, *, task: str | None = None) -> Gathered:
    """Return the inputs' text, not checked yet. Surrounding white space is dropped; blank counts as not given.

    ``task`` is taken instead of the one that the inputs name.
    """
    flags, wrong_flags = flags_of(tuple(argv))
    problems = list(wrong_flags)
    values = given(argv, env)
    if task is not None:
        values["task"] = task
    file_problems: list[Problem] = []
    if "run-file" in values:
        from_file, file_problems = _read_run_file(workspace, values["run-file"], values.get("task"))
        values = from_file | values
    elif "task" in values:
        problems.append(Problem("task", "is given without run-file", "Set run-file to the YAML file with the task."))
    defaults = {name: spec.default for name, spec in inputs().items() if spec.default}
    if "run-id" in values:
        defaults["on-interrupt"] = "detach"  # the run is not this step's own
    return Gathered(
        values=defaults | values,
        problems=problems + file_problems,
        warnings=[*_unknown_variables(env), *_ignored_outputs(env, run_id=values.get("run-id"))],
        is_complete=flags is not None and not file_problems,
    )


def given(argv: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the text of the inputs that flags and environment set, by name."""
    flags, _ = flags_of(tuple(argv))
    ignored = _variables_from_outputs(env)
    environment = {name: value for name, value in env.items() if name not in ignored}
    values = {name: text for name in inputs() if (text := _given(name, flags or {}, environment))}
    values |= {"prompt": as_utf8(values["prompt"])} if "prompt" in values else {}
    if not _STARTS.isdisjoint(values) or "run-id" in values:
        return values
    # An earlier job's output, and nothing else says what this job shall do: it follows that job's run.
    return values | ({"run-id": run_id} if (run_id := env.get(_RUN_ID, "").strip()) else {})


def as_utf8(text: str) -> str:
    """Return an argument's or a variable's text read as UTF-8, also where Python takes it for ASCII, by the locale."""
    if sys.getfilesystemencoding() == "utf-8":
        return text
    return os.fsencode(text).decode("utf-8", "surrogateescape")


@cache
def standard_input() -> bytes:
    """Return what stands on standard input, which can be read once. Raises as ``read_interruptibly`` does."""
    return read_interruptibly(0)  # not sys.stdin: the interpreter cannot end while another thread reads that


def read_interruptibly(source: str | int) -> bytes:
    """Return what is in a file or behind a file descriptor, as far as a prompt may be long.

    Raises:
        OSError: it cannot be read.
        StopRequested: a stop signal came; a person may be typing.
    """

    def read() -> bytes:
        with open(source, "rb", closefd=isinstance(source, str)) as file:
            return file.read(PROMPT_FILE_BYTES + 1)

    with stop_of_process().interrupting():
        return bounded(read, MAX_SECONDS)


def _given(name: str, flags: Mapping[str, str], env: Mapping[str, str]) -> str:
    """Return the first text that is not blank, without the white space around it; empty when there is none."""
    spec = inputs()[name]
    variables = (spec.github_variable, *spec.variables) if spec.is_for_action else spec.variables
    places = (flags.get(name), *map(env.get, variables))
    return next((text for place in places if place and (text := place.strip())), "")


def _variables_from_outputs(env: Mapping[str, str]) -> set[str]:
    """Return the variables that hold outputs of an earlier job and must not count as inputs of this one.

    Outputs and inputs share names (``MOGPLEX_BRANCH``, ``MOGPLEX_IDEMPOTENCY_KEY``). Where ``MOGPLEX_RUN_ID`` is set,
    an earlier job's dotenv file was loaded, and its key would join that job's run.
    """
    return set(OUTPUT_VARIABLES & env.keys()) if env.get(_RUN_ID) else set()


def _ignored_outputs(env: Mapping[str, str], *, run_id: str | None) -> list[Problem]:
    """Return one warning of all variables that look like inputs and are not used; ``run_id`` is the one in use."""
    ignored = _variables_from_outputs(env) & {name for spec in inputs().values() for name in spec.variables}
    names = sorted(name for name in ignored if name != _RUN_ID or env[name].strip() != run_id)
    fault = "set by an earlier job as outputs, and ignored as inputs"
    return [Problem(", ".join(names), fault, "Set this job's inputs with flags.")] if names else []


def _unknown_variables(env: Mapping[str, str]) -> Iterator[Problem]:
    ours = {variable for spec in inputs().values() for variable in spec.variables} | set(VARIABLES)
    known = {_name_of(variable): variable for variable in ours}
    on_github = {spec.name: spec.name for spec in inputs().values() if spec.is_for_action}
    for variable in sorted(env):
        name = _name_of(variable)
        if variable.startswith("MOGPLEX_") and variable not in ours | OUTPUT_VARIABLES:
            yield Problem(variable[:100], "is not an input", instead_of(name, known, otherwise=SEE_INPUTS))
        elif variable.startswith("INPUT_") and name not in on_github and variable not in _RUNNER_INPUTS:
            remedy = f"Set {known[name]}." if name in known else instead_of(name, on_github, otherwise=SEE_INPUTS)
            yield Problem(name[:100], "is not an input", remedy)


def _name_of(variable: str) -> str:
    return variable.partition("_")[2].lower().replace("_", "-")


def _read_run_file(workspace: Path, name: str, task: str | None) -> tuple[dict[str, str], list[Problem]]:
    """Return the run file's inputs, the task's before those at the top, and what is wrong with the file."""
    try:
        document = read_yaml(workspace, name, input_name="run-file")
    except UsageError as error:
        return {}, list(error.problems)
    problems = list(_structure_problems(document))
    if problems:
        return {}, problems[:_LISTED]
    tasks = document.pop("tasks", None) or {}
    if task is not None:
        if task not in tasks:
            return {}, [_unknown_task(task, tasks)]
        document |= tasks[task] or {}
    options = document.get("run-options")
    if isinstance(options, dict):
        document["run-options"] = json.dumps(_options(options))  # JSON is YAML
    return {name: text for name, value in document.items() if value and (text := value.strip())}, []


def tasks_asked_for(argv: Sequence[str], env: Mapping[str, str], workspace: Path) -> list[str] | None:
    """Return the tasks that ``task`` asks for as a list or by ``all``; None when it names one task, or is not given.

    A task that is called ``all``, or has a comma in its name, is one task.

    Raises:
        UsageError: a task is named twice, or the file cannot be read or has no tasks.
    """
    values = given(argv, env)
    text, run_file = values.get("task", ""), values.get("run-file")
    names = [name for part in re.split(r"[,\n]", text) if (name := part.strip())]
    if run_file is None or not (text == ALL_TASKS or len(names) > 1):
        return None
    document = read_yaml(workspace, run_file, input_name="run-file")
    known = document.get("tasks")
    known = [str(name) for name in known] if isinstance(known, dict) else []
    if text in known:
        return None
    if text == ALL_TASKS:
        if not known:
            raise UsageError(Problem("task", "is all, and the run file has no tasks", "Add tasks to the file."))
        return known
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(*(Problem("task", "is named twice", "Name it once.", Untrusted(name)) for name in twice))
    return names


def _unknown_task(task: str, tasks: Mapping[str, object]) -> Problem:
    if not tasks:
        return Problem("task", "is not in the run file", "The file has no tasks.", Untrusted(task))
    names = [name for name in map(str, tasks) if not could_be_credential(name)]
    near = tuple(map(Untrusted, nearest(task, names)))
    listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return Problem("task", "is not in the run file", f"Its tasks: {listed}.", Untrusted(task), near)


def read_yaml(workspace: Path, name: str, *, input_name: str) -> dict[str, Any]:
    """Return the mapping in a YAML file in ``workspace``. Its scalars are text as written, or None for null.

    Raises:
        UsageError: it cannot be read, or holds something else. The message quotes nothing of it.
    """
    text = read_text(workspace, name, input_name=input_name, max_bytes=_YAML_BYTES)
    try:
        return _parse_yaml(text)
    except ValueError as error:
        remedy = f"See {DOCS}/emulator.md."
        if input_name == "run-file":
            remedy = "Write names and values, such as 'prompt: Fix the tests'."
        raise UsageError(Problem(input_name, str(error), remedy, Untrusted(name))) from error


def parse_options(text: str) -> dict[str, Any]:
    """Return the YAML mapping in ``text``, whose plain scalars are numbers, booleans and null where JSON's are.

    Raises:
        ValueError: it holds something else, or too much.
    """
    return {_options(name): _options(value) for name, value in _parse_yaml(text).items()}


class _Plain(str):
    """A scalar without quotes."""

    __slots__ = ()


def _options(node: Any) -> Any:
    """Return a value of a run file as ``run-options`` has it."""
    if isinstance(node, dict):
        return {_options(name): _options(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_options(value) for value in node]
    with suppress(ValueError):
        value = json.loads(node, parse_constant=str) if isinstance(node, _Plain) else node
        return value if isinstance(value, bool | int | float) else node
    return node


def _parse_yaml(text: str) -> dict[str, Any]:
    """Return the mapping in ``text``, whose scalars are text as written, or None for null.

    Raises:
        ValueError: it holds something else, or too much.
    """
    import yaml

    class TextLoader(yaml.BaseLoader):
        """Ignores tags, so that ``branch: no`` is not a boolean and ``branch: 1.10`` not a number."""

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
                    shown = "a name" if could_be_credential(name.value) else f"the name {name.value}"
                    raise ValueError(f"has {shown} twice, see line {lines[name.value]} and line {line}")
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
    """Return PyYAML's reason and place. A reason is cut where it quotes more of the file than one character."""
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", ""))
    shown = re.match(r"""(?:[^'"]|'(?:<[a-z ]*>|\\?.)')*""", reason)
    why = f": {shown[0].strip()}" if shown and shown[0] else ""
    mark = getattr(error, "problem_mark", None)
    return why + (f", see line {mark.line + 1}, column {mark.column + 1}" if mark else "")


def _expanded_size(node: object, known: dict[int, int]) -> int:
    """Return how many characters and nodes ``node`` has when its aliases are expanded."""
    if id(node) not in known:
        children = [*node.keys(), *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []
        own = len(node) if isinstance(node, str) else 1
        known[id(node)] = own + sum(_expanded_size(child, known) for child in children)
    return known[id(node)]


def _structure_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the run file's names and shape. The values are checked with the other inputs.

    Without the jsonschema library and the schema that editors use, which cost a fifth of a second; a test compares.
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
        return Problem("run-file", "must not be set in a run file", "Set it in the job.", Untrusted(name))
    remedy = instead_of(name, {known: known for known in (*inputs(), "tasks")}, otherwise=SEE_INPUTS)
    return Problem("run-file", "is not an input", remedy, Untrusted(name))
