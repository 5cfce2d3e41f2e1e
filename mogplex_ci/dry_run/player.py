"""Plays a recording in the place of the service."""

from collections import deque
from math import inf
from typing import Any, Final

from mogplex_ci.api import answers
from mogplex_ci.api.stream import StreamClosed, StreamItem
from mogplex_ci.dry_run.recording import Recording
from mogplex_ci.models import (
    FEED_LIMIT,
    Cancelled,
    Event,
    EventPage,
    Repo,
    Run,
    Sandbox,
    StartedRun,
    StartRequest,
)
from mogplex_ci.waiting import Clock

RECORDED_REPO: Final = "acme/web"
"""The repository of the package's recordings; they are played as if it were the step's."""
_REPO_ID: Final = "00000000-0000-4000-8000-00000000d5f0"


class Player:
    """Has the methods of ``api.client.Client`` that a step calls, and those of its ``EventStream``.
    Nothing is sent: whatever repository, agent or worktree is asked for exists.
    """

    requests_sent = 0

    def __init__(self, recording: Recording, clock: Clock) -> None:
        self._recording = recording
        self._clock = clock
        self._repo = RECORDED_REPO
        self._request: StartRequest = {}
        self._is_cancelled = False
        self._played: deque[Event] = deque(maxlen=FEED_LIMIT)
        self._position = 0
        """Events played so far."""
        self._due = inf
        """When the next event is played."""

    def repos(self, *, query: str = "", repo_id: str = "", timeout: float = 0.0) -> list[Repo]:
        """Return the repository that is asked for."""
        self._repo = query or RECORDED_REPO
        fields = {"id": repo_id or _REPO_ID, "full_name": self._repo, "default_branch": "main"}
        return answers.listed(Repo, {"repos": [fields]}, "repos")

    def start(self, request: StartRequest, key: str, **_options: object) -> StartedRun:
        """Begin to play."""
        self._request = request
        self._played.clear()
        self._position = 0
        self._due = self._clock.monotonic()
        return StartedRun(self._run("pending"), replayed=False)

    def run(self, run_id: str, **_options: object) -> Run:
        """Return the run, which ends with its last event."""
        if self._is_cancelled:
            return self._run("cancelled")
        if self._position < len(self._recording.lines):
            return self._run("streaming")
        return self._run(self._recording.end["status"])

    def events(self, run_id: str, *, limit: int = FEED_LIMIT, **_options: object) -> EventPage:
        """Return the run, and the newest of the events that were played."""
        return EventPage(self.run(run_id), tuple(self._played)[-limit:])

    def stream(self, run_id: str, **_options: object) -> "Player":
        """Continue to play."""
        return self

    def next(self, seconds: float) -> StreamItem | StreamClosed | None:
        """Return the next event when it is due; None when ``seconds`` have passed."""
        lines = self._recording.lines
        if self._position == len(lines) and not self._recording.ends_live:
            return StreamClosed()
        # A recording that ends live has nothing more to say; the step waits for its deadline.
        pause, line = (inf, b"") if self._position == len(lines) else lines[self._position]
        wait = self._due + pause - self._clock.monotonic()
        self._clock.sleep(max(min(wait, seconds), 0.0))
        if wait > seconds:
            return None
        self._due += pause
        self._position += 1
        line = line.replace(RECORDED_REPO.encode(), self._repo.encode())
        event = answers.event(answers.read_json(line))
        if event is not None:
            self._played.append(event)
        return StreamItem(event=event)

    def sandboxes(self, **_options: object) -> list[Sandbox]:
        """Return no sandbox: none was recorded."""
        return []

    def cancel(self, run_id: str, **_options: object) -> Cancelled:
        """Cancel the run, unless it has ended."""
        was_over = self.run(run_id).is_terminal
        self._is_cancelled = not was_over
        run = self.run(run_id)
        return Cancelled(run, run.status, already_terminal=was_over, data=run.data)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _run(self, status: str) -> Run:
        """Return the run with what was asked for, and otherwise as it was recorded."""
        facts, end, request = self._recording.facts, self._recording.end, self._request
        fields: dict[str, Any] = {
            "harness": facts.get("harness_id"),
            **request,
            "runId": end["runId"],
            "status": status,
            "branch": {
                "base": request.get("baseBranch") or facts.get("base_branch") or "main",
                "createBranch": request.get("createBranch") is True,
                "working": request.get("workingBranch") or facts.get("working_branch"),
            },
            "createdAt": facts.get("createdAt"),
            # Without one a failed run counts as never queued.
            "runtime": {"runId": "dry-run"},
        }
        if status == end["status"]:
            fields |= {name: end[name] for name in ("error", "terminalCommitSha") if name in end}
        return answers.run(fields)
