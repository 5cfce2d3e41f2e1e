"""The inputs of one step: collected from flag, ``INPUT_``, ``MOGPLEX_`` or default, in this order,
then checked and typed.
"""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from mogplex_ci.errors import UsageError
from mogplex_ci.gate_kinds import GATE_INPUTS
from mogplex_ci.inputs.declared import SEE_INPUTS, check, inputs, instead_of
from mogplex_ci.inputs.flags import read_flags
from mogplex_ci.inputs.rules import (
    conflicts,
    missing,
    names_worktree,
    plays_own_output,
    with_advice,
)
from mogplex_ci.inputs.typed import DeclaredInputs
from mogplex_ci.inputs.values import read_values
from mogplex_ci.models import Repair, StartRequest
from mogplex_ci.output_names import OUTPUT_PREFIX
from mogplex_ci.platforms.base import VARIABLES, Platform
from mogplex_ci.platforms.system import JobEnd
from mogplex_ci.problems import Problem

_RUNNER_INPUTS: Final = frozenset({"INPUT_ENTRYPOINT", "INPUT_ARGS"})
"""GitHub's runner takes these two from ``with:`` for itself, in every step with a container."""
_JOB_MARGIN: Final = 30.0
"""Seconds that are left of the job when the step ends: for outputs, reports and ``post``."""
_MIN_SECONDS: Final = 60.0
"""A step that has less time before the job's end starts nothing."""


class Given(NamedTuple):
    """The inputs' texts as flags and environment give them, not checked yet."""

    texts: Mapping[str, str]
    """By input, without surrounding white space; a blank one counts as not given."""
    problems: Sequence[Problem] = ()
    """What is wrong with the flags: an input that seems to be missing may be among them."""
    warnings: Sequence[Problem] = ()

    @property
    def asks_for_dry_run(self) -> bool:
        """Whether it is a dry run, also if the value is wrong."""
        return self.texts.get("dry-run", "false").lower() != "false"

    def value(self, name: str) -> Any:
        """Return the typed value of one input, for code that needs no other: its default, or None,
        if it is not given or is wrong.
        """
        spec = inputs()[name]
        text = self.texts.get(name)
        if text is None or spec.kind.fault(text) is not None:
            text = spec.default
        return None if text is None else spec.kind.value(text)


def collect(argv: Sequence[str], env: Mapping[str, str]) -> Given:
    """Return what the flags of a step and the environment give."""
    flags: Mapping[str, str] = {}
    faults: list[Problem] = []
    if argv:
        flags, faults = read_flags(argv)
    texts = {name: _text(name, flags, env) for name in inputs()}
    given = {name: text for name, text in texts.items() if text}
    faults += _two_addresses(flags, env)
    if flags.get("run-id", "-").strip() == "":
        # The output of an earlier job that started nothing. Counted as not given it would start a
        # run wherever the project's variables have a prompt.
        remedy = "See the log of the step that should have started the run, or remove the flag."
        faults.append(Problem("run-id", "is blank", remedy))
    return Given(given, faults, list(_unknown_variables(env)))


def _text(name: str, flags: Mapping[str, str], env: Mapping[str, str]) -> str:
    """Return the text of an input, from the first place that has one; empty if none has."""
    spec = inputs()[name]
    places = [flags.get(name, "")]
    if spec.is_for_action:
        # GitHub's name for an input of ``with:`` keeps its hyphens.
        places.append(env.get(f"INPUT_{name.upper()}", ""))
    places += [env.get(variable, "") for variable in spec.variables]
    return next(filter(None, map(str.strip, places)), "")


def _two_addresses(flags: Mapping[str, str], env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the problem of a flag and a variable with different addresses: the token goes to one of
    them.

    The component passes the flag, so that no pipeline variable sends the token elsewhere.
    """
    flag, variable = flags.get("base-url", "").strip(), env.get("MOGPLEX_URL", "").strip()
    if flag and variable and flag.rstrip("/") != variable.rstrip("/"):
        remedy = "Set base-url to the same address, or remove the variable."
        yield Problem("base-url", "differs from MOGPLEX_URL", remedy)


def _unknown_variables(env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning about each variable that looks like an input and is not one."""
    specs = inputs().values()
    variables = {variable for spec in specs for variable in spec.variables} | {*VARIABLES}
    on_github = {f"INPUT_{spec.name.upper()}" for spec in specs if spec.is_for_action}
    # Some runners set one with underscores beside it, for shells.
    beside = {name.replace("-", "_") for name in on_github & env.keys()}
    of_earlier_job = {variable for variable in env if variable.startswith(OUTPUT_PREFIX)}
    known = variables | of_earlier_job | on_github | beside | _RUNNER_INPUTS
    by_name = {_name_of(variable): variable for variable in variables}
    names = {spec.name: spec.name if spec.is_for_action else spec.variables[0] for spec in specs}
    for variable in sorted(env.keys() - known):
        name = _name_of(variable)
        if variable.startswith("MOGPLEX_"):
            remedy = instead_of(name, by_name, otherwise=SEE_INPUTS)
            yield Problem(variable[:100], "is not an input", remedy)
        elif variable.startswith("INPUT_"):
            remedy = instead_of(name, names, otherwise=SEE_INPUTS)
            yield Problem(variable.partition("_")[2].lower()[:100], "is not an input", remedy)


def _name_of(variable: str) -> str:
    """Return the name of the input that a variable sets, or would set."""
    return variable.partition("_")[2].lower().replace("_", "-")


class ActionInputs(DeclaredInputs):
    """The task and settings of one step: a field for each input, named like it.

    Durations are in seconds, files are inside the workspace; None means not given. ``repo`` is the
    CI system's own unless one is given. ``prompt`` is the text of ``prompt`` or ``prompt-file``,
    empty when a run is followed instead of started. ``create_branch`` is true also when nothing
    says which branch to use.
    """

    __slots__ = ()

    @property
    def played(self) -> str | Path:
        """The recording that a dry run plays: a name or a file."""
        if isinstance(self.dry_run, bool):
            return "success"
        return self.dry_run

    @property
    def gates(self) -> frozenset[str]:
        """The names of the gates that judge what a run delivers."""
        own_inputs = {
            name for name in GATE_INPUTS if getattr(self, inputs()[name].field) is not None
        }
        return self.require | own_inputs

    @property
    def matrix_job(self) -> "MatrixJob":
        """Which of the jobs of a matrix this one is."""
        return MatrixJob.of(self.job_context)

    def start_request(self, repo_id: str, repair: Repair | None = None) -> StartRequest:
        """Return the body of the start call; of a later round, with the report behind the task, on
        the same branch.
        """
        typed = self
        if repair is not None:
            typed = self._replace(
                prompt=f"{self.prompt}\n\n{repair.report}",
                branch=repair.branch,
                base_branch=repair.base_branch or self.base_branch,
                create_branch=None,
            )
        return {**start_body(repo_id, typed._asdict()), **self.run_options}


class MatrixJob(NamedTuple):
    """One of the jobs of a matrix."""

    values: object
    """Empty without a matrix."""
    number: object
    """None where it is not known. Two jobs of a matrix may have the same values."""
    parallel: int
    """How many of them use the token at the same time, this one included."""

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Self:
        """Return what ``job-context`` of action.yml says. On Forgejo and act it knows neither index
        nor total.
        """
        total = _at_least_one(context.get("total"), 1)
        parallel = min(total, _at_least_one(context.get("max-parallel"), total))
        return cls(context.get("matrix") or {}, context.get("index"), parallel)

    @property
    def parts(self) -> tuple[str, ...]:
        """What identifies this job in its matrix, for the idempotency key; empty without one."""
        if not self.values:
            return ()
        values = json.dumps(self.values, sort_keys=True)
        return (values,) if self.number is None else (values, str(self.number))


class StepInputs(NamedTuple):
    """The inputs of a step, as read."""

    inputs: ActionInputs
    warnings: Sequence[Problem]
    """What has no effect."""
    job_end: JobEnd | None
    """When the CI system ends the job, if that is why the step ends before its own timeout."""


def read_step(given: Given, platform: Platform) -> StepInputs:
    """Return the inputs of a step, typed. The CI system's own repository is the default for
    ``repo``; the folder that ``output-dir`` names is made.

    Raises:
        UsageError: with everything that is wrong, not only the first.
    """
    texts = given.texts
    if "run-id" in texts:
        texts = {"on-interrupt": "detach", **texts}  # the run is not this step's own
    values, faults = read_values(texts, platform)
    problems = [*given.problems]
    problems += [with_advice(fault, platform) for fault in faults]
    # GitHub passes each default of action.yml as if it had been given.
    changed = {name: text for name, text in texts.items() if text != inputs()[name].default}
    typed = _typed(values, changed, platform)
    problems += conflicts(typed, changed, platform)
    if not given.problems:
        problems += missing(typed, changed)
    job_end = platform.system.job_end(platform.env)
    problems += _no_time_left(job_end)
    if problems:
        # The folder may hold the recording, also one that cannot be played.
        may_play_own = values["dry-run"] is None or plays_own_output(typed)
        output_dir = None if may_play_own else typed.output_dir
        # A misspelt name may be why an input is missing.
        raise UsageError(*dict.fromkeys([*problems, *given.warnings]), output_dir=output_dir)
    if job_end is None or typed.timeout < _seconds_for_step(job_end):
        return StepInputs(typed, given.warnings, None)
    in_time = typed._replace(timeout=_seconds_for_step(job_end))
    return StepInputs(in_time, given.warnings, job_end)


def _typed(values: Mapping[str, Any], given: Container[str], platform: Platform) -> ActionInputs:
    """Return the typed inputs; a field is None if its text is wrong, also against its type.

    ``given`` are the inputs that have a text other than the default.
    """
    typed = ActionInputs(
        **{spec.field: values[name] for name, spec in inputs().items() if spec.is_typed}
    )
    typed = typed._replace(
        prompt=values["prompt-file"] or values["prompt"] or "",
        repo=typed.repo or platform.repository(),
    )
    is_branch_open = "create-branch" not in given and "branch" not in given
    if is_branch_open and not names_worktree(typed):
        typed = typed._replace(create_branch=True)
    return typed


def _seconds_for_step(job_end: JobEnd) -> float:
    return job_end.seconds_left - _JOB_MARGIN


def _no_time_left(job_end: JobEnd | None) -> Iterator[Problem]:
    """Yield the problem that the CI system ends the job too soon for a run."""
    if job_end is not None and _seconds_for_step(job_end) < _MIN_SECONDS:
        seconds = max(job_end.seconds_left, 0)
        fault = f"ends the job in {seconds:.0f} s, too soon to start a run"
        yield Problem(job_end.limit, fault, "Raise it, or start the step earlier in the job.")


def start_body(repo_id: str, values: Mapping[str, object]) -> StartRequest:
    """Return the body of the start call with the ``values`` that are not None, by the fields of
    their inputs.
    """
    body: dict[str, object] = {"repoId": repo_id}
    for spec in inputs().values():
        value = values.get(spec.field)
        if spec.api_field is not None and value is not None:
            body[spec.api_field] = value
    return body


def read_connection(env: Mapping[str, str]) -> tuple[str, str | None]:
    """Return ``base-url`` and ``api-key`` for a command that needs no other input.

    Raises:
        UsageError: one of the two is wrong.
    """
    given = collect((), env)
    names = given.texts.keys() & {"base-url", "api-key"}
    problems = check({name: given.texts[name] for name in sorted(names)})
    if problems:
        raise UsageError(*problems)
    return given.value("base-url"), given.value("api-key")


def _at_least_one(value: object, otherwise: int) -> int:
    if not isinstance(value, int):
        return otherwise
    return max(value, 1)
