"""A run that is followed without being started, runs that are started again, and the last look on a
signal.
"""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.report.still_running import state_after_stop
from mogplex_ci.run.one import SECONDS_BEFORE_RETRY
from mogplex_ci.run.updates import (
    CancelAnswered,
    CancelFailed,
    Cancelling,
    InstallLog,
    Retrying,
    Started,
)
from mogplex_ci.sanitize import Sanitizer
from tests.faults.conftest import SCENARIOS
from tests.faults.world import Case, World, ids
from tests.slow import slow
from tests.typed_inputs import typed_inputs


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
        ("slow", {"on_pause": "wait"}, False, False),
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


def test_the_result_says_what_the_step_has_done(world: World) -> None:
    played = world.new_case().play()
    assert played.end.details.requests_sent == len(played.routes)
    assert not any(
        (
            played.end.details.joined,
            played.end.details.cancelled_by_step,
            played.end.details.left_behind,
        )
    )


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


def test_a_fault_of_ours_ends_the_step_and_leaves_the_run_to_post(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.client()

    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(client, "stream", fail)
    played = world.new_case("slow").play(client=client)
    assert (played.result, played.code, played.end.details.left_behind) == ("error", 1, True)
    assert played.end.details.run is not None


def test_a_run_is_started_again_after_a_quarter_of_a_minute(world: World) -> None:
    seconds = world.new_case("launch-failure").play().seconds
    played = world.new_case("launch-failure", retries=2).play()
    starts = [at for route, at in played.asked if route == "start"]
    assert starts == pytest.approx([0.0, seconds + 15.0, 2 * (seconds + 15.0)], abs=0.01)
    for timeout, runs in ((seconds + 14.9, 1), (seconds + 15.1, 2)):
        case = world.new_case("launch-failure", retries=2)
        case.play(timeout=timeout)
        assert len(case.runs) == runs


@pytest.mark.parametrize(("retries", "left"), [(2, [2, 1]), (20, [*range(20, 11, -1)])])
def test_a_run_that_fails_for_a_reason_that_may_pass_is_started_again(
    world: World, retries: int, left: list[int]
) -> None:
    """As often as there are keys."""
    case = world.new_case("launch-failure", retries=retries)
    played = case.play()
    assert (played.result, played.code) == ("failed", 1)
    assert [update.retries_left for update in played.of(Retrying)] == left
    assert [run.key for run in case.runs] == [
        case.key,
        *(f"{case.key}-g{number + 2}" for number in range(len(left))),
    ]
    assert played.end.details.key == case.runs[-1].key
    assert case.live == []


def test_a_retry_that_succeeds_is_the_result(world: World) -> None:
    case = world.new_case("queue-fails-once", retries=1)
    played = case.play()
    assert (played.result, played.code) == ("success", 0)
    assert played.shown[-1] == ids(case.runs[-1])[-1]


@pytest.mark.parametrize(
    "scenario",
    ["failed", "model-denied", "delivery-failure", "cancelled", "no-change", "install-failure"],
)
def test_what_a_retry_would_not_mend_is_not_started_again(world: World, scenario: str) -> None:
    case = world.new_case(scenario, retries=3)
    played = case.play()
    assert len(case.runs) == 1
    assert not played.of(Retrying)


@pytest.mark.parametrize(
    ("retries", "advice"),
    [
        (
            0,
            "Set [[retries: 2]] to retry automatically, or run the [[job]] again later.",
        ),
        (1, "It was started 2 times. Run the [[job]] again later."),
        (2, "It was started 3 times. Run the [[job]] again later."),
    ],
)
def test_the_advice_depends_on_what_was_tried(world: World, retries: int, advice: str) -> None:
    assert world.new_case("launch-failure", retries=retries).play().end.ending.remedy == advice


def test_an_install_that_failed_is_the_repositorys(world: World) -> None:
    end = world.new_case("install-failure", retries=2).play().end
    assert (
        end.ending.remedy
        == "Failed installations are not retried: fix the repository's setup, or run the [[job]] again."
    )


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_start_that_is_never_queued_is_repeated_once(world: World, retries: int) -> None:
    case = world.new_case("queue-fails", retries=retries)
    played = case.play()
    assert (len(case.runs), played.of(Retrying)) == (2, [])
    assert played.end.ending.remedy == "Run the [[job]] again later."


@pytest.mark.parametrize(("retries", "runs"), [(0, 2), (1, 2), (2, 3)])
def test_a_repeated_start_counts_as_a_retry(retries: int, runs: int) -> None:
    world = World.serve(*SCENARIOS)  # the first start fails once in the life of a service
    with world.emulator:
        case = world.new_case("queue-fails-once-then-launch", retries=retries)
        end = case.play().end
    assert len(case.runs) == runs
    assert end.ending.remedy == f"It was started {runs} times. Run the [[job]] again later."


def test_a_rerun_that_only_attaches_starts_no_retry(world: World) -> None:
    case = world.new_case("launch-failure", on_rerun="attach", retries=1)
    case.play(retries=0)
    case.attempt = 2
    played = case.play()
    assert (played.result, len(case.runs), played.of(Retrying)) == ("failed", 1, [])
    remedy = "[[on-rerun: attach]] starts no second run; [[on-rerun: auto]] does."
    assert played.end.ending.remedy == remedy


def start_of_retry_unanswered(world: World, seconds: float) -> tuple[Case, float]:
    """Return a step whose second start has no response for ``seconds``, and when it is sent."""
    second_start = world.new_case("launch-fails-late").play().seconds + SECONDS_BEFORE_RETRY
    case = world.new_case("launch-fails-late", retries=1)
    case.inject("start", skip=1, when="after", drop=True, lasts=seconds)
    return case, second_start


CANCEL_REFUSED: dict[str, Any] = {"status": 503, "times": "always"}


def test_the_run_of_a_retry_whose_start_had_no_response_is_the_steps(world: World) -> None:
    """Its first run has failed, and is not what may still be running."""
    case, second_start = start_of_retry_unanswered(world, 2.0)
    case.inject("cancel", **CANCEL_REFUSED)
    played = case.play(stop_after=second_start + 1.0)
    _, second = case.runs
    details = played.end.details
    assert (played.result, details.may_go_on, details.left_behind) == ("interrupted", True, True)
    assert details.run is not None
    assert (details.run.id, details.key) == (second.id, second.key)
    says = state_after_stop(details, typed_inputs(), Sanitizer(()), is_found_again=True)
    assert says.startswith("The run may still be running, because it could not be cancelled: ")
    assert says.endswith(f" runs cancel {second.id}")
    assert played.left is not None
    assert (played.left.run_id, played.left.request) == (second.id, None)


def test_a_retry_that_was_cancelled_after_a_start_without_a_response_is_over(
    world: World,
) -> None:
    case, second_start = start_of_retry_unanswered(world, 2.0)
    played = case.play(stop_after=second_start + 1.0)
    details = played.end.details
    assert (details.cancelled_by_step, case.runs[-1].status) == (True, "cancelled")
    assert state_after_stop(details, typed_inputs(), Sanitizer(()), is_found_again=True) == (
        "The run was cancelled."
    )


@pytest.mark.parametrize("fault", [None, CANCEL_REFUSED], ids=["cancelled", "left"])
def test_a_retry_whose_start_was_answered_after_the_deadline_was_started(
    world: World, fault: dict[str, Any] | None
) -> None:
    case, second_start = start_of_retry_unanswered(world, 5.0)
    if fault is not None:
        case.inject("cancel", **fault)
    played = case.play(timeout=second_start + 5.0)
    _, second = case.runs
    ending, details = played.end
    assert (played.result, played.code) == ("timeout", 1)
    assert ending.cause.startswith("the run was started, but the API's response came too late: ")
    assert details.run is not None
    assert (details.run.id, details.key) == (second.id, second.key)
    assert details.left_behind == (fault is not None)


def test_a_run_that_is_found_late_and_is_over_is_said_to_be(world: World) -> None:
    case = world.new_case("success")
    case.inject("start", when="after", drop=True, lasts=32.0)
    played = case.play(timeout=30.0)
    (run,) = case.runs
    assert (run.status, played.result) == ("success", "timeout")
    assert [(each.status, each.already_terminal) for each in played.of(CancelAnswered)] == [
        ("success", True)
    ]


def test_the_key_of_a_retry_whose_start_has_no_response_is_told(world: World) -> None:
    case, second_start = start_of_retry_unanswered(world, 3600.0)
    played = case.play(stop_after=second_start + 1.0)
    first, second = case.runs
    details = played.end.details
    assert details.run is not None
    assert (details.run.id, details.last_key) == (first.id, second.key)
    says = state_after_stop(details, typed_inputs(), Sanitizer(()), is_found_again=True)
    assert says.startswith("The run may still be running, because ")
    assert f"Its key: {second.key}. Re-run the job: it finds this run." in says


def own_branch(world: World) -> Case:
    """Return a step whose install fails on a branch of its own, by which its sandbox is found."""
    body = {"prompt": "scenario: install-failure", "createBranch": True, "harness": "mogplex"}
    return world.new_case("install-failure", request=lambda repo, _: {"repoId": repo, **body})


@pytest.mark.parametrize("route", ["sandbox-logs", *slow(["sandboxes"])])
def test_a_sandbox_that_cannot_be_read_costs_ten_seconds(world: World, route: str) -> None:
    normal = own_branch(world).play()
    case = own_branch(world)
    case.inject(route, delay=3600.0, times="always")
    played = case.play()
    assert (played.result, played.of(InstallLog)) == ("failed", [])
    assert len(normal.of(InstallLog)) == 1
    assert played.seconds - normal.seconds <= 10.5


def test_a_signal_before_a_retry_starts_nothing(world: World) -> None:
    case = world.new_case("launch-failure", retries=3)
    first = world.new_case("launch-failure").play().seconds
    played = case.play(stop_after=first + 5.0)
    assert (played.result, played.code) == ("interrupted", 130)
    assert len(case.runs) == 1


@pytest.mark.parametrize("is_answered", [True, False])
def test_what_the_service_has_is_shown_before_the_exit(
    each_world: World, is_answered: bool
) -> None:
    case = each_world.new_case("slow")
    case.inject("stream", times="always", events=3, silent=True)
    if not is_answered:
        case.inject("events", times="always", status=500)
    played = case.play(stop_after=40.0)
    assert (played.result, played.code, case.run.status) == ("interrupted", 130, "cancelled")
    assert not is_answered or played.shown == ids(case.run)
    assert played.seconds <= 40.0 + 4.5
