"""The token's limits, kept for many runs at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.api.budget import REQUESTS, Limit, TokenBudget, Use
from mogplex_ci.errors import RateLimitedError
from mogplex_ci.waiting import Stop, StopRequested
from tests.virtual_time import VirtualTime

LONG = 1e6
P, R, S, C = Use.POLL, Use.READ, Use.START, Use.CANCEL


def send(budget: TokenBudget, time: VirtualTime, uses: Sequence[tuple[float, Use]], takes: float = 0.0) -> list[float]:
    """Send a request for each of ``uses`` from a thread of its own; return when each was let through.

    Each use comes with the time at which it is asked for; a request ``takes`` seconds.
    """
    sent: list[float] = [0.0] * len(uses)

    def work(number: int) -> None:
        clock = clocks[number]
        try:
            at, use = uses[number]
            clock.sleep(at)
            with budget.turn(use, LONG, clock=clock, run=number):
                sent[number] = clock.monotonic()
                clock.sleep(takes)
        finally:
            clock.leave()

    clocks = [time.clock() for _ in uses]
    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(uses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return sent


def most_in(times: Sequence[float], seconds: float) -> int:
    """Return how many of ``times`` are in the fullest window of ``seconds``."""
    return max((sum(begin <= at < begin + seconds for at in times) for begin in times), default=0)


def test_ten_starts_a_minute_and_thirty_an_hour() -> None:
    sent = sorted(send(TokenBudget(), VirtualTime(), [(0.0, Use.START)] * 31))
    assert sent[9] == 0
    assert 60 <= sent[10] <= 61
    assert 120 <= sent[29] <= 122
    assert 3600 <= sent[30] <= 3601


def test_a_hundred_and_fifty_starts_a_day() -> None:
    budget, clock = TokenBudget(), VirtualTime().clock()
    for _ in range(150):
        assert budget.seconds_to_start(clock.monotonic()) == 0
        with budget.turn(Use.START, 30, clock=clock):
            pass
        clock.sleep(121)
    assert budget.seconds_to_start(clock.monotonic()) == pytest.approx(86_400.05 - 150 * 121)


@pytest.mark.parametrize(("use", "at_once"), [(Use.CANCEL, 60), (Use.START, 50), (Use.READ, 50), (Use.POLL, 50)])
def test_only_cancels_may_use_what_is_kept_free(use: Use, at_once: int) -> None:
    budget = TokenBudget([REQUESTS])
    sent = send(budget, VirtualTime(), [(0.0, use)] * 60 + [(1.0, Use.CANCEL)] * 8)
    assert sent[:60].count(0.0) == at_once
    assert sent[60:] == [1.0] * 8 or use is Use.CANCEL


@pytest.mark.parametrize(
    ("uses", "order"),
    [([P, P, R, S, C], [0, 4, 3, 2, 1]), ([P, C, C, C], [0, 3, 2, 1]), ([P, S, C], [0, 2, 1]), ([R, R, R], [0, 1, 2])],
    ids=["cancels, starts, reads, polls", "the newest run's cancel first", "a cancel before a start", "as they came"],
)
def test_the_order_of_those_that_wait(uses: list[Use], order: list[int]) -> None:
    budget = TokenBudget([Limit(1, 10.0)])
    sent = send(budget, VirtualTime(), [(float(at), use) for at, use in enumerate(uses)])
    assert sorted(range(len(uses)), key=sent.__getitem__) == order


def test_a_request_counts_until_its_answer_is_old_enough() -> None:
    """The service counts it some time between request and answer."""
    budget = TokenBudget([Limit(1, 10.0)])
    first, second = send(budget, VirtualTime(), [(0.0, Use.READ), (0.1, Use.READ)], takes=5.0)
    assert first == 0
    assert second >= 15


@pytest.mark.parametrize(
    ("use", "words"), [(Use.READ, "60 requests"), (Use.POLL, "60 requests"), (Use.START, "10 starts")]
)
def test_a_wait_that_is_too_long_fails_at_once_and_says_when_to_come_back(use: Use, words: str) -> None:
    budget, clock = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock()
    with budget.turn(use, 30, clock=clock) as left:
        assert left == 30
    with pytest.raises(RateLimitedError, match=words) as refused, budget.turn(use, 60.0, clock=clock):
        pass
    assert (refused.value.code, clock.monotonic()) == ("RATE_LIMITED", 0)
    assert refused.value.retry_after == pytest.approx(60.05)
    with budget.turn(use, 60.1, clock=clock) as left:
        assert left == 0.3, "a request is never given no time"
    with budget.turn(use, 70.0, clock=clock) as left:
        assert left == pytest.approx(70 - 60.05), "the wait counts as part of the time"


def test_a_stop_signal_ends_the_wait() -> None:
    budget, clock, stop = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock(), Stop()
    clock.ring(10.0, lambda: stop.request(signal.SIGTERM))
    with budget.turn(Use.READ, 30, clock=clock):
        with pytest.raises(StopRequested), stop.interrupting(), budget.turn(Use.READ, 90, clock=clock):
            pass
    assert clock.monotonic() == 10.0


def test_who_gives_up_holds_nobody_back() -> None:
    time, budget = VirtualTime(), TokenBudget([Limit(2, 60.0)])
    clock = time.clock()
    for _ in range(2):
        with budget.turn(Use.READ, 30, clock=clock):
            pass
    with pytest.raises(RateLimitedError), budget.turn(Use.CANCEL, 1, clock=clock):
        pass
    clock.sleep(61)
    with budget.turn(Use.POLL, 0.5, clock=clock):
        pass


asked = st.lists(
    st.tuples(st.floats(0, 100, allow_nan=False).map(lambda at: round(at, 1)), st.sampled_from(Use)), max_size=30
)


@given(uses=asked, most=st.integers(2, 6), starts=st.integers(1, 3), free=st.integers(0, 1))
def test_no_window_ever_holds_more_than_the_limit(
    uses: list[tuple[float, Use]], most: int, starts: int, free: int
) -> None:
    """And everybody has a turn in the end."""
    budget = TokenBudget([Limit(most, 10.0, kept_free=free), Limit(starts, 20.0, [S])])
    sent = send(budget, VirtualTime(), uses)
    assert all(at >= asked_at for at, (asked_at, _) in zip(sent, uses, strict=True))
    assert most_in(sent, 10.0) <= most
    started = [at for at, (_, use) in zip(sent, uses, strict=True) if use is Use.START]
    assert most_in(started, 20.0) <= starts
    others = [at for at, (_, use) in zip(sent, uses, strict=True) if use is not Use.CANCEL]
    assert most_in(others, 10.0) <= most - free


@pytest.mark.parametrize(
    ("now", "seconds"),
    [(2.0, 8.05), (10.0, 0.05), (10.03, 0.02), (10.045, 0.01), (10.051, 0.0), (11.0, 0.0), (12.1, 0.0), (50.0, 0.0)],
)
def test_room_comes_when_the_oldest_request_has_left_the_window(now: float, seconds: float) -> None:
    """And a little later: the service's clock need not run exactly like ours."""
    time, budget = VirtualTime(), TokenBudget([Limit(3, 10.0, [S])])
    send(budget, time, [(0.0, Use.START), (1.0, Use.START), (2.0, Use.START)])
    assert budget.seconds_to_start(now) == pytest.approx(seconds, abs=1e-6)


def test_whoever_waits_comes_one_after_the_other_as_room_comes() -> None:
    budget = TokenBudget([Limit(3, 10.0)])
    uses = [*((float(at), Use.READ) for at in range(3)), *((3.0 + at / 10, Use.READ) for at in range(5))]
    expected = [0.0, 1.0, 2.0, 10.05, 11.05, 12.05, 20.1, 21.1]
    assert send(budget, VirtualTime(), uses) == pytest.approx(expected, abs=0.02)


def test_a_request_under_way_counts_as_sent_now() -> None:
    time, budget = VirtualTime(), TokenBudget([Limit(1, 10.0, [S])])
    clock = time.clock()
    with budget.turn(Use.START, 30, clock=clock):
        clock.sleep(25)
        assert budget.seconds_to_start(25.0) == pytest.approx(10.05)
    assert budget.seconds_to_start(30.0) == pytest.approx(5.05)
