"""The pause between polls, for jobs that share a token."""

from __future__ import annotations

import pytest

from mogplex_ci.api.poll_interval import PollInterval
from mogplex_ci.errors import MogplexError, RateLimitedError, ServerError
from tests.virtual_time import VirtualTime

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
