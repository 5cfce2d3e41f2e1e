"""Where an input's text comes from: flag, ``INPUT_``, ``MOGPLEX_``, run file or default, in this
order.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from mogplex_ci.durations import MAX_SECONDS
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.declared import PROMPT_FILE_BYTES, SEE_INPUTS, inputs, instead_of
from mogplex_ci.inputs.run_file import inputs_of_task, read_run_file
from mogplex_ci.outputs import OUTPUTS, output_variable
from mogplex_ci.platforms.base import VARIABLES, Platform
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import bounded, stop_of_process
from mogplex_ci.workspace import decode, read_text

OUTPUT_VARIABLES: Final = frozenset(
    output_variable(name) for name, told in OUTPUTS.items() if told.variable
)
"""Outputs as other CI systems hand them to later jobs."""
STANDARD_INPUT: Final = "-"
"""As ``prompt-file``."""
ALL_TASKS: Final = "all"
"""As ``task``: every task of the run file."""
_RUNNER_INPUTS: Final = frozenset({"INPUT_ENTRYPOINT", "INPUT_ARGS"})
"""GitHub's runner takes these two from ``with:`` for itself, in every step with a container."""
_RUN_ID: Final = output_variable("run-id")
_STARTS: Final = frozenset({"prompt", "prompt-file", "run-file"})
"""Inputs that say that a run shall be started."""


class Sources(NamedTuple):
    """Where a step's inputs come from: their texts, and what is wrong there."""

    platform: Platform
    given: Mapping[str, str]
    """Texts of flags and environment, by input."""
    run_file: Mapping[str, Any] | None
    """None if there is none that can be used."""
    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    is_complete: bool
    """False when flags or the run file could not be read: an input that seems to be missing may be
    among them.
    """

    @property
    def tasks(self) -> Sequence[str]:
        """The tasks that ``task`` asks for as a list or by ``all``; empty when it names one task,
        or is not given.

        A task that is called ``all``, or has a comma in its name, is one task.
        """
        text, known = (
            self.given.get("task", ""),
            list(map(str, (self.run_file or {}).get("tasks") or ())),
        )
        names = list(
            dict.fromkeys(name for part in re.split(r"[,\n]", text) if (name := part.strip()))
        )
        if not known or text in known:
            return []
        return known if text == ALL_TASKS else names if len(names) > 1 else []

    def values(self, task: str = "") -> tuple[Mapping[str, str], Sequence[Problem]]:
        """Return the text of every input that has one, not checked yet; and what is wrong with the
        run file's task.

        ``task`` is one of those that the inputs name, if they name several.
        """
        given = {**self.given, "task": task} if task else dict(self.given)
        own, problems = (
            ({}, []) if self.run_file is None else inputs_of_task(self.run_file, given.get("task"))
        )
        own |= given
        defaults = {name: spec.default for name, spec in inputs().items() if spec.default}
        if "run-id" in own:
            defaults["on-interrupt"] = "detach"  # the run is not this step's own
        return defaults | own, problems


def gather(argv: Sequence[str], platform: Platform) -> Sources:
    """Return the inputs' texts. Surrounding white space is dropped; blank counts as not given."""
    flags, wrong_flags = _flags_of(argv)
    env, problems, run_file = platform.env, list(wrong_flags), None
    values = given(argv, env)
    if "run-file" in values:
        try:
            run_file = read_run_file(platform.workspace, values["run-file"])
        except UsageError as error:
            problems += error.problems
    elif "task" in values:
        problems.append(
            Problem(
                "task", "is given without run-file", "Set run-file to the YAML file with the task."
            )
        )
    warnings = [*_unknown_variables(env), *_ignored_outputs(env, run_id=values.get("run-id"))]
    is_complete = flags is not None and ("run-file" not in values or run_file is not None)
    return Sources(platform, values, run_file, problems, warnings, is_complete)


def _flags_of(argv: Sequence[str]) -> tuple[Mapping[str, str] | None, Sequence[Problem]]:
    if not argv:
        return {}, []
    from mogplex_ci.inputs.flags import (
        flags_of,
    )  # loads argparse: 4 ms that a step without flags saves

    return flags_of(tuple(argv))


def given(argv: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the text of the inputs that flags and environment set, by name."""
    flags, ignored = _flags_of(argv)[0] or {}, _variables_from_outputs(env)
    values: dict[str, str] = {}
    for name, spec in inputs().items():
        # GitHub's name for an input of ``with:`` keeps its hyphens.
        variables = (
            (f"INPUT_{name.upper()}", *spec.variables) if spec.is_for_action else spec.variables
        )
        places = (
            flags.get(name, ""),
            *(env.get(variable, "") for variable in variables if variable not in ignored),
        )
        if texts := [text for place in places if (text := place.strip())]:
            values[name] = texts[0]
    values |= {"prompt": as_utf8(values["prompt"])} if "prompt" in values else {}
    if not _STARTS.isdisjoint(values) or "run-id" in values:
        return values
    # An earlier job's output, and nothing else says what this job shall do: it follows that job's
    # run.
    return values | ({"run-id": run_id} if (run_id := env.get(_RUN_ID, "").strip()) else {})


def as_utf8(text: str) -> str:
    """Return an argument's or a variable's text read as UTF-8, also where Python takes it for
    ASCII, by the locale.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return text
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def read_prompt(name: str, *, input_name: str, workspace: Path | None = None) -> str:
    """Return the text in the file, of the workspace if there is one, or on standard input; without
    white space around.

    Raises:
        UsageError: it cannot be read. StopRequested: a stop signal came while a pipe or standard
        input was read; a person may be typing.
    """
    if workspace is not None and name != STANDARD_INPUT:
        return read_text(
            workspace, name, input_name=input_name, max_bytes=PROMPT_FILE_BYTES
        ).strip()
    try:
        content = _content(name)
    except OSError as error:
        fault, remedy = (
            f"cannot be read ({error.strerror})",
            "Give a file, or - for standard input.",
        )
        raise UsageError(Problem(input_name, fault, remedy, Untrusted(name))) from error
    return decode(content, name, input_name=input_name, max_bytes=PROMPT_FILE_BYTES).strip()


@cache
def _content(name: str) -> bytes:
    """Return as much as a prompt may be long. Standard input can be read once."""
    source = (
        0 if name == STANDARD_INPUT else name
    )  # not sys.stdin: while another thread reads that, Python cannot end

    def read() -> bytes:
        with open(source, "rb", closefd=isinstance(source, str)) as file:
            return file.read(PROMPT_FILE_BYTES + 1)

    with stop_of_process().interrupting():
        return bounded(read, MAX_SECONDS)


def _variables_from_outputs(env: Mapping[str, str]) -> set[str]:
    """Return the variables that hold outputs of an earlier job and must not count as inputs of this
    one.

    Outputs and inputs share names (``MOGPLEX_BRANCH``, ``MOGPLEX_IDEMPOTENCY_KEY``). Where
    ``MOGPLEX_RUN_ID`` is set, an earlier job's dotenv file was loaded, and its key would join that
    job's run.
    """
    return set(OUTPUT_VARIABLES & env.keys()) if env.get(_RUN_ID) else set()


def _ignored_outputs(env: Mapping[str, str], *, run_id: str | None) -> list[Problem]:
    """Return one warning of all variables that look like inputs and are not used; ``run_id`` is the
    one in use.
    """
    ignored = _variables_from_outputs(env) & {
        name for spec in inputs().values() for name in spec.variables
    }
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
            yield Problem(
                variable[:100], "is not an input", instead_of(name, known, otherwise=SEE_INPUTS)
            )
        elif (
            variable.startswith("INPUT_")
            and name not in on_github
            and variable not in _RUNNER_INPUTS
        ):
            remedy = (
                f"Set {known[name]}."
                if name in known
                else instead_of(name, on_github, otherwise=SEE_INPUTS)
            )
            yield Problem(name[:100], "is not an input", remedy)


def _name_of(variable: str) -> str:
    return variable.partition("_")[2].lower().replace("_", "-")
