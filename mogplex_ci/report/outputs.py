"""The step's outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.platforms.base import OUTPUTS
from mogplex_ci.report.sentences import listed, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.models import Run
    from mogplex_ci.run.happenings import Started
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer


def early(started: Started, sanitizer: Sanitizer) -> Mapping[str, SafeText | None]:
    """Return what is known as soon as the run is started, for later steps that run whatever happens."""
    return {
        **_of_run(started.run, sanitizer),
        "branch": sanitizer.branch(started.run.working_branch),
        "idempotency-key": sanitizer.key(started.key),
        "replayed": _boolean(started.joined, sanitizer),
    }


def final(outcome: Outcome, sanitizer: Sanitizer, files: Mapping[str, str]) -> Mapping[str, SafeText | None]:
    """Return every output; ``files`` are the names of those that were asked for. Unknown is None."""
    run, verdict, trail = outcome.run, outcome.verdict, outcome.trail
    return dict.fromkeys(OUTPUTS) | {
        "result": sanitizer.identifier(verdict.result.value),
        **(_of_run(run, sanitizer) if run else {}),
        "repo": sanitizer.repo(outcome.repo.full_name) if outcome.repo else None,
        "branch": sanitizer.branch(outcome.branch),
        "base-branch": sanitizer.branch(outcome.base_branch),
        "pull-request-url": sanitizer.url(trail.pull_request_url),
        "changed": _boolean(trail.changed, sanitizer),
        "replayed": _boolean(outcome.joined, sanitizer) if run else None,
        "idempotency-key": sanitizer.key(outcome.key),
        "error": _error(outcome, sanitizer),
        "error-code": sanitizer.identifier(verdict.error_code),
        "events-count": sanitizer.identifier(str(trail.count)),
        "events-truncated": _boolean(trail.truncated, sanitizer),
        "duration-seconds": sanitizer.identifier(str(round(outcome.duration))),
        **{name: sanitizer.path(files.get(name)) for name in ("result-file", "events-file", "report-file")},
    }


def _of_run(run: Run, sanitizer: Sanitizer) -> dict[str, SafeText | None]:
    return {
        "status": sanitizer.identifier(run.status),
        "run-id": sanitizer.identifier(run.id),
        "repo-id": sanitizer.identifier(run.repo_id),
        "harness": sanitizer.identifier(run.harness),
        "sandbox-id": sanitizer.identifier(run.sandbox_id),
    }


def _boolean(value: bool | None, sanitizer: Sanitizer) -> SafeText | None:
    return None if value is None else sanitizer.identifier(str(value).lower())


def _error(outcome: Outcome, sanitizer: Sanitizer) -> SafeText | None:
    verdict = outcome.verdict
    if not verdict.cause:
        return None
    return sentence(sanitizer, *listed(": ", verdict.cause, verdict.detail))
