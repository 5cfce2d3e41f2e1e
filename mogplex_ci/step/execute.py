"""Executes the run of a step, which a dry run takes from a recording, and judges the result."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final, cast

from mogplex_ci.api.client import Client
from mogplex_ci.dry_run.recording import Recording, load
from mogplex_ci.errors import InternalError, MogplexError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.endings import as_dry_run, as_recorded, ending_of_error, interrupted
from mogplex_ci.run.execution import Execution
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Ending, RunDetails, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.step.repair import rounds_of
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import StopRequested

_AFTER_LAST_EVENT: Final = 3.0
"""Seconds; the follower stops reading events one second before the deadline."""


def client_of(step: Step, inputs: ActionInputs, recording: Recording | None) -> Client:
    """Return a client of the service, or what plays the recording of a dry run in its place."""
    if recording is not None:
        from mogplex_ci.dry_run.player import Player

        return cast("Client", Player(recording, step.clock))  # it has the methods that are called
    diagnostics = step.recorder.diagnostics
    return Client(inputs.base_url, inputs.api_key or "", diagnostics=diagnostics)


class StepEnd:
    """How a step or its run ended; set when the block that ``ending_of_block`` guards is left."""

    ending: Ending
    is_unforeseen = False
    """Whether an error of the program ended it: it may have left a run behind."""


@contextlib.contextmanager
def ending_of_block(step: Step) -> Iterator[StepEnd]:
    """Turn every end of the block into an ending: the one place where an unforeseen error becomes
    one.
    """
    end = StepEnd()
    try:
        yield end
    except MogplexError as error:
        end.ending = ending_of_error(error)
    except StopRequested:
        end.ending = interrupted(step.stop)
    except Exception as error:  # ours: a user never sees a traceback, and ``post`` cleans up
        end.ending = ending_of_error(InternalError.of(error))
        end.is_unforeseen = True


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
    """
    inputs = plan.inputs
    details: Callable[[], RunDetails] = RunDetails
    known: RunDetails | None = None
    recording = load(inputs.played) if inputs.dry_run else None
    with (
        ending_of_block(step) as end,
        contextlib.closing(client_of(step, inputs, recording)) as client,
    ):
        service = Service(
            client,
            step.clock,
            step.stop,
            step.began,
            _timeout(step, inputs, recording),
            step.platform.system.stop_seconds,
            step.recorder.on,
        )
        if inputs.gates:
            with rounds_of(step, plan, service) as rounds:
                details = rounds.details
                result = rounds.perform()
        else:
            execution = Execution(service, plan, step.recorder.save_start)
            details = execution.details
            result = execution.perform()
        end.ending, known = result
    if known is None:
        known = details()
    if end.is_unforeseen:
        known = known._replace(left_behind=True)
    if recording is None:
        return RunResult(end.ending, known)
    if inputs.dry_run is True:
        return RunResult(as_dry_run(end.ending), known)
    # Later steps are rehearsed with the result of the recorded step.
    recorded = recording.end
    return RunResult(as_recorded(end.ending, recorded["result"], recorded["errorCode"]), known)
