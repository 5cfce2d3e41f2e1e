"""Recordings: the ``events.ndjson`` that a step with ``output-dir`` wrote, and their
player, which takes the place of the service. The package has some.
"""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

from mogplex_ci.api import answers
from mogplex_ci.api.stream import StreamClosed, StreamItem
from mogplex_ci.errors import MogplexError
from mogplex_ci.models import (
    FEED_LIMIT,
    LIVE_STATUSES,
    TERMINAL_STATUSES,
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
from mogplex_ci.workspace import read_head

MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_LINE_BYTES: Final = 2 * 1024 * 1024
"""A step writes up to 100,000 characters of a message, and 200,000 of a payload."""
_MAX_PAUSE: Final = 2.0
"""Seconds of silence between two events, as they are played."""
_RESULTS: Final = ("success", "failed", "cancelled", "paused", "rejected", "timeout")
"""How a replay can end."""
_FOLDER: Final = Path(__file__).with_name("recordings")
_FAILED: Final = {
    "runId": "00000000-0000-4000-8000-000000000000",
    "status": "failed",
    "result": "failed",
    "errorCode": "",
}
_CUT_OFF: Final = "The recording is cut off: it does not say how the run ended."
RECORDED_REPO: Final = "acme/web"
"""The repository of the package's recordings; they are played as if it were the step's."""
_REPO_ID: Final = "00000000-0000-4000-8000-00000000d5f0"
_FACTS: Final = ("harness_id", "working_branch", "base_branch")
"""Fields of events that the run object has, too."""


class RecordingError(ValueError):
    """A file cannot be played; the message names the line."""


class Recording(NamedTuple):
    """The events of one run, and how it ended."""

    lines: list[tuple[float, bytes]]
    """The seconds before each event, and the event as JSON."""
    facts: dict[str, Any]
    """The first value of each of ``_FACTS``, and ``createdAt``, the time of the first event."""
    end: dict[str, Any]
    """The run's fields when the step ended, by the API's names, with ``result`` and
    ``errorCode`` of the step. Those two are empty if they are unknown.
    """

    @property
    def seconds(self) -> float:
        """How long it takes to play."""
        return sum(pause for pause, _ in self.lines)

    @property
    def ends_live(self) -> bool:
        """Whether the run was still running when the step timed out."""
        return self.end["status"] in LIVE_STATUSES


@cache
def shipped() -> dict[str, Path]:
    """Return the recordings of the package by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.ndjson"))}


def load(played: str | Path) -> Recording:
    """Return a recording of the package, or that of a file.

    Raises:
        OSError: it cannot be read.
        RecordingError: it is not the recording of a run.
    """
    path = played if isinstance(played, Path) else shipped()[played]
    return _parse(read_head(path, MAX_BYTES + 1))


def _parse(data: bytes) -> Recording:
    """Return the last run in ``data``; a step that repairs has recorded several.

    Raises:
        RecordingError: there is none, or a line is not part of one.
    """
    lines: list[tuple[float, bytes]] = []
    facts: dict[str, Any] = {}
    end: dict[str, Any] = {}
    before: datetime | None = None
    for number, line, value in _objects(data):
        if end:  # the next run of a step that repairs
            lines, facts, end, before = [], {}, {}, None
        if "status" in value and "type" not in value:
            end = _end(number, value)
            continue
        event = answers.event(value)
        if event is None or event.created_at is None:
            raise RecordingError(f"line {number} is not an event with id, type and createdAt")
        silence = (event.created_at - (before or event.created_at)).total_seconds()
        before = event.created_at
        # The service may write an event late, behind newer ones.
        lines.append((min(max(silence, 0.0), _MAX_PAUSE), line))
        facts.setdefault("createdAt", value["createdAt"])
        payload = value.get("payload")
        if isinstance(payload, dict):
            facts = {name: payload[name] for name in _FACTS if name in payload} | facts
    if not lines and not end:
        raise RecordingError("no run is recorded in it")
    return Recording(lines, facts, end or _FAILED | {"error": _CUT_OFF})


def _objects(data: bytes) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Yield the number, text and JSON object of each line.

    Raises:
        RecordingError: a line holds something else, or too much.
    """
    if len(data) > MAX_BYTES:
        raise RecordingError(f"it has more than {MAX_BYTES:,} bytes")
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(line) > _MAX_LINE_BYTES:
            raise RecordingError(f"line {number} has more than {_MAX_LINE_BYTES:,} bytes")
        try:
            value = answers.read_json(line)
        except ValueError as error:
            raise RecordingError(f"line {number} is not JSON") from error
        if not isinstance(value, dict):
            raise RecordingError(f"line {number} is not a JSON object")
        if value.get("unreadable") is not True:  # an event that the step could not write
            yield number, line, value


def _end(number: int, value: dict[str, Any]) -> dict[str, Any]:
    """Return the last line of a run as ``Recording.end``."""
    try:
        run = answers.run(value)
    except MogplexError as error:
        fault = f"line {number} is not the end of a run with runId and status"
        raise RecordingError(fault) from error
    result = value.get("result", "")
    is_over = run.status in TERMINAL_STATUSES or run.is_paused
    is_late = run.status in LIVE_STATUSES and result == "timeout"
    if result not in ("", *_RESULTS) or not (is_over or is_late):
        error_text = f"The recorded step ended as {result or run.status}."
        return _FAILED | {"runId": run.id, "error": error_text}
    code = answers.error_code(value.get("errorCode")) or ""
    return value | {"result": result, "errorCode": code}


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
