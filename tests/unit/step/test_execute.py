"""How each end of a run becomes a result, and whom its clients ask."""

from __future__ import annotations

import io
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from mogplex_ci.errors import MissingTokenError
from mogplex_ci.run.endings import result_of_error
from mogplex_ci.run.result import Result, RunDetails, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.execute import execute
from mogplex_ci.step.planning import plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.state import OpenRun, StateFiles
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import Clock, Stop, StopRequested
from tests.emulator import Emulator
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import Job


def step_of(job: Job) -> Step:
    recorder = Recorder(job, Sanitizer(), lambda: 0.0)
    recorder.open_files(None)
    return Step(job, recorder, Clock(), Stop(), 0.0)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MissingTokenError("Set it."), (Result.ERROR, 64, "UNAUTHORIZED", False)),
        (StopRequested(), (Result.INTERRUPTED, 143, "INTERRUPTED", False)),
        # Nobody knows what a fault of ours left behind: ``post`` cleans up.
        (ZeroDivisionError(), (Result.ERROR, 1, "INTERNAL", True)),
    ],
)
def test_an_error_ends_a_run_with_what_is_known_of_it(
    error: Exception, told: tuple[Result, int, str, bool]
) -> None:
    stop = Stop()
    stop.request(SIGTERM)
    ending, details = result_of_error(error, stop, RunDetails(key="key-1"))
    known = (ending.result, ending.exit_code, ending.error_code, details.left_behind)
    assert (known, details.key) == (told, "key-1")


@pytest.mark.parametrize("gates", [{}, {"require": frozenset({"change"})}])
def test_a_fault_of_ours_leaves_the_run_that_is_known_to_post(
    gates: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It strikes as soon as the id of the run is to be saved."""

    def save(_: StateFiles, _name: str, state: OpenRun) -> None:
        if state.run_id:
            raise ZeroDivisionError

    monkeypatch.setattr(StateFiles, "save", save)
    job = Job(io.StringIO(), tmp_path)
    with Emulator("success", speed=1e9) as emulator:
        ended = executed(job, base_url=emulator.url, api_key=emulator.token, **gates)
        (started,) = emulator.runs
    assert (ended.ending.error_code, ended.details.left_behind) == ("INTERNAL", True)
    assert ended.details.run is not None
    assert (ended.details.run.id, ended.details.key) == (started.id, started.key)


def executed(job: Job, **fields: Any) -> RunResult:
    """Execute one run in a step, and return its end."""
    inputs = typed_inputs(repo="acme/web", poll_interval=0.1, **fields)
    step = step_of(job)
    run = plan_of(inputs, job)
    step.recorder.begin(inputs, [])
    step.recorder.begin_run(run)
    return execute(step, run)
