"""The step's outputs, by the names of ``action.yml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mogplex_ci.report.facts import Facts
    from mogplex_ci.run.updates import Started
    from mogplex_ci.sanitize import CleanText, SafeText, Sanitizer


ARTIFACT_LIMIT: Final = 50_000
"""Characters of the output ``artifact``; a longer one is in ``artifact-file`` only."""


def early_outputs(started: Started, safe: Sanitizer) -> dict[str, SafeText | None]:
    """Return what is known as soon as the run is started, for later steps that run whatever happens."""
    run = started.run
    return {
        "status": safe.identifier(run.status),
        "run-id": safe.identifier(run.id),
        "repo-id": safe.identifier(run.repo_id),
        "harness": safe.identifier(run.harness),
        "sandbox-id": safe.identifier(run.sandbox_id),
        "branch": safe.branch(run.working_branch),
        "idempotency-key": safe.key(started.key),
        "replayed": _boolean(started.joined, safe),
    }


def final_outputs(facts: Facts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return every output; unknown is None. Only ``message`` may have several lines."""
    return {
        "result": safe.identifier(facts.result.value),
        "status": facts.status,
        "run-id": facts.run_id,
        "repo-id": facts.repo_id,
        "repo": facts.repo,
        "harness": facts.harness,
        "branch": facts.branch,
        "base-branch": facts.base_branch,
        "pull-request-url": facts.pull_request_url,
        "compare-url": facts.compare_url,
        "preview-url": facts.preview_url,
        "commit-sha": facts.commit,
        "changed": _boolean(facts.changed, safe),
        "replayed": _boolean(facts.joined, safe) if facts.run_id else None,
        "idempotency-key": facts.key,
        "message": facts.message,
        "error": facts.error,
        "error-code": facts.error_code,
        "sandbox-id": facts.sandbox_id,
        "events-count": safe.identifier(str(facts.events)),
        "events-truncated": _boolean(facts.events_missing, safe),
        "duration-seconds": safe.identifier(str(round(facts.duration))),
        "result-file": facts.result_file,
        "events-file": facts.events_file,
        "report-file": facts.report_file,
        "artifact": facts.artifact if len(facts.artifact or "") <= ARTIFACT_LIMIT else None,
        "results": None,
    }


def _boolean(value: bool | None, safe: Sanitizer) -> SafeText | None:
    return None if value is None else safe.identifier("true" if value else "false")
