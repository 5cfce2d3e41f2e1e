"""The token's limits, kept for many runs at once; and the pause between polls, for jobs that share
a token.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.api.budget import REQUESTS, Limit, PollInterval, Purpose, TokenBudget
from mogplex_ci.errors import (
    MogplexError,
    NotAuthorizedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TokenLostError,
    UnreachableError,
)
from mogplex_ci.waiting import Stop, StopRequested
from tests.virtual_time import VirtualTime

LONG = 1e6
P, R, S, C = Purpose.POLL, Purpose.READ, Purpose.START, Purpose.CANCEL


def send(
    budget: TokenBudget, time: VirtualTime, uses: Sequence[tuple[float, Purpose]]
) -> list[float]:
    """Send a request for each of ``uses`` from a thread of its own; return when each was let
    through.

    Each use comes with the time at which it is asked for.
    """
    sent: list[float] = [0.0] * len(uses)

    def work(number: int) -> None:
        clock = clocks[number]
        try:
            at, use = uses[number]
            clock.sleep(at)
            with budget.turn(use, LONG, clock=clock, run=number):
                sent[number] = clock.monotonic()
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
    sent = sorted(send(TokenBudget(), VirtualTime(), [(0.0, Purpose.START)] * 31))
    assert sent[9] == 0
    assert 60 <= sent[10] <= 61
    assert 120 <= sent[29] <= 122
    assert 3600 <= sent[30] <= 3601


def test_a_hundred_and_fifty_starts_a_day() -> None:
    budget, clock = TokenBudget(), VirtualTime().clock()
    for _ in range(150):
        assert budget.seconds_to_start(clock.monotonic()) == 0
        with budget.turn(Purpose.START, 30, clock=clock):
            pass
        clock.sleep(121)
    assert budget.seconds_to_start(clock.monotonic()) == pytest.approx(86_400.05 - 150 * 121)


@pytest.mark.parametrize(
    ("use", "at_once"),
    [(Purpose.CANCEL, 60), (Purpose.START, 50), (Purpose.READ, 50), (Purpose.POLL, 50)],
)
def test_only_cancels_may_use_what_is_kept_free(use: Purpose, at_once: int) -> None:
    budget = TokenBudget([REQUESTS])
    sent = send(budget, VirtualTime(), [(0.0, use)] * 60 + [(1.0, Purpose.CANCEL)] * 8)
    assert sent[:60].count(0.0) == at_once
    assert sent[60:] == [1.0] * 8 or use is Purpose.CANCEL


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (RateLimitedError("no"), False),
        (NotAuthorizedError("no"), False),
        (TokenLostError("no"), False),
        (UnreachableError("refused", may_have_worked=False), False),
        (UnreachableError("no answer"), True),
        (ServerError("it failed"), True),
        (NotFoundError("no such run"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_request_that_the_service_does_not_count_does_not_count(
    error: MogplexError, counts: bool
) -> None:
    budget, clock = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock()
    with pytest.raises(type(error)), budget.turn(Purpose.READ, LONG, clock=clock):
        raise error
    with budget.turn(Purpose.READ, LONG, clock=clock):
        assert (clock.monotonic() > 0) is counts


@pytest.mark.parametrize(
    ("uses", "order"),
    [
        ([P, P, R, S, C], [0, 4, 3, 2, 1]),
        ([P, C, C, C], [0, 3, 2, 1]),
        ([P, S, C], [0, 2, 1]),
        ([R, R, R], [0, 1, 2]),
    ],
    ids=[
        "cancels, starts, reads, polls",
        "the newest run's cancel first",
        "a cancel before a start",
        "as they came",
    ],
)
def test_the_order_of_those_that_wait(uses: list[Purpose], order: list[int]) -> None:
    budget = TokenBudget([Limit(1, 10.0)])
    sent = send(budget, VirtualTime(), [(float(at), use) for at, use in enumerate(uses)])
    assert sorted(range(len(uses)), key=sent.__getitem__) == order


@pytest.mark.parametrize(
    ("use", "words"),
    [(Purpose.READ, "60 requests"), (Purpose.POLL, "60 requests"), (Purpose.START, "10 starts")],
)
def test_a_wait_that_is_too_long_fails_at_once_and_says_when_to_come_back(
    use: Purpose, words: str
) -> None:
    budget, clock = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock()
    with budget.turn(use, 30, clock=clock) as left:
        assert left == 30
    with (
        pytest.raises(RateLimitedError, match=words) as refused,
        budget.turn(use, 60.0, clock=clock),
    ):
        pass
    assert (refused.value.code, clock.monotonic()) == ("RATE_LIMITED", 0)
    assert refused.value.retry_after == pytest.approx(60.05)
    with budget.turn(use, 60.1, clock=clock) as left:
        assert left == 0.3, "a request is never given no time"
    with budget.turn(use, 70.0, clock=clock) as left:
        assert left == pytest.approx(70 - 60.05), "the wait counts as part of the time"


def test_a_start_is_looked_at_every_ten_seconds_and_right_before_it_is_sent() -> None:
    """Only a start: meanwhile another run may have made it needless."""
    budget, clock = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock()
    looked: list[float] = []

    def look() -> None:
        looked.append(round(clock.monotonic(), 2))
        if clock.monotonic() >= 90.0:
            raise NotFoundError("it is needless")

    for use in (R, S):
        with budget.turn(use, LONG, clock=clock, check_start=look):
            assert clock.monotonic() == pytest.approx(60.05 if use is S else 0.0)
    assert looked == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 60.05]
    with pytest.raises(NotFoundError), budget.turn(S, LONG, clock=clock, check_start=look):
        pass
    assert looked[8:] == [60.05, 70.05, 80.05, 90.05]
    with budget.turn(R, LONG, clock=clock):
        assert clock.monotonic() == pytest.approx(120.1), "what was not sent does not count"


def test_a_stop_signal_ends_the_wait() -> None:
    budget, clock, stop = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock(), Stop()
    clock.ring(10.0, lambda: stop.request(signal.SIGTERM))
    with budget.turn(Purpose.READ, 30, clock=clock):
        with (
            pytest.raises(StopRequested),
            stop.interrupting(),
            budget.turn(Purpose.READ, 90, clock=clock),
        ):
            pass
    assert clock.monotonic() == 10.0


def test_who_gives_up_holds_nobody_back() -> None:
    budget, clock = TokenBudget([Limit(1, 60.0)]), VirtualTime().clock()
    with budget.turn(Purpose.READ, 30, clock=clock):
        pass
    clock.sleep(30)
    with pytest.raises(RateLimitedError), budget.turn(Purpose.CANCEL, 1, clock=clock):
        pass
    clock.sleep(31)
    with budget.turn(Purpose.POLL, 0.5, clock=clock):
        pass


asked = st.lists(
    st.tuples(
        st.floats(0, 100, allow_nan=False).map(lambda at: round(at, 1)), st.sampled_from(Purpose)
    ),
    max_size=30,
)


@given(uses=asked, most=st.integers(2, 6), starts=st.integers(1, 3), free=st.integers(0, 1))
def test_no_window_ever_holds_more_than_the_limit(
    uses: list[tuple[float, Purpose]], most: int, starts: int, free: int
) -> None:
    """And everybody has a turn in the end."""
    budget = TokenBudget([Limit(most, 10.0, kept_free=free), Limit(starts, 20.0, [S])])
    sent = send(budget, VirtualTime(), uses)
    assert all(at >= asked_at for at, (asked_at, _) in zip(sent, uses, strict=True))
    assert most_in(sent, 10.0) <= most
    started = [at for at, (_, use) in zip(sent, uses, strict=True) if use is Purpose.START]
    assert most_in(started, 20.0) <= starts
    others = [at for at, (_, use) in zip(sent, uses, strict=True) if use is not Purpose.CANCEL]
    assert most_in(others, 10.0) <= most - free


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (2.0, 8.05),
        (10.0, 0.05),
        (10.03, 0.02),
        (10.045, 0.01),
        (10.051, 0.0),
        (11.0, 0.0),
        (12.1, 0.0),
        (50.0, 0.0),
    ],
)
def test_room_comes_when_the_oldest_request_has_left_the_window(now: float, seconds: float) -> None:
    """And a little later: the service's clock need not run exactly like ours."""
    time, budget = VirtualTime(), TokenBudget([Limit(3, 10.0, [S])])
    send(budget, time, [(0.0, Purpose.START), (1.0, Purpose.START), (2.0, Purpose.START)])
    assert budget.seconds_to_start(now) == pytest.approx(seconds, abs=1e-6)


def test_whoever_waits_comes_one_after_the_other_as_room_comes() -> None:
    budget = TokenBudget([Limit(3, 10.0)])
    uses = [
        *((float(at), Purpose.READ) for at in range(3)),
        *((3.0 + at / 10, Purpose.READ) for at in range(5)),
    ]
    expected = [0.0, 1.0, 2.0, 10.05, 11.05, 12.05, 20.1, 21.1]
    assert send(budget, VirtualTime(), uses) == pytest.approx(expected, abs=0.02)


def test_a_request_under_way_counts_as_sent_now() -> None:
    time, budget = VirtualTime(), TokenBudget([Limit(1, 10.0, [S])])
    clock = time.clock()
    with budget.turn(Purpose.START, 30, clock=clock):
        clock.sleep(25)
        assert budget.seconds_to_start(25.0) == pytest.approx(10.05)
    assert budget.seconds_to_start(30.0) == pytest.approx(5.05)


# The pause between polls.

SHARE = 60 / 54
SEEDS = range(200)


def interval(jobs: int = 1, shortest: float = 1.5, seed: int = 0) -> PollInterval:
    return PollInterval(VirtualTime().clock(seed), shortest=shortest, jobs_per_token=jobs)


def limited(retry_after: float | None = 60.0) -> MogplexError:
    return RateLimitedError("limited", code="RATE_LIMITED", retry_after=retry_after)


def failed(retry_after: float | None = None) -> MogplexError:
    return ServerError("failed", code="INTERNAL_ERROR", retry_after=retry_after)


@pytest.mark.parametrize("jobs", [1, *range(2, 11), 18, 19, 32])
def test_jobs_together_stay_below_the_limit(jobs: int) -> None:
    """Before its first poll each job has paid for the look-up, the start and the try of a
    stream.
    """
    firsts, waits = [], []
    for seed in SEEDS:
        each = interval(jobs, 0.1, seed)
        waits.append(each.before_stream())
        firsts.append(each.first())
        now, requests = firsts[-1], 3
        while now < 60:
            requests += 1
            now += each.after_answer(active=True)
        assert jobs * requests <= 54 + (2 * jobs if jobs > 1 else 3)
    if jobs > 1:
        assert 3 * jobs * SHARE <= min(firsts) <= 3.05 * jobs * SHARE
        assert 3.95 * jobs * SHARE <= max(firsts) <= 4 * jobs * SHARE
    else:
        assert set(firsts) == {0.0}
    assert (each.is_shared, each.is_crowded) == (jobs > 1, jobs > 18)
    if each.is_crowded:
        assert 2 * jobs * SHARE <= min(waits) <= 2.05 * jobs * SHARE
        assert 2.95 * jobs * SHARE <= max(waits) <= 3 * jobs * SHARE
    else:
        assert set(waits) == {0.0}, "a stream is opened at once if all can start in a minute"


def test_what_else_in_the_job_uses_the_token_counts_as_long_as_it_does() -> None:
    uses = 1
    each = PollInterval(
        VirtualTime().clock(), shortest=1.5, jobs_per_token=2, uses_in_job=lambda: uses
    )
    assert 2 * SHARE <= each.after_answer(active=True) <= 2.2 * SHARE
    uses = 3
    assert each.is_shared
    assert each.check_seconds == max(60.0, 4 * 6 * SHARE)
    assert 6 * SHARE <= each.after_answer(active=True) <= 6.6 * SHARE
    uses = 1
    pauses = [each.after_answer(active=True) for _ in range(600)]
    assert max(pauses[-10:]) <= 2.2 * SHARE + 0.01


def test_it_widens_by_a_quarter_while_nothing_happens_and_snaps_back() -> None:
    """It is never more than a tenth longer."""
    runs = [interval(shortest=0.0, seed=seed) for seed in SEEDS]
    for active, pause in (
        (True, SHARE),
        (False, 1.25 * SHARE),
        (False, 1.25**2 * SHARE),
        (False, 2.0),
        (False, 2.0),
    ):
        pauses = [each.after_answer(active=active) for each in runs]
        assert pause - 1e-9 <= min(pauses) <= 1.01 * pause
        assert 1.09 * pause <= max(pauses) <= 1.1 * pause + 1e-9
    assert max(each.after_answer(active=True) for each in runs) <= 1.1 * SHARE + 1e-9


def test_the_interval_is_the_shortest_pause() -> None:
    each = interval(shortest=20.0)
    pauses = [each.after_answer(active=active) for active in (True, False, False, True)]
    assert all(20.0 <= pause <= 22.0 for pause in pauses)
    assert each.after_error(failed()) >= 20.0
    assert interval(32).after_error(UnreachableError("gone")) >= 32 * SHARE


def test_failures_back_off_to_ten_seconds_and_an_answer_ends_that() -> None:
    each = interval()
    pauses = [each.after_error(failed()) for _ in range(3000)]
    assert pauses[0] <= 1.65
    assert pauses[:4] == sorted(pauses[:4])
    assert max(pauses) <= 10.0
    assert each.after_answer(active=True) <= 1.65, (
        "other errors than refusals do not slow the polls down"
    )
    assert each.after_error(UnreachableError("gone")) <= 1.65


def test_retry_after_is_kept_to_within_two_seconds() -> None:
    for seed in SEEDS:
        assert 47.0 <= interval(seed=seed).after_error(failed(47.0)) <= 49.0
        assert 60.0 <= interval(32, seed=seed).after_error(limited()) <= 62.0


@pytest.mark.parametrize(
    ("refusals", "shortest", "pause"),
    [
        (0, 1.5, 1.5),
        (1, 1.5, 3.0),
        (2, 1.5, 6.0),
        (3, 1.5, 12.0),
        (5, 1.5, 30.0),
        (50, 1.5, 30.0),
        (5, 40.0, 40.0),
    ],
)
def test_each_refusal_doubles_the_pause_up_to_half_a_minute(
    refusals: int, shortest: float, pause: float
) -> None:
    each = interval(shortest=shortest)
    waits = [each.after_error(limited(None)) for _ in range(refusals)]
    assert max(waits, default=0) <= max(10.0, shortest)
    assert pause <= each.after_answer(active=True) <= 1.1 * pause


def test_a_refusal_is_forgotten_in_about_ten_minutes() -> None:
    each = interval()
    each.after_error(limited())
    waited = pause = each.after_answer(active=True)
    while pause > 1.65:
        pause = each.after_answer(active=True)
        waited += pause
    assert 300 <= waited <= 660
    later = [each.after_answer(active=True) for _ in range(3_000)][1_000:]
    assert 1.5 <= min(later) <= max(later) <= 1.65, "as it is without refusals"


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 60.0), (13, 60.0), (14, 62.2), (27, 120.0)])
def test_looks_cost_no_more_than_a_quarter_of_a_jobs_requests(jobs: int, seconds: float) -> None:
    assert interval(jobs).check_seconds == pytest.approx(seconds, abs=0.1)
