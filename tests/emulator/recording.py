"""Recordings: the ``events.ndjson`` that a step with ``output-dir`` wrote, translated into the
fields of a scenario.
"""

import json
import math
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from tests.emulator.documents import Document, DocumentError, errors_of, field_name, read_text
from tests.emulator.routes import encode

SUFFIXES: Final = (".ndjson", ".jsonl")
"""Of files that are recordings, not scenarios."""
MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_LINE_BYTES: Final = 2 * 1024 * 1024
"""Of one event. A step writes at most 200,000 characters of a payload, and a client refuses an
answer of more than 16 MiB each time it asks for it.
"""
_PAGE_EVENTS: Final = 200
_MAX_PAGE_BYTES: Final = 15 * 1024 * 1024
"""Of as many events as a client asks for at once: it would refuse the answer, and ask again until
its timeout.
"""
_ENDS: Final = ("success", "failed", "cancelled", "awaiting_input")
"""Statuses with which a step's recording ends. With any other the played run would never end."""
_LONGEST_PAUSE: Final = 1.5
"""Below two seconds of silence, after which a step shows what it holds back."""
_SHORTEST_PAUSE: Final = 0.001
"""Between two events, so that they keep their order: events of the same time have none."""
_ACCEPTED: Final = "External Mogplex run accepted"
"""Message of the first event, which the emulator writes for every run by itself."""
_OF_END: Final = ("failed", "cancel_requested", "cancelled")
"""Events that a run can have before it works."""
_CLOSE_STREAM: Final = ("finished", "failed", "cancelled")
"""Events after which the service closes a stream."""
_CUT_OFF: Final = "The recording stops here; it does not say how the run ended."
_TEXT: Final = {"type": ["string", "null"], "description": "a text"}
_LINE: Final = {
    "type": "object",
    "description": "a line is an event, or a run's end, as JSON",
    "anyOf": [
        {"required": ["type"]},
        {"required": ["runId", "status"]},
        {"required": ["unreadable"]},
    ],
    "properties": {
        "type": {"type": "string", "description": "the type of an event"},
        "toolName": _TEXT,
        "message": _TEXT,
        "payload": {"type": ["object", "null"], "description": "an object"},
        "createdAt": _TEXT,
        "runId": {"type": "string", "description": "the id of a run"},
        "status": {"enum": [*_ENDS]},
        "error": _TEXT,
        "terminalCommitSha": _TEXT,
    },
}


def load_recording(path: Path) -> Document:
    """Return the scenario that plays a recorded run.

    A recording without an end, of a step that did not see one, ends as ``failed`` with an error
    that says so.

    Raises:
        DocumentError: the file cannot be read, has a broken line, or holds no run or several.
    """
    lines = list(_lines(path))
    if not lines:
        raise DocumentError(f"{path}:1: no run is recorded here")
    has_end = _is_end(lines[-1])
    end: dict[str, Any] = {"status": "failed", "error": _CUT_OFF}
    if has_end:
        end = lines.pop()
    events = [line for line in lines if "type" in line and line.get("message") != _ACCEPTED]
    error = end.get("error")
    if has_end and not events and end["status"] == "failed":  # nothing took the run up
        fields: dict[str, Any] = {"queue_failure": {"error": error or ""}, "steps": []}
    else:
        accepted = _time(lines[0]) if lines else None
        steps = [*_steps(events, accepted), {"status": end["status"], "error": error}]
        commit = end.get("terminalCommitSha")
        if commit:
            steps.append({"commit": commit})
        fields = {"steps": steps}
        if not _has_last_event(events):
            # No event closes the stream then, and a client would notice the end a minute later.
            seconds = sum(step.get("after", 0.0) for step in steps)
            fields["faults"] = [{"route": "stream", "close": f"{math.ceil(seconds * 1000)}ms"}]
    return Document(str(path), {**_literal(fields), "variables": {"braces": "{{"}}, {})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    run_id = None
    has_ended = False
    page: deque[int] = deque([0] * _PAGE_EVENTS)
    page_bytes = 0
    for number, text in enumerate(read_text(path, MAX_BYTES).split("\n"), 1):
        if not text.strip():
            continue
        if len(text.encode()) > _MAX_LINE_BYTES:
            raise DocumentError(f"{path}:{number}: has more than {_MAX_LINE_BYTES:,} bytes")
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            raise DocumentError(f"{path}:{number}: not valid JSON") from None
        if mistakes := errors_of(line, _LINE):
            where, message = mistakes[0]
            raise DocumentError(f"{path}:{number}: {field_name(where)}: {message}")
        if has_ended or (run_id is not None and line.get("runId", run_id) != run_id):
            raise DocumentError(
                f"{path}:{number}: another run begins here, and only one can be played"
            )
        page.append(len(encode(line)))
        page_bytes += page[-1] - page.popleft()
        if page_bytes > _MAX_PAGE_BYTES:
            raise DocumentError(
                f"{path}:{number}: ends {_PAGE_EVENTS} events of more than {_MAX_PAGE_BYTES:,} bytes"
            )
        run_id = line.get("runId", run_id)
        has_ended = _is_end(line)
        yield line


def _has_last_event(events: list[dict[str, Any]]) -> bool:
    """Return whether an event says that the run, or its work since its last pause, is over."""
    kinds = [event["type"] for event in reversed(events)]
    return any(kind in _CLOSE_STREAM for kind in takewhile(lambda kind: kind != "started", kinds))


def _is_end(line: dict[str, Any]) -> bool:
    return "status" in line and "type" not in line


def _steps(events: list[dict[str, Any]], began: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the steps of ``events``, and the statuses that they imply."""
    before = began
    status = "pending"
    for event in events:
        now = _time(event)
        pause = _pause(before, now)
        before = now or before
        kind = event["type"]
        if kind == "started" and status == "finished":
            yield {"status": "awaiting_input"}
        if (kind == "started" and status == "finished") or (
            kind not in _OF_END and status == "pending"
        ):
            yield {"after": pause, "status": "streaming"}
            pause = _SHORTEST_PAUSE
            status = "streaming"
        if kind == "finished":
            status = kind
        yield {
            "after": pause,
            "event": kind,
            "tool": event.get("toolName"),
            "message": event.get("message"),
            "payload": event.get("payload") or {},
        }


def _pause(before: datetime | None, now: datetime | None) -> float:
    """Return the seconds between two events, as they are played."""
    if before is None or now is None:
        return _SHORTEST_PAUSE
    return min(max((now - before).total_seconds(), _SHORTEST_PAUSE), _LONGEST_PAUSE)


def _time(event: dict[str, Any]) -> datetime | None:
    try:
        time = datetime.fromisoformat(event.get("createdAt") or "")
    except ValueError:
        return None
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    return time


def _literal(value: Any) -> Any:
    """Return ``value`` with its texts such that they are played as they stand, also those that look
    like variables.
    """
    if isinstance(value, str):
        return value.replace("{{", "{{ braces }}")
    if isinstance(value, dict):
        return {_literal(key): _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value
