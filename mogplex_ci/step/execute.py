"""Executes the run of a step, which a dry run takes from a recording, and judges the result."""

import contextlib
from typing import Final, cast

from mogplex_ci.api.client import Client
from mogplex_ci.dry_run.recording import Recording, load
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.endings import as_dry_run, as_recorded, result_of_error
from mogplex_ci.run.execution import Execution
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.step.repair import Rounds, rounds_of
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import StopRequested

_AFTER_LAST_EVENT: Final = 3.0
"""Seconds; the follower stops reading events one second before the deadline."""


def client_of(step: Step, inputs: ActionInputs, recording: Recording | None) -> Client:
    """Return a client of the service, or what plays the recording of a dry run in its place."""
    if recording is not None:
        from mogplex_ci.dry_run.recording import Player

        return cast("Client", Player(recording, step.clock))  # it has the methods that are called
    diagnostics = step.recorder.diagnostics
    return Client(inputs.base_url, inputs.api_key or "", diagnostics=diagnostics)


def _timeout(step: Step, inputs: ActionInputs, recording: Recording | None) -> float:
    """Return the seconds that the step may take. A recorded step that timed out does so when its
    last event has been played.
    """
    if recording is None or not recording.ends_live:
        return inputs.timeout
    elapsed = step.clock.monotonic() - step.began
    return min(inputs.timeout, elapsed + recording.seconds + _AFTER_LAST_EVENT)


def execute(step: Step, plan: Plan) -> RunResult:
    """Start the run, follow it, judge it, and return how it ended.

    With ``repair``, a rejected run may be followed by others; the result is the last one's. The
    state that ``post`` needs is saved before the run continues.

    Raises:
        MogplexError: nothing was sent.
    """
    inputs = plan.inputs
    recording = load(inputs.played) if inputs.dry_run else None
    with contextlib.closing(client_of(step, inputs, recording)) as client:
        service = Service(
            client,
            step.clock,
            step.stop,
            step.began,
            _timeout(step, inputs, recording),
            step.platform.system.stop_seconds,
            step.recorder.on,
        )
        result = _perform(step, plan, service)
    if recording is None:
        return result
    if inputs.dry_run is True:
        return result._replace(ending=as_dry_run(result.ending))
    # Later steps are rehearsed with the result of the recorded step.
    recorded = recording.end
    ending = as_recorded(result.ending, recorded["result"], recorded["errorCode"])
    return result._replace(ending=ending)


def _perform(step: Step, plan: Plan, service: Service) -> RunResult:
    runs: Execution | Rounds = Execution(service, plan)
    if plan.inputs.gates:
        runs = rounds_of(step, plan, service)
    try:
        return runs.perform()
    # Here, and not in ``main``, which does not know the run that may have to be cancelled.
    except (Exception, StopRequested) as error:
        return result_of_error(error, step.stop, runs.details())
