"""Reads the API's JSON into typed values: the only place that knows the API's field names and payload keys.

Needed values (ids, statuses) are checked, and an answer without them is refused. Everything else may be missing or
odd: unknown fields, types and states are ignored, as the API asks of its clients.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mogplex_ci import models
from mogplex_ci.errors import SetupError
from mogplex_ci.models import EventKind
from mogplex_ci.untrusted import Untrusted

_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_CODE: Final = r"[A-Z][A-Z0-9_]{0,63}"

_KINDS: Final = {
    # Written by the service (Mogplex/mogplex, lib/harness and lib/mogplex-api).
    "tool_started": EventKind.TOOL_STARTED,
    "tool_finished": EventKind.TOOL_FINISHED,
    "finished": EventKind.FINISHED,
    "failed": EventKind.FAILED,
    "cancelled": EventKind.CANCELLED,
    # Only in the documentation of the first version.
    "stream_started": EventKind.SANDBOX_READY,
    "tool_call": EventKind.TOOL_STARTED,
    "tool_result": EventKind.TOOL_FINISHED,
    "assistant_message": EventKind.MESSAGE,
}
_STAGES: Final = {
    "git_sync": EventKind.GIT_SYNC,
    "install": EventKind.INSTALL,
    "git_delivery": EventKind.DELIVERY,
}
_OWN_TYPES: Final = (*_KINDS, "started", "log", "status_changed", "cancel_requested")
_KNOWN_KEYS: Final = (
    *("ai_billing_source", "base_branch", "changed", "created_branch", "exit_code", "external_run_id", "failure_code"),
    *("from", "harness_id", "kind", "pull_request_url", "runtime_command_id", "runtime_run_id", "stage", "to"),
    *("working_branch", "heartbeat", "recorded_at"),
)
"""Payload keys of the service's own events that typed fields carry, or that matter to the service only."""
_KNOWN_TOOL_KEYS: Final = ("duration_ms", "kind", "state", "toolCallId")
_DELIVERY_FAILED: Final = "The agent finished, but GitHub delivery failed"
"""How the error of a failed push begins (Mogplex/mogplex, lib/harness/git-delivery.ts)."""
_DELIVERY_NOTE: Final = "Delivered tracked changes in an automatic commit"
"""Written as if the agent had said it, by the delivery (same source)."""
MAX_VALUES: Final = 1_000_000
"""Most brackets and commas of one JSON document; 200 events at the service's own limits have far fewer."""
_MOST_DIGITS: Final = 400
_LONGEST_CALL_MS: Final = 30 * 24 * 3600 * 1000


def read_json(data: bytes | str) -> object:
    """Parse JSON of bounded cost: a few bytes for each of many values would become gigabytes of objects.

    A whole number with more digits than Python converts becomes a float.

    Raises:
        ValueError: not JSON, too many values, or nested too deeply.
    """
    marks = (b"[", b"{", b",") if isinstance(data, bytes) else ("[", "{", ",")
    if sum(map(data.count, marks)) > MAX_VALUES:  # type: ignore[arg-type]  # marks are of the kind of data
        raise ValueError("too many values")
    try:
        return json.loads(data, parse_int=_whole_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def malformed(cause: str) -> SetupError:
    """Return the error for an answer that came but cannot be used."""
    return SetupError(cause, remedy="Check that base-url is a Mogplex service; a proxy may have answered in its place.")


def error_code(value: object) -> str | None:
    """Return the API's error code if it is a plain word in capitals."""
    return value if isinstance(value, str) and re.fullmatch(_CODE, value) else None


def repos(data: object) -> list[models.Repo]:
    """Read ``{repos: [...]}``."""
    return [
        models.Repo(
            id=_word(item, "id"),
            full_name=_required_text(item, "full_name"),
            default_branch=_text(item, "default_branch"),
            root_directory=_text(item, "root_directory"),
            data=Untrusted(item),
        )
        for item in map(_object, _list(_object(data), "repos"))
    ]


def run(data: object) -> models.Run:
    """Read a run object."""
    item = _object(data)
    branch, runtime = item.get("branch"), item.get("runtime")
    return models.Run(
        id=_word(item, "runId"),
        status=_word(item, "status"),
        repo_id=_text(item, "repoId"),
        harness=_text(item, "harness"),
        base_branch=_text(branch, "base"),
        working_branch=_text(branch, "working"),
        creates_branch=isinstance(branch, dict) and branch.get("createBranch") is True,
        sandbox_id=_text(item, "sandboxId"),
        error=_text(item, "error"),
        queued=_text(runtime, "runId") is not None,
        data=Untrusted(item),
        created_at=_time(item.get("createdAt")),
        updated_at=_time(item.get("updatedAt")),
        segment=_text(item, "aiCallId"),
        agent_id=_text(item, "agentId"),
        terminal_commit=_text(item, "terminalCommitSha"),
        has_terminal_commit="terminalCommitSha" in item,
    )


def started(data: object) -> models.StartedRun:
    """Read the answer of the start call: a run object and ``replayed``."""
    return models.StartedRun(run=run(data), replayed=_object(data).get("replayed") is True)


def page(data: object) -> models.EventPage:
    """Read ``{run, events: [...]}``."""
    item = _object(data)
    return models.EventPage(run=run(item.get("run")), events=events(_list(item, "events")))


def events(items: list[object]) -> tuple[models.Event, ...]:
    """Read events. An entry without an id is left out: one odd entry must not hide the others."""
    return tuple(read for item in items if (read := event(item)) is not None)


def cancelled(data: object) -> models.Cancelled:
    """Read ``{run, status, alreadyTerminal}``."""
    item = _object(data)
    return models.Cancelled(
        run=run(item["run"]) if isinstance(item.get("run"), dict) else None,
        status=_word(item, "status"),
        already_terminal=item.get("alreadyTerminal") is True,
        data=Untrusted(item),
    )


def artifact(data: object) -> models.Artifact:
    """Read ``{artifact: {...}}``."""
    item = _object(_object(data).get("artifact"))
    if "content" not in item:
        raise malformed("the API's answer lacks content")
    return models.Artifact(
        path=_required_text(item, "path"),
        content=Untrusted(item["content"]),
        commit_sha=_text(item, "commitSha"),
        data=Untrusted(item),
    )


def agents(data: object) -> list[models.Agent]:
    """Read ``{agents: [...]}``."""
    return [
        models.Agent(
            id=_required_text(item, "id"),
            name=_required_text(item, "name"),
            model=_text(item, "model"),
            description=_text(item, "description"),
            data=Untrusted(item),
        )
        for item in map(_object, _list(_object(data), "agents"))
    ]


def skills(data: object) -> list[models.Skill]:
    """Read ``{skills: [...]}``."""
    return [
        models.Skill(
            slug=_required_text(item, "slug"),
            name=_required_text(item, "name"),
            source=_text(item, "source"),
            description=_text(item, "description"),
            data=Untrusted(item),
        )
        for item in map(_object, _list(_object(data), "skills"))
    ]


def event(data: object) -> models.Event | None:
    """Read one event; None when it has no id."""
    event_id = _text(data, "id")
    if not isinstance(data, dict) or event_id is None:
        return None
    kind_word = data.get("type")
    payload = data.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    message = _text(data, "message")
    kind = _kind(kind_word, payload, message)
    is_tool = kind in (EventKind.TOOL_STARTED, EventKind.TOOL_FINISHED)
    is_git = kind in (EventKind.GIT_SYNC, EventKind.DELIVERY)
    is_end = kind in (EventKind.FINISHED, EventKind.FAILED, EventKind.CANCELLED)
    return models.Event(
        id=event_id,
        kind=kind,
        type=_text(data, "type") or Untrusted("event"),
        message=message,
        created_at=_time(data.get("createdAt")),
        data=Untrusted(data),
        label=_label(kind_word, payload, message),
        details=_details(kind_word, data.get("payload"), is_tool=is_tool),
        tool=_tool(data, payload) if is_tool else None,
        git=_git(payload) if is_git else None,
        end=_end(payload, message) if is_end else None,
        location=_location(payload),
    )


def _kind(word: object, payload: Mapping[str, object], message: Untrusted | None) -> EventKind:
    if word == "started":
        # A run has two of them: the API's, when it accepts the run, and the harness's.
        return EventKind.ACCEPTED if payload.get("external_run_id") else EventKind.SANDBOX_READY
    if word == "log":
        if payload.get("kind") == "assistant_delta":
            is_note = message is not None and message.text.lstrip().startswith(_DELIVERY_NOTE)
            return EventKind.OTHER if is_note else EventKind.TEXT_DELTA
        stage = payload.get("stage")
        return _STAGES.get(stage, EventKind.OTHER) if isinstance(stage, str) else EventKind.OTHER
    return _KINDS.get(word, EventKind.OTHER) if isinstance(word, str) else EventKind.OTHER


def _label(word: object, payload: Mapping[str, object], message: Untrusted | None) -> Untrusted | None:
    """Name an event in a word. A message of the service's general types says enough."""
    if message and word in ("log", "started", "status_changed"):
        return None
    return _text(payload, "stage") or (Untrusted(word) if isinstance(word, str) else None)


def _details(word: object, payload: object, *, is_tool: bool) -> Untrusted | None:
    known = _KNOWN_TOOL_KEYS if is_tool else _KNOWN_KEYS if word in _OWN_TYPES else ()
    return Untrusted(payload).without(*known) or None


def _tool(data: Mapping[str, object], payload: Mapping[str, object]) -> models.ToolState:
    state, exit_code = payload.get("state"), payload.get("exit_code")
    failed = state in ("error", "denied") or bool(payload.get("error"))
    milliseconds = payload.get("duration_ms")
    is_duration = isinstance(milliseconds, int | float) and 0 <= milliseconds <= _LONGEST_CALL_MS
    return models.ToolState(
        name=_text(data, "toolName") or Untrusted("tool"),
        call_id=_text(payload, "toolCallId"),
        failed=failed or (_int(exit_code) not in (0, None)),
        denied=state == "denied",
        seconds=milliseconds / 1000 if is_duration and isinstance(milliseconds, int | float) else None,
    )


def _git(payload: Mapping[str, object]) -> models.GitState:
    changed = payload.get("changed")
    return models.GitState(
        working_branch=_text(payload, "working_branch"),
        base_branch=_text(payload, "base_branch"),
        changed=changed if isinstance(changed, bool) else None,
        pull_request_url=_text(payload, "pull_request_url"),
    )


def _end(payload: Mapping[str, object], message: Untrusted | None) -> models.RunEnd:
    error = _text(payload, "error")
    return models.RunEnd(
        error=error,
        exit_code=_int(payload.get("exit_code")),
        code=_text(payload, "failure_code"),
        in_delivery=(error or message or Untrusted("")).text.startswith(_DELIVERY_FAILED),
    )


def _location(payload: Mapping[str, object]) -> models.FileLocation | None:
    path, line = _text(payload, "path") or _text(payload, "file"), _int(payload.get("line"))
    if path is None or line is None or line < 1:
        return None
    level = payload.get("level") or payload.get("severity")
    return models.FileLocation(path, line, is_problem=level in ("warning", "error"))


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise malformed("the API's answer lacks an object")
    return value


def _list(item: Mapping[str, object], name: str) -> list[object]:
    value = item.get(name)
    if not isinstance(value, list):
        raise malformed(f"the API's answer lacks the list {name}")
    return value


def _word(item: Mapping[str, object], name: str) -> str:
    """Return an id or enum value. It goes into URLs and outputs, so an answer in which it is not a word is refused."""
    value = item.get(name)
    if not isinstance(value, str) or not re.fullmatch(_WORD, value):
        raise malformed(f"the API's answer has no usable {name}")
    return value


def _required_text(item: Mapping[str, object], name: str) -> Untrusted:
    value = _text(item, name)
    if value is None:
        raise malformed(f"the API's answer lacks {name}")
    return value


def _text(item: object, name: str) -> Untrusted | None:
    value = item.get(name) if isinstance(item, dict) else None
    return Untrusted(value) if isinstance(value, str) else None


def _int(value: object) -> int | None:
    """Return a whole number of a sensible size; None for anything else."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9
    return value if is_number and isinstance(value, int) else None


def _time(value: object) -> datetime | None:
    """Read an ISO time with any number of fraction digits as one in UTC; None for anything else."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):  # no time, or one in UTC outside the years 1 to 9999
        return None
