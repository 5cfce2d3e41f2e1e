"""The v1 API, one method for each call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mogplex_ci.api import parse
from mogplex_ci.api.retry import parse_retry_after
from mogplex_ci.api.transport import READ_SECONDS, Transport
from mogplex_ci.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    MogplexError,
    NotAuthorizedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnavailableError,
    UnreachableError,
)
from mogplex_ci.models import FEED_LIMIT, Untrusted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.api.transport import Answer
    from mogplex_ci.models import Cancelled, Feed, Repo, Run, StartedRun, StartRequest

API_PATH: Final = "/api/v1/mogplex"
REPOS_LIMIT: Final = 200
"""Most repositories one answer can hold."""

TRANSIENT: Final = (UnreachableError, ServerError, RateLimitedError)
"""Errors after which the same request may succeed."""


class Client:
    """A token's view of one Mogplex service. Every call takes ``timeout``: the seconds it may take in all.

    Every method raises ``MogplexError``: one of ``TRANSIENT`` when asking again may help, another one when not.
    """

    def __init__(self, base_url: str, token: str) -> None:
        """Take the service's base URL, such as ``https://mogplex.com``, and the token."""
        self._transport = Transport(base_url, token)
        self._last_feed: tuple[bytes, Feed] | None = None

    @property
    def requests_sent(self) -> int:
        """Requests sent so far; the token may send 60 a minute."""
        return self._transport.requests_sent

    def repos(
        self, *, query: str = "", repo_id: str = "", limit: int = REPOS_LIMIT, timeout: float = READ_SECONDS
    ) -> list[Repo]:
        """List the repositories that the token can see: those whose full name holds ``query``, or the one of an id."""
        wanted = {"limit": str(limit), "q": query, "id": repo_id}
        params = {name: value for name, value in wanted.items() if value}
        return parse.repos(self._get("/repos", params, timeout=timeout))

    def start(self, request: StartRequest, key: str, *, timeout: float = READ_SECONDS) -> StartedRun:
        """Start a run, or learn of the one that ``key`` has started before."""
        answer = self._transport.send(
            "POST", f"{API_PATH}/runs", json=request.body(), headers={"Idempotency-Key": key}, timeout=timeout
        )
        return parse.started(_data(answer))

    def run(self, run_id: str, *, timeout: float = READ_SECONDS) -> Run:
        """Return the run."""
        return _about(run_id, parse.run(_field(self._get(_run_path(run_id), {}, timeout=timeout), "run")))

    def feed(self, run_id: str, *, limit: int = FEED_LIMIT, timeout: float = READ_SECONDS) -> Feed:
        """Return the run and its oldest events. An answer equal to the last one gives the same object again."""
        answer = self._transport.send(
            "GET", f"{API_PATH}{_run_path(run_id)}/events", query={"limit": str(limit)}, timeout=timeout
        )
        if self._last_feed is not None and answer.status == 200 and self._last_feed[0] == answer.body:
            return self._last_feed[1]
        feed = parse.feed(_data(answer))
        _about(run_id, feed.run)
        self._last_feed = (answer.body, feed)
        return feed

    def cancel(self, run_id: str, *, timeout: float = READ_SECONDS) -> Cancelled:
        """Cancel the run; a run that has ended keeps its status."""
        answer = self._transport.send("POST", f"{API_PATH}{_run_path(run_id)}/cancel", timeout=timeout)
        cancelled = parse.cancelled(_data(answer))
        if cancelled.run is not None:
            _about(run_id, cancelled.run)
        return cancelled

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _get(self, path: str, query: Mapping[str, str], *, timeout: float) -> object:
        return _data(self._transport.send("GET", API_PATH + path, query=query, timeout=timeout))


def _run_path(run_id: str) -> str:
    return f"/runs/{quote(run_id, safe='')}"


def _about(run_id: str, run: Run) -> Run:
    """Return ``run`` when it is the one that was asked for; a cache on the way may answer with another one."""
    if run.id.lower() != run_id.lower():
        raise parse.malformed("the API's answer is about another run")
    return run


def _data(answer: Answer) -> object:
    """Return what the envelope holds, or raise what it says."""
    try:
        envelope = json.loads(answer.body)
    except (ValueError, RecursionError):
        envelope = None
    if 200 <= answer.status < 300:
        if isinstance(envelope, dict) and envelope.get("ok") is True and "data" in envelope:
            return envelope["data"]
        raise parse.malformed("the API's answer is not what it should be")
    error = envelope.get("error") if isinstance(envelope, dict) else None
    raise _refusal(answer, error if isinstance(error, dict) else {})


def _field(data: object, name: str) -> object:
    return data.get(name) if isinstance(data, dict) else None


_REFUSALS: Final[Mapping[int, tuple[type[ApiError], str, str]]] = {
    400: (ApiError, "BAD_REQUEST", "the API does not accept this request"),
    401: (NotAuthorizedError, "UNAUTHORIZED", "the API does not know this token"),
    403: (ForbiddenError, "FORBIDDEN", "the token may not do this"),
    404: (NotFoundError, "NOT_FOUND", "the API does not find it"),
    408: (UnavailableError, "SERVICE_UNAVAILABLE", "the API is not available"),
    409: (ConflictError, "CONFLICT", "the idempotency key belongs to a different request"),
    429: (RateLimitedError, "RATE_LIMITED", "the API's rate limit is used up"),
    502: (UnavailableError, "SERVICE_UNAVAILABLE", "the API is not available"),
    503: (UnavailableError, "SERVICE_UNAVAILABLE", "the API is not available"),
    504: (UnavailableError, "SERVICE_UNAVAILABLE", "the API is not available"),
}


def _refusal(answer: Answer, error: Mapping[str, object]) -> MogplexError:
    kind, code, cause = _REFUSALS.get(
        answer.status,
        (ServerError, "INTERNAL_ERROR", "the API failed")
        if answer.status >= 500
        else (ApiError, "BAD_REQUEST", "the API refused the request"),
    )
    message = error.get("message")
    refusal = kind(
        cause,
        code=parse.error_code(error.get("code")) or code,
        http_status=answer.status,
        detail=Untrusted(message) if isinstance(message, str) and message else None,
        retry_after=parse_retry_after(answer.headers.get("Retry-After")),
    )
    if answer.status == 503 and error:
        refusal.may_have_worked = False  # the API's own 503 comes before any work; that of a proxy tells nothing
    return refusal
