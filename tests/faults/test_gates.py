"""Gates in virtual time: what they wait for, how long, and what every fault of GitHub's API does to them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from mogplex_ci.api.retry import finish
from mogplex_ci.gates import Case, Judge, Requirements, judge_run
from mogplex_ci.gates.patterns import Patterns
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Started
from mogplex_ci.waiting import Stop, StopRequested
from tests.faults.world import Played, World
from tests.github_api import TOKEN, FakeGitHub, Look, check
from tests.slow import mostly_slow
from tests.unit.report.events import starting
from tests.virtual_time import VirtualClock

ALL = Requirements(frozenset({"change", "pull-request", "checks"}), Patterns.parse("src/"), Patterns.parse(".github/"))
CHECKS = Requirements(frozenset({"checks"}))
RUNNING, PASSED = Look([check("test", None)]), Look([check("test", "success")])
PASSING: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 502, "body": b"<html>"},
    {"status": 503, "headers": {"Retry-After": "3"}},
    {"status": 429, "headers": {"Retry-After": "30"}},
    {"status": 403, "headers": {"Retry-After": "30"}},
    {"drop": True},
    {"status": 200, "body": b"<html>"},
    {"status": 200, "body": b""},
]
FINAL: list[dict[str, Any]] = [{"status": status} for status in (400, 401, 403, 404, 410, 422)]


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        api.add_pull_request()
        api.files = [{"filename": "src/login.tsx"}]
        api.looks = [RUNNING, PASSED]
        yield api


@pytest.fixture(scope="module")
def played(world: World) -> Played:
    return world.new_case().play()


@pytest.fixture(autouse=True)
def pushed(world: World, api: FakeGitHub, played: Played) -> None:
    """What the run has pushed is in the repository."""
    holds(world, api, played)


def holds(world: World, api: FakeGitHub, played: Played) -> None:
    assert played.end.run is not None
    run_id = played.end.run.id
    api.run = lambda: next(run for run in world.emulator.runs if run.id == run_id)


class Judged:
    """Judges a result in a world's time."""

    def __init__(self, world: World, api: FakeGitHub, *, stop: Stop | None = None, timeout: float = 600.0) -> None:
        self.clock: VirtualClock = world.time.clock()
        self.stop = stop or Stop()
        self.began = self.clock.monotonic()
        self._client = world.client()
        service = Service(self._client, self.clock, self.stop, self.began, timeout)
        self._judge = Judge(service, lambda repo: GitHubApi(api.url, TOKEN, repo.full_name.text))

    def run(self, result: RunResult, wanted: Requirements = ALL) -> RunResult:
        case = Case(wanted, self._judge)
        if result.run is not None:
            for update in (starting(), Started(result.run, "key", joined=False, owned=True)):
                finish(case.watch(update))
        work = judge_run(result, case)
        try:
            while True:
                next(work)
        except StopIteration as end:
            judged: RunResult = end.value
            return judged
        finally:
            self.clock.leave()
            self._client.close()
            case.close()

    @property
    def seconds(self) -> float:
        return round(self.clock.monotonic() - self.began, 6)  # not 29.999999999999993


@pytest.mark.parametrize(("position", "fault"), mostly_slow(product(range(6), PASSING), every=5), ids=str)
def test_what_passes_changes_nothing(
    world: World, api: FakeGitHub, played: Played, fault: dict[str, Any], position: int
) -> None:
    api.fail(**fault, skip=position, times=2)
    judged = Judged(world, api)
    assert judged.run(played.end).result is Result.SUCCESS
    assert judged.seconds <= 110.0


@pytest.mark.parametrize("fault", PASSING + FINAL, ids=str)
def test_what_cannot_be_judged_does_not_pass(
    world: World, api: FakeGitHub, played: Played, fault: dict[str, Any]
) -> None:
    api.fail(**fault, times=10_000)
    judged = Judged(world, api, timeout=100.0)
    result = judged.run(played.end)
    assert (result.result, result.exit_code) == (Result.REJECTED, 1)
    assert [gate.error_code for gate in result.gates] == ["NOT_JUDGED"] * 5
    assert all(gate.remedy for gate in result.gates)
    assert judged.seconds <= 101.0


def test_a_stop_signal_ends_the_wait_for_checks(world: World, api: FakeGitHub, played: Played) -> None:
    api.looks = [RUNNING]
    stop = Stop()
    judged = Judged(world, api, stop=stop)
    judged.clock.ring(35.0, lambda: stop.request(signal.SIGTERM))
    with pytest.raises(StopRequested):
        judged.run(played.end)
    assert judged.seconds == pytest.approx(35.0)
