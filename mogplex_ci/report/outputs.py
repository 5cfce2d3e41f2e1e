"""A step's results for other programs: its outputs, and the content of the result file."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from mogplex_ci.report.facts import Facts
from mogplex_ci.report.text import NAME_LIMIT, faults_line
from mogplex_ci.run.result import Gate, Round
from mogplex_ci.run.timeline import PhaseSpan, ToolUse
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
    Output("result", lambda run: run.result.value),
    Output("status", lambda run: run.status, early=True),
    Output("run-id", lambda run: run.run_id, early=True),
    Output("repo", lambda run: run.repo),
    Output("harness", lambda run: run.harness, early=True),
    Output("branch", lambda run: run.branch, early=True),
    Output("base-branch", lambda run: run.base_branch),
    Output("pull-request-url", lambda run: run.pull_request_url),
    Output("commit-sha", lambda run: run.commit),
    Output("changed", lambda run: run.changed),
    Output("replayed", lambda run: run.joined if run.has_run else None, early=True),
    Output("idempotency-key", lambda run: run.key, early=True),
    Output("message", lambda run: run.message),
    Output("error", lambda run: run.error),
    Output("error-code", lambda run: run.error_code),
    Output("rounds", lambda run: len(run.rounds) or None),
    Output("artifact", lambda run: None if run.artifact_is_long else run.artifact),
)
"""In the order of ``action.yml``."""
OUTPUT_NAMES: Final = tuple(output.name for output in OUTPUTS)


def outputs_of(
    run: Facts, safe: Sanitizer, *, only_early: bool = False
) -> dict[str, CleanText | None]:
    """Return the outputs; unknown is None. Only ``message`` may have several lines."""
    outputs: dict[str, CleanText | None] = {}
    for output in OUTPUTS:
        if only_early and not output.early:
            continue
        value = output.value(run)
        if isinstance(value, bool | int):
            value = str(value).lower()
        outputs[output.name] = value if isinstance(value, CleanText) else safe.identifier(value)
    return outputs


def result_of(run: Facts, safe: Sanitizer) -> dict[str, object]:
    """Return the content of the result file, by ``schemas/result.schema.json``; unknown is null."""
    timeline = run.timeline
    return {
        "version": FILE_VERSION,
        "result": run.result.value,
        "exit_code": run.exit_code,
        "error": _error(run),
        "run": _run(run),
        "repo": run.repo,
        "branch": run.branch,
        "base_branch": run.base_branch,
        "pull_request_url": run.pull_request_url,
        "compare_url": run.compare_url,
        "preview_url": run.preview_url,
        "commit": run.commit,
        "changed": run.changed,
        "last_words": run.message,
        "duration_seconds": run.duration,
        "requests": run.requests,
        "events": {"count": timeline.event_count, "truncated": timeline.is_incomplete},
        "phases": [_phase(span) for span in timeline.spans()],
        "tools": [_tool(use, safe) for use in timeline.tools()],
        "gates": _gates(run.gates, safe),
        "rounds": [_round(each, safe) for each in run.rounds],
        "event_sha256": run.event_sha256,
        "image": run.image,
        "artifact_file": run.artifact_file,
    }


def _error(run: Facts) -> dict[str, object] | None:
    if run.cause is None:
        return None
    return {
        "code": run.error_code or "ERROR",
        "help_url": run.help_url,
        "cause": run.cause,
        "detail": run.detail,
        "remedy": run.remedy,
        "problems": run.problems,
    }


def _run(run: Facts) -> dict[str, object] | None:
    if not run.has_run:
        return None
    return {
        "id": run.run_id,
        "status": run.status,
        "harness": run.harness,
        "repo_id": run.repo_id,
        "sandbox_id": run.sandbox_id,
        "idempotency_key": run.key,
        "joined": run.joined,
        "cancelled_by_step": run.cancelled_by_step,
    }


def _phase(span: PhaseSpan) -> dict[str, object]:
    return {
        "name": span.phase.value,
        "began_seconds": round(span.started, 3),
        "seconds": round(span.ended - span.started, 3),
    }


def _tool(use: ToolUse, safe: Sanitizer) -> dict[str, object]:
    return {
        "name": safe.clean(use.name, limit=NAME_LIMIT),
        "calls": len(use.calls),
        "failed": use.failed,
        "seconds": round(use.seconds, 3),
    }


def _round(each: Round, safe: Sanitizer) -> dict[str, object]:
    return {
        "run_id": safe.identifier(each.run_id),
        "commit": safe.identifier(each.commit),
        "found": faults_line(each.gates, safe),
        "gates": _gates(each.gates, safe),
        "ended": each.ended,
    }


def _gates(gates: Sequence[Gate], safe: Sanitizer) -> list[dict[str, object]]:
    return [
        {
            "name": gate.name,
            "passed": gate.passed,
            "found": gate.found,
            "remedy": gate.remedy,
            "error_code": gate.error_code,
            "items": [safe.clean(item.words) for item in gate.items],
        }
        for gate in gates
    ]
