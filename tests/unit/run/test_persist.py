"""A call that must be answered before the step can go on."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from mogplex_ci.errors import ForbiddenError, MogplexError, RateLimitedError, ServerError, UnreachableError
from mogplex_ci.run.updates import Waiting
from mogplex_ci.run.persist import Persistence
from mogplex_ci.signals import Stop, StopRequested
from tests.virtual_time import VirtualClock, VirtualTime


def refusals(*errors: MogplexError) -> Callable[[float], str]:
    """A call that fails with each of ``errors``, and then works."""
    left = list(errors)

    def call(_timeout: float) -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return call


def ask(
    call: Callable[[float], str],
    *,
    clock: VirtualClock | None = None,
    stop: Stop | None = None,
    deadline: float = 300.0,
    jobs_per_token: int = 1,
) -> tuple[str, list[Waiting], float]:
    """Return the answer, the waits, and how long it all took."""
    clock, stop = clock or VirtualTime().clock(), stop or Stop()
    work = Persistence(clock=clock, stop=stop, jobs_per_token=jobs_per_token).answer(call, deadline)
    waits: list[Waiting] = []
    try:
        while True:
            waits.append(next(work))
    except StopIteration as end:
        return str(end.value), waits, clock.monotonic()


def limited(retry_after: float) -> MogplexError:
    return RateLimitedError("limited", code="RATE_LIMITED", http_status=429, retry_after=retry_after)


def down(retry_after: float | None = None) -> MogplexError:
    return ServerError("down", code="INTERNAL_ERROR", http_status=500, retry_after=retry_after)


def test_what_passes_is_waited_out() -> None:
    answer, waits, seconds = ask(refusals(down(), UnreachableError("gone"), limited(60.0), down(20.0)))
    assert answer == "answer"
    assert [type(wait.error) for wait in waits] == [ServerError, UnreachableError, RateLimitedError, ServerError]
    assert seconds == pytest.approx(sum(wait.seconds for wait in waits))
    assert waits[2].seconds >= 60.0
    assert waits[3].seconds >= 20.0


def test_what_does_not_pass_is_raised_at_once() -> None:
    clock = VirtualTime().clock()
    with pytest.raises(ForbiddenError):
        ask(refusals(ForbiddenError("no", code="FORBIDDEN", http_status=403)), clock=clock)
    assert clock.monotonic() == 0.0


@pytest.mark.parametrize("error", [limited(1800.0), down(400.0), limited(300.0)])
def test_a_wait_beyond_the_deadline_ends_at_once(error: MogplexError) -> None:
    clock = VirtualTime().clock()
    with pytest.raises(MogplexError) as raised:
        ask(refusals(error), clock=clock)
    assert raised.value is error
    assert clock.monotonic() == 0.0


def test_it_is_tried_until_the_deadline_and_not_after_it() -> None:
    clock = VirtualTime().clock()
    with pytest.raises(ServerError):
        ask(refusals(*(down() for _ in range(10_000))), clock=clock)
    assert 260.0 <= clock.monotonic() < 300.0


@pytest.mark.parametrize("jobs_per_token", [1, 8, 32])
def test_the_last_try_is_before_the_deadline_however_many_share(jobs_per_token: int) -> None:
    answer, _, seconds = ask(refusals(limited(60.0)), deadline=62.0, jobs_per_token=jobs_per_token)
    assert answer == "answer"
    assert seconds < 62.0


def test_refused_starts_come_back_one_by_one() -> None:
    waits = sorted(ask(refusals(limited(60.0)), clock=VirtualTime().clock(seed), jobs_per_token=32)[2] for seed in range(220))
    assert 60.0 <= waits[0] < 64.0
    assert 180.0 < waits[-1] <= 60.0 + 22 * 6.0


def test_a_stop_signal_ends_the_wait_at_once() -> None:
    clock, stop = VirtualTime().clock(), Stop()
    clock.ring(10.0, lambda: stop.request(signal.SIGTERM))
    with pytest.raises(StopRequested):
        ask(refusals(limited(60.0)), clock=clock, stop=stop)
    assert clock.monotonic() == 10.0
    assert stop.exit_code == 143


def test_a_stop_signal_that_came_before_leaves_nothing_to_send() -> None:
    stop = Stop()
    stop.request(signal.SIGINT)
    never_made = refusals()
    with pytest.raises(StopRequested):
        ask(never_made, stop=stop)
