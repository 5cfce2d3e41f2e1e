"""A cancellation that must be over in time."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from mogplex_ci.errors import ConflictError, MogplexError, UnreachableError
from mogplex_ci.models import Cancelled
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS
from mogplex_ci.run.cancel import PATIENT, Budget, cancel
from mogplex_ci.untrusted import Untrusted
from tests.faults.kinds import error
from tests.faults.world import Case, World
from tests.virtual_time import VirtualClock

QUICK = Budget.after_signal(4.0)


def cancelled(world: World, case: Case, budget: Budget) -> tuple[Cancelled | MogplexError, float]:
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


LIMITED = {"status": 429, "headers": {"Retry-After": "60"}, "body": error("RATE_LIMITED")}


@pytest.mark.parametrize(
    ("fault", "budget", "least", "cause"),
    [
        ({"status": 502}, QUICK, 2.5, "not available"),
        ({"status": 502}, PATIENT, 75.0, "not available"),
        (LIMITED, QUICK, 2.5, "rate limit"),
        ({"status": 409, "body": error("CONFLICT")}, QUICK, 2.5, "state changed"),
    ],
)
def test_it_is_tried_until_the_budget_is_used_up(
    world: World, case: Case, fault: dict[str, Any], budget: Budget, least: float, cause: str
) -> None:
    """GitLab kills 6 s after a stop signal; after a timeout there is time to outlast a limit of one
    minute.
    """
    case.inject("cancel", times="always", **fault)
    before = len(world.emulator.requests)
    answer, seconds = cancelled(world, case, budget)
    assert isinstance(answer, MogplexError)
    assert not isinstance(answer, ConflictError)
    assert cause in answer.cause
    assert least <= seconds <= budget.seconds
    assert len(world.emulator.requests) - before >= 4


def test_a_used_up_limit_is_outlasted_by_the_patient(world: World, case: Case) -> None:
    case.inject("cancel", times=12, **LIMITED)
    answer, seconds = cancelled(world, case, PATIENT)
    assert isinstance(answer, Cancelled)
    assert 30.0 <= seconds <= 70.0


@pytest.mark.parametrize(("had_ended", "unread"), [(False, 0), (True, 0), (False, 1)])
def test_a_cancel_that_is_answered_too_early_is_judged_by_the_run(
    world: World, case: Case, had_ended: bool, unread: int
) -> None:
    """Which is read until the service has it."""
    run = {**case.run.detail(), "status": "streaming"}
    body = {"ok": True, "data": {"run": run, "status": "streaming", "alreadyTerminal": had_ended}}
    case.inject("cancel", when="after", status=200, body=body)
    case.inject("run", status=503, times=unread)
    answer, _ = cancelled(world, case, QUICK)
    assert isinstance(answer, Cancelled)
    assert (answer.status, answer.already_terminal) == ("cancelled", had_ended)
    assert answer.data.at("run", "runId") == Untrusted(case.run.id)
    assert answer.data.at("status") == Untrusted("cancelled")


@pytest.mark.parametrize(
    ("fault", "budget", "second"),
    [
        ({"delay": 20.0}, QUICK, "run"),
        ({"drop": True}, QUICK, "run"),
        ({"drop": True}, PATIENT, "run"),
        ({"status": 307, "headers": {"Location": "cancel"}}, QUICK, "cancel"),
    ],
    ids=["late", "dropped", "dropped, with time", "redirected"],
)
def test_a_cancel_without_a_response_is_checked_before_it_is_sent_again(
    world: World, case: Case, fault: dict[str, Any], budget: Budget, second: str
) -> None:
    """Or follows a redirect: the run was cancelled by this step all the same."""
    case.inject("cancel", when="after", **fault)
    before = len(world.emulator.requests)
    answer, seconds = cancelled(world, case, budget)
    assert isinstance(answer, Cancelled)
    assert (answer.status, answer.already_terminal) == ("cancelled", False)
    asked = [str(each.route) for each in world.emulator.requests[before:]]
    assert (asked, seconds <= budget.longest_call) == (["cancel", second], True)


class Silent(requests.adapters.BaseAdapter):
    """A service that never responds, in a time in which waiting costs nothing."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.asked: list[str | None] = []
        self._clock = clock

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        self.asked.append(request.method)
        _, seconds = options["timeout"]
        self._clock.sleep(seconds)
        raise requests.ReadTimeout

    def close(self) -> None:
        """Nothing is open."""


def test_a_cancel_without_a_response_leaves_time_for_a_second_one(world: World, case: Case) -> None:
    """In the seconds that a CI system leaves to a stopped step: at most systems 3.5."""
    clock, client = world.time.clock(), world.client()
    silent, seconds = Silent(clock), USUAL_STOP_SECONDS.cancel
    client._transport._session.mount("http://", silent)
    began = clock.monotonic()
    with pytest.raises(UnreachableError):
        cancel(client, case.run.id, clock=clock, budget=Budget.after_signal(seconds))
    clock.leave()
    assert silent.asked == ["POST", "GET"] * 2
    assert clock.monotonic() - began <= seconds
