"""From the API's JSON to models. What is missing or of a wrong kind is an answer to ask for again; more is welcome."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import Cancelled, Event, Feed, Repo, Run, StartedRun, Untrusted

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)


def malformed(cause: str) -> UnreachableError:
    """Return the error for an answer that came, but cannot be used."""
    return UnreachableError(
        cause, remedy="Check that base-url is a Mogplex service; a proxy may have answered instead."
    )


def error_code(value: object) -> str | None:
    """Return the API's error code when it is a plain word in capitals."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def repos(data: object) -> list[Repo]:
    """Read ``{repos: […]}``."""
    return [
        Repo(
            id=_word(item, "id"),
            full_name=_required_text(item, "full_name"),
            default_branch=_text(item, "default_branch"),
            root_directory=_text(item, "root_directory"),
            data=Untrusted(item),
        )
        for item in map(_object, _list(_object(data), "repos"))
    ]


def run(data: object) -> Run:
    """Read a run detail."""
    item = _object(data)
    branch, runtime = item.get("branch"), item.get("runtime")
    return Run(
        id=_word(item, "runId"),
        status=_word(item, "status"),
        repo_id=_text(item, "repoId"),
        harness=_text(item, "harness"),
        base_branch=_text(branch, "base"),
        working_branch=_text(branch, "working"),
        sandbox_id=_text(item, "sandboxId"),
        error=_text(item, "error"),
        queued=_text(runtime, "runId") is not None,
        data=Untrusted(item),
        created_at=_time(item.get("createdAt")),
        updated_at=_time(item.get("updatedAt")),
    )


def started(data: object) -> StartedRun:
    """Read the answer of the start call: a run detail and ``replayed``."""
    return StartedRun(run=run(data), replayed=_object(data).get("replayed") is True)


def feed(data: object) -> Feed:
    """Read ``{run, events: […]}``."""
    item = _object(data)
    events = (event for event in map(_event, _list(item, "events")) if event is not None)
    return Feed(run=run(item.get("run")), events=tuple(events))


def cancelled(data: object) -> Cancelled:
    """Read ``{run, status, alreadyTerminal}``."""
    item = _object(data)
    return Cancelled(
        run=run(item["run"]) if isinstance(item.get("run"), dict) else None,
        status=_word(item, "status"),
        already_terminal=item.get("alreadyTerminal") is True,
        data=Untrusted(item),
    )


def _event(data: object) -> Event | None:
    """Read one event; None for an entry without an id: one odd entry must not hide the others."""
    event_id = _text(data, "id")
    if not isinstance(data, dict) or event_id is None:
        return None
    item = data
    return Event(
        id=event_id,
        type=_text(item, "type") or Untrusted("event"),
        tool_name=_text(item, "toolName"),
        message=_text(item, "message"),
        payload=Untrusted(item.get("payload")),
        created_at=_time(item.get("createdAt")),
        data=Untrusted(item),
    )


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
    """Return an id or enum value: it goes into URLs and outputs, so it is a plain word or the answer is refused."""
    value = item.get(name)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
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


def _time(value: object) -> datetime | None:
    """Read an ISO time with any number of fraction digits; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
