"""Re-runs: which run a try of a step starts, joins, reports or replaces."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

import pytest

from mogplex_ci.errors import ForeignRunError
from mogplex_ci.run.updates import CancelFailed, Started
from mogplex_ci.waiting import Stop
from tests.faults.kinds import error
from tests.faults.world import Case, Played, Trip, World
from tests.said import said


def started(played: Played) -> Started:
    (one,) = played.of(Started)
    assert isinstance(one, Started)
    return one


def leave_running(case: Case) -> None:
    """A first attempt that goes away and lets its run go on."""
    assert case.play(wait=False).result == "detached"
    case.attempt += 1


GOES, DIES = {"wait": False}, {"stop_after": 20.0}
"""A try that goes away and lets its run go on, and one that is stopped and cancels it."""
AUTO, NEW = "auto", "new"
END: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("scenario", "on_rerun", "tries", "keys", "result"),
    [
        ("success", AUTO, [(1, GOES), (2, END)], [""], "success"),
        ("success", AUTO, [(1, END), (2, END)], [""], "success"),
        ("failed", AUTO, [(1, END), (2, END)], ["", "-g2"], "failed"),
        ("cancelled", AUTO, [(1, END), (2, END)], ["", "-g2"], "cancelled"),
        (
            "failed",
            AUTO,
            [(1, END), (2, END), (2, END), (3, END)],
            ["", "-g2", "-g3", "-g4"],
            "failed",
        ),
        ("slow", AUTO, [(1, DIES), (2, GOES), (3, GOES)], ["", "-g2"], "detached"),
        (
            "slow",
            AUTO,
            [(1, DIES), (1, GOES), (1, GOES)],
            ["", "-g2"],
            "detached",
        ),  # a system that does not count
        ("slow", NEW, [(1, GOES), (1, GOES), (2, GOES)], ["-1", "-2"], "detached"),
        (
            "failed",
            AUTO,
            [(1, END)] * 12,
            ["", *(f"-g{number}" for number in range(2, 11))],
            "failed",
        ),
        ("queue-fails", AUTO, [(1, END)], ["", "-g2"], "failed"),  # it is reported as it is
        ("queue-fails-once-then-slow", AUTO, [(1, GOES), (2, GOES)], ["", "-g2"], "detached"),
    ],
)
def test_which_runs_the_tries_of_a_step_start(
    world: World,
    scenario: str,
    on_rerun: str,
    tries: Sequence[tuple[int, dict[str, Any]]],
    keys: list[str],
    result: str,
) -> None:
    case = world.new_case(scenario, on_rerun=on_rerun)
    for attempt, fields in tries:
        case.attempt = attempt
        played = case.play(**fields)
    assert played.result == result
    assert [run.key.removeprefix(case.key) for run in case.runs] == keys
    assert started(played).key == case.runs[-1].key


def test_a_step_knows_how_it_came_to_its_run(world: World) -> None:
    for explicit in (False, True):
        case = world.new_case()
        case.explicit = explicit
        assert [started(case.play()).unexpected for _ in range(2)] == [False, not explicit]
    case = world.new_case()
    first = case.play()
    case.attempt = 2
    joined = case.play()
    assert joined.shown == first.shown
    assert (started(joined).joined, started(joined).owned, started(joined).unexpected) == (
        True,
        True,
        False,
    )
    assert not started(joined).followed, "only what the step was asked to follow is"
    lost = world.new_case("failed")
    lost.inject("start", drop=True, when="after")
    played = lost.play()
    assert (played.result, len(lost.runs)) == ("failed", 1)
    assert (started(played).joined, started(played).unexpected) == (False, False), (
        "a lost answer is no earlier try"
    )


@pytest.mark.parametrize(
    ("on_rerun", "attempt", "before", "runs"),
    [(AUTO, 1, 1, 1), (NEW, 1, 1, 1), (AUTO, 2, 10, 10)],
)
def test_a_changed_request_under_the_same_key_is_a_conflict(
    world: World, on_rerun: str, attempt: int, before: int, runs: int
) -> None:
    """At the end of the chain also in a later attempt."""
    case = world.new_case("failed", on_rerun=on_rerun)
    for _ in range(before):
        case.play()
    case.attempt = attempt
    played = case.play(prompt="scenario: failed, and more")
    assert (played.code, played.end.ending.error_code, played.end.details.left_behind) == (
        1,
        "IDEMPOTENCY_CONFLICT",
        False,
    )
    assert "idempotency-key" in played.end.ending.remedy
    assert len(case.runs) == runs


def test_a_changed_request_is_a_fresh_run_in_a_later_attempt(world: World) -> None:
    case = world.new_case()
    leave_running(case)
    played = case.play(prompt="scenario: brief, and more")
    assert (played.result, len(case.runs)) == ("success", 2)
    (next_key,) = said(played.updates, "next idempotency key")
    assert (
        next_key
        == f"The key belongs to an earlier, different request; next idempotency key: {case.key}-g2"
    )


@pytest.mark.parametrize("lost", [False, True])
def test_a_run_joined_through_an_explicit_key_is_never_cancelled(world: World, lost: bool) -> None:
    case = world.new_case("slow")
    case.explicit = True
    leave_running(case)
    if lost:
        case.inject("start", drop=True, when="after")
    for played in (case.play(stop_after=20.0), case.play(timeout=20.0, on_timeout="cancel")):
        assert not started(played).owned
        assert not played.end.details.left_behind
    assert len(case.live) == 1


@pytest.mark.parametrize("is_lost", [False, True], ids=["read", "lost"])
def test_a_signal_after_the_answer_does_not_make_an_explicit_keys_run_ours(
    world: World, is_lost: bool
) -> None:
    case, stop = world.new_case("slow"), Stop()
    case.explicit = True
    leave_running(case)
    if is_lost:
        case.inject("start", drop=True, when="after")
    trip = Trip(2, answered=True, action=lambda: stop.request(signal.SIGINT))
    played = case.play(stop_after=0.05) if is_lost else case.play(stop=stop, trip=trip)
    assert (played.result, bool(played.of(Started)), played.end.details.left_behind) == (
        "interrupted",
        not is_lost,
        False,
    )
    assert [type(update.error) for update in played.of(CancelFailed)] == [ForeignRunError]
    assert len(case.live) == 1


@pytest.mark.parametrize("asked", [{}, {"agent": "preset:Code Reviewer"}, {"mode": "safe"}])
def test_a_step_knows_whether_its_agent_and_mode_were_used(
    world: World, old_world: World, asked: dict[str, str]
) -> None:
    """Older services know neither."""
    for service, ignored in ((world, []), (old_world, [*asked])):
        unused = started(service.new_case(**asked).play(wait=False)).unused_options
        assert [name.text for name in unused] == ignored


def test_options_that_the_run_does_not_have_are_said(world: World) -> None:
    """Not those that no answer repeats, and those without a value."""
    options = {"conversationId": "c-1", "workspaceSessionId": "w-1", "modelTier": "high", "x": None}
    case = world.new_case(run_options=options)
    unused = started(case.play(wait=False)).unused_options
    assert [name.text for name in unused] == ["modelTier"]


def test_a_repository_that_is_known_already_is_not_looked_up(world: World) -> None:
    (found,) = world.client().repos(query="acme/web")
    played = world.new_case(found=found).play()
    assert (played.result, played.end.details.repo, "repos" in played.routes) == (
        "success",
        found,
        False,
    )


UNLISTED = "bbbbbbb9-0000-4000-8000-0000000000ff"


def test_a_repository_that_is_not_listed_is_tried_for_a_minute_and_a_half(world: World) -> None:
    """A hidden repository starts once the service is back; one that does not exist is answered 503
    for ever.
    """
    case = world.new_case(repo=UNLISTED)
    case.inject("start", times="always", status=503, body=error("SERVICE_UNAVAILABLE"))
    assert case.play(timeout=20.0).seconds <= 20.0
    played = case.play()
    assert (played.result, played.code, played.end.ending.error_code) == (
        "error",
        69,
        "SERVICE_UNAVAILABLE",
    )
    assert "this token does not list it" in played.end.ending.cause
    assert 85.0 <= played.seconds <= 95.0
    assert played.routes.count("start") >= 9


def test_a_repository_that_is_listed_is_not_said_to_be_missing(world: World) -> None:
    case = world.new_case()
    case.inject("start", times="always", status=503, body=error("SERVICE_UNAVAILABLE"))
    ending = case.play(timeout=20.0).end.ending
    assert ending.error_code == "SERVICE_UNAVAILABLE"
    assert "does not list it" not in ending.cause
