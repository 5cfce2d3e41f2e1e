"""The inputs of one step, checked and typed."""

# No `from __future__ import annotations`, as in models.py.

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mogplex_ci.durations import parse_duration
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.declared import PROMPT_FILE_BYTES, check, enumeration, inputs, is_true
from mogplex_ci.inputs.sources import gather, given, read_yaml, tasks_asked_for
from mogplex_ci.models import StartRequest
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import inside, read_text, writable

if TYPE_CHECKING:
    from mogplex_ci.gates.judges import Patterns

_OF_THE_STEP: Final = (
    *("timeout", "on-interrupt", "wait", "annotations", "summary", "diagnostics-file", "events-file", "result-file"),
    *("report-file", "junit-file", "artifact-file", "comment-on", "on-missing-key", "on-untrusted", "concurrency"),
    "fail-fast",
)
"""Inputs that a run file may set and that hold for all runs of a step."""
_SCENARIO_NAME: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
"""Every other scenario is a file."""
_SCHEMA_BYTES: Final = 1_000_000
_SHAPES_A_START: Final = (
    *("prompt", "prompt-file", "task", "harness", "mode", "agent", "branch", "base-branch", "create-branch"),
    *("root-directory", "idempotency-key", "on-rerun", "retries", "conversation-id", "workspace-session-id"),
    *("worktree-id", "key-suffix"),
)
"""Inputs that have no meaning for a run that was started elsewhere."""


class ActionInputs(NamedTuple):
    """What one step was asked to do: a field for each input, named like it.

    ``prompt-file``, ``run-file``, ``job-index``, ``job-total`` and ``max-parallel`` have no field of their own: their
    values are in the others. Durations are in seconds, files are inside the workspace; None means not given.
    """

    api_key: str | None
    base_url: str
    repo: str | None
    """``owner/name`` or a UUID; None when neither the user nor the CI system names one.

    For a fleet: several, separated by white space, and patterns.
    """
    prompt: str
    """Empty when a run is followed instead of started."""
    run_id: str | None
    """The run to follow instead of starting one."""
    harness: str | None
    mode: str | None
    """As the API has it: ``SAFE``, ``AUTO`` or ``YOLO``."""
    agent: str | None
    branch: str | None
    base_branch: str | None
    create_branch: bool
    root_directory: str | None
    timeout: float
    on_timeout: str
    """``detach`` or ``cancel``."""
    on_interrupt: str
    """``cancel`` or ``detach``."""
    on_pause: str
    """``detach``, ``cancel`` or ``wait``."""
    retries: int
    require: frozenset[str]
    """``change``, ``pull-request``, ``checks``."""
    allowed_paths: "Patterns | None"
    protected_paths: "Patterns | None"
    artifact: str | None
    """Its path in the repository."""
    artifact_schema: Mapping[str, Any] | None
    artifact_file: Path | None
    comment_on: int | None
    github_token: str | None
    wait: bool
    idempotency_key: str | None
    on_rerun: str
    """``auto``, ``new`` or ``attach``."""
    poll_interval: float
    annotations: str
    """``all``, ``errors`` or ``none``."""
    summary: bool
    diagnostics_file: Path | None
    events_file: Path | None
    result_file: Path | None
    report_file: Path | None
    junit_file: Path | None
    task: str | None
    """Name of the task in the run file."""
    concurrency: int
    """How many runs of a fleet work at once."""
    fail_fast: bool
    on_missing_key: str
    """``fail`` or ``skip``."""
    allow_untrusted_trigger: bool
    on_untrusted: str
    """``fail`` or ``skip``."""
    dry_run: bool
    scenario: str | Path | None
    """Name of a scenario, or its file."""
    conversation_id: str | None
    workspace_session_id: str | None
    worktree_id: str | None
    key_suffix: str
    matrix: tuple[str, ...]
    """Parts of the idempotency key that tell this job from the others of its matrix."""
    jobs_per_token: int
    """How many jobs of the matrix use the token at the same time, this one included."""

    @property
    def repos(self) -> tuple[str, ...]:
        """The repositories: names, ids and patterns."""
        return tuple((self.repo or "").split())

    @property
    def is_for_many_repos(self) -> bool:
        """Whether ``repo`` names several repositories, or has a pattern."""
        return len(self.repos) > 1 or is_pattern(self.repo or "")

    def start_request(self, repo_id: str) -> StartRequest:
        """Return the body of the start call."""
        return StartRequest(
            repo_id=repo_id,
            prompt=self.prompt,
            harness=self.harness,
            base_branch=self.base_branch,
            working_branch=self.branch,
            create_branch=True if self.create_branch else None,
            root_directory=self.root_directory,
            conversation_id=self.conversation_id,
            workspace_session_id=self.workspace_session_id,
            mode=self.mode,
            agent_id=self.agent,
            worktree_id=self.worktree_id,
        )


def read_fleet(
    argv: Sequence[str], env: Mapping[str, str], workspace: Path, repository: str | None
) -> tuple[Sequence[ActionInputs], bool, Sequence[Problem]]:
    """Return the inputs of each task, whether they make a fleet, and warnings. Arguments as for ``read_inputs``.

    Several repositories, a pattern, several tasks or ``task: all`` make a fleet, even if it has one run in the end.

    Raises:
        UsageError: with everything that is wrong in any task; or inputs that hold for the step as a whole differ.
    """
    tasks = tasks_asked_for(argv, env, workspace)
    steps: list[ActionInputs] = []
    problems: list[Problem] = []
    warnings: Sequence[Problem] = ()
    for task in [None] if tasks is None else tasks:
        try:
            step, warnings = read_inputs(argv, env, workspace, repository, task=task)
            steps.append(step)
        except UsageError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise UsageError(*problems)
    first, *others = steps
    for name in _OF_THE_STEP:
        field = name.replace("-", "_")
        if any(getattr(step, field) != getattr(first, field) for step in others):
            problems.append(Problem(name, "differs between the tasks", "Set it once, outside tasks."))
    is_fleet = tasks is not None or any(step.is_for_many_repos for step in steps)
    if is_fleet:
        of_one_run = {"run-id": first.run_id, "comment-on": first.comment_on, "artifact-file": first.artifact_file}
        for name in (name for name, value in of_one_run.items() if value is not None):
            problems.append(Problem(name, "is for one run, and this step makes several", f"Remove {name}."))
    if problems:
        raise UsageError(*problems)
    return steps, is_fleet, warnings


def is_pattern(repo: str) -> bool:
    """Whether ``repo`` stands for all repositories whose names match it."""
    return "*" in repo or "?" in repo


def read_inputs(
    argv: Sequence[str], env: Mapping[str, str], workspace: Path, repository: str | None, *, task: str | None = None
) -> tuple[ActionInputs, Sequence[Problem]]:
    """Return the inputs, and warnings about what was given but has no effect.

    ``repository`` is the CI system's own, the default for ``repo``. ``task`` is one of those that ``task`` names, if it
    names several. The files that inputs name for writing are created.

    Raises:
        UsageError: with everything that is wrong, not only the first.
    """
    gathered = gather(argv, env, workspace, task=task)
    values = gathered.values
    wrong = check(values)
    problems = [*gathered.problems, *wrong, *_conflicts(values)]
    if gathered.is_complete:
        problems += _missing(values, repository)
    prompt = values.get("prompt", "")
    files: dict[str, Path] = {}
    schema: Mapping[str, Any] | None = None
    patterns = {}
    for name in {"allowed-paths", "protected-paths"} & values.keys() - {problem.input for problem in wrong}:
        from mogplex_ci.gates.judges import Patterns  # pathspec is needed only for these

        try:
            patterns[name] = Patterns.parse(values[name].splitlines())
        except ValueError as error:
            problems.append(Problem(name, str(error), inputs()[name].kind.remedy, Untrusted(values[name])))
    for name, path in _paths(values, wrong).items():
        try:
            if name == "prompt-file":
                prompt = _read_prompt(workspace, path)
            elif name == "artifact-schema":
                schema = _read_schema(workspace, path)
            elif name == "scenario":
                files[name] = _scenario_file(workspace, path)
            else:
                files[name] = writable(workspace, path, input_name=name)
        except UsageError as error:
            problems.extend(error.problems)
    if problems:
        raise UsageError(*problems, *gathered.warnings)  # a misspelt name may be why another input is missing
    get = values.get
    return ActionInputs(
        api_key=get("api-key"),
        base_url=values["base-url"],
        repo=get("repo") or repository,
        prompt=prompt,
        run_id=get("run-id"),
        harness=get("harness"),
        mode=values["mode"].upper() if "mode" in values else None,
        agent=get("agent"),
        branch=get("branch"),
        base_branch=get("base-branch"),
        create_branch=_create_branch(values),
        root_directory=get("root-directory"),
        timeout=parse_duration(values["timeout"]),
        on_timeout=values["on-timeout"],
        on_interrupt=values["on-interrupt"],
        on_pause=values["on-pause"],
        retries=int(values["retries"]),
        require=frozenset(re.split(r"[\s,]+", values.get("require", "").strip(" ,\n"))) - {""},
        allowed_paths=patterns.get("allowed-paths"),
        protected_paths=patterns.get("protected-paths"),
        artifact=_artifact_path(values["artifact"]) if "artifact" in values else None,
        artifact_schema=schema,
        artifact_file=files.get("artifact-file"),
        comment_on=int(values["comment-on"]) if "comment-on" in values else None,
        github_token=get("github-token"),
        wait=is_true(values["wait"]),
        idempotency_key=get("idempotency-key"),
        on_rerun=values["on-rerun"],
        poll_interval=parse_duration(values["poll-interval"]),
        annotations=values["annotations"],
        summary=is_true(values["summary"]),
        diagnostics_file=files.get("diagnostics-file"),
        events_file=files.get("events-file"),
        result_file=files.get("result-file"),
        report_file=files.get("report-file"),
        junit_file=files.get("junit-file"),
        task=get("task"),
        concurrency=int(values["concurrency"]),
        fail_fast=is_true(values["fail-fast"]),
        on_missing_key=values["on-missing-key"],
        allow_untrusted_trigger=is_true(values["allow-untrusted-trigger"]),
        on_untrusted=values["on-untrusted"],
        dry_run=is_true(values["dry-run"]),
        scenario=files.get("scenario") or get("scenario"),
        conversation_id=get("conversation-id"),
        workspace_session_id=get("workspace-session-id"),
        worktree_id=get("worktree-id"),
        key_suffix=get("key-suffix", ""),
        matrix=_matrix(values),
        jobs_per_token=_jobs_per_token(values),
    ), gathered.warnings


def read_connection(argv: Sequence[str], env: Mapping[str, str]) -> tuple[str, str | None]:
    """Return ``base-url`` and ``api-key`` for a command that needs no other input. A run file must not set them.

    Raises:
        UsageError: one of the two is wrong.
    """
    values = {name: text for name, text in given(argv, env).items() if name in ("base-url", "api-key")}
    problems = check(values)
    if problems:
        raise UsageError(*problems)
    return values.get("base-url", inputs()["base-url"].default or ""), values.get("api-key")


def _missing(values: Mapping[str, str], repository: str | None) -> Iterator[Problem]:
    if "run-id" in values:
        return
    if "prompt" not in values and "prompt-file" not in values:
        is_task_open = "run-file" in values and "task" not in values
        or_task = ", or task if the run file has tasks" if is_task_open else ""
        yield Problem("prompt", "is missing", f"Set prompt or prompt-file{or_task}.")
    if "repo" not in values and repository is None:
        yield Problem("repo", "is missing", f"Set it to a GitHub repository: {inputs()['repo'].kind.allowed}.")


def _conflicts(values: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with inputs that are right by themselves. The API would refuse such a run, or ignore one."""
    if "run-id" in values and (shaping := [name for name in _SHAPES_A_START if _is_given(values, name)]):
        remedy = "Remove them, or remove run-id."
        yield Problem("run-id", f"does not go together with {enumeration(shaping)}: that is for a new run", remedy)
    if "run-id" in values and is_true(values["dry-run"]):
        yield Problem("run-id", "is given together with dry-run, which has no such run", "Remove one of the two.")
    if "github-token" not in values and not is_true(values["dry-run"]):
        needs = [name for name in ("allowed-paths", "protected-paths", "comment-on") if name in values]
        needs += ["require: checks"] if "checks" in values.get("require", "") else []
        if needs:
            remedy = "Set it to ${{ github.token }}, or to a token that may read this repository."
            yield Problem("github-token", f"is missing, and needed for {enumeration(needs)}", remedy)
    for name in ("artifact-schema", "artifact-file"):
        if name in values and "artifact" not in values:
            yield Problem(
                name, "is given without artifact", "Set artifact to the name of the JSON that the agent commits."
            )
    if "artifact" in values and "run-id" not in values and not _create_branch(values):
        yield Problem("artifact", "needs a branch of the run's own", "Set create-branch to true.")
    if "prompt" in values and "prompt-file" in values:
        yield Problem("prompt", "is given together with prompt-file", "Remove one of the two.")
    if "scenario" in values and not is_true(values["dry-run"]):
        yield Problem("scenario", "is given without dry-run", "Set dry-run to true, or remove scenario.")
    for name in ("mode", "worktree-id"):
        if name in values and values.get("harness") == "mogplex":
            yield Problem(name, "is not available for the harness mogplex", f"Remove {name}, or use another harness.")
    if _create_branch(values) and "branch" in values and values["branch"] == values.get("base-branch"):
        yield Problem("branch", "is the same as base-branch", "Name another one, or set create-branch to false.")


def _is_given(values: Mapping[str, str], name: str) -> bool:
    return name in values and values[name] != inputs()[name].default


def _create_branch(values: Mapping[str, str]) -> bool:
    if "create-branch" in values:
        return is_true(values["create-branch"])
    return "branch" not in values and "worktree-id" not in values


def _paths(values: Mapping[str, str], wrong: Sequence[Problem]) -> dict[str, str]:
    """Return the files that inputs name, but for the run file, which has been read."""
    paths = {name: values[name] for name in values if inputs()[name].kind.name == "path" and name != "run-file"}
    if not _SCENARIO_NAME.fullmatch(values.get("scenario", "success")):
        paths["scenario"] = values["scenario"]
    for problem in wrong:
        paths.pop(problem.input, None)
    return paths


def _artifact_path(name: str) -> str:
    """Return the path of the artifact ``NAME``, ``NAME.json`` or ``.mogplex/artifacts/NAME.json``."""
    return f".mogplex/artifacts/{name.removeprefix('.mogplex/artifacts/').removesuffix('.json')}.json"


def _read_schema(workspace: Path, name: str) -> Mapping[str, Any]:
    """Return the JSON Schema in the file.

    Raises:
        UsageError: the file cannot be read, or is not a JSON Schema.
    """
    from jsonschema.exceptions import SchemaError  # only for steps that use it
    from jsonschema.validators import validator_for

    text = read_text(workspace, name, input_name="artifact-schema", max_bytes=_SCHEMA_BYTES)
    remedy = 'Use a JSON Schema, such as {"type": "object"}.'
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict):
            raise UsageError(Problem("artifact-schema", "is not a JSON object", remedy, Untrusted(name)))
        validator_for(schema).check_schema(schema)
    except (ValueError, RecursionError) as error:
        raise UsageError(Problem("artifact-schema", "is not JSON", remedy, Untrusted(name))) from error
    except SchemaError as error:
        raise UsageError(Problem("artifact-schema", "is not a JSON Schema", remedy, Untrusted(name))) from error
    return schema


def _scenario_file(workspace: Path, name: str) -> Path:
    """Return the path of a scenario of the user's own. The emulator checks its fields; its messages quote them.

    Raises:
        UsageError: it cannot be read, or is not a YAML mapping.
    """
    read_yaml(workspace, name, input_name="scenario")
    return inside(workspace, name, input_name="scenario")


def _read_prompt(workspace: Path, name: str) -> str:
    """Return the prompt in the file.

    Raises:
        UsageError: the file cannot be read, or holds no prompt.
    """
    text = read_text(workspace, name, input_name="prompt-file", max_bytes=PROMPT_FILE_BYTES).strip()
    if not text:
        raise UsageError(Problem("prompt-file", "is empty", "Write the task for the agent into it.", Untrusted(name)))
    problem = inputs()["prompt"].problem(text)
    if problem is not None:
        raise UsageError(Problem("prompt-file", problem.fault, problem.remedy, Untrusted(name)))
    return text


def _matrix(values: Mapping[str, str]) -> tuple[str, ...]:
    matrix = json.loads(values.get("matrix", "null"))
    if not matrix:
        return ()
    own = json.dumps(matrix, sort_keys=True)
    return (own, values["job-index"]) if "job-index" in values else (own,)


def _jobs_per_token(values: Mapping[str, str]) -> int:
    total = int(values.get("job-total", "1"))
    return max(min(total, int(values.get("max-parallel", str(total)))), 1)
