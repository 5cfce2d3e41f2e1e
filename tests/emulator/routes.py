"""The API's routes and answers: which route a request means, and the JSON envelope around data and
errors.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

BASE: Final = "/api/v1/mogplex"
UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
"""An id that the service's database takes; hyphens may be missing."""
_BOTH: Final = (
    ("repos", "GET", "/repos"),
    ("start", "POST", "/runs"),
    ("run", "GET", "/runs/<run_id>"),
    ("events", "GET", "/runs/<run_id>/events"),
    ("cancel", "POST", "/runs/<run_id>/cancel"),
    ("sandboxes", "GET", "/sandboxes"),
    ("sandbox-logs", "GET", "/sandboxes/<sandbox_id>/logs"),
)
_NEWEST_ONLY: Final = (
    ("stream", "GET", "/runs/<run_id>/events/stream"),
    ("artifact", "GET", "/runs/<run_id>/artifact"),
)
_STATUS: Final = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}
_JSON: Final = {"content-type": "application/json"}
_HTML: Final = {"content-type": "text/html; charset=utf-8"}
_PAGE_NOT_FOUND: Final = (
    b'<!DOCTYPE html><html><head><meta charSet="utf-8"/><meta name="robots" content="noindex"/>'
    b"<title>404: This page could not be found.</title></head>"
    b"<body><h1>404</h1><h2>This page could not be found.</h2></body></html>"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the client, before any fault is applied to it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Refused(Exception):  # noqa: N818  (it is an answer, not a malfunction)
    """Ends the work on a request: the answer is an error of the API."""

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        envelope = {"ok": False, "error": {"code": code, "message": message}}
        self.answer = Answer(_STATUS[code], {**_JSON, **(headers or {})}, encode(envelope))


def ok(data: object, status: int = 200) -> Answer:
    """Wrap ``data`` in the envelope of a success."""
    return Answer(status, _JSON, encode({"ok": True, "data": data}))


def encode(value: object) -> bytes:
    """Write JSON as JavaScript does: compact, Unicode as it is, lone surrogates escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Call:
    """A request for one of the API's routes."""

    route: str
    """Its name, such as ``start`` or ``events``; see the tables above."""
    arguments: Mapping[str, str]
    """The variable parts of the path: ``run_id`` or ``sandbox_id``."""
    request: Request

    @property
    def run_id(self) -> str:
        """The run in the path, or an empty text."""
        return self.arguments.get("run_id", "")

    @property
    def last_event_id(self) -> str | None:
        """The event after which a stream resumes."""
        return self.request.headers.get("Last-Event-ID", "").strip() or None

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which faults know it."""
        if self.route == "stream" and self.last_event_id:
            return ("stream", "resume")
        return (self.route,)


class Routes:
    """The routes of one generation of the API."""

    def __init__(self, *, newest: bool) -> None:
        self._map = _map(newest)

    def find(self, request: Request) -> Call | Answer:
        """Return the call that a request makes, or the page that any other path gets."""
        try:
            endpoint, arguments = self._map.bind("").match(request.path, request.method)
        except HTTPException:
            length = str(len(_PAGE_NOT_FOUND))
            return Answer(404, {**_HTML, "content-length": length}, _PAGE_NOT_FOUND)
        return Call(str(endpoint), {name: str(value) for name, value in arguments.items()}, request)


@functools.cache  # to compile the rules takes longer than all else that starts an emulator
def _map(newest: bool) -> Map:
    routes = list(_BOTH)
    if newest:
        routes += _NEWEST_ONLY
    rules = [Rule(BASE + path, methods=[method], endpoint=name) for name, method, path in routes]
    return Map(rules, merge_slashes=False)
