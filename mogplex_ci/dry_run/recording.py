"""Recordings: the ``events.ndjson`` that a step with ``output-dir`` wrote. The package has some."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from mogplex_ci.api import answers
from mogplex_ci.errors import MogplexError
from mogplex_ci.models import LIVE_STATUSES, TERMINAL_STATUSES
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
