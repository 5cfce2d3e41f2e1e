"""Gates in virtual time: what they wait for, how long, and what every fault of GitHub's API does to them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from mogplex_ci.gates import Judge, Requirements, judge_run
from mogplex_ci.gates.judges import ArtifactWanted, Patterns
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop, StopRequested
from tests.faults.world import Played, World
from tests.github_api import REPOSITORY, TOKEN, FakeGitHub
from tests.virtual_time import VirtualClock

ALL = Requirements(
    change=True,
    pull_request=True,
    checks=True,
    allowed=Patterns.parse(["src/"]),
    protected=Patterns.parse([".github/"]),
)
RUNNING = [{"name": "test", "status": "in_progress", "conclusion": None}]
PASSED = [{"name": "test", "status": "completed", "conclusion": "success"}]
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
        api.add_pull_request(42)
        api.files = [{"filename": "src/login.tsx"}]
        api.check_runs = [RUNNING, PASSED]
        yield api


@pytest.fixture(scope="module")
def played(world: World) -> Played:
    return world.new_case("success").play()


class Judged:
    """Judges a result in a world's time."""

    def __init__(self, world: World, api: FakeGitHub, *, stop: Stop | None = None, timeout: float = 600.0) -> None:
        self.clock: VirtualClock = world.time.clock()
        self.stop = stop or Stop()
        self.began = self.clock.monotonic()
        self._client, self._github = world.client(), GitHubApi(api.url, TOKEN, REPOSITORY)
        why_not = "Give github-token, so that GitHub can be asked."
        self._judge = Judge(self._client, self._github, why_not, self.clock, self.stop, self.began + timeout)

    def run(self, result: RunResult, wanted: Requirements = ALL) -> RunResult:
        work = judge_run(result, wanted, self._judge)
        try:
            while True:
                next(work)
        except StopIteration as end:
            judged: RunResult = end.value
            return judged
        finally:
            self.clock.leave()
            self._client.close()
            self._github.close()

    @property
    def seconds(self) -> float:
        return round(self.clock.monotonic() - self.began, 6)  # not 29.999999999999993


def test_checks_are_waited_for(world: World, api: FakeGitHub, played: Played) -> None:
    api.check_runs = [RUNNING, RUNNING, RUNNING, PASSED]
    judged = Judged(world, api)
    result = judged.run(played.end)
    assert (result.result, result.exit_code) == (Result.SUCCESS, 0)
    assert [gate.passed for gate in result.gates] == [True] * 5
    assert 30.0 <= judged.seconds <= 50.0


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("fault", PASSING, ids=str)
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
    assert {gate.name for gate in result.gates if not gate.passed} == {"allowed-paths", "protected-paths", "checks"}
    assert all(gate.remedy and gate.error_code for gate in result.gates if not gate.passed)
    assert judged.seconds <= 101.0


@pytest.mark.parametrize(
    ("looks", "words", "longest"),
    [([[]], "has no checks", 110.0), ([RUNNING], "not complete when the timeout passed", 600.0)],
)
def test_checks_that_never_come_are_not_waited_for_forever(
    world: World, api: FakeGitHub, played: Played, looks: list[list[dict[str, Any]]], words: str, longest: float
) -> None:
    api.check_runs = looks
    judged = Judged(world, api)
    result = judged.run(played.end, Requirements(checks=True))
    assert (result.result, result.error_code) == (Result.REJECTED, "CHECKS_FAILED")
    assert words in result.cause
    assert judged.seconds <= longest


def test_a_stop_signal_ends_the_wait_for_checks(world: World, api: FakeGitHub, played: Played) -> None:
    api.check_runs = [RUNNING]
    stop = Stop()
    judged = Judged(world, api, stop=stop)
    judged.clock.ring(35.0, lambda: stop.request(signal.SIGTERM))
    with pytest.raises(StopRequested):
        judged.run(played.end)
    assert judged.seconds == pytest.approx(35.0)


def test_a_branch_that_cannot_be_compared_is_not_judged(world: World, api: FakeGitHub, played: Played) -> None:
    api.files = []
    result = Judged(world, api).run(played.end, Requirements(protected=Patterns.parse([".github/"])))
    assert (result.result, result.error_code) == (Result.REJECTED, "PATH_NOT_ALLOWED")


def test_more_files_than_github_lists_are_rejected(world: World, api: FakeGitHub, played: Played) -> None:
    api.files = [{"filename": f"src/{number}.py"} for number in range(400)]
    result = Judged(world, api).run(played.end, Requirements(allowed=Patterns.parse(["src/"])))
    assert (result.result, result.error_code) == (Result.REJECTED, "PATH_NOT_ALLOWED")


def test_an_artifact_is_read_when_the_pushed_commit_is_known(world: World, api: FakeGitHub) -> None:
    prompt = "scenario: commits-late"
    case = world.new_case(request=lambda repo_id: {"repoId": repo_id, "prompt": prompt, "createBranch": True})
    played = case.play()
    assert played.end.run is not None
    assert played.end.run.terminal_commit is None
    wanted = Requirements(artifact=ArtifactWanted(".mogplex/artifacts/report.json"))
    result = Judged(world, api).run(played.end, wanted)
    assert (result.result, result.artifact) == (Result.SUCCESS, Untrusted({"ready": True}))
    assert result.run is not None
    assert result.run.terminal_commit is not None


def test_what_no_event_tells_is_asked_of_github(world: World, api: FakeGitHub) -> None:
    played = world.new_case("no-last-event").play()
    assert played.end.timeline.changed is None
    assert played.end.branch is not None
    wanted = Requirements(change=True, pull_request=True)
    without = Judged(world, api).run(played.end, wanted)
    assert [gate.error_code for gate in without.gates if not gate.passed] == ["NO_PULL_REQUEST"]
    api.add_pull_request(43, played.end.branch.text)
    assert Judged(world, api).run(played.end, wanted).result is Result.SUCCESS
    api.ahead_by = 0
    assert Judged(world, api).run(played.end, wanted).error_code == "NO_CHANGE"


def test_a_run_that_failed_is_not_judged(world: World, api: FakeGitHub) -> None:
    played = world.new_case("failed").play()
    result = Judged(world, api).run(played.end)
    assert (result.result, result.gates, api.asked) == (Result.FAILED, (), [])
