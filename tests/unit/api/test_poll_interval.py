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


def test_refusals_alone_never_stop_it() -> None:
    each = interval()
    assert max(each.after_error(limited(None)) for _ in range(1000)) <= 10.0
    assert each.after_answer(active=True) <= 33.0


@pytest.mark.parametrize(("jobs", "is_crowded"), [(1, False), (18, False), (19, True), (60, True)])
def test_a_stream_is_opened_at_once_unless_the_jobs_cannot_all_start_in_a_minute(jobs: int, is_crowded: bool) -> None:
    waits = [interval(jobs, seed=seed).before_stream() for seed in range(200)]
    share = jobs * 60 / 54
    assert interval(jobs).is_crowded is is_crowded
    if is_crowded:
        assert 2 * share <= min(waits) <= 2.05 * share
        assert 2.95 * share <= max(waits) <= 3 * share
    else:
        assert set(waits) == {0.0}


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 60.0), (13, 60.0), (14, 62.2), (27, 120.0)])
def test_looks_cost_no_more_than_a_quarter_of_a_jobs_requests(jobs: int, seconds: float) -> None:
    assert interval(jobs).check_seconds == pytest.approx(seconds, abs=0.1)


def test_a_job_alone_is_not_shared() -> None:
    assert (interval(1).is_shared, interval(2).is_shared) == (False, True)


def test_the_pause_grows_by_a_quarter_and_is_at_most_a_tenth_longer() -> None:
    quiet = [interval(shortest=0.0, seed=seed) for seed in range(200)]
    first = [each.after_answer(active=True) for each in quiet]
    assert min(first) >= 60 / 54
    assert 1.09 * 60 / 54 <= max(first) <= 1.1 * 60 / 54
    second = [each.after_answer(active=False) for each in quiet]
    assert 1.25 * 60 / 54 <= min(second) <= 1.26 * 60 / 54
    assert max(second) <= 1.1 * 1.25 * 60 / 54


def test_each_refusal_doubles_the_pause_up_to_half_a_minute() -> None:
    for refusals, pause in ((1, 3.0), (2, 6.0), (3, 12.0), (5, 30.0), (50, 30.0)):
        each = interval()
        for _ in range(refusals):
            each.after_error(limited())
        assert pause <= each.after_answer(active=True) <= 1.1 * pause


def test_other_errors_do_not_slow_the_polls_down() -> None:
    each = interval()
    each.after_error(failed())
    assert each.after_answer(active=True) <= 1.65


def test_a_refusal_is_forgotten_in_about_ten_minutes() -> None:
    each = interval()
    each.after_error(limited())
    waited = pause = each.after_answer(active=True)
    while pause > 1.65:
        pause = each.after_answer(active=True)
        waited += pause
    assert 300 <= waited <= 660
    later = [each.after_answer(active=True) for _ in range(3_000)][1_000:]
    assert min(later) >= 1.5, "never shorter than it is without refusals"
    assert max(later) <= 1.65


def test_an_error_is_not_followed_sooner_than_an_answer() -> None:
    assert interval(32).after_error(UnreachableError("gone")) >= 32 * 60 / 54
    assert interval(shortest=20.0).after_error(failed()) >= 20.0


@pytest.mark.parametrize("jobs", [2, 5, 32])
def test_the_first_poll_comes_after_what_a_start_costs(jobs: int) -> None:
    share = jobs * 60 / 54
    firsts = [interval(jobs, seed=seed).first() for seed in range(200)]
    assert 3 * share <= min(firsts)
    assert max(firsts) <= 3 * share + max(share, 1.5)


def test_refusals_do_not_slow_down_polls_that_are_slow_enough() -> None:
    each = interval(shortest=40.0)
    for _ in range(5):
        each.after_error(limited())
    assert each.after_answer(active=True) <= 44.0
