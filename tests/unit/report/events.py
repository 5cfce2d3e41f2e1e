"""Events and runs as the API sends them, and what the log makes of them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from mogplex_ci.api import parse
from mogplex_ci.models import Event, Run
from mogplex_ci.platforms.github import GitHub
from mogplex_ci.report.log import LogReport
from mogplex_ci.run.happenings import EventsArrived, Happening, Starting
from mogplex_ci.run.outcome import Outcome, Result, Verdict
from mogplex_ci.run.trail import Trail
from mogplex_ci.sanitize import Sanitizer
from tests.github_log import GitHubLog, read_log

BEGAN = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)
RUN_ID = "895937ba-4403-486b-9411-d8de17aeeea1"
_ids = count(1)


def run(status: str = "streaming", **fields: Any) -> Run:
    return parse.run(
        {
            "runId": RUN_ID,
            "status": status,
            "repoId": "aaaaaaa1-0000-4000-8000-000000000001",
            "harness": "codex",
            "sandboxId": "vsb_1",
            "branch": {"base": "main", "working": "main", "createBranch": False},
            "error": None,
            "runtime": {"provider": "trigger", "runId": "run_1"},
            **fields,
        }
    )


def event(
    kind: str, message: str | None = None, at: float = 0.0, tool: str | None = None, **payload: Any
) -> dict[str, Any]:
    return {
        "id": f"event-{next(_ids)}",
        "type": kind,
        "toolName": tool,
        "message": message,
        "payload": payload,
        "createdAt": (BEGAN + timedelta(seconds=at)).isoformat(),
    }


def events(*items: dict[str, Any], status: str = "streaming") -> tuple[Event, ...]:
    detail = {"runId": RUN_ID, "status": status, "runtime": {"runId": "run_1"}}
    return parse.feed({"run": detail, "events": list(items)}).events


def arrived(*items: dict[str, Any]) -> EventsArrived:
    return EventsArrived(run(), events(*items), 1.0)


def starting(repo: str = "acme/web") -> Starting:
    found = parse.repos({"repos": [{"id": "aaaaaaa1-0000-4000-8000-000000000001", "full_name": repo}]})
    return Starting(found[0].id, found[0], "github-acme/web-1-build-0123456789abcdef")


def outcome(verdict: Verdict, *items: dict[str, Any], **fields: Any) -> Outcome:
    trail = Trail()
    trail.add(events(*items))
    known: dict[str, Any] = {"duration": 727.0, "requests_sent": 31, "run": run(verdict.result.value), "key": "k"}
    return Outcome(verdict, trail=trail, **(known | fields))


SUCCESS = Verdict(Result.SUCCESS, 0)
SUCCESSFUL = (
    event("started", "External Mogplex run accepted", 0, external_run_id=RUN_ID, harness_id="codex"),
    event("started", "Harness run started: codex", 14, harness_id="codex"),
    event("log", "Synchronized mogplex/agent-1", 17, stage="git_sync", working_branch="mogplex/agent-1"),
    event("status_changed", "Harness run streaming", 20, to="streaming"),
    event("log", "Installed @openai/codex", 20, stage="install", logs="added 142 packages in 9s\n\nno funding\n"),
    event("tool_started", "Running npm test", 65, tool="shell", input={"command": "npm test"}),
    event("tool_finished", "Tests finished", 197, tool="shell", output="Tests: 24 passed\n"),
    event(
        "log",
        "Pull request ready",
        200,
        stage="git_delivery",
        changed=True,
        working_branch="mogplex/agent-1",
        pull_request_url="https://github.com/acme/web/pull/42",
    ),
    event("finished", "Harness run finished", 200, exit_code=0, failure_code=None),
)
"""A run as the service tells it today."""


def log_of(*happenings: Happening, ended: Outcome | None = None, annotations: str = "all") -> GitHubLog:
    """Return what GitHub shows when these things happen."""
    stream = io.StringIO()
    platform = GitHub({"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/web"}, stream)
    log = LogReport(platform, Sanitizer(), annotations=annotations)
    for happening in happenings:
        log.on(happening)
    log.end(ended or outcome(SUCCESS))
    return read_log(stream.getvalue())
