"""Where an input's text comes from: flag, ``INPUT_``, ``MOGPLEX_``, run file, default, in this order."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.nearest import did_you_mean
from mogplex_ci.inputs.run_file import read_run_file
from mogplex_ci.inputs.spec import inputs
from mogplex_ci.models import Untrusted
from mogplex_ci.platforms.base import OUTPUTS, VARIABLES, output_variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OUTPUT_VARIABLES: Final = frozenset(map(output_variable, OUTPUTS))
"""Outputs as other CI systems hand them to later jobs."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Every input that was given, as text, and what deserves a warning."""

    values: Mapping[str, str]
    problems: Sequence[Problem]
    warnings: Sequence[Problem]


def gather(argv: Sequence[str], env: Mapping[str, str], workspace: Path) -> Gathered:
    """Return the inputs' text, and what is wrong with flags and run file.

    Blank counts as not given; surrounding white space is dropped.
    """
    flags, problems = _flags(argv)
    inherited = _inherited(env)
    environment = {name: value for name, value in env.items() if name not in inherited}
    values = {name: found for name in inputs() if (found := _given(name, flags, environment)) is not None}
    if "run-file" in values:
        try:
            values = read_run_file(workspace, values["run-file"], values.get("task")) | values
        except UsageError as error:
            problems.extend(error.problems)
    elif "task" in values:
        problems.append(Problem("task", "given without run-file", "run-file: the YAML file that holds the task"))
    defaults = {name: spec.default for name, spec in inputs().items() if spec.default is not None}
    stripped = {name: text for name, value in values.items() if (text := value.strip())}
    return Gathered(defaults | stripped, problems, [*_unknown(environment), *_ignored(inherited)])


def flag_parser(prog: str) -> argparse.ArgumentParser:
    """Return a parser with a flag for every input that may stand in a command line: the token may not."""
    parser = _Parser(
        prog=prog,
        description="One CI step: start a Mogplex run, follow it, and exit by how it ended.",
        epilog=f"Example: MOGPLEX_API_KEY=mog_… {prog} --repo acme/web --prompt 'Fix the failing test'",
        allow_abbrev=False,
    )
    for spec in inputs().values():
        if spec.is_secret:
            continue
        text = spec.description + (f" Default: {spec.default}." if spec.default else "")
        text = argparse.SUPPRESS if spec.is_internal else text.replace("%", "%%")
        if spec.is_boolean:
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
    return values, [_unexpected(word) for word in unknown]


def _unexpected(word: str) -> Problem:
    flag = word.split("=", 1)[0]
    if flag == "--api-key":
        return Problem("arguments", "a token must not stand in a command line", "set MOGPLEX_API_KEY")
    if flag.startswith("-"):
        near = did_you_mean(flag, [f"--{name}" for name in inputs()])
        return Problem("arguments", "no such flag", near or "see --help", Untrusted(flag))
    return Problem("arguments", "not expected here", "--name VALUE; see --help", Untrusted(word))


def _given(name: str, flags: Mapping[str, str], env: Mapping[str, str]) -> str | None:
    spec = inputs()[name]
    places = (flags.get(name), env.get(spec.github_variable), *(env.get(variable) for variable in spec.environment))
    return next((text for text in places if text is not None and text.strip()), None)


def _inherited(env: Mapping[str, str]) -> set[str]:
    """Return the variables that are an earlier job's outputs, not this job's inputs.

    Outputs and inputs share names (``MOGPLEX_BRANCH``, ``MOGPLEX_IDEMPOTENCY_KEY``). ``MOGPLEX_RUN_ID`` is no input:
    where it is set, an earlier job's dotenv file was loaded, and its key would join its run instead of starting one.
    """
    return set(OUTPUT_VARIABLES & env.keys()) if env.get("MOGPLEX_RUN_ID") else set()


def _ignored(inherited: set[str]) -> list[Problem]:
    names = sorted(inherited & {variable for spec in inputs().values() for variable in spec.environment})
    if not names:
        return []
    return [Problem(", ".join(names), "ignored: outputs of an earlier job", "set this job's inputs with flags")]


def _unknown(env: Mapping[str, str]) -> list[Problem]:
    known = {variable for spec in inputs().values() for variable in spec.environment}
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
