"""The inputs of one step, checked and typed."""

# No `from __future__ import annotations`, as in models.py.

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.declared import check, enumeration, inputs, is_true, nearest
from mogplex_ci.inputs.patterns import Patterns
from mogplex_ci.inputs.run_file import parse_options
from mogplex_ci.inputs.sources import Sources, gather, given, read_prompt
from mogplex_ci.inputs.typed import DeclaredInputs
from mogplex_ci.models import Repair, StartRequest
from mogplex_ci.outputs import EVENTS_FILE, WRITTEN_BIT_BY_BIT
from mogplex_ci.platforms.base import Platform, github_api_url
from mogplex_ci.platforms.event_words import leaves_fence_open
from mogplex_ci.platforms.gitlab import job_timeout
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import inside, read_text, writable

GATE_INPUTS: Final = ("allowed-paths", "protected-paths", "artifact")
"""Inputs that each ask for the gate of their name; ``require`` asks for the others."""
_SCHEMA_BYTES: Final = 1_000_000


class ActionInputs(DeclaredInputs):
    """The task and settings of one step: a field for each input, named like it.

    Durations are in seconds, files are inside the workspace; None means not given. ``repo`` is the
    CI system's own unless one is given; for a fleet it is several, separated by white space, and
    patterns. ``prompt`` is the text of ``prompt`` or ``prompt-file``, empty when a run is followed
    instead of started. ``create_branch`` is true also when nothing says which branch to use.
    ``matrix`` are parts of the idempotency key that tell this job from the others of its matrix.
    """

    __slots__ = ()

    @property
    def repos(self) -> tuple[str, ...]:
        """The repositories: names, ids and patterns."""
        return tuple((self.repo or "").split())

    @property
    def is_for_many_repos(self) -> bool:
        """Whether ``repo`` names several repositories, or has a pattern."""
        return len(self.repos) > 1 or is_pattern(self.repo or "")

    @property
    def scenario(self) -> str | Path:
        """The scenario that a dry run plays."""
        return self.dry_run if isinstance(self.dry_run, str | Path) else "success"

    @property
    def gates(self) -> frozenset[str]:
        """The names of the gates that judge what a run delivers."""
        return self.require | {
            name for name in GATE_INPUTS if getattr(self, inputs()[name].field) is not None
        }

    @property
    def jobs_per_token(self) -> int:
        """How many jobs of the matrix use the token at the same time, this one included."""
        total = _at_least_one(self.strategy.get("job-total"), 1)
        return min(total, _at_least_one(self.strategy.get("max-parallel"), total))

    def start_request(self, repo_id: str, repair: Repair | None = None) -> StartRequest:
        """Return the body of the start call; of a later round, with the report behind the task, on
        the same branch.
        """
        values = self._asdict()
        if repair is not None:
            base, prompt = (
                repair.base_branch or self.base_branch,
                f"{self.prompt}\n\n{repair.report}",
            )
            values |= {
                "prompt": prompt,
                "branch": repair.branch,
                "base_branch": base,
                "create_branch": None,
            }
        fields = {
            spec.api_field: values[spec.field]
            for spec in inputs().values()
            if spec.api_field is not None
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return {"repoId": repo_id, **given, **self.run_options}


def read_fleet(
    argv: Sequence[str], platform: Platform
) -> tuple[Sequence[ActionInputs], bool, Sequence[Problem]]:
    """Return the inputs of each task, whether they make a fleet, and warnings about what has no
    effect.

    Several repositories, a pattern, several tasks or ``task: all`` make a fleet, even if it has one
    run in the end. The folder that ``output-dir`` names is made.

    Raises:
        UsageError: with everything that is wrong in any task, not only the first.
    """
    sources = gather(argv, platform)
    steps: list[ActionInputs] = []
    problems: list[Problem] = []
    folder: Path | None = None
    for task in sources.tasks or [""]:
        try:
            steps.append(read_inputs(sources, task))
            folder = steps[0].output_dir
        except UsageError as error:
            problems, folder = [*problems, *error.problems], folder or error.output_dir
    is_fleet = len(sources.tasks) > 0 or any(step.is_for_many_repos for step in steps)
    if not problems:
        problems += _fleet_conflicts(steps, is_fleet=is_fleet)
    if problems:
        # A misspelt name may be why an input is missing.
        raise UsageError(*dict.fromkeys(problems), *sources.warnings, output_dir=folder)
    return steps, is_fleet, [*sources.warnings, *_warnings(steps[0], platform.env)]


def _fleet_conflicts(steps: Sequence[ActionInputs], *, is_fleet: bool) -> Iterator[Problem]:
    """Yield the inputs that hold for the step as a whole and differ, and those that several runs
    cannot have.
    """
    first, *others = steps
    for spec in inputs().values():
        is_for_all = spec.scope == "step" and spec.is_typed
        if is_for_all and any(
            getattr(step, spec.field) != getattr(first, spec.field) for step in others
        ):
            yield Problem(spec.name, "differs between the tasks", "Set it once, outside tasks.")
    of_one_run = {"run-id": first.run_id, "comment-on": first.comment_on} if is_fleet else {}
    for name in (name for name, value in of_one_run.items() if value is not None):
        yield Problem(name, "is for one run, and this step makes several", f"Remove {name}.")


def is_pattern(repo: str) -> bool:
    """Whether ``repo`` stands for all repositories whose names match it."""
    return "*" in repo or "?" in repo


def read_inputs(sources: Sources, task: str = "") -> ActionInputs:
    """Return the inputs of one task. Without ``task`` it is the one that they name, if any.

    The CI system's own repository is the default for ``repo``.

    Raises:
        UsageError: with everything that is wrong, not only the first.
    """
    platform, (values, unknown_task) = sources.platform, sources.values(task)
    typed, wrong = _typed(values, platform.workspace)
    typed["repo"] = typed["repo"] or platform.repository()
    typed["prompt"] = typed["prompt_file"] or typed["prompt"] or ""
    if not {"create-branch", "branch"} & values.keys() and not _has_worktree(typed):
        typed["create_branch"] = True
    problems = [*sources.problems, *unknown_task, *wrong, *_conflicts(values, typed, platform)]
    if sources.is_complete and not unknown_task:
        problems += _missing(values, typed)
    if problems:
        raise UsageError(*problems, output_dir=typed["output_dir"])
    typed["matrix"] = _matrix(values["matrix"], typed["strategy"])
    return ActionInputs(
        **{spec.field: typed[spec.field] for spec in inputs().values() if spec.is_typed}
    )


def _warnings(read: ActionInputs, env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield warnings about inputs that the job does not leave room for."""
    seconds = job_timeout(env)
    if read.wait and not read.dry_run and seconds is not None and read.timeout >= seconds:
        fault = f"is {read.timeout:,.10g} s, and the job's own is {seconds:,} s: the job is killed first"
        yield Problem("timeout", fault, "Lower it, or raise the job's timeout.")


def _typed(values: Mapping[str, str], workspace: Path) -> tuple[dict[str, Any], Sequence[Problem]]:
    """Return the typed value of each input by its field, and what is wrong with their texts and the
    files they name.

    The value is None where there is no text, or a wrong one.
    """
    typed: dict[str, Any] = {}
    problems = check(values)
    wrong = {problem.input for problem in problems}
    for spec in inputs().values():
        text = values.get(spec.name, spec.default)
        typed[spec.field] = None
        if text is None or spec.name in wrong:
            continue
        try:
            reader = _VALUE_READERS.get(spec.kind.name)
            typed[spec.field] = reader(workspace, text) if reader else spec.value(text)
        except UsageError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(spec.kind.refused(spec.name, text, str(error)))
    return typed, problems


def read_connection(argv: Sequence[str], env: Mapping[str, str]) -> tuple[str, str | None]:
    """Return ``base-url`` and ``api-key`` for a command that needs no other input. A run file must
    not set them.

    Raises:
        UsageError: one of the two is wrong.
    """
    values = {
        name: text for name, text in given(argv, env).items() if name in ("base-url", "api-key")
    }
    problems = check(values)
    if problems:
        raise UsageError(*problems)
    return values.get("base-url", inputs()["base-url"].default or ""), values.get("api-key")


def _missing(values: Mapping[str, str], typed: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what a run, or another input, needs besides: a run file that cannot be used may have
    it.
    """
    if not _gates(values) and typed["repair"]:
        remedy = "Say with require, allowed-paths, protected-paths or artifact what the run must deliver."
        yield Problem("repair", "has nothing to judge a run by", remedy)
    if "artifact-schema" in values and "artifact" not in values:
        remedy = "Set artifact to the name of the JSON that the agent commits."
        yield Problem("artifact-schema", "is given without artifact", remedy)
    if "run-id" in values:
        return
    if "artifact" in values and not typed["create_branch"]:
        yield Problem("artifact", "needs a branch of the run's own", "Set create-branch to true.")
    if "prompt" not in values and "prompt-file" not in values:
        is_task_open = "run-file" in values and "task" not in values
        or_task = ", or task if the run file has tasks" if is_task_open else ""
        yield Problem("prompt", "is missing", f"Set prompt or prompt-file{or_task}.")
    if "repo" not in values and typed["repo"] is None:
        yield Problem(
            "repo", "is missing", f"Set it to a GitHub repository: {inputs()['repo'].kind.allowed}."
        )


def _conflicts(
    values: Mapping[str, str], typed: Mapping[str, Any], platform: Platform
) -> Iterator[Problem]:
    """Yield what is wrong with inputs that are right by themselves. The API would refuse such a
    run, or ignore one.
    """
    given = {name for name, text in values.items() if text != inputs()[name].default}
    if "run-id" in given:
        shaping = [
            name for name, spec in inputs().items() if spec.scope == "start" and name in given
        ]
        if shaping:
            remedy = "Remove them, or remove run-id."
            yield Problem(
                "run-id",
                f"does not go together with {enumeration(shaping)}: that is for a new run",
                remedy,
            )
        if typed["dry_run"] is not False:
            yield Problem(
                "run-id",
                "is given together with dry-run, which has no such run",
                "Remove one of the two.",
            )
    yield from _gate_conflicts(given, typed, platform)
    if typed["canary"] is not None and typed["wait"] is False:
        fault = "needs the ends of the first runs, and wait is false"
        yield Problem("canary", fault, "Remove canary, or set wait to true.")
    if "prompt" in given and "prompt-file" in given:
        yield Problem("prompt", "is given together with prompt-file", "Remove one of the two.")
    if "mode" in given and typed["harness"] == "mogplex":
        yield Problem(
            "mode",
            "is not available for the harness mogplex",
            "Remove mode, or use another harness.",
        )
    if (
        typed["create_branch"]
        and typed["branch"] is not None
        and typed["branch"] == typed["base_branch"]
    ):
        yield Problem(
            "branch",
            "is the same as base-branch",
            "Name another one, or set create-branch to false.",
        )
    if typed["output_dir"] and typed["dry_run"] == typed["output_dir"] / EVENTS_FILE:
        fault = "is a file that this step would replace, because output-dir is its folder"
        yield Problem("dry-run", fault, "Use another output-dir.", Untrusted(values["dry-run"]))
    if _has_worktree(typed):  # from which the service takes branch and folder
        taken = [
            name
            for name in ("branch", "base-branch", "create-branch", "root-directory")
            if name in given
        ]
        if taken:
            fault = f"names a worktree, which does not go together with {enumeration(taken)}"
            yield Problem("run-options", fault, "Remove them, or remove worktreeId.")
        if typed["harness"] == "mogplex":
            fault = "names a worktree, which is not available for the harness mogplex"
            yield Problem("run-options", fault, "Remove worktreeId, or use another harness.")


def _gate_conflicts(
    given: Container[str], typed: Mapping[str, Any], platform: Platform
) -> Iterator[Problem]:
    """Yield what is wrong with the gates, and with what they need."""
    if "github-token" in given:
        try:
            github_api_url(platform.env)
        except UsageError as error:
            yield from error.problems
    elif typed["dry_run"] is False:
        needs = [
            name for name in ("allowed-paths", "protected-paths", "comment-on") if name in given
        ]
        needs += ["require: checks"] if "checks" in (typed["require"] or ()) else []
        needs += ["repair with artifact"] if "repair" in given and "artifact" in given else []
        if needs:
            remedy = "Set it to ${{ github.token }}, or to a token that may read this repository."
            yield Problem(
                "github-token", f"is missing, and needed for {enumeration(needs)}", remedy
            )
    gates = _gates(given)
    if gates and typed["wait"] is False:
        fault = f"is false, and {enumeration(gates)} can only be judged when the run has ended"
        yield Problem(
            "wait", fault, "Set wait to true, or judge the run in a later step that has its run-id."
        )
    if (typed["repair"] or typed["include_event"]) and leaves_fence_open(typed["prompt"]):
        remedy = "Close it: what repair and include-event add has a fence of its own."
        yield Problem("prompt", "opens a code fence that it does not close", remedy)


def _gates(given: Container[str]) -> list[str]:
    return [name for name in ("require", *GATE_INPUTS) if name in given]


def _has_worktree(typed: Mapping[str, Any]) -> bool:
    """Whether a worktree is named. To the service a blank one, as an expression without a value
    leaves it, is none.
    """
    return bool(str((typed["run_options"] or {}).get("worktreeId") or "").strip())


def _run_options(_workspace: Path, text: str) -> Mapping[str, Any]:
    """Return the fields that are added to the start request.

    Raises:
        ValueError: it is not a YAML mapping.
        UsageError: it has a field that an input sets.
    """
    options = parse_options(text) if text else {}
    if not all(isinstance(name, str) for name in options):
        raise ValueError("has a name that is not text")
    owners = {"repoId": "repo"} | {
        spec.api_field: spec.name for spec in inputs().values() if spec.api_field
    }
    taken = [f"{name}, which the input {owners[name]} sets" for name in options if name in owners]
    if taken:
        raise UsageError(
            Problem("run-options", f"has {enumeration(taken)}", "Set the input instead.")
        )
    return options


def artifact_path(name: str) -> str:
    """Return the path of the artifact ``NAME``, ``NAME.json`` or
    ``.mogplex/artifacts/NAME.json``.
    """
    return (
        f".mogplex/artifacts/{name.removeprefix('.mogplex/artifacts/').removesuffix('.json')}.json"
    )


def _read_schema(workspace: Path, name: str) -> Mapping[str, Any]:
    """Return the JSON Schema in the file.

    Raises:
        ValueError: it is none.
        UsageError: the file cannot be read.
    """
    from mogplex_ci.inputs.schema import schema_fault  # loads jsonschema, which few steps need

    text = read_text(workspace, name, input_name="artifact-schema", max_bytes=_SCHEMA_BYTES)
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON") from error
    fault = schema_fault(schema) if isinstance(schema, dict) else "is not a JSON object"
    if fault is not None:
        raise ValueError(fault)
    return dict(schema)


def _dry_run(workspace: Path, text: str) -> bool | str | Path:
    """Return whether it is a dry run: the name of a scenario, or the path of one of the user's own,
    says which.

    Raises:
        UsageError: there is no such scenario, or the file cannot be played.
    """
    if text.lower() in ("true", "false"):
        return is_true(text)
    from mogplex_ci.emulator import DocumentError  # only dry runs need it
    from mogplex_ci.emulator.recording import MAX_BYTES
    from mogplex_ci.emulator.scenario import SHIPPED, load_scenario

    if text in SHIPPED:
        return text
    if "/" not in text and not Path(text).suffix:
        near = tuple(map(Untrusted, nearest(text, SHIPPED)))
        remedy = "'mogplex-ci emulator --help' lists them; a YAML file or an events.ndjson in the workspace plays, too."
        raise UsageError(Problem("dry-run", "is not a scenario", remedy, Untrusted(text), near))
    read_text(
        workspace, text, input_name="dry-run", max_bytes=MAX_BYTES
    )  # its messages are those of every file
    path = inside(workspace, text, input_name="dry-run")
    try:
        load_scenario(path)
    except DocumentError as error:
        faults = (
            str(error)
            .replace(f"{path}: ", "the file: ")
            .replace(f"{path}:", "line ")
            .replace("\n", "; ")
        )
        raise UsageError(Problem("dry-run", "cannot be played", f"Fix {faults}.")) from error
    return path


def _output_dir(workspace: Path, name: str) -> Path:
    """Return the path of the folder. The files that are written bit by bit are created; the others
    appear when whole.

    Raises:
        UsageError: it is not in the workspace, or cannot be written.
    """
    files = [
        writable(workspace, f"{name}/{file}", input_name="output-dir")
        for file in WRITTEN_BIT_BY_BIT
    ]
    return files[0].parent


def _read_prompt(workspace: Path, name: str) -> str:
    """Return the prompt in the file, or on standard input.

    Raises:
        UsageError: it cannot be read, or is no prompt.
        StopRequested: a stop signal came while standard input was read.
    """
    text = read_prompt(name, input_name="prompt-file", workspace=workspace)
    if not text:
        raise UsageError(
            Problem(
                "prompt-file", "is empty", "Write the task for the agent into it.", Untrusted(name)
            )
        )
    if problem := inputs()["prompt"].kind.problem("prompt-file", text):
        raise UsageError(problem._replace(got=Untrusted(name)))
    return text


def _at_least_one(value: object, otherwise: int) -> int:
    return max(value, 1) if isinstance(value, int) else otherwise


def _matrix(text: str, strategy: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of the job's matrix, and its number in it, as parts of the idempotency
    key.
    """
    matrix = json.loads(text)
    if not matrix:
        return ()
    own = json.dumps(matrix, sort_keys=True)
    return (own, str(strategy["job-index"])) if "job-index" in strategy else (own,)


_VALUE_READERS: Final[Mapping[str, Callable[[Path, str], object]]] = {
    "patterns": lambda _, text: Patterns.parse(text),
    "artifact": lambda _, text: artifact_path(text),
    "prompt-file": _read_prompt,
    "schema-file": _read_schema,
    "output-dir": _output_dir,
    "dry-run": _dry_run,
    "run-options": _run_options,
    "strategy": lambda _, text: json.loads(text) or {},
}
"""How a valid text becomes a value, by kind, where more than the text decides. The path is the
workspace.

They raise ``ValueError`` with another fault of the text, or ``UsageError`` with better advice than
the kind's own.
"""
