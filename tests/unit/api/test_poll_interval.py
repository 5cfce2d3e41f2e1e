"""The pause between polls."""

from __future__ import annotations

import pytest

from mogplex_ci.api.budget import PollInterval
from mogplex_ci.errors import MogplexError, RateLimitedError, ServerError, UnreachableError
from tests.virtual_time import VirtualTime


def interval(jobs: int = 1, shortest: float = 1.5, seed: int = 0) -> PollInterval:
    return PollInterval(VirtualTime().clock(seed), shortest=shortest, jobs_per_token=jobs)


def limited(retry_after: float | None = 60.0) -> MogplexError:
    return RateLimitedError("limited", code="RATE_LIMITED", http_status=429, retry_after=retry_after)


def failed() -> MogplexError:
    return ServerError("failed", code="INTERNAL_ERROR", http_status=500)


@pytest.mark.parametrize("jobs", [1, 2, 8, 10, 32])
def test_jobs_together_stay_below_the_limit(jobs: int) -> None:
    pauses = [interval(jobs, 0.1, seed).after_answer(active=True) for seed in range(100)]
    assert jobs * 60 / min(pauses) <= 54.1


@pytest.mark.parametrize("jobs", range(2, 11))
def test_what_a_start_costs_is_paid_for_before_the_first_poll(jobs: int) -> None:
    for seed in range(50):
        each = interval(jobs, seed=seed)
        now, requests = each.first(), 3
        while now < 60:
            requests += 1
            now += each.after_answer(active=True)
        assert jobs * requests <= 54 + 2 * jobs
    firsts = [interval(jobs, seed=seed).first() for seed in range(200)]
    assert max(firsts) - min(firsts) > 0.9 * jobs * 60 / 54


def test_a_job_alone_polls_soon() -> None:
    assert all(0 <= interval(seed=seed).first() <= 1.5 for seed in range(100))


def test_it_widens_while_nothing_happens_and_snaps_back() -> None:
    each = interval()
    active = each.after_answer(active=True)
    quiet = [each.after_answer(active=False) for _ in range(10)]
    assert 1.5 <= active <= 1.65
    assert quiet[0] > active
    assert 2.0 <= quiet[-1] <= 2.2
    assert each.after_answer(active=True) <= 1.65


def test_the_interval_is_the_shortest_pause() -> None:
    each = interval(shortest=20.0)
    pauses = [each.after_answer(active=active) for active in (True, False, False, True)]
    assert all(20.0 <= pause <= 22.0 for pause in pauses)


def test_failures_back_off_to_ten_seconds_and_an_answer_ends_that() -> None:
    each = interval()
    pauses = [each.after_error(failed()) for _ in range(3000)]
    assert pauses[0] <= 1.65
    assert pauses[:4] == sorted(pauses[:4])
    assert max(pauses) <= 10.0
    assert each.after_answer(active=True) <= 1.65
    assert each.after_error(UnreachableError("gone")) <= 1.65


def test_retry_after_is_kept_to_within_two_seconds() -> None:
    error = ServerError("down", code="SERVICE_UNAVAILABLE", http_status=503, retry_after=47.0)
    for seed in range(50):
        assert 47.0 <= interval(seed=seed).after_error(error) <= 49.0
        assert 60.0 <= interval(32, seed=seed).after_error(limited()) <= 62.0


def test_refusals_slow_it_down_for_a_while() -> None:
    each = interval()
    for _ in range(3):
        each.after_error(limited())
    pauses = [each.after_answer(active=True) for _ in range(2000)]
    assert pauses[0] >= 8 * 1.5 * 0.9
    assert pauses[-1] <= 1.65
    waited = [sum(pauses[:index]) for index in range(len(pauses))]
    recovered = next(at for at, pause in zip(waited, pauses, strict=True) if pause <= 1.65)
    assert 300 < recovered < 3600


def test_refusals_alone_never_stop_it() -> None:
    each = interval()
    assert max(each.after_error(limited(None)) for _ in range(1000)) <= 10.0
    assert each.after_answer(active=True) <= 33.0
