"""A run that is followed without being started, and the last look on a signal."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from mogplex_ci.run.updates import (
    CancelFailed,
    Cancelling,
    InstallLog,
    Started,
)
from mogplex_ci.waiting import Stop
from tests.faults.kinds import error
from tests.faults.world import Trip, World, ids
from tests.said import said


@pytest.mark.parametrize(("scenario", "waits"), [("success", False), ("failed", True)])
def test_a_run_that_was_started_elsewhere_is_followed_to_its_end(
    each_world: World, scenario: str, waits: bool
) -> None:
    """Also when it has ended already."""
    started = each_world.new_case(scenario, wait=waits)
    run_id = started.play().of(Started)[0].run.id
    played = each_world.new_case(run_id=run_id, on_interrupt="detach").play()
    assert (played.result, played.shown) == (scenario, ids(started.run))
    assert played.of(Started)[0].followed
    assert "start" not in played.routes
    assert played.end.details.repo is not None
    assert played.end.details.repo.full_name.one_of("acme/web")


def test_a_followed_run_that_does_not_exist_ends_the_step(each_world: World) -> None:
    played = each_world.new_case(run_id="00000000-0000-4000-8000-000000000000").play()
    assert (played.result, played.code, played.end.ending.error_code) == ("error", 1, "NOT_FOUND")
    assert played.end.ending.remedy


@pytest.mark.parametrize(
    ("scenario", "inputs", "owned", "cancelled"),
    [
        ("slow", {"stop_after": 20.0}, False, False),
        ("slow", {"stop_after": 20.0, "on_interrupt": "cancel"}, True, True),
        ("slow", {}, False, False),
        ("slow", {"on_interrupt": "cancel"}, True, False),
        ("slow", {"on_timeout": "cancel"}, True, True),
        ("slow", {"on_pause": "cancel"}, True, False),
        ("paused", {}, False, False),
        ("paused", {"on_pause": "cancel"}, True, True),
        ("paused", {"on_timeout": "cancel"}, True, False),
    ],
)
def test_a_followed_run_is_cancelled_only_when_the_inputs_say_so(
    world: World, scenario: str, inputs: dict[str, Any], owned: bool, cancelled: bool
) -> None:
    case = world.new_case(scenario, wait=False)
    run_id = case.play().of(Started)[0].run.id
    fields = {"run_id": run_id, "on_interrupt": "detach", "timeout": 30.0} | inputs
    played = world.new_case().play(**fields)
    assert played.of(Started)[0].owned is owned
    assert bool(played.of(Cancelling)) is cancelled
    assert played.of(CancelFailed) == []
    assert (case.run.status == "cancelled") is played.end.details.cancelled_by_step is cancelled


@pytest.mark.parametrize("request_number", [1, 2], ids=["run", "repositories"])
@pytest.mark.parametrize("policy", ["cancel", "detach"])
def test_a_stop_before_a_followed_run_was_read_cancels_it_if_asked(
    world: World, request_number: int, policy: str
) -> None:
    case = world.new_case("slow", wait=False)
    run_id = case.play().of(Started)[0].run.id
    stop = Stop()
    trip = Trip(request_number, answered=True, action=lambda: stop.request(signal.SIGTERM))
    played = world.new_case().play(run_id=run_id, on_interrupt=policy, stop=stop, trip=trip)
    assert (played.code, case.run.status == "cancelled") == (143, policy == "cancel")
    assert played.end.details.cancelled_by_step is (policy == "cancel")


def test_a_followed_run_whose_repository_is_refused_to_the_gates_is_left_to_the_clean_up(
    world: World,
) -> None:
    case = world.new_case("slow", wait=False)
    run_id = case.play().of(Started)[0].run.id
    follows = world.new_case()
    follows.inject("repos", status=403, body=error("FORBIDDEN"), times="always")
    judged = {"run_id": run_id, "require": frozenset({"change"})}
    played = follows.play(on_interrupt="cancel", **judged)
    assert (played.code, played.end.details.left_behind) == (65, True)
    follows.post(played)
    assert case.run.status == "cancelled"


@pytest.mark.parametrize("body", [error("FORBIDDEN"), ""])
def test_a_run_is_followed_though_its_repository_cannot_be_read(world: World, body: Any) -> None:
    run_id = world.new_case(wait=False).play().of(Started)[0].run.id
    follows = world.new_case()
    follows.inject("repos", status=403 if body else 500, body=body, times="always")
    played = follows.play(run_id=run_id)
    assert (played.result, played.end.details.repo) == ("success", None)


def test_a_followed_run_that_cannot_be_read_to_the_deadline_is_a_timeout(world: World) -> None:
    case = world.new_case(run_id="99999999-8888-4777-8666-555555555555")
    case.inject("run", status=503, body="", times="always")
    played = case.play(timeout=60.0)
    assert (played.code, played.end.ending.error_code) == (1, "TIMEOUT")
    assert "the run could not be read" in played.end.ending.cause


def test_a_run_that_had_ended_when_it_was_cancelled_was_not_cancelled_by_the_step(
    world: World,
) -> None:
    for timeout, status in ((4.0, "cancelled"), (20.0, "success")):
        case = world.new_case()
        case.inject("stream", events=0, silent=True, times="always")
        for route in ("run", "events"):
            case.inject(route, status=502, times="always")
        played = case.play(timeout=timeout, on_timeout="cancel")
        assert (case.run.status, played.end.details.cancelled_by_step) == (
            status,
            status == "cancelled",
        )


@pytest.mark.parametrize("unread", ["", "sandbox-logs", "sandboxes"])
def test_the_log_of_an_install_that_failed_is_shown_if_it_can_be_read(
    world: World, unread: str
) -> None:
    """By its branch, which is the run's own, the sandbox is found."""
    case = world.new_case("install-failure", create_branch=True, harness="mogplex")
    if unread:
        case.inject(unread, status=500, times="always")
    played = case.play()
    assert played.result == "failed"
    assert len(played.of(InstallLog)) == (not unread)
    assert played.end.ending.remedy == "Fix the repository's setup, or try again."


def test_a_run_that_is_found_late_and_is_over_is_said_to_be(world: World) -> None:
    case = world.new_case("success")
    case.inject("start", when="after", drop=True, lasts=32.0)
    played = case.play(timeout=30.0)
    (run,) = case.runs
    assert (run.status, played.result) == ("success", "timeout")
    assert said(played.updates) == ["The run had already ended: success"]
