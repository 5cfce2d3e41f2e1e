"""How each end of a run becomes a result, and whom its clients ask."""

from __future__ import annotations

import io
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from mogplex_ci.errors import MissingTokenError
from mogplex_ci.report import Report
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.updates import EventsArrived, Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.execute import ending_of_block, execute
from mogplex_ci.step.planning import plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.state import OpenRun, StateFiles
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import Clock, Stop, StopRequested
from tests.emulator import Emulator
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import Job, result
from tests.waits import LONG


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
    step, known = step_of(Job(io.StringIO())), result()
    step.stop.request(SIGTERM)
    with ending_of_block(step) as end:
        end.ending = known.ending
        raise error
    ending = end.ending
    assert (ending.result, ending.exit_code, ending.error_code, end.is_unforeseen) == told


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
        ended, _ = executed(job, base_url=emulator.url, api_key=emulator.token, **gates)
        (started,) = emulator.runs
    assert (ended.ending.error_code, ended.details.left_behind) == ("INTERNAL", True)
    assert ended.details.run is not None
    assert (ended.details.run.id, ended.details.key) == (started.id, started.key)


class Kept(Report):
    """Keeps the events that are reported."""

    def __init__(self) -> None:
        self.updates: list[EventsArrived] = []

    def on(self, update: Update) -> None:
        if isinstance(update, EventsArrived):
            self.updates.append(update)


def executed(
    job: Job, *, began: float = 0.0, **fields: Any
) -> tuple[RunResult, list[EventsArrived]]:
    """Execute one run in a step that began so many seconds ago; return its end and its events."""
    inputs = typed_inputs(**({"repo": "acme/web", "poll_interval": 0.1} | fields))
    step = step_of(job)
    step = step._replace(began=step.clock.monotonic() - began)
    run = plan_of(inputs, job)
    step.recorder.begin(inputs, [])
    step.recorder.begin_run(run)
    kept = Kept()
    step.recorder._reports.append(kept)
    return execute(step, run), kept.updates


def test_the_time_of_a_run_counts_from_the_beginning_of_the_step(tmp_path: Path) -> None:
    with Emulator("success", speed=1e9) as emulator:
        given = {"base_url": emulator.url, "api_key": emulator.token, "timeout": 1e9}
        ended, events = executed(Job(io.StringIO(), tmp_path), began=5_000.0, **given)
    assert ended.ending.result is Result.SUCCESS
    assert events
    assert all(5_000.0 <= each.elapsed < 5_000.0 + LONG for each in events)
