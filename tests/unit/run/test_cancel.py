"""A cancellation that must be over in time."""

from __future__ import annotations

import pytest

from mogplex_ci.errors import RateLimitedError, UnreachableError
from mogplex_ci.run.cancel import INTERRUPT_BUDGET, TIMEOUT_BUDGET, within
from tests.virtual_time import VirtualTime


@pytest.mark.parametrize("budget", [INTERRUPT_BUDGET, TIMEOUT_BUDGET])
def test_hanging_calls_take_no_longer_than_the_budget(budget: float) -> None:
    clock = VirtualTime().clock()
    timeouts: list[float] = []

    def hang(timeout: float) -> None:
        timeouts.append(timeout)
        clock.sleep(timeout)
        raise UnreachableError("no answer in time")

    with pytest.raises(UnreachableError):
        within(budget, clock, hang)
    assert len(timeouts) >= 2
    assert clock.monotonic() <= budget + 0.3


def test_a_used_up_limit_is_outlasted_by_the_patient_and_tried_often_by_the_others() -> None:
    clock = VirtualTime().clock()
    calls: list[float] = []

    def refuse_for_a_minute(_timeout: float) -> str:
        calls.append(clock.monotonic())
        if clock.monotonic() < 60.0:
            raise RateLimitedError("limited", code="RATE_LIMITED", http_status=429, retry_after=60.0)
        return "cancelled"

    assert within(TIMEOUT_BUDGET, clock, refuse_for_a_minute) == "cancelled"
    assert len([at for at in calls if at < INTERRUPT_BUDGET]) >= 4
