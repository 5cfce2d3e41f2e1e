"""Every way in which an answer can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OTHER_RUN = {
    "ok": True,
    "data": {
        "runId": "00000000-0000-4000-8000-000000000000",
        "status": "success",
        "runtime": {"runId": "run_other"},
        "run": {
            "runId": "00000000-0000-4000-8000-000000000000",
            "status": "success",
            "runtime": {"runId": "run_other"},
        },
        "events": [],
        "repos": [],
    },
}


def error(code: str) -> dict[str, Any]:
    """The API's envelope of an error."""
    return {"ok": False, "error": {"code": code, "message": "injected"}}


@dataclass(frozen=True)
class Kind:
    """A fault."""

    name: str
    fields: dict[str, Any]
    code: int
    """The exit code when it lasts to the deadline of a step that has started nothing, or strikes
    once and for all.
    """


GARBAGE: dict[str, Any] = {
    "status": 200,
    "headers": {"Content-Type": "application/json"},
    "body": '\0\xff<!DOCTYPE html>\r\n{"ok": tru',
}
HTML = "<!DOCTYPE html><title>Bad gateway</title>"

PASSING = (
    Kind("500 undone", {"status": 500, "body": error("INTERNAL_ERROR")}, 69),
    Kind("500 done", {"status": 500, "body": error("INTERNAL_ERROR"), "when": "after"}, 69),
    Kind("500 empty", {"status": 500}, 69),
    Kind("502 undone", {"status": 502, "body": HTML}, 69),
    Kind("502 done", {"status": 502, "body": HTML, "when": "after"}, 69),
    Kind(
        "503 in a while",
        {"status": 503, "headers": {"Retry-After": "7"}, "body": error("SERVICE_UNAVAILABLE")},
        69,
    ),
    Kind("503 of a proxy", {"status": 503, "body": HTML, "when": "after"}, 69),
    Kind("504 done", {"status": 504, "body": "", "when": "after"}, 69),
    Kind("408", {"status": 408, "body": ""}, 69),
    Kind(
        "429", {"status": 429, "headers": {"Retry-After": "60"}, "body": error("RATE_LIMITED")}, 75
    ),
    Kind("429 without a time", {"status": 429, "body": error("RATE_LIMITED")}, 75),
    Kind("dropped undone", {"drop": True}, 69),
    Kind("dropped done", {"drop": True, "when": "after"}, 69),
    Kind("cut before the body", {"cut": 0}, 69),
    Kind("cut in the body", {"cut": 25}, 69),
    Kind("garbage undone", GARBAGE, 69),
    Kind("garbage done", GARBAGE | {"when": "after"}, 69),
    Kind("no body", {"status": 200, "body": "", "when": "after"}, 69),
    Kind("null", {"status": 200, "body": None, "when": "after"}, 69),
    Kind("a list", {"status": 200, "body": [], "when": "after"}, 69),
    Kind("no data", {"status": 200, "body": {"ok": True}, "when": "after"}, 69),
    Kind("empty data", {"status": 202, "body": {"ok": True, "data": {}}, "when": "after"}, 69),
    Kind(
        "numbers for texts",
        {
            "status": 200,
            "body": {"ok": True, "data": {"runId": 7, "run": 7, "events": 7, "status": 7}},
        },
        69,
    ),
)
"""They may pass: the same request is made again."""

_PAGE: dict[str, Any] = {"body": HTML, "headers": {"Content-Type": "text/html"}}
_REDIRECTS: dict[str, dict[str, Any]] = {
    "302 elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "308 to no address": {"status": 308, "headers": {"Location": "http://["}},
    "302 to no port": {"status": 302, "headers": {"Location": "http://localhost:x/"}},
    "307 in circles": {"status": 307, "headers": {"Location": "?"}},
}
PROXIES = tuple(
    Kind(f"{name} {'done' if when == 'after' else 'undone'}", {**fields, "when": when}, 69)
    for name, fields in {
        **{
            f"{status}": {"status": status, **_PAGE}
            for status in (200, 302, 400, 401, 403, 404, 407, 409, 413, 499)
        },
        **{f"{status} bare": {"status": status} for status in (304, 401, 403, 404, 409, 418, 431)},
        **_REDIRECTS,
    }.items()
    for when in ("before", "after")
)
"""Answers of something between us and the API. Once that has answered they pass, and tell nothing
about the request.
"""

UNAUTHORIZED = (
    Kind("401", {"status": 401, "body": error("UNAUTHORIZED")}, 64),
    Kind("sent to log in", {"status": 307, "headers": {"Location": "/login?next=x"}}, 64),
)
"""They are believed late: the service answers like this while its database is away."""

FINAL = (
    Kind("403", {"status": 403, "body": error("FORBIDDEN")}, 65),
    Kind("404", {"status": 404, "body": error("NOT_FOUND")}, 1),
)
"""They end the step at once, wherever they strike."""

REFUSED = (
    Kind("400", {"status": 400, "body": error("BAD_REQUEST")}, 1),
    Kind("409", {"status": 409, "body": error("IDEMPOTENCY_CONFLICT")}, 1),
)
"""They end the step before a run is followed. After that they pass."""

STREAM_FAULTS = (
    Kind("cut after events", {"events": 3, "cut": 0}, 0),
    Kind("cut in a line", {"events": 2, "cut": 30}, 0),
    Kind("cut at the beginning", {"cut": 20}, 0),
    Kind("closed at once", {"close": 0}, 0),
    Kind("closed after an event", {"events": 1, "close": 0}, 0),
    Kind("closed in a while", {"close": "2s"}, 0),
    Kind("silent", {"events": 2, "silent": True}, 0),
    Kind("silent at once", {"silent": True}, 0),
    Kind("buffered", {"buffered": True}, 0),
    Kind("replayed", {"replay": True}, 0),
)
"""Faults of an open stream; none of them changes how a run ends, or loses an event."""
