"""Connections, time limits, and web servers that are not Mogplex."""

from __future__ import annotations

import math

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    LostContactError,
    MogplexError,
    NotAuthorizedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnavailableError,
    UnreachableError,
    WrongServiceError,
)
from mogplex_ci.untrusted import Untrusted
from tests.unit.api.peers import REPOS, TOKEN, answer, answering, peer


@pytest.mark.parametrize(
    ("status", "kind", "words", "exit_code"),
    [
        (400, BadRequestError, "the API does not accept this request", 1),
        (401, NotAuthorizedError, "the API does not know this token", 64),
        (402, ApiError, "the API refused the request", 1),
        (403, ForbiddenError, "the token may not do this", 65),
        (404, NotFoundError, "the API returned 404", 1),
        (408, UnavailableError, "the API is not available", 69),
        (409, ConflictError, "the run's state does not allow this", 1),
        (410, ApiError, "the API refused the request", 1),
        (429, RateLimitedError, "the API's rate limit is used up", 75),
        (500, ServerError, "the API failed", 1),
        (502, UnavailableError, "the API is not available", 69),
        (503, UnavailableError, "the API is not available", 69),
        (504, UnavailableError, "the API is not available", 69),
        (505, ServerError, "the API failed", 1),
    ],
)
def test_what_a_refusal_of_the_api_means(
    status: int, kind: type[MogplexError], words: str, exit_code: int
) -> None:
    for message, detail in (("no", Untrusted("no")), (["no"], None), ("", None)):
        body = {"ok": False, "error": {"code": "X_Y", "message": message}}
        with peer(answering(answer(status, body))) as url, pytest.raises(ApiError) as raised:
            Client(url, TOKEN).repos()
        assert (type(raised.value), raised.value.code, raised.value.detail) == (kind, "X_Y", detail)
    assert words in raised.value.cause
    assert raised.value.exit_code == exit_code
    assert raised.value.remedy or exit_code == 1
    assert raised.value.may_have_worked is ((status >= 500 and status != 503) or status == 408)


PAGE, FORMAT = (
    "a web page came instead of the API's response",
    "the response is not in the API's format",
)
NOT_THE_API = [
    *(
        (status, "<html>", "text/html", WrongServiceError, PAGE, 0.0)
        for status in (200, 401, 403, 404, 405, 409, 499)
    ),
    (299, " <!DOCTYPE html>", "text/plain", WrongServiceError, PAGE, 0.0),
    *(
        (status, "", "", UnreachableError, FORMAT, 120.0)
        for status in (300, 400, 401, 403, 404, 407, 409, 418, 431)
    ),
    (200, {"ok": True}, "application/json", UnreachableError, FORMAT, 120.0),
    (200, {"ok": 1, "data": {"repos": []}}, "application/json", UnreachableError, FORMAT, 120.0),
    (300, {"ok": True, "data": {"repos": []}}, "application/json", UnreachableError, FORMAT, 120.0),
    (404, {"message": "Not Found"}, "application/json", UnreachableError, FORMAT, 120.0),
    (403, {"ok": False, "error": {"code": 7}}, "application/json", UnreachableError, FORMAT, 120.0),
    (408, "<html>", "text/html", UnavailableError, "the API is not available", math.inf),
    (429, "", "", RateLimitedError, "the API's rate limit is used up", math.inf),
    (500, "<html>", "text/html", ServerError, "the API failed", math.inf),
    (503, "<html>", "text/html", UnavailableError, "the API is not available", math.inf),
]


@pytest.mark.parametrize(("status", "body", "media_type", "kind", "words", "patience"), NOT_THE_API)
def test_an_answer_without_the_apis_envelope_is_a_proxys(
    status: int,
    body: object,
    media_type: str,
    kind: type[MogplexError],
    words: str,
    patience: float,
) -> None:
    """It never ends anything once the API has answered, and may have done what was asked for."""
    odd = answer(status, body, media_type)
    with peer(answering(odd, answer(200, REPOS), odd)) as url:
        client = Client(url, TOKEN)
        for expected in (patience, math.inf):
            with pytest.raises(MogplexError) as raised:
                client.repos()
            is_lost = expected == math.inf and issubclass(kind, UnreachableError)
            assert type(raised.value) is (LostContactError if is_lost else kind)
            assert words in raised.value.cause
            assert (raised.value.patience, raised.value.may_have_worked) == (
                expected,
                status != 429,
            )
            if expected == patience:
                assert client.repos() == []
                patience = -1


def refusal(status: int, code: str) -> bytes:
    return answer(status, {"ok": False, "error": {"code": code, "message": "no"}})


@pytest.mark.parametrize(
    ("between", "patience"),
    [
        (answer(200, REPOS), 900.0),
        (refusal(404, "NOT_FOUND"), 900.0),
        (refusal(500, "INTERNAL_ERROR"), 10.0),
    ],
)
def test_a_token_is_doubted_for_longer_once_it_was_accepted(
    between: bytes, patience: float
) -> None:
    """A failure of the service may come before it looks at the token."""
    unknown = refusal(401, "UNAUTHORIZED")
    refusals: list[NotAuthorizedError] = []
    with peer(answering(unknown, between, unknown)) as url:
        client = Client(url, TOKEN)
        for _ in range(3):
            try:
                client.repos()
            except NotAuthorizedError as error:
                refusals.append(error)
            except ApiError:
                pass
    assert [error.patience for error in refusals] == [10.0, patience]
    assert "the service may be at fault" in refusals[0].remedy
    blames = "Check" in refusals[1].remedy
    assert blames == (patience == 10.0), "nothing blames a token that has worked"


@pytest.mark.parametrize(
    ("run_id", "others"), [("run-1", ["run-2", "run-0", ""]), ("RUN-1", ["RUN-2"])]
)
def test_an_answer_about_another_run_is_none(run_id: str, others: list[str]) -> None:
    """Also when it is the one that was right for the run before."""
    data = {"run": {"runId": run_id, "status": "running"}, "events": [], "status": "running"}
    with peer(answering(answer(200, {"ok": True, "data": data}))) as url:
        client = Client(url, TOKEN)
        for call in (client.run, client.events, client.cancel):
            assert call("run-1")
            for other in others:
                with pytest.raises(UnreachableError, match="another run"):
                    call(other)
