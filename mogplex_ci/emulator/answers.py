"""The API's answers: the JSON envelope around data and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_STATUS: Final = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "IDEMPOTENCY_CONFLICT": 409,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}
_JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client, before any fault is applied to it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    """Seconds until it is sent."""


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
