"""A cancellation that must be over in time."""

from __future__ import annotations

import pytest

from mogplex_ci.errors import ConflictError, MogplexError
from mogplex_ci.models import Cancelled
from mogplex_ci.run.cancel import INTERRUPT_BUDGET, TIMEOUT_BUDGET, cancel
from tests.faults.kinds import error
from tests.faults.world import Case, World

CONFLICT = error("CONFLICT")


def cancelled(world: World, case: Case, budget: float) -> tuple[Cancelled | MogplexError, float]:
    """Cancel the case's run; return the answer or the error, and the seconds it took."""
    clock, client = world.time.clock(), world.client()
    began = clock.monotonic()
    try:
        return cancel(client, case.run.id, clock=clock, budget=budget), clock.monotonic() - began
    except MogplexError as failure:
        return failure, clock.monotonic() - began
    finally:
        clock.leave()
        client.close()


@pytest.fixture
def case(world: World) -> Case:
    case = world.new_case("slow")
    case.play(wait=False)
    return case


@pytest.mark.parametrize("budget", [INTERRUPT_BUDGET, TIMEOUT_BUDGET])
def test_it_is_tried_until_the_budget_is_used_up(world: World, case: Case, budget: float) -> None:
    case.inject("cancel", times="always", status=502)
    before = len(world.emulator.requests)
    answer, seconds = cancelled(world, case, budget)
    assert isinstance(answer, MogplexError)
    assert 0.7 * budget <= seconds <= budget
    assert len(world.emulator.requests) - before >= 4


def test_a_used_up_limit_is_outlasted_by_the_patient_and_tried_often_by_the_others(world: World, case: Case) -> None:
    refused = {"status": 429, "headers": {"Retry-After": "60"}, "body": error("RATE_LIMITED")}
    case.inject("cancel", times="always", **refused)
    answer, seconds = cancelled(world, case, INTERRUPT_BUDGET)
    assert isinstance(answer, MogplexError)
    assert seconds <= INTERRUPT_BUDGET
    assert [request.route for request in world.emulator.requests[-4:]] == ["cancel"] * 4
    world.emulator.clear_faults()
    case.inject("cancel", times=12, **refused)
    answer, seconds = cancelled(world, case, TIMEOUT_BUDGET)
    assert isinstance(answer, Cancelled)
    assert 30.0 <= seconds <= 70.0


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_whose_state_changed_meanwhile_is_cancelled_again(world: World, case: Case, times: int) -> None:
    case.inject("cancel", times=times, status=409, body=CONFLICT)
    answer, seconds = cancelled(world, case, INTERRUPT_BUDGET)
    assert isinstance(answer, Cancelled)
    assert (answer.status, answer.already_terminal, case.run.status) == ("cancelled", False, "cancelled")
    assert seconds < 2.0


def test_a_run_that_is_no_longer_active_is_looked_at(world: World) -> None:
    case = world.new_case("failed")
    case.play()
    case.inject("cancel", times="always", status=409, body=CONFLICT)
    answer, seconds = cancelled(world, case, INTERRUPT_BUDGET)
    assert isinstance(answer, Cancelled)
    assert (answer.status, answer.already_terminal, seconds) == ("failed", True, 0.0)


def test_a_conflict_that_lasts_is_an_error_with_its_words(world: World, case: Case) -> None:
    case.inject("cancel", times="always", status=409, body=CONFLICT)
    answer, seconds = cancelled(world, case, INTERRUPT_BUDGET)
    assert isinstance(answer, MogplexError)
    assert not isinstance(answer, ConflictError)
    assert "state changed" in answer.cause
    assert seconds <= INTERRUPT_BUDGET
