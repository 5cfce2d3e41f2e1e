"""The v1 API (``/api/v1/mogplex``), one method for each call."""

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote

from mogplex_ci import errors, models
from mogplex_ci.api import answers
from mogplex_ci.api.retry import CALL_SECONDS, ServiceHistory, parse_retry_after
from mogplex_ci.api.stream import EventStream
from mogplex_ci.api.transport import Answer, RequestLog, Transport
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock

T = TypeVar("T")
API_PATH: Final = "/api/v1/mogplex"

STREAM_CONNECT_SECONDS: Final = 5.0
"""The service sends the first bytes of a stream at once: silence after the connect means that
something buffers it.
"""
FOREIGN_RETRY_SECONDS: Final = 60.0
"""Longest ``Retry-After`` that is honoured of something that is not the API, such as a proxy."""
STREAM_SILENCE_SECONDS: Final = 75.0
"""Silence after which reading a stream fails; following a run loses patience earlier."""


class Client:
    """A token's view of one Mogplex service. ``timeout`` is the seconds that a call may take in
    all.

    Every method raises ``MogplexError``, whose ``patience`` says for how long asking again may
    help. Only an answer in the API's own envelope is a refusal; any other may be the doing of a
    proxy in between.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        diagnostics: RequestLog | None = None,
        history: ServiceHistory | None = None,
    ) -> None:
        """``base_url`` is such as ``https://mogplex.com``; ``diagnostics`` gets every request.

        ``history`` is what is known of the service from before.
        """
        self._history = history or ServiceHistory()
        self._transport = Transport(base_url, token, diagnostics=diagnostics)
        self._last_page: tuple[object, models.EventPage] | None = None
        """The run and digest of the newest answer with events, and its page: the answer itself may
        be megabytes.
        """

    @property
    def requests_sent(self) -> int:
        """Requests sent so far; the token may send 60 a minute."""
        return self._transport.requests_sent

    def repos(
        self, *, query: str = "", repo_id: str = "", timeout: float = CALL_SECONDS
    ) -> list[models.Repo]:
        """List the repositories that the token can see: those whose full name holds ``query``, or
        the one of an id.
        """
        params = {"limit": str(models.LIST_LIMIT), "q": query or None, "id": repo_id or None}
        read = partial(answers.listed, models.Repo, name="repos")
        return self._call("GET", "/repos", read, query=params, timeout=timeout)

    def start(
        self,
        request: models.StartRequest,
        key: str,
        *,
        timeout: float = CALL_SECONDS,
    ) -> models.StartedRun:
        """Start a run, or learn of the one that ``key`` has started before."""
        headers = {"Idempotency-Key": key}
        return self._call(
            "POST", "/runs", answers.started, json=request, headers=headers, timeout=timeout
        )

    def run(self, run_id: str, *, timeout: float = CALL_SECONDS) -> models.Run:
        """Return the run."""
        read = partial(answers.run_in, run_id=run_id)
        return self._call("GET", _run_path(run_id), read, timeout=timeout)

    def events(
        self,
        run_id: str,
        *,
        seen: Container[Untrusted] = (),
        limit: int = models.FEED_LIMIT,
        timeout: float = CALL_SECONDS,
    ) -> models.EventPage:
        """Return the run and up to ``limit`` events: older servers return the oldest ones, newer
        ones the newest.

        Events whose ids are in ``seen`` come without their contents, unless the answer equals the
        last one about this run: that returns the same object again.
        """
        query = {"limit": str(limit)}
        path = f"{API_PATH}{_run_path(run_id)}/events"
        with self._request(timeout) as seconds:
            answer = self._transport.send("GET", path, query=query, timeout=seconds)
            # A poll of a quiet run brings the same megabytes again.
            digest = run_id, answer.status, hashlib.sha256(answer.body).digest()
            if self._last_page is None or digest != self._last_page[0]:
                self._last_page = digest, answers.event_page(self._data(answer), run_id, seen)
            return self._last_page[1]

    def stream(
        self, run_id: str, *, last_event_id: str | None, timeout: float = CALL_SECONDS, clock: Clock
    ) -> EventStream:
        """Open the run's event stream: after ``last_event_id``, or from the newest ``FEED_LIMIT``
        events on.

        ``timeout`` is for opening it.

        Raises:
            OldServiceError: the service has no stream, or something in between answers in its
                place.
            BadRequestError: the service does not know ``last_event_id``, or it belongs to another
                run.
            MogplexError: as for every call.
        """
        with self._request(timeout) as seconds:
            answer = self._transport.send(
                "GET",
                f"{API_PATH}{_run_path(run_id)}/events/stream",
                query={"limit": str(models.FEED_LIMIT)},
                headers={
                    "Accept": "text/event-stream",
                    # Compression would hold events back until a block is full.
                    "Accept-Encoding": "identity",
                    "Last-Event-ID": last_event_id,
                },
                timeout=min(seconds, STREAM_CONNECT_SECONDS),
                silence=STREAM_SILENCE_SECONDS,
            )
            if answer.stream is None:
                self._data(answer, newer="event stream")
                raise answers.malformed("the API's response is not a stream")
            if answer.media_type != "text/event-stream":
                # The API answers 200 with a stream alone: something in between has answered.
                answer.stream.close()
                raise errors.OldServiceError("the response is not a stream")
        return EventStream(answer.stream, run_id=run_id, clock=clock)

    def artifact(self, run_id: str, path: str, *, timeout: float = CALL_SECONDS) -> Untrusted:
        """Return the JSON file that the run committed as ``path``, which is
        ``.mogplex/artifacts/NAME.json``.

        Only a run that succeeded on a branch that it created has artifacts.

        Raises:
            OldServiceError: the service has no artifacts.
            ConflictError: the run has not succeeded, or worked on its base branch.
            MogplexError: as for every call.
        """
        query = {"path": path}
        route = f"{_run_path(run_id)}/artifact"
        return self._call(
            "GET",
            route,
            answers.artifact,
            query=query,
            timeout=timeout,
            newer="artifacts",
        )

    def sandboxes(
        self, *, repo_id: str = "", timeout: float = CALL_SECONDS
    ) -> list[models.Sandbox]:
        """List the sandboxes of the token's owner, of one repository if its id is given: the one
        with the newest activity first.
        """
        query = {"limit": str(models.LIST_LIMIT), "repo_id": repo_id or None}
        read = partial(answers.listed, models.Sandbox, name="sandboxes")
        return self._call("GET", "/sandboxes", read, query=query, timeout=timeout)

    def install_log(self, sandbox_id: str, *, timeout: float = CALL_SECONDS) -> Untrusted | None:
        """Return the output of the command that installs the repository's dependencies in a
        sandbox; ``sandbox_id`` is that of its record. The service neither cuts nor redacts it, and
        it may hold the values of the repository's own environment variables.
        """
        path = f"/sandboxes/{quote(sandbox_id, safe='')}/logs"
        return self._call("GET", path, answers.install_log, timeout=timeout)

    def cancel(self, run_id: str, *, timeout: float = CALL_SECONDS) -> models.Cancelled:
        """Cancel the run; a run that has ended keeps its status."""
        read = partial(answers.cancelled, run_id=run_id)
        return self._call("POST", f"{_run_path(run_id)}/cancel", read, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _call(
        self,
        method: str,
        path: str,
        read: Callable[[object], T],
        *,
        timeout: float,
        newer: str = "",
        **parts: Any,
    ) -> T:
        """Send a request, and return what ``read`` makes of the data that it is answered with; see
        ``_data``.
        """
        with self._request(timeout) as seconds:
            answer = self._transport.send(method, API_PATH + path, timeout=seconds, **parts)
            return read(self._data(answer, newer))

    @contextmanager
    def _request(self, timeout: float) -> Iterator[float]:
        """Yield the seconds that a request may take. What fails inside is an outage if the service
        has answered before.
        """
        try:
            yield min(timeout, CALL_SECONDS)
        except errors.MogplexError as error:
            raise self._history.judged(error) from error.__cause__

    def _data(self, answer: Answer, newer: str = "") -> object:
        """Return the data in the answer's envelope, or raise its error; older services lack the
        feature ``newer``.
        """
        if newer and answer.status in (404, 405) and answer.media_type != "application/json":
            # An older server has no such route, and answers with its web page.
            raise errors.OldServiceError(f"this service has no {newer}")
        try:
            envelope = answers.read_json(answer.body)
        except ValueError:
            envelope = None
        if not isinstance(envelope, dict):
            raise _not_the_api(answer)
        if 200 <= answer.status < 300 and envelope.get("ok") is True and "data" in envelope:
            self._history.answered(accepts_token=True)
            return envelope["data"]
        error = envelope.get("error")
        if (
            answer.status < 300
            or not isinstance(error, dict)
            or answers.error_code(error.get("code")) is None
        ):
            raise _not_the_api(answer)
        # A failure of the service may come before it looks at the token.
        self._history.answered(accepts_token=answer.status < 500 and answer.status != 401)
        # The API's own 503 comes before any work.
        never_began = answer.status == 503
        raise _refusal(answer, error, may_have_worked=False if never_began else None)


def _run_path(run_id: str) -> str:
    return f"/runs/{quote(run_id, safe='')}"


def _not_the_api(answer: Answer) -> errors.MogplexError:
    """Return the error for an answer without the API's envelope: a proxy or another server gave
    it.
    """
    may_pass = answer.status in (408, 429) or answer.status >= 500  # by what these statuses mean
    if may_pass:
        # Who counts requests does so before any work.
        return _refusal(answer, {}, may_have_worked=answer.status != 429)
    # A proxy's page may come as text/plain, or without a type.
    if answer.media_type == "text/html" or answer.body.lstrip()[:9].lower().startswith(
        _PAGE_BEGINNINGS
    ):
        return errors.WrongServiceError(
            f"a web page came instead of the API's response (HTTP {answer.status})"
        )
    return answers.malformed(f"the response is not in the API's format (HTTP {answer.status})")


_PAGE_BEGINNINGS: Final = (b"<!doctype", b"<html")
_REFUSALS: Final[Mapping[int | str | None, tuple[type[errors.ApiError], str]]] = {
    "AUTOMATION_REQUIRED": (
        errors.AutomationRequiredError,
        "this token may trigger automations, but not start runs",
    ),
    "IDEMPOTENCY_CONFLICT": (
        errors.KeyConflictError,
        "the API refused the idempotency key",
    ),
    400: (errors.BadRequestError, "the API does not accept this request"),
    401: (errors.NotAuthorizedError, "the API does not know this token"),
    403: (errors.ForbiddenError, "the token may not do this"),
    404: (errors.NotFoundError, "the API returned 404"),
    409: (errors.ConflictError, "the run's state does not allow this"),
    429: (errors.RateLimitedError, "the API's rate limit is used up"),
    **dict.fromkeys((408, 502, 503, 504), (errors.UnavailableError, "the API is not available")),
}
"""By the API's code if it says more than the status, else by the status."""


def _refusal(
    answer: Answer, error: Mapping[str, object], *, may_have_worked: bool | None
) -> errors.MogplexError:
    """Return the error for a refusal; ``may_have_worked`` is None if its kind decides."""
    code = answers.error_code(error.get("code"))
    kind: type[errors.ApiError] = errors.ApiError
    cause = "the API refused the request"
    if code in _REFUSALS:
        kind, cause = _REFUSALS[code]
    elif answer.status in _REFUSALS:
        kind, cause = _REFUSALS[answer.status]
    elif answer.status >= 500:
        kind, cause = errors.ServerError, "the API failed"
    asked = parse_retry_after(answer.headers.get("Retry-After"))
    if asked is not None and not error:
        asked = min(asked, FOREIGN_RETRY_SECONDS)
    return kind(
        cause,
        code=code,
        detail=answers.text(error.get("message")) or None,
        retry_after=asked,
        may_have_worked=may_have_worked,
    )
