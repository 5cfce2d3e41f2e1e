"""When and how a failed call is made again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial

import pytest

from mogplex_ci.api.retry import (
    FIRST_PAUSE,
    Backoff,
    Patience,
    ServiceHistory,
    Waiting,
    parse_retry_after,
    retrying,
)
from mogplex_ci.errors import (
    ForbiddenError,
    LostContactError,
    MogplexError,
    NotAuthorizedError,
    RateLimitedError,
    ServerError,
    TokenLostError,
    UnreachableError,
)
from mogplex_ci.untrusted import Untrusted
from tests.virtual_time import VirtualTime

SEEDS = range(50)


def refusals(*errors: MogplexError) -> Callable[[float], str]:
    """Return a call that fails with each of ``errors``, and then works."""
    left = list(errors)

    def call(_timeout: float) -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return call


def limited(retry_after: float | None) -> MogplexError:
    return RateLimitedError("limited", code="RATE_LIMITED", retry_after=retry_after)


def down(retry_after: float | None = None) -> MogplexError:
    return ServerError("down", code="INTERNAL_ERROR", retry_after=retry_after)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60.0),
        (" 50400 ", 50400.0),
        ("0", 0.0),
        ("9" * 20, 1e9),
        ("2.5", 2.5),
    ]
    + [
        (header, None)
        for header in (None, "", "soon", "-5", "1e3", "0x10", "9" * 400, "NaN", "inf", "1_000")
    ],
)
def test_reads_seconds(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds


def test_reads_a_date() -> None:
    assert parse_retry_after(formatdate(time.time() - 60, usegmt=True)) == 0.0
    in_an_hour = parse_retry_after(formatdate(time.time() + 3600, usegmt=True))
    assert in_an_hour is not None
    assert 3000 < in_an_hour <= 3600


def test_pauses_double_up_to_ten_seconds_and_differ_by_a_fifth() -> None:
    for number, longest in enumerate((0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0)):
        pauses = []
        for seed in range(200):
            backoff = Backoff(VirtualTime().clock(seed))
            pauses.append([backoff.next_pause() for _ in range(number + 1)][-1])
            backoff.reset()
            assert backoff.next_pause() <= FIRST_PAUSE
        assert 0.8 * longest <= min(pauses) <= 0.82 * longest
        assert 0.98 * longest <= max(pauses) <= longest


@pytest.mark.parametrize(
    ("pause", "asked", "left", "waited"),
    [
        (0.5, None, 300.0, (0.4, 0.5)),
        (10.0, None, 300.0, (8.0, 10.0)),
        (10.0, None, 5.0, (4.0, 4.0)),
        (10.0, None, 2.5, (1.5, 1.5)),
        (10.0, None, 2.0, None),
        (2.4, None, 2.1, (1.1, 1.1)),
        (1.25, None, 1.5, (0.75, 0.75)),
        (1.6, None, 1.2, None),
        (10.0, 0.0, 300.0, (0.0, 2.0)),
        (0.5, 20.0, 300.0, (20.0, 22.0)),
        (0.5, 20.0, 20.5, (20.0, 20.0)),
        (0.5, 20.0, 20.0, None),
        (0.5, 20.0, 19.0, None),
    ],
)
def test_how_long_is_waited_before_the_deadline(
    pause: float, asked: float | None, left: float, waited: tuple[float, float] | None
) -> None:
    """The last try is a second before the deadline, or halfway to it; ``None``: there is none."""
    for seed in SEEDS:
        clock = VirtualTime().clock(seed)
        backoff = Backoff(clock, first=pause, longest=pause)
        waits: list[Waiting] = []
        work = partial(
            retrying,
            refusals(down(asked)),
            clock=clock,
            deadline=left,
            backoff=backoff,
            say=waits.append,
        )
        if waited is None:
            with pytest.raises(ServerError):
                work()
            assert waits == []
        else:
            work()
            assert [waited[0] <= wait.seconds <= waited[1] for wait in waits] == [True]
            assert waited[0] <= clock.monotonic() <= waited[1], (
                "without a signal to listen to it waits as long"
            )


@pytest.mark.parametrize(
    ("left", "given"), [(60.0, 30.0), (12.0, 12.0), (0.3, 0.3), (0.2, 0.3), (-5.0, 0.3)]
)
def test_a_try_is_given_what_is_left_and_never_nothing(left: float, given: float) -> None:
    clock = VirtualTime().clock()
    assert retrying(lambda timeout: timeout, clock=clock, deadline=left) == given


def test_after_a_stop_signal_the_time_that_the_server_asks_for_is_not_waited() -> None:
    clock, waits = VirtualTime().clock(), list[Waiting]()
    call = refusals(limited(60.0))
    retrying(call, clock=clock, deadline=4.0, insists=True, say=waits.append)
    assert 0.4 <= waits[0].seconds <= 0.5


def test_patience_counts_from_the_first_of_the_refusals_in_a_row() -> None:
    patience, refusal = Patience(), ForbiddenError("no", code="FORBIDDEN")
    refusal.patience = 10.0
    assert [patience.left(refusal, now) for now in (100.0, 108.0)] == [10.0, 2.0]
    assert patience.left(down(), 109.0) == math.inf
    assert patience.left(refusal, 112.0) == 10.0, "an outage came in between"
    patience.reset()
    assert patience.left(refusal, 130.0) == 10.0


@pytest.mark.parametrize(
    ("known", "error", "kind"),
    [
        ({}, NotAuthorizedError, NotAuthorizedError),
        ({"has_answered": True}, NotAuthorizedError, NotAuthorizedError),
        ({"accepts_token": True}, NotAuthorizedError, TokenLostError),
        ({}, UnreachableError, UnreachableError),
        ({"accepts_token": True}, UnreachableError, UnreachableError),
        ({"has_answered": True}, UnreachableError, LostContactError),
        ({"has_answered": True, "accepts_token": True}, ServerError, ServerError),
    ],
)
@pytest.mark.parametrize("may_have_worked", [False, True])
def test_what_a_failure_means_once_the_service_has_answered(
    known: dict[str, bool],
    error: type[MogplexError],
    kind: type[MogplexError],
    may_have_worked: bool,
) -> None:
    detail = Untrusted("no")
    failure = error("it failed", detail=detail, retry_after=7.0, may_have_worked=may_have_worked)
    judged = ServiceHistory(**known).judged(failure)
    assert type(judged) is kind
    assert (judged is failure) is (error is kind)
    assert (judged.detail, judged.may_have_worked) == (detail, may_have_worked)
    if kind is TokenLostError:
        assert (judged.retry_after, judged.code) == (7.0, failure.code)
    else:
        assert judged.cause == "it failed"


@pytest.mark.parametrize(
    ("error", "patience", "insists", "is_tried_again"),
    [
        (NotAuthorizedError, 0.0, False, False),
        (NotAuthorizedError, 0.0, True, True),
        (ForbiddenError, 0.0, False, False),
        (ForbiddenError, 0.0, True, False),
        (ForbiddenError, 60.0, False, True),
    ],
)
def test_a_refusal_is_tried_again_as_long_as_it_says_but_a_cancel_insists(
    error: type[MogplexError], patience: float, insists: bool, is_tried_again: bool
) -> None:
    """On a token that is not known: the service knows none while its database is away."""
    refusal = error("no")
    refusal.patience = patience
    clock = VirtualTime().clock()
    call = refusals(refusal)
    if is_tried_again:
        assert retrying(call, clock=clock, deadline=300.0, insists=insists) == "answer"
    else:
        with pytest.raises(error):
            retrying(call, clock=clock, deadline=300.0, insists=insists)
