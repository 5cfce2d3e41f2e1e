"""The inputs of one step, checked and typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import parse_duration
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.check import faults
from mogplex_ci.inputs.formats import PROMPT_UNITS, TRUE, prompt
from mogplex_ci.inputs.sources import gather
from mogplex_ci.models import StartRequest
from mogplex_ci.workspace import read_text, writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROMPT_FILE_BYTES: Final = 4 * PROMPT_UNITS + 100_000
"""A character takes at most four bytes; white space around the prompt does not count."""


@dataclass(frozen=True, slots=True)
class ActionInputs:
    """What one step shall do. Durations are in seconds; None and blank mean: not given."""

    api_key: str | None
    base_url: str
    task: str | None
    """Name of the task in the run file; None when there is none."""
    repo: str | None
    """``owner/name`` or a UUID; None when neither the user nor the CI system names one."""
    prompt: str
    harness: str | None
    branch: str | None
    base_branch: str | None
    create_branch: bool
    root_directory: str | None
    timeout: float
    cancel_on_timeout: bool
    cancel_on_interrupt: bool
    wait: bool
    idempotency_key: str | None
    on_rerun: str
    poll_interval: float
    annotations: str
    summary: bool
    events_file: Path | None
    result_file: Path | None
    report_file: Path | None
    junit_file: Path | None
    skip_on_missing_key: bool
    allow_untrusted_trigger: bool
    dry_run: bool
    scenario: str
    conversation_id: str | None
    workspace_session_id: str | None
    mode: str | None
    key_suffix: str
    matrix: tuple[str, ...]
    """What tells this job from the others of its matrix."""
    sharers: int
    """Jobs that use the token at the same time."""

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
        )


def read_connection(argv: Sequence[str], env: Mapping[str, str], workspace: Path) -> tuple[str, str | None]:
    """Return ``base-url`` and ``api-key`` alone, for what needs no more than the service.

    Raises:
        UsageError: with every fault of the two.
    """
    values = gather(argv, env, workspace).values
    problems = faults({name: values[name] for name in ("base-url", "api-key") if name in values})
    if problems:
        raise UsageError(*problems)
    return values["base-url"], values.get("api-key")


def read_inputs(
    argv: Sequence[str], env: Mapping[str, str], workspace: Path, repository: str | None
) -> tuple[ActionInputs, Sequence[Problem]]:
    """Return the inputs and what deserves a warning. ``repository`` is the CI system's own, the default for ``repo``.

    Raises:
        UsageError: with every fault that was found.
    """
    gathered = gather(argv, env, workspace)
    values = gathered.values
    problems = [*gathered.problems, *faults(values)]
    faulty = {problem.input for problem in problems}
    if "prompt" in values and "prompt-file" in values:
        problems.append(Problem("prompt", "given together with prompt-file", "exactly one of the two"))
    elif "prompt" not in values and "prompt-file" not in values:
        problems.append(Problem("prompt", "is missing", "set prompt or prompt-file"))
    if "repo" not in values and repository is None:
        problems.append(Problem("repo", "is missing", "owner/name, or a repo id from 'mogplex repos list'"))
    prompt_text = _prompt(values, faulty, workspace, problems)
    files = {
        name: _output_file(values, name, workspace, problems)
        for name in ("events-file", "result-file", "report-file", "junit-file")
        if name not in faulty
    }
    if problems:
        raise UsageError(*problems)
    get = values.get
    return ActionInputs(
        api_key=get("api-key"),
        base_url=values["base-url"],
        task=get("task"),
        repo=get("repo") or repository,
        prompt=prompt_text,
        harness=get("harness"),
        branch=get("branch"),
        base_branch=get("base-branch"),
        create_branch=_true(values, "create-branch") if "create-branch" in values else "branch" not in values,
        root_directory=get("root-directory"),
        timeout=parse_duration(values["timeout"]),
        cancel_on_timeout=values["on-timeout"] == "cancel",
        cancel_on_interrupt=values["on-interrupt"] == "cancel",
        wait=_true(values, "wait"),
        idempotency_key=get("idempotency-key"),
        on_rerun=values["on-rerun"],
        poll_interval=parse_duration(values["poll-interval"]),
        annotations=values["annotations"],
        summary=_true(values, "summary"),
        events_file=files["events-file"],
        result_file=files["result-file"],
        report_file=files["report-file"],
        junit_file=files["junit-file"],
        skip_on_missing_key=values["on-missing-key"] == "skip",
        allow_untrusted_trigger=_true(values, "allow-untrusted-trigger"),
        dry_run=_true(values, "dry-run"),
        scenario=values["scenario"],
        conversation_id=get("conversation-id"),
        workspace_session_id=get("workspace-session-id"),
        mode=get("mode"),
        key_suffix=get("key-suffix", ""),
        matrix=_matrix(values),
        sharers=_sharers(values),
    ), gathered.warnings


def _true(values: Mapping[str, str], name: str) -> bool:
    return values[name] in TRUE


def _prompt(values: Mapping[str, str], faulty: set[str], workspace: Path, problems: list[Problem]) -> str:
    name = values.get("prompt-file")
    if name is None or "prompt-file" in faulty:
        return values.get("prompt", "")
    try:
        text = read_text(workspace, name, input_name="prompt-file", max_bytes=PROMPT_FILE_BYTES).strip()
        prompt(text)
    except UsageError as error:
        problems.extend(error.problems)
        return ""
    except ValueError as error:
        problems.append(Problem("prompt-file", str(error), f"at most {PROMPT_UNITS:,} characters, without NUL"))
        return ""
    if not text:
        problems.append(Problem("prompt-file", "is empty", "a file that holds the prompt"))
    return text


def _output_file(values: Mapping[str, str], name: str, workspace: Path, problems: list[Problem]) -> Path | None:
    if name not in values:
        return None
    try:
        return writable(workspace, values[name], input_name=name)
    except UsageError as error:
        problems.extend(error.problems)
        return None


def _matrix(values: Mapping[str, str]) -> tuple[str, ...]:
    matrix = json.loads(values.get("matrix", "null"))
    named = [json.dumps(matrix, sort_keys=True)] if matrix else []
    return (*named, *([values["job-index"]] if "job-index" in values and matrix else []))


def _sharers(values: Mapping[str, str]) -> int:
    total = int(values.get("job-total", "1"))
    return max(min(total, int(values.get("max-parallel", str(total)))), 1)
