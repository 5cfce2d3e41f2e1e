"""Every call of a step meets every fault: what the step must do is the same, whatever goes wrong on the way."""

from __future__ import annotations

import pytest

from mogplex_ci.run.happenings import Happening, StatusChanged
from tests.faults.kinds import FINAL, OTHER_RUN, PASSING, REFUSED, Kind
from tests.faults.world import Case, Played, World, ids

CALLS = [("repos", 0), ("start", 0), *(("events", position) for position in range(8))]
"""The calls of a step whose run succeeds in about eight seconds, polled every 1.5 s."""

each_passing = pytest.mark.parametrize("kind", PASSING, ids=lambda kind: kind.name)
each_final = pytest.mark.parametrize("kind", FINAL, ids=lambda kind: kind.name)
each_refusal = pytest.mark.parametrize("kind", FINAL + REFUSED, ids=lambda kind: kind.name)
each_refused = pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
each_call = pytest.mark.parametrize(("route", "position"), CALLS, ids=lambda part: str(part))


def check_success(case: Case, played: Played) -> None:
    """Assert what must hold after a step whose run succeeded."""
    assert (played.result, played.code) == ("success", 0)
    assert played.outcome.run is not None
    assert played.outcome.run.id == case.run.id
    assert played.shown == ids(case.run)
    assert case.live == []
    assert not played.outcome.left_behind


@each_call
@each_passing
@pytest.mark.parametrize("times", [1, 4])
def test_what_passes_changes_nothing(world: World, route: str, position: int, kind: Kind, times: int) -> None:
    case = world.new_case()
    case.inject(route, skip=position, times=times, **kind.fields)
    check_success(case, case.play(timeout=900.0))


@pytest.mark.parametrize("route", ["repos", "start", "events"])
@each_passing
def test_what_lasts_ends_at_the_deadline(world: World, route: str, kind: Kind) -> None:
    case = world.new_case("slow")
    case.inject(route, times="always", **kind.fields)
    played = case.play(timeout=150.0)
    assert (played.result, played.code) == ("error", kind.code)
    assert played.seconds <= 150.0 + 4.5
    assert len(case.runs) <= 1
    if played.outcome.left_behind:
        world.emulator.clear_faults()
        case.post(played)
        assert case.live == []
    else:
        assert (case.runs != []) == (route == "events")


@pytest.mark.parametrize("position", [0, 3])
@each_passing
def test_a_timeout_can_still_cancel(world: World, position: int, kind: Kind) -> None:
    case = world.new_case("slow")
    case.inject("events", skip=position, times="always", **kind.fields)
    played = case.play(timeout=100.0, cancel_on_timeout=True)
    assert played.code == kind.code
    assert [run.status for run in case.runs] == ["cancelled"]
    assert played.outcome.cancelled_by_us


@each_passing
@pytest.mark.parametrize("times", [1, 4])
def test_a_cancellation_is_tried_again(world: World, kind: Kind, times: int) -> None:
    case = world.new_case("slow")
    case.inject("cancel", times=times, **kind.fields)
    played = case.play(timeout=50.0, cancel_on_timeout=True)
    assert (played.result, played.code) == ("timeout", 1)
    assert [run.status for run in case.runs] == ["cancelled"]
    assert not played.outcome.left_behind


@each_passing
def test_an_interrupted_step_cancels_its_run_in_time(world: World, kind: Kind) -> None:
    case = world.new_case("slow")
    case.inject("cancel", times=2, **kind.fields)
    played = case.play(stop_after=40.0)
    assert (played.result, played.code) == ("interrupted", 130)
    assert played.seconds <= 40.0 + 4.5
    assert [run.status for run in case.runs] == ["cancelled"]


@each_passing
def test_what_could_not_be_cancelled_is_left_to_post(world: World, kind: Kind) -> None:
    case = world.new_case("slow")
    case.inject("cancel", times="always", **kind.fields)
    played = case.play(stop_after=40.0)
    assert (played.result, played.code) == ("interrupted", 130)
    assert played.seconds <= 40.0 + 4.5
    assert played.outcome.left_behind
    world.emulator.clear_faults()
    case.post(played)
    assert case.live == []


@pytest.mark.parametrize("route", ["repos", "start"])
@each_refusal
def test_a_refusal_before_the_start_ends_the_step(world: World, route: str, kind: Kind) -> None:
    case = world.new_case()
    case.inject(route, times=5, **kind.fields)
    played = case.play()
    assert (played.result, played.code) == ("error", kind.code)
    assert case.runs == []
    assert not played.outcome.left_behind
    assert played.seconds == 0.0


@pytest.mark.parametrize("position", [5, 7])
@each_final
def test_a_refusal_while_following_ends_the_step(world: World, position: int, kind: Kind) -> None:
    case = world.new_case("slow")
    case.inject("events", skip=position, times="always", **kind.fields)
    played = case.play()
    assert (played.result, played.code) == ("error", kind.code)
    assert played.seconds < 60.0


@pytest.mark.parametrize("position", range(8))
@each_refused
def test_odd_answers_while_following_pass(world: World, position: int, kind: Kind) -> None:
    case = world.new_case()
    case.inject("events", skip=position, **kind.fields)
    check_success(case, case.play())


@pytest.mark.parametrize("kind", FINAL + REFUSED + PASSING, ids=lambda kind: kind.name)
def test_after_the_end_of_the_run_nothing_changes_its_result(world: World, kind: Kind) -> None:
    case = world.new_case("late-finish")

    def break_at_the_end(happening: Happening) -> None:
        if isinstance(happening, StatusChanged) and happening.run.is_terminal:
            case.inject("events", times="always", **kind.fields)

    played = case.play(watch=break_at_the_end)
    assert (played.result, played.code) == ("success", 0)
    assert played.outcome.run is not None
    assert played.shown == ids(case.run)[: len(played.shown)] != []


def test_events_after_the_end_are_shown(world: World) -> None:
    check_success(case := world.new_case("late-finish"), case.play())


@pytest.mark.parametrize("position", range(8))
def test_an_answer_about_another_run_is_not_believed(world: World, position: int) -> None:
    case = world.new_case()
    case.inject("events", skip=position, status=200, body=OTHER_RUN)
    check_success(case, case.play())
