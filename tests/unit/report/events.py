"""Events and runs as the API sends them, and what the reports make of them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mogplex_ci.api import answers
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Event, Repo, Run
from mogplex_ci.platforms.github import GITHUB, GitHubActions
from mogplex_ci.report.facts import Facts
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Ending, Gate, Item, Result, RunDetails, RunResult
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.run.updates import Ended, EventsArrived, Starting, Update
from mogplex_ci.sanitize import CleanText, Sanitizer
from mogplex_ci.step.planning import plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.untrusted import Untrusted
from tests.github_log import GitHubLog, read_log
from tests.typed_inputs import typed_inputs

STARTED_AT = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)
RUN_ID = "895937ba-4403-486b-9411-d8de17aeeea1"
BRANCH = "mogplex/external/1f0c9a3e-77b2d4c1"
PULL_REQUEST = "https://github.com/acme/web/pull/42"
KEY = "github-acme/web-1-build-0123456789abcdef"
_ids = count(1)


def run(status: str = "streaming", **fields: Any) -> Run:
    return answers.run(
        {
            "runId": RUN_ID,
            "status": status,
            "repoId": "aaaaaaa1-0000-4000-8000-000000000001",
            "harness": "codex",
            "sandboxId": "vsb_1",
            "branch": {"base": "main", "working": BRANCH, "createBranch": True},
            "error": None,
            "runtime": {"provider": "trigger", "runId": "run_1"},
            **fields,
        }
    )


def event(
    type_: str,
    message: str | None = None,
    at: float = 0.0,
    tool: str | None = None,
    /,
    **payload: Any,
) -> dict[str, Any]:
    return {
        "id": f"event-{next(_ids)}",
        "type": type_,
        "toolName": tool,
        "message": message,
        "payload": payload,
        "createdAt": (STARTED_AT + timedelta(seconds=at)).isoformat(),
    }


def delta(text: str, at: float = 0.0) -> dict[str, Any]:
    """A piece of the agent's words, as the newest service sends it."""
    return event("log", text, at, kind="assistant_delta")


def call(
    name: str, started: float, ended: float, *, state: str = "done", key: str = ""
) -> list[dict[str, Any]]:
    """A tool call as the newest service sends it: no input, no output, only its state."""
    key = key or f"call-{next(_ids)}"
    ending = {"done": "finished", "error": "failed", "denied": "denied"}[state]
    return [
        event(
            "tool_started",
            f"{name} started",
            started,
            name,
            kind="tool",
            toolCallId=key,
            state="running",
        ),
        event(
            "tool_finished",
            f"{name} {ending}",
            ended,
            name,
            kind="tool",
            toolCallId=key,
            state=state,
        ),
    ]


def delivery(at: float = 200, **payload: Any) -> dict[str, Any]:
    return event(
        "log", "Pull request ready", at, stage="git_delivery", working_branch=BRANCH, **payload
    )


def repo(name: str = "acme/web") -> Repo:
    (found,) = answers.listed(
        Repo,
        {"repos": [{"id": "aaaaaaa1-0000-4000-8000-000000000001", "full_name": name}]},
        "repos",
    )
    return found


def starting(name: str = "acme/web") -> Starting:
    return Starting(repo(name).id, repo(name), KEY)


class Feed:
    """Turns events into updates, as the follower does, over one timeline."""

    def __init__(self) -> None:
        self.timeline = Timeline()

    def arrived(self, *items: dict[str, Any]) -> EventsArrived:
        """The events of one answer."""
        events: tuple[Event, ...] = answers.events(list(items))
        additions = [addition for item in events for addition in self.timeline.add(item)]
        return EventsArrived(run(), events, tuple(additions), 1.0)

    def ended(self) -> Ended:
        return Ended(run("success"), None, tuple(self.timeline.end()), message_is_complete=True)


def timeline(*items: dict[str, Any]) -> Timeline:
    feed = Feed()
    feed.arrived(*items)
    feed.ended()
    return feed.timeline


def result(kind: Result = Result.SUCCESS, *items: dict[str, Any], **fields: Any) -> RunResult:
    """How a step ended whose run had these events."""
    ends = {Result.FAILED: "failed", Result.CANCELLED: "cancelled"}
    ends |= dict.fromkeys((Result.SUCCESS, Result.REJECTED, Result.DRY_RUN), "success")
    status = ends.get(kind, "streaming")
    ending: dict[str, Any] = {"exit_code": 0 if kind is Result.SUCCESS else 1}
    ending |= {name: fields.pop(name) for name in Ending._fields if name in fields}
    known: dict[str, Any] = {
        "requests_sent": 31,
        "run": run("awaiting_input" if kind is Result.PAUSED else status),
        "repo": repo(),
        "key": KEY,
        "timeline": timeline(*items),
    }
    known["pull_request_url"] = known["timeline"].outcome.pull_request_url
    return RunResult(Ending(kind, **ending), RunDetails(**(known | fields)))


def item(text: str, page: str | None = None, titles: str | None = None) -> Item:
    """What a gate's finding is about."""
    safe = Sanitizer()
    said = safe.clean(Untrusted(titles)) if titles else None
    return Item(safe.clean(Untrusted(text)), safe.url(page), said)


def gate(
    name: str,
    found: str,
    *items: Item,
    remedy: str = "Look.",
    code: str = "",
) -> Gate:
    """A gate that rejected its run."""
    safe = Sanitizer()
    return Gate(
        safe.message(name),
        False,
        safe.clause(found),
        safe.message(remedy),
        safe.identifier(code),
        items,
    )


def inputs(**fields: Any) -> ActionInputs:
    """Inputs of a step that runs one task."""
    return typed_inputs(
        **({"prompt": "Fix the failing login test\n\nIt fails since Tuesday."} | fields)
    )


class Job(GitHubActions):
    """A job on GitHub that keeps its outputs."""

    def __init__(self, stream: io.StringIO, folder: Path | None = None) -> None:
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/web",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "2",
        }
        files = (
            {"GITHUB_WORKSPACE": str(folder), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
            if folder
            else {}
        )
        super().__init__(GITHUB, env | files, stream)
        self.outputs: Mapping[str, CleanText | None] = {}

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        self.outputs = outputs


def github(stream: io.StringIO | None = None) -> Job:
    return Job(stream or io.StringIO())


def planned(**fields: Any) -> Plan:
    """The run of a step."""
    return plan_of(inputs(**fields), github())


def facts(ended: RunResult | None = None, **fields: Any) -> Facts:
    return Facts(ended or result(), Sanitizer(), github(), inputs(**fields), 727.0)


SUCCESSFUL = (
    event(
        "started", "External Mogplex run accepted", 0, external_run_id=RUN_ID, harness_id="codex"
    ),
    event(
        "started",
        "Harness run started: codex",
        14,
        harness_id="codex",
        ai_billing_source="[redacted]",
    ),
    event(
        "log",
        f"Synchronized {BRANCH}",
        17,
        stage="git_sync",
        working_branch=BRANCH,
        base_branch="main",
    ),
    event("status_changed", "Harness run streaming", 20, to="streaming", **{"from": "pending"}),
    event(
        "log",
        "Installed @openai/codex",
        20,
        stage="install",
        logs="added 142 packages in 9s\n\nno funding\n",
    ),
    delta("I'll look at the failing test first.", 60),
    *call("Command", 65, 197),
    delta("The test compared times of two time zones.\n\n", 198),
    delta("Fixed:\n- the test", 199),
    delta("\n- the clock", 199),
    delivery(
        changed=True, pull_request_url=PULL_REQUEST, base_branch="main", auto_committed_files=[]
    ),
    event("finished", "Harness run finished", 200, exit_code=0, failure_code=None),
)
"""A run as the newest service tells it."""
SUCCESSFUL_BEFORE = (
    *SUCCESSFUL[:5],
    event("tool_started", "Running npm test", 65, "shell", input={"command": "npm test"}),
    event(
        "tool_finished",
        "Tests finished",
        197,
        "shell",
        output="Tests: 24 passed\n",
        duration_ms=132_000,
    ),
    *SUCCESSFUL[-2:],
)
"""The same in the older vocabulary."""


class OneRun(NamedTuple):
    """A step's run: what was told of it, its end, and the inputs."""

    ended: RunResult
    updates: Iterable[Update] = ()
    inputs: Mapping[str, Any] = MappingProxyType({})


def written(
    folder: Path | None, one: OneRun, *, broke: RunResult | None = None
) -> tuple[str, Mapping[str, CleanText | None]]:
    """Let a step write every report into ``folder``, and return its log and outputs.

    ``broke`` is how a step ended whose run did not.
    """
    stream, times = io.StringIO(), count(727, 60)
    job = Job(stream, folder)
    recorder = Recorder(job, Sanitizer(), lambda: float(next(times)))
    recorder.begin(inputs(output_dir=folder, **one.inputs), [])
    if one.updates or one.ended.details.run:
        recorder.begin_run(plan_of(inputs(output_dir=folder, **one.inputs), job))
        for update in one.updates:
            recorder.on(update)
    recorder.end(broke or one.ended)
    log = stream.getvalue()
    assert not re.search("report failed|Could not write", log), log
    return log, job.outputs


def log_of(*updates: Update, ended: RunResult | None = None, **fields: Any) -> GitHubLog:
    """Return what GitHub shows of these updates; ``fields`` are inputs."""
    return log_of_each(updates, ended=ended, **fields)


def log_of_each(
    updates: Iterable[Update], *, ended: RunResult | None = None, **fields: Any
) -> GitHubLog:
    """Return what GitHub shows when each of these updates is made only after the one before it was
    written.
    """
    log, _ = written(None, OneRun(ended or result(), updates, inputs=fields))
    return read_log(log.replace("│\xa0", "│ "))  # as it looks
