"""The clean-up of a job with several runs, in a service's outage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.commands.post import CleanUp
from mogplex_ci.inputs.read import Given
from mogplex_ci.platforms import detect
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.state import OpenRun, SavedRun
from mogplex_ci.waiting import Stop
from tests.faults.world import World

AWAY: dict[str, Any] = {"times": "always", "status": 503}


@pytest.fixture
def saved(world: World, tmp_path: Path) -> list[SavedRun]:
    """Three runs that a killed step left, the last one without a response to its start."""
    cases = [world.new_case("slow") for _ in range(3)]
    for case in cases:
        case.play(wait=False)
    first, second, third = cases
    url = world.emulator.url
    request = {"repoId": str(third.run.detail()["repoId"]), "prompt": third.run.prompt}
    return [
        SavedRun(tmp_path / "1", OpenRun(url, first.key, first.run.id)),
        SavedRun(tmp_path / "2", OpenRun(url, second.key, second.run.id)),
        SavedRun(tmp_path / "3", OpenRun(url, third.key, request=request)),
    ]


def clean_up(world: World, saved: list[SavedRun]) -> tuple[int, float, str]:
    """Clean up, and return the exit code, the seconds that it took, and the log."""
    clock, log = world.time.clock(), io.StringIO()
    began = clock.monotonic()
    platform = detect({}, log)
    token = world.emulator.token
    code = CleanUp(platform, Sanitizer(()), Given({}), token, Stop(), clock).perform(saved)
    seconds = clock.monotonic() - began
    clock.leave()
    return code, seconds, log.getvalue()


def test_all_runs_of_a_job_share_one_patience(world: World, saved: list[SavedRun]) -> None:
    """A cancelled job has five minutes."""
    world.emulator.inject("any", **AWAY)
    code, seconds, log = clean_up(world, saved)
    assert (code, log.count("The run may still be running")) == (69, 3), log
    assert 80.0 < seconds <= 90.0


def test_each_run_is_tried_once_before_any_is_tried_again(
    world: World, saved: list[SavedRun]
) -> None:
    before = len(world.emulator.requests)
    world.emulator.inject("any", status=503, lasts=20.0)
    code, seconds, log = clean_up(world, saved)
    asked = [
        request.path
        for request in world.emulator.requests[before:]
        if request.route in ("cancel", "start")  # a lost cancel is followed by a look at the run
    ]
    rounds = [asked[at : at + 3] for at in range(0, 9, 3)]
    assert rounds == [rounds[0]] * 3
    assert len(set(rounds[0])) == 3
    assert (code, log.count("cancelling"), log.count("Run cancelled")) == (0, 3, 3), log
    assert seconds < 30.0


def test_a_run_that_may_not_be_cancelled_delays_no_other(
    world: World, saved: list[SavedRun]
) -> None:
    refused = {"ok": False, "error": {"code": "FORBIDDEN", "message": "no"}}
    world.emulator.inject("cancel", status=403, body=refused)
    code, seconds, log = clean_up(world, saved)
    assert (code, log.count("Run cancelled"), seconds < 1.0) == (65, 2, True), log
