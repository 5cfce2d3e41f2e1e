"""Re-runs: which run a try of a step starts, joins, reports or replaces."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mogplex_ci.errors import ForeignRunError, UsageError
from mogplex_ci.run.start import OnRerun, find_repo
from mogplex_ci.run.updates import CancelFailed, NextKey, Started
from mogplex_ci.waiting import Stop
from tests.faults.conftest import SCENARIOS
from tests.faults.kinds import error
from tests.faults.world import Case, Played, Trip, World


def started(played: Played) -> Started:
    (one,) = played.of(Started)
    assert isinstance(one, Started)
    return one


def leave_running(case: Case) -> None:
    """A first attempt that goes away and lets its run go on."""
    assert case.play(wait=False).result == "detached"
    case.attempt += 1


def let_it_die(case: Case) -> None:
    """A first attempt whose run is cancelled."""
    assert case.play(stop_after=20.0).result == "interrupted"
    assert case.run.status == "cancelled"
    case.attempt += 1


@pytest.mark.parametrize("on_rerun", [OnRerun.AUTO, OnRerun.ATTACH])
def test_a_live_run_is_joined(world: World, on_rerun: OnRerun) -> None:
    case = world.new_case()
    leave_running(case)
    played = case.play(on_rerun=on_rerun)
    assert (played.result, len(case.runs)) == ("success", 1)
    assert started(played).joined
    assert not started(played).followed, "only what the step was asked to follow is"
    assert started(played).owned
    assert not started(played).unexpected


@pytest.mark.parametrize("on_rerun", [OnRerun.AUTO, OnRerun.ATTACH])
def test_a_success_is_reported_with_its_events(world: World, on_rerun: OnRerun) -> None:
    case = world.new_case()
    shown = case.play().shown
    case.attempt += 1
    played = case.play(on_rerun=on_rerun)
    assert (played.result, len(case.runs)) == ("success", 1)
    assert played.shown == shown


@pytest.mark.parametrize("scenario", ["failed", "cancelled"])
def test_a_dead_run_is_replaced(world: World, scenario: str) -> None:
    case = world.new_case(scenario)
    assert case.play().code == 1
    case.attempt += 1
    played = case.play()
    assert [run.key for run in case.runs] == [case.key, f"{case.key}-g2"]
    (next_key,) = played.of(NextKey)
    assert (next_key.key, next_key.never_queued) == (f"{case.key}-g2", False)
    assert not started(played).joined


def test_each_try_replaces_the_dead_run_of_the_one_before(world: World) -> None:
    case = world.new_case("failed")
    for attempt in (1, 2, 2, 3):
        case.attempt = attempt
        assert case.play().code == 1
    assert [run.key for run in case.runs] == [case.key, f"{case.key}-g2", f"{case.key}-g3", f"{case.key}-g4"]


@pytest.mark.parametrize("attempts", [(1, 2, 3), (1, 1, 1)], ids=["counted", "not counted by the CI system"])
def test_a_third_try_joins_the_run_of_the_second(world: World, attempts: tuple[int, ...]) -> None:
    case = world.new_case("slow")
    case.attempt = attempts[0]
    assert case.play(stop_after=20.0).result == "interrupted"
    for attempt in attempts[1:]:
        case.attempt = attempt
        assert case.play(wait=False).result == "detached"
    assert [run.key for run in case.runs] == [case.key, f"{case.key}-g2"]
    assert len(case.live) == 1


def test_a_success_further_down_the_chain_is_found_again() -> None:
    world = World.serve(*SCENARIOS)  # the scenario fails once in the life of a service
    with world.emulator:
        case = world.new_case("queue-fails-once")
        case.play()
        case.attempt = 2
        played = case.play()
    assert (played.result, started(played).key, started(played).joined) == ("success", f"{case.key}-g2", True)
    assert len(case.runs) == 2


def test_the_chain_is_ten_keys_long(world: World) -> None:
    case = world.new_case("failed")
    results = [case.play().result for _ in range(12)]
    assert results == ["failed"] * 12
    assert [run.key for run in case.runs] == [case.key, *(f"{case.key}-g{number}" for number in range(2, 11))]


def test_a_conflict_at_the_end_of_the_chain_is_reported(world: World) -> None:
    case = world.new_case("failed")
    for _ in range(10):
        case.play()
    case.attempt = 2
    played = case.play(request=case.other_request)
    assert (played.code, played.end.error_code) == (1, "IDEMPOTENCY_CONFLICT")
    assert len(case.runs) == 10


def test_attach_reports_a_dead_run(world: World) -> None:
    case = world.new_case("slow")
    let_it_die(case)
    played = case.play(on_rerun=OnRerun.ATTACH)
    assert (played.result, played.code, len(case.runs)) == ("cancelled", 1, 1)


def test_new_starts_another_run_and_each_attempt_only_one(world: World) -> None:
    case = world.new_case("slow", on_rerun=OnRerun.NEW)
    for attempt in (1, 1, 2):
        case.attempt = attempt
        case.play(wait=False)
    assert [run.key for run in case.runs] == [f"{case.key}-1", f"{case.key}-2"]


def test_a_changed_request_is_a_fresh_run_in_a_later_attempt(world: World) -> None:
    case = world.new_case()
    leave_running(case)
    played = case.play(request=case.other_request)
    assert (played.result, len(case.runs)) == ("success", 2)
    (next_key,) = played.of(NextKey)
    assert (next_key.run, next_key.key, next_key.never_queued) == (None, f"{case.key}-g2", False)


@pytest.mark.parametrize("on_rerun", [OnRerun.ATTACH, OnRerun.NEW])
def test_a_changed_request_under_the_same_key_is_a_conflict(world: World, on_rerun: OnRerun) -> None:
    case = world.new_case()
    case.play(wait=False, on_rerun=on_rerun)
    played = case.play(request=case.other_request, on_rerun=on_rerun)
    assert (played.code, played.end.error_code) == (1, "IDEMPOTENCY_CONFLICT")
    assert len(case.runs) == 1
    assert not played.end.left_behind


def test_a_changed_request_in_the_first_attempt_is_a_conflict(world: World) -> None:
    case = world.new_case()
    case.play(wait=False)
    played = case.play(request=case.other_request)
    assert (played.code, played.end.error_code) == (1, "IDEMPOTENCY_CONFLICT")
    assert "idempotency-key" in played.end.remedy


def test_a_lost_answer_is_no_earlier_attempt(world: World) -> None:
    case = world.new_case("failed")
    case.inject("start", drop=True, when="after")
    played = case.play()
    assert (played.result, len(case.runs)) == ("failed", 1)
    assert not started(played).joined
    assert not started(played).unexpected


def test_a_run_that_could_not_be_queued_is_replaced_once(world: World) -> None:
    case = world.new_case("queue-fails-once")
    played = case.play()
    assert (played.result, played.code) == ("success", 0)
    assert [(run.key, run.status) for run in case.runs] == [
        (case.key, "failed"),
        (f"{case.key}-g2", "success"),
    ]
    (next_key,) = played.of(NextKey)
    assert next_key.never_queued


def test_a_queue_that_stays_down_is_reported_as_what_it_is(world: World) -> None:
    case = world.new_case("queue-fails")
    played = case.play()
    assert (played.result, played.code, len(case.runs)) == ("failed", 1, 2)
    assert "queue" in played.end.cause


def test_attach_does_not_replace_what_could_not_be_queued(world: World) -> None:
    case = world.new_case("queue-fails")
    played = case.play(on_rerun=OnRerun.ATTACH)
    assert (played.result, len(case.runs)) == ("failed", 1)


def test_a_later_attempt_joins_what_replaced_the_run_that_was_never_queued(world: World) -> None:
    case = world.new_case("queue-fails-once-then-slow")
    leave_running(case)
    played = case.play(timeout=30.0)
    assert played.result == "timeout"
    assert len(case.runs) == 2
    assert started(played).joined
    assert started(played).key == f"{case.key}-g2"


@pytest.mark.parametrize("lost", [False, True])
def test_a_run_joined_through_an_explicit_key_is_never_cancelled(world: World, lost: bool) -> None:
    case = world.new_case("slow")
    case.explicit = True
    leave_running(case)
    if lost:
        case.inject("start", drop=True, when="after")
    for played in (case.play(stop_after=20.0), case.play(timeout=20.0, cancel_on_timeout=True)):
        assert not started(played).owned
        assert not played.end.left_behind
    assert len(case.live) == 1


def test_a_lost_answer_does_not_make_an_explicit_keys_run_ours(world: World) -> None:
    case = world.new_case("slow")
    case.explicit = True
    leave_running(case)
    stop = Stop()
    played = case.play(stop=stop, trip=Trip(2, answered=True, action=lambda: stop.request(signal.SIGTERM)))
    assert (played.result, played.code) == ("interrupted", 143)
    assert isinstance(played.of(CancelFailed)[0].error, ForeignRunError)
    assert not played.end.left_behind
    assert len(case.live) == 1


def test_a_run_whose_answer_was_lost_is_not_cancelled_if_it_may_be_somebody_elses(world: World) -> None:
    case = world.new_case("slow")
    case.explicit = True
    leave_running(case)
    case.inject("start", drop=True, when="after")
    played = case.play(stop_after=0.05)
    assert (played.result, played.of(Started), played.end.left_behind) == ("interrupted", [], False)
    assert [type(update.error) for update in played.of(CancelFailed)] == [ForeignRunError]
    assert len(case.live) == 1


class LastMoment(Stop):
    """A stop signal that arrives when the answer to one request has been taken, just before that is safe."""

    def __init__(self, request: int) -> None:
        super().__init__()
        self._left = request

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        with super().interrupting():
            yield
            self._left -= 1
            if self._left == 0:
                self.request(signal.SIGINT)


def test_an_answer_that_a_signal_throws_away_is_asked_for_again(world: World) -> None:
    case = world.new_case("slow")
    played = case.play(stop=LastMoment(request=2))
    assert (played.result, played.code) == ("interrupted", 130)
    assert case.run.status == "cancelled"


def test_a_run_started_under_an_explicit_key_is_this_steps_own(world: World) -> None:
    case = world.new_case("slow")
    case.explicit = True
    assert case.play(stop_after=20.0).result == "interrupted"
    assert case.live == []


def test_a_live_run_under_a_derived_key_is_cancelled_with_the_step_that_joined_it(world: World) -> None:
    case = world.new_case("slow")
    leave_running(case)
    case.play(stop_after=20.0)
    assert case.live == []


def repos_of(names: list[str]) -> dict[str, Any]:
    return {"ok": True, "data": {"repos": [{"id": name.replace("/", "."), "full_name": name} for name in names]}}


@pytest.mark.parametrize(
    ("listed", "wanted", "found"),
    [
        (["acme/web"], "acme/web", "acme/web"),
        (["acme/web"], "Acme/WEB", "acme/web"),
        (["acme/web-shop", "acme/web"], "acme/web", "acme/web"),
        (["acme/web", "Acme/Web"], "Acme/Web", "Acme/Web"),
    ],
)
def test_a_repository_is_found_by_its_name_whatever_its_case(
    world: World, listed: list[str], wanted: str, found: str
) -> None:
    world.new_case().inject("repos", status=200, body=repos_of(listed))
    assert find_repo(world.client(), wanted, timeout=5.0).id == found.replace("/", ".")


@pytest.mark.parametrize(
    ("listed", "wanted", "fault", "near"),
    [
        (
            *(["acme/api", "acme/webs", "other/x", "acme/web-app", "acme/docs"], "acme/web"),
            *("is not a repository that this token can see", ["acme/webs", "acme/web-app", "acme/api"]),
        ),
        (["acme/webs"], "acme/web", "is not a repository that this token can see", ["acme/webs"]),
        ([], "acme/web", "is not a repository that this token can see", []),
        (["acme/web", "Acme/Web"], "ACME/WEB", "is the name of several repositories", ["acme/web", "Acme/Web"]),
    ],
)
def test_a_repository_that_is_not_found_is_answered_with_the_closest_names(
    world: World, listed: list[str], wanted: str, fault: str, near: list[str]
) -> None:
    world.new_case().inject("repos", status=200, body=repos_of(listed), times="always")
    with pytest.raises(UsageError) as caught:
        find_repo(world.client(), wanted, timeout=5.0)
    (problem,) = caught.value.problems
    assert (problem.input, problem.fault) == ("repo", fault)
    assert [name.text for name in problem.near] == near


@pytest.mark.parametrize("agent", [{}, {"agentId": "preset:Code Reviewer"}])
def test_a_step_knows_whether_its_agent_was_ignored(world: World, old_world: World, agent: dict[str, str]) -> None:
    """Older services know no agents."""
    for service, is_ignored in ((world, False), (old_world, bool(agent))):
        case = service.new_case(request=lambda repo_id: {"repoId": repo_id, "prompt": "x", **agent})
        assert started(case.play(wait=False)).agent_ignored is is_ignored


def test_a_repository_that_is_known_already_is_not_looked_up(world: World) -> None:
    (found,) = world.client().repos(query="acme/web")
    played = world.new_case(found=found).play()
    assert (played.result, played.end.repo, "repos" in played.routes) == ("success", found, False)


UNLISTED = "bbbbbbb9-0000-4000-8000-0000000000ff"


def test_a_repository_that_is_not_listed_is_tried_for_a_minute_and_a_half(world: World) -> None:
    """A hidden repository starts once the service is back; one that does not exist is answered 503 for ever."""
    case = world.new_case(repo=UNLISTED, repo_is_id=True)
    case.inject("start", times="always", status=503, body=error("SERVICE_UNAVAILABLE"))
    played = case.play()
    assert (played.result, played.code, played.end.error_code) == ("error", 69, "SERVICE_UNAVAILABLE")
    assert "this token does not list it" in played.end.cause
    assert 85.0 <= played.seconds <= 95.0
    assert played.routes.count("start") >= 9


def test_a_repository_that_is_not_listed_is_tried_no_longer_than_the_step_may_take(world: World) -> None:
    case = world.new_case(repo=UNLISTED, repo_is_id=True)
    case.inject("start", times="always", status=503, body=error("SERVICE_UNAVAILABLE"))
    assert case.play(timeout=20.0).seconds <= 20.0


def test_only_a_run_that_a_first_try_finds_is_unexpected(world: World) -> None:
    case = world.new_case("success")
    assert not started(case.play()).unexpected
    assert started(case.play()).unexpected, "the CI system says that it is the first try"
    case.attempt = 2
    assert not started(case.play()).unexpected
    own_key = world.new_case("success")
    own_key.explicit = True
    own_key.play()
    assert not started(own_key.play()).unexpected
