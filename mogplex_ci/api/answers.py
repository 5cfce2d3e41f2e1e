"""Reads the API's JSON into typed values: the only place that knows the API's field names and
payload keys.

Needed values (ids, statuses) are checked, and an answer without them is refused. Everything else
may be missing or odd: unknown fields, types and states are ignored, as the API asks of its clients.
"""

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Final, TypeVar, get_args, get_origin, get_type_hints

from mogplex_ci import models
from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import EventKind, Seconds
from mogplex_ci.untrusted import Untrusted

T = TypeVar("T")
_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_CODE: Final = r"[A-Z][A-Z0-9_]{0,63}"

_EVENT_KINDS: Final = {kind.value: kind for kind in EventKind} | {
    # Only in the documentation of the first version.
    "stream_started": EventKind.SANDBOX_READY,
    "tool_call": EventKind.TOOL_STARTED,
    "tool_result": EventKind.TOOL_FINISHED,
}
"""By the type of an event; that of a ``log`` with its stage."""
_OWN_TYPES: Final = (*_EVENT_KINDS, "log", "status_changed", "cancel_requested")
_KNOWN_KEYS: Final = (
    "ai_billing_source",
    "base_branch",
    "changed",
    "created_branch",
    "exit_code",
    "external_run_id",
    "failure_code",
    "from",
    "harness_id",
    "heartbeat",
    "kind",
    "pull_request_url",
    "recorded_at",
    "runtime_command_id",
    "runtime_run_id",
    "stage",
    "to",
    "working_branch",
)
"""Payload keys of the service's own events that typed fields carry, or that matter to the service
only.
"""
_KNOWN_TOOL_KEYS: Final = ("duration_ms", "kind", "state", "toolCallId")
_DELIVERY_FAILED: Final = "The agent finished, but GitHub delivery failed"
"""How the error of a failed push begins (Mogplex/mogplex, lib/harness/git-delivery.ts)."""
_WORDS: Final = "assistant_delta"
"""Kind of a ``log`` that holds words of the agent."""
_SERVICE_NOTES: Final = (
    r"\s*Delivered tracked changes in an automatic commit",
    r"\s*The agent exited before the turn finished \(-?\d+\)\.?\s*\Z",
)
"""Written by the service as if the agent had said it: by the delivery (same source), and when the
agent's process ends early.
"""
_REFUSALS: Final = (
    "credential_access_blocked",
    "github_mutation_blocked",
    "github_write_capability_unavailable",
    "command_risk",
)
"""Reasons for which the harness ``mogplex`` does not run a command; the event calls that a success
(lib/agents/tools/shell-command-guard.ts, lib/decisions/shell.ts).
"""
MAX_VALUES: Final = 1_000_000
"""Most brackets and commas of one JSON document outside of texts; 200 events at the service's own
limits have far fewer.
"""
_TEXTS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""Texts of a JSON document. One without an end goes to the document's, so that none is read twice.
"""
# Python converts up to 4,300 digits, and PYTHONINTMAXSTRDIGITS may lower that to 640.
_MAX_DIGITS: Final = 400
_MAX_CALL_MS: Final = 30 * 24 * 3600 * 1000


def read_json(data: bytes) -> object:
    """Parse JSON of bounded cost: a few bytes for each of many values would become gigabytes of
    objects.

    A whole number with more digits than Python converts becomes a float.

    Raises:
        ValueError: not JSON, too many values, or nested too deeply.
    """
    # An agent can print any number of brackets and commas: those in texts make no values.
    if _values_in(data) > MAX_VALUES and _values_in(_TEXTS.sub(b"", data)) > MAX_VALUES:
        raise ValueError("too many values")
    try:
        return json.loads(data, parse_int=_whole_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _values_in(data: bytes) -> int:
    return sum(map(data.count, (b"[", b"{", b",")))


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def malformed(cause: str) -> UnreachableError:
    """Return the error for an answer that came but cannot be used."""
    return UnreachableError(
        cause,
        remedy="Check that base-url is a Mogplex service; a proxy may have responded in its place.",
    )


def error_code(value: object) -> str | None:
    """Return the API's error code if it is a plain word in capitals."""
    return value if isinstance(value, str) and re.fullmatch(_CODE, value) else None


def listed(model: Callable[..., T], data: object, name: str) -> list[T]:
    """Read ``{name: [...]}``, a list of repositories or sandboxes."""
    return [_read(model, _object(item)) for item in _list(data, name)]


def run(data: object) -> models.Run:
    """Read a run object."""
    item = _object(data)
    return _read(models.Run, item)


def started(data: object) -> models.StartedRun:
    """Read the answer of the start call: a run object and ``replayed``."""
    return models.StartedRun(run=run(data), replayed=_object(data).get("replayed") is True)


def run_in(data: object, run_id: str) -> models.Run:
    """Read ``{run}``, which is to be the run ``run_id``: a cache in between may answer with another
    one.
    """
    found = run(_object(data).get("run"))
    # The service accepts any spelling of a UUID, and returns small letters.
    if found.id.lower() != run_id.lower():
        raise malformed("the API's response is about another run")
    return found


def event_page(data: object, run_id: str, seen: Container[Untrusted] = ()) -> models.EventPage:
    """Read ``{run, events: [...]}``, see ``run_in`` and ``events``."""
    return models.EventPage(run=run_in(data, run_id), events=events(_list(data, "events"), seen))


def events(items: list[object], seen: Container[Untrusted] = ()) -> tuple[models.Event, ...]:
    """Read events, those whose ids are in ``seen`` without their contents.

    An entry without an id is left out: one odd entry must not hide the others.
    """
    found: list[models.Event] = []
    for item in items:
        read = event(item)
        if read is not None:
            # A page of 200 events that were seen can be 4 MB, at each poll.
            found.append(read.emptied() if read.id in seen else read)
    return tuple(found)


def cancelled(data: object, run_id: str) -> models.Cancelled:
    """Read ``{run, status, alreadyTerminal}``, see ``run_in``."""
    item = _object(data)
    return _read(models.Cancelled, item, run=run_in(item, run_id))


def artifact(data: object) -> Untrusted:
    """Read ``{artifact: {content}}``: the JSON value in the file."""
    item = _object(_object(data).get("artifact"))
    if "content" not in item:
        raise malformed("the API's response lacks content")
    return Untrusted(item["content"])


def install_log(data: object) -> Untrusted | None:
    """Read ``{sandbox: {install_log}}``."""
    return text(_object(_object(data).get("sandbox")).get("install_log"))


def event(data: object) -> models.Event | None:
    """Read one event; None when it has no id."""
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        return None
    word = Untrusted(data.get("type")).text
    message = text(data.get("message"))
    payload = data.get("payload")
    fields = payload if isinstance(payload, dict) else {}
    kind = _kind(word, message, fields)
    is_note = kind is EventKind.OTHER and fields.get("kind") == _WORDS
    if message is not None and is_note:
        # It arrives as a piece of the agent's text, with line breaks around it.
        message = Untrusted(message.text.strip())
    is_tool = kind in (EventKind.TOOL_STARTED, EventKind.TOOL_FINISHED)
    is_git = kind in (EventKind.GIT_SYNC, EventKind.DELIVERY)
    is_end = kind in (EventKind.FINISHED, EventKind.FAILED, EventKind.CANCELLED)
    known: Sequence[str] = ()
    if is_tool:
        known = _KNOWN_TOOL_KEYS
    elif word in _OWN_TYPES:
        known = _KNOWN_KEYS
    label = text(fields.get("stage")) or Untrusted(word) or None
    if message and word in ("log", "started", "status_changed"):
        label = None  # a message of the service's general types says enough without a name
    return _read(
        models.Event,
        data,
        kind=kind,
        type=Untrusted(word or "event"),
        message=message,
        label=label,
        details=Untrusted(payload).without(*known) or None,
        tool=_tool(data.get("toolName"), fields) if is_tool else None,
        git=_read(models.GitState, fields) if is_git else None,
        end=_end(fields, message) if is_end else None,
    )


def _kind(word: str, message: Untrusted | None, payload: Mapping[str, object]) -> EventKind:
    # Two events have the type "started": the acceptance, and the sandbox that is ready.
    if word == "started" and payload.get("external_run_id"):
        return EventKind.ACCEPTED
    if word == "log" and payload.get("kind") == _WORDS:
        words = message.text if message is not None else ""
        is_note = any(re.match(note, words) for note in _SERVICE_NOTES)
        return EventKind.OTHER if is_note else EventKind.TEXT_DELTA
    name = word
    if word == "log":
        name = f"log {payload.get('stage')}"
    return _EVENT_KINDS.get(name, EventKind.OTHER)


def _tool(name: object, payload: Mapping[str, object]) -> models.ToolState:
    state = payload.get("state")
    # Tool events of the first version have no state.
    is_denied = state == "denied"
    has_failed = state == "error" or bool(payload.get("error") or _int(payload.get("exit_code")))
    # The harness mogplex reports what a command returned; the call itself is a success then.
    output = payload.get("output")
    returned = output if isinstance(output, dict) else {}
    exit_code = _int(returned.get("exitCode"))
    note = text(returned.get("outputCheck"))
    if returned.get("reason") in _REFUSALS:
        is_denied = True
        note = text(returned.get("error"))
    return _read(
        models.ToolState,
        payload,
        name=text(name) or Untrusted("tool"),
        failed=is_denied or has_failed or bool(exit_code) or note is not None,
        denied=is_denied,
        exit_code=exit_code,
        note=note,
    )


def _end(payload: Mapping[str, object], message: Untrusted | None) -> models.RunEnd:
    cause = text(payload.get("error")) or message or Untrusted("")
    return _read(models.RunEnd, payload, in_delivery=cause.text.startswith(_DELIVERY_FAILED))


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise malformed("the API's response lacks an object")
    return value


def _list(data: object, name: str) -> list[object]:
    value = _object(data).get(name)
    if not isinstance(value, list):
        raise malformed(f"the API's response lacks the list {name}")
    return value


def _read(model: Callable[..., T], item: Mapping[str, object], **given: object) -> T:
    """Return a model of ``item``. Each field is read as its type says, but those ``given``, and
    ``data``, all of it.
    """
    given.setdefault("data", Untrusted(item))
    fields = _fields(model).items()
    return model(
        **{name: given[name] if name in given else _field(item, *field) for name, field in fields}
    )


@cache
def _fields(model: Callable[..., object]) -> Mapping[str, tuple[object, str]]:
    """Return the type of each field of a model, and the path of the API's field."""
    hints = get_type_hints(model, include_extras=True)
    return {
        name: get_args(hint) if get_origin(hint) is Annotated else (hint, name)
        for name, hint in hints.items()
    }


def _field(item: Mapping[str, object], kind: object, path: str) -> object:
    value: object = item
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    found = _FIELD_READERS[kind](value)
    if found is None and kind in _NEEDED:
        raise malformed(f"the API's response has no usable {path}")
    return found


def _word(value: object) -> str | None:
    """Read an id or enum value. It goes into URLs and outputs."""
    return value if isinstance(value, str) and re.fullmatch(_WORD, value) else None


def text(value: object) -> Untrusted | None:
    """Read a text; None for anything else."""
    return Untrusted(value) if isinstance(value, str) else None


def _int(value: object) -> int | None:
    """Read a whole number of a sensible size; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) < 10**9 else None


def _seconds(value: object) -> Seconds | None:
    """Read a number of milliseconds as seconds; None for anything else."""
    # Not "value < 0 or …": NaN, which Python's JSON may hold, must fail as well.
    if not isinstance(value, int | float) or not 0 <= value <= _MAX_CALL_MS:
        return None
    return Seconds(value / 1000)


def time(value: object) -> datetime | None:
    """Read an ISO time with any number of fraction digits as one in UTC; None for anything else."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        moment = datetime.fromisoformat(value)
        # Without a zone it could be any hour; the service's times have one.
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # no time, or one in UTC outside the years 1 to 9999
        return None


_FIELD_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    str: _word,
    Untrusted: text,
    Untrusted | None: text,
    int | None: _int,
    Seconds | None: _seconds,
    datetime | None: time,
    bool: lambda value: value is True,
    bool | None: lambda value: value if isinstance(value, bool) else None,
}
"""By the type of a model's field."""
_NEEDED: Final = (str, Untrusted)
"""Types of the fields without which an answer is refused."""
