"""Where an input's text comes from: flag, ``INPUT_``, ``MOGPLEX_``, run file or default, in this order."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.schema import did_you_mean, inputs
from mogplex_ci.models import Untrusted
from mogplex_ci.platforms.base import OUTPUTS, VARIABLES, output_variable
from mogplex_ci.workspace import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OUTPUT_VARIABLES: Final = frozenset(map(output_variable, OUTPUTS))
"""Outputs as other CI systems hand them to later jobs."""
_RUN_FILE_BYTES: Final = 1_000_000
_NODES: Final = 5_000
"""Values and names that a run file may have; a larger one would take seconds to parse."""
_EXPANDED_SIZE: Final = 4_000_000
"""Characters and nodes that a run file may have once its aliases are expanded."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The text of every input that has one, and what is wrong with where it came from."""

    values: Mapping[str, str]
    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    is_complete: bool
    """False when the run file could not be used: a missing input may stand in it."""


def gather(argv: Sequence[str], env: Mapping[str, str], workspace: Path) -> Gathered:
    """Return the inputs' text, not checked yet. Surrounding white space is dropped; blank counts as not given."""
    flags, problems = _flags(argv)
    from_outputs = _variables_from_outputs(env)
    environment = {name: value for name, value in env.items() if name not in from_outputs}
    values = {name: text for name in inputs() if (text := _given(name, flags, environment))}
    file_problems: list[Problem] = []
    if "run-file" in values:
        from_file, file_problems = _read_run_file(workspace, values["run-file"], values.get("task"))
        values = from_file | values
    elif "task" in values:
        problems.append(Problem("task", "given without run-file", "run-file: the YAML file that holds the task"))
    defaults = {name: spec.default for name, spec in inputs().items() if spec.default is not None}
    return Gathered(
        values=defaults | values,
        problems=problems + file_problems,
        warnings=[*_unknown_variables(environment), *_ignored_variables(from_outputs)],
        is_complete=not file_problems,
    )


def flag_parser(prog: str) -> argparse.ArgumentParser:
    """Return a parser with a flag for every input except the token, which other processes could see."""
    parser = _Parser(
        prog=prog,
        description="One CI step: start a Mogplex run, follow it, and exit with its result.",
        epilog=f"Example: MOGPLEX_API_KEY=mog_… {prog} --repo acme/web --prompt 'Fix the failing test'",
        allow_abbrev=False,
    )
    for spec in inputs().values():
        if spec.is_secret:
            continue
        text = spec.description + (f" Default: `{spec.default}`." if spec.default else "")
        text = argparse.SUPPRESS if spec.github_expression else text.replace("`", "").replace("%", "%%")
        if spec.kind.name == "boolean":
            parser.add_argument(f"--{spec.name}", help=text, metavar="BOOL", nargs="?", const="true")
        else:
            parser.add_argument(f"--{spec.name}", help=text, metavar="VALUE")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(Problem("arguments", "cannot be understood", "see --help", Untrusted(message)))


def _flags(argv: Sequence[str]) -> tuple[dict[str, str], list[Problem]]:
    try:
        known, unknown = flag_parser("mogplex-ci").parse_known_args(list(argv))
    except UsageError as error:
        return {}, list(error.problems)
    values = {name.replace("_", "-"): value for name, value in vars(known).items() if value is not None}
    return values, [_unknown_argument(word) for word in unknown]


def _unknown_argument(word: str) -> Problem:
    flag = word.split("=", 1)[0]
    if flag == "--api-key":
        return Problem("arguments", "a token must not stand in a command line", "set MOGPLEX_API_KEY")
    if flag.startswith("-"):
        near = did_you_mean(flag, [f"--{name}" for name in inputs()])
        return Problem("arguments", "no such flag", near or "see --help", Untrusted(flag))
    return Problem("arguments", "not expected here", "--name VALUE; see --help", Untrusted(word))


def _given(name: str, flags: Mapping[str, str], env: Mapping[str, str]) -> str:
    """Return the first text that is not blank, without the white space around it; empty when there is none."""
    spec = inputs()[name]
    places = (flags.get(name), env.get(spec.github_variable), *map(env.get, spec.variables))
    return next((text for place in places if place and (text := place.strip())), "")


def _variables_from_outputs(env: Mapping[str, str]) -> set[str]:
    """Return the variables that hold outputs of an earlier job and must not count as inputs of this one.

    Outputs and inputs share names (``MOGPLEX_BRANCH``, ``MOGPLEX_IDEMPOTENCY_KEY``). ``MOGPLEX_RUN_ID`` is no input:
    where it is set, an earlier job's dotenv file was loaded, and its key would join that job's run.
    """
    return set(OUTPUT_VARIABLES & env.keys()) if env.get("MOGPLEX_RUN_ID") else set()


def _ignored_variables(from_outputs: set[str]) -> list[Problem]:
    names = sorted(from_outputs & {variable for spec in inputs().values() for variable in spec.variables})
    if not names:
        return []
    return [Problem(", ".join(names), "ignored: outputs of an earlier job", "set this job's inputs with flags")]


def _unknown_variables(env: Mapping[str, str]) -> list[Problem]:
    known = {variable for spec in inputs().values() for variable in spec.variables}
    known |= OUTPUT_VARIABLES | set(VARIABLES)
    github = {spec.github_variable for spec in inputs().values()}
    warnings = []
    for name in sorted(env):
        names = known if name.startswith("MOGPLEX_") else github if name.startswith("INPUT_") else None
        if names is not None and name not in names:
            shown = name if name.startswith("MOGPLEX_") else name.removeprefix("INPUT_").lower()
            near = did_you_mean(name, names).replace("INPUT_", "")
            warnings.append(Problem("unknown input", "is not used", near or "see the README", Untrusted(shown)))
    return warnings


def _read_run_file(workspace: Path, name: str, task: str | None) -> tuple[dict[str, str], list[Problem]]:
    """Return the run file's inputs, the task's before those at the top, and what is wrong with the file."""
    try:
        document = _parse_yaml(read_text(workspace, name, input_name="run-file", max_bytes=_RUN_FILE_BYTES))
    except UsageError as error:
        return {}, list(error.problems)
    problems = _structure_problems(document)
    if problems:
        return {}, problems
    tasks = document.pop("tasks", None) or {}
    if task is not None:
        if task not in tasks:
            known = ", ".join(map(str, tasks)) or "none: the file has no tasks"
            return {}, [Problem("task", "the run file has no such task", known, Untrusted(task))]
        document |= tasks[task] or {}
    return {name: text for name, value in document.items() if value and (text := value.strip())}, []


def _parse_yaml(text: str) -> dict[str, Any]:
    """Return the mapping that the run file holds. Its scalars are text as written, or None for null.

    Raises:
        UsageError: it holds something else, or too much.
    """
    import yaml

    class TextLoader(yaml.BaseLoader):
        """Ignores tags, so that ``branch: no`` is not a boolean and ``branch: 1.10`` not a number."""

        nodes = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            self.nodes += 1
            if self.nodes > _NODES:
                raise yaml.MarkedYAMLError(problem="too many values", problem_mark=self.get_mark())
            return super().compose_node(parent, index)

        def construct_scalar(self, node: yaml.ScalarNode) -> Any:
            is_null = node.style is None and node.value in ("", "~", "null", "Null", "NULL")
            return None if is_null else node.value

    try:
        document = yaml.load(text, TextLoader)  # noqa: S506 - a BaseLoader makes nothing but text, lists and mappings
        size = _expanded_size(document, {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(Problem("run-file", f"not YAML{where}", "YAML: a mapping of input names")) from error
    except RecursionError as error:
        raise UsageError(Problem("run-file", "nested too deeply", "YAML: a mapping of input names")) from error
    if not isinstance(document, dict):
        raise UsageError(Problem("run-file", "not a mapping", "YAML such as 'prompt: Fix the tests'"))
    if size > _EXPANDED_SIZE:
        raise UsageError(Problem("run-file", "its aliases expand to too much", "a smaller file"))
    return document


def _expanded_size(node: object, known: dict[int, int]) -> int:
    """Return how many characters and nodes ``node`` has when its aliases are expanded."""
    if id(node) not in known:
        children = [*node.keys(), *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []
        own = len(node) if isinstance(node, str) else 1
        known[id(node)] = own + sum(_expanded_size(child, known) for child in children)
    return known[id(node)]


def _structure_problems(document: dict[str, Any]) -> list[Problem]:
    """Return what is wrong with the run file's names and shape. The values are checked with the other inputs."""
    from jsonschema import Draft202012Validator

    from mogplex_ci import schemas

    problems = []
    for error in Draft202012Validator(schemas.load("run-file")).iter_errors(document):
        where = ", ".join(("run-file", *(f"task {name}" for name in list(error.path)[1:2])))
        if error.validator == "additionalProperties":
            properties = error.schema["properties"]
            problems += [_unknown_name(name, where) for name in error.instance if name not in properties]
        elif error.validator == "type":
            allowed = "one value" if error.schema["type"] != "object" else "a mapping"
            subject = str(error.path[-1]) if error.path else "the file"
            problems.append(Problem(where, f"{subject} is not plain text, a number or a boolean", allowed))
    return problems


def _unknown_name(name: object, where: str) -> Problem:
    if name in inputs():
        return Problem(where, f"{name} does not belong into the run file", "an input or variable")
    allowed = did_you_mean(str(name), inputs()) or "an input of the action"
    return Problem(where, "no such input", allowed, Untrusted(str(name)))
