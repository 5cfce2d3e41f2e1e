"""The result file: how the step ended as JSON, by ``schemas/result.schema.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mogplex_ci.report.sentences import NAME_LIMIT, problem
from mogplex_ci.run.happenings import Starting
from mogplex_ci.workspace import discard, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from mogplex_ci.report.chronicle import Chronicle
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer

VERSION: Final = 1
"""Of the schema. Fields may be added within a version; none is removed or changes its meaning."""


class ResultFile:
    """Writes the file at the end."""

    def __init__(self, path: Path, sanitizer: Sanitizer, chronicle: Chronicle) -> None:
        """Take the file, and what to tell."""
        self._path = path
        self._sanitizer = sanitizer
        self._chronicle = chronicle

    def on(self, happening: Happening) -> None:
        """Take away an earlier result as soon as there will be a new one."""
        if isinstance(happening, Starting):
            discard(self._path)

    def end(self, outcome: Outcome) -> None:
        """Write the result."""
        text = json.dumps(result(outcome, self._chronicle, self._sanitizer), ensure_ascii=False, indent=2)
        write_whole(self._path, text + "\n")


def result(outcome: Outcome, chronicle: Chronicle, sanitizer: Sanitizer) -> dict[str, object]:
    """Return the result. Unknown values are null; text of others is clean, and bounded."""
    run, verdict, trail, safe = outcome.run, outcome.verdict, outcome.trail, sanitizer
    return {
        "version": VERSION,
        "result": verdict.result.value,
        "exit_code": verdict.exit_code,
        "error": {
            "code": verdict.error_code,
            "cause": safe.line(verdict.cause),
            "detail": safe.clean(verdict.detail) if verdict.detail else None,
            "remedy": verdict.remedy or None,
            "problems": [problem(safe, fault) for fault in verdict.problems],
        }
        if verdict.cause
        else None,
        "run": {
            "id": run.id,
            "status": run.status,
            "harness": safe.identifier(run.harness),
            "repo_id": safe.identifier(run.repo_id),
            "sandbox_id": safe.identifier(run.sandbox_id),
            "idempotency_key": safe.key(outcome.key),
            "joined": outcome.joined,
            "cancelled_by_step": outcome.cancelled_by_us,
        }
        if run
        else None,
        "repo": safe.repo(outcome.repo.full_name) if outcome.repo else None,
        "branch": safe.branch(outcome.branch),
        "base_branch": safe.branch(outcome.base_branch),
        "pull_request_url": safe.url(trail.pull_request_url),
        "changed": trail.changed,
        "duration_seconds": round(outcome.duration, 3),
        "requests": outcome.requests_sent,
        "events": {"count": trail.count, "truncated": trail.truncated},
        "phases": [
            {
                "name": span.phase.value,
                "began_seconds": round(span.began, 3),
                "seconds": round(span.ended - span.began, 3),
            }
            for span in chronicle.spans()
        ],
        "tools": [
            {
                "name": safe.clean(use.tool, limit=NAME_LIMIT),
                "calls": len(use.calls),
                "failed": use.failed,
                "seconds": round(use.seconds, 3),
            }
            for use in chronicle.tools()
        ],
        "last_words": safe.clean(chronicle.last_words) if chronicle.last_words else None,
    }
