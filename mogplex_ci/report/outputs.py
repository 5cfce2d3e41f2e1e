"""A step's results for other programs: its outputs, and the content of the result file."""

from collections.abc import Callable
from typing import Final, NamedTuple

from mogplex_ci.report.delivered import GateFacts
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.text import NAME_LIMIT
from mogplex_ci.sanitize import CleanText, Sanitizer

FILE_VERSION: Final = 1
"""Of ``schemas/result.schema.json``. Fields may be added within a version; none is removed or
changes its meaning.
"""


class Output(NamedTuple):
    """An output: a row of the table."""

    name: str
    """That on GitHub."""
    value: Callable[[Facts], CleanText | str | bool | int | None]
    early: bool = False
    """Whether it is set as soon as the run is started, for later steps that always run."""


OUTPUTS: Final = (
    Output("result", lambda step: step.ending.result.value),
    Output("status", lambda step: step.work and step.work.status, early=True),
    Output("run-id", lambda step: step.work and step.work.run_id, early=True),
    Output("repo", lambda step: step.task.repo),
    Output("harness", lambda step: step.work and step.work.harness, early=True),
    Output("branch", lambda step: step.delivered.branch, early=True),
    Output("base-branch", lambda step: step.delivered.base_branch),
    Output("pull-request-url", lambda step: step.delivered.pull_request_url),
    Output("commit-sha", lambda step: step.delivered.commit),
    Output("changed", lambda step: step.delivered.changed),
    Output("replayed", lambda step: step.work and step.work.joined, early=True),
    Output("idempotency-key", lambda step: step.key, early=True),
    Output("message", lambda step: step.work and step.work.message),
    Output("error", lambda step: step.ending.error),
    Output("error-code", lambda step: step.ending.error_code),
    Output("rounds", lambda step: len(step.delivered.rounds) or None),
    Output("artifact", lambda step: step.delivered.artifact_output),
)
"""In the order of ``action.yml``."""
OUTPUT_NAMES: Final = tuple(output.name for output in OUTPUTS)


def outputs_of(
    step: Facts, safe: Sanitizer, *, only_early: bool = False
) -> dict[str, CleanText | None]:
    """Return the outputs; unknown is None. Only ``message`` may have several lines."""
    outputs: dict[str, CleanText | None] = {}
    for output in OUTPUTS:
        if only_early and not output.early:
            continue
        value = output.value(step)
        if isinstance(value, bool | int):
            value = str(value).lower()
        outputs[output.name] = value if isinstance(value, CleanText) else safe.identifier(value)
    return outputs


def result_of(step: Facts, safe: Sanitizer) -> dict[str, object]:
    """Return the content of the result file, by ``schemas/result.schema.json``; unknown is null."""
    ending, delivered, timeline = step.ending, step.delivered, step.timeline
    return {
        "version": FILE_VERSION,
        "result": ending.result.value,
        "exit_code": ending.exit_code,
        "error": _error(step),
        "run": _run(step),
        "repo": step.task.repo,
        "branch": delivered.branch,
        "base_branch": delivered.base_branch,
        "pull_request_url": delivered.pull_request_url,
        "compare_url": delivered.compare_url,
        "preview_url": step.work and step.work.preview_url,
        "commit": delivered.commit,
        "changed": delivered.changed,
        "last_words": step.work and step.work.message,
        "duration_seconds": ending.duration,
        "requests": ending.requests,
        "events": {"count": timeline.event_count, "truncated": timeline.is_incomplete},
        "phases": [
            {
                "name": phase.value,
                "began_seconds": round(started, 3),
                "seconds": round(ended - started, 3),
            }
            for phase, started, ended in timeline.spans()
        ],
        "tools": [
            {
                "name": safe.clean(use.name, limit=NAME_LIMIT),
                "calls": len(use.calls),
                "failed": use.failed,
                "seconds": round(use.seconds, 3),
            }
            for use in timeline.tools()
        ],
        "gates": _gates(delivered.gates),
        "rounds": [each._asdict() | {"gates": _gates(each.gates)} for each in delivered.rounds],
        "event_sha256": step.work and step.work.event_sha256,
        "image": step.task.image,
        "artifact_file": step.artifact_file,
    }


def _error(step: Facts) -> dict[str, object] | None:
    ending = step.ending
    if ending.cause is None:
        return None
    return {
        "code": ending.error_code or "ERROR",
        "help_url": ending.help_url,
        "cause": ending.cause,
        "detail": ending.detail,
        "remedy": ending.remedy,
        "problems": ending.problems,
    }


def _run(step: Facts) -> dict[str, object] | None:
    work = step.work
    if work is None:
        return None
    return {
        "id": work.run_id,
        "status": work.status,
        "harness": work.harness,
        "repo_id": work.repo_id,
        "sandbox_id": work.sandbox_id,
        "idempotency_key": step.key,
        "joined": work.joined,
        "cancelled_by_step": work.cancelled_by_step,
    }


def _gates(gates: tuple[GateFacts, ...]) -> list[dict[str, object]]:
    return [gate._asdict() for gate in gates]
