"""Executes the run of a step, in a dry run on the embedded emulator, and judges the result."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from mogplex_ci.errors import InternalError, MogplexError
from mogplex_ci.run.one import Execution
from mogplex_ci.run.result import Ending, RunDetails, RunResult, ending_of_error, interrupted
from mogplex_ci.run.service import Service
from mogplex_ci.waiting import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from mogplex_ci.api.client import Client
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.run.plan import Plan
    from mogplex_ci.run.updates import Update
    from mogplex_ci.step.step import Step


@contextlib.contextmanager
def service_of(step: Step, inputs: ActionInputs) -> Iterator[Callable[[], Client]]:
    """Yield a factory for API clients; in a dry run, of the embedded emulator, which plays the
    scenario.
    """
    from mogplex_ci.api.client import Client  # loads urllib3

    connect = partial(Client, diagnostics=step.recorder.diagnostics)
    if not inputs.dry_run:
        yield partial(connect, inputs.base_url, inputs.api_key or "")
        return
    from mogplex_ci.emulator import Emulator

    step.recorder.log.request(inputs)
    with Emulator(inputs.scenario, repos=[inputs.repo or ""]) as emulator:
        yield partial(connect, emulator.url, emulator.token)


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


def execute(
    step: Step, plan: Plan, connect: Callable[[], Client]
) -> Generator[Update, None, RunResult]:
    """Start the run, follow it, judge it, and return how it ended. Yields updates.

    With ``repair``, a rejected run may be followed by others; the result is the last one's. The
    state that ``post`` needs is saved before the run continues.
    """
    inputs = plan.inputs
    details: Callable[[], RunDetails] = RunDetails
    known: RunDetails | None = None
    with ending_of_block(step) as end, contextlib.closing(connect()) as client:
        redactor = step.recorder.safe.redactor
        service = Service(
            client,
            step.clock,
            step.stop,
            step.began,
            inputs.timeout,
            redactor,
            step.platform.system.stop_seconds,
        )
        if inputs.gates:
            from mogplex_ci.step.repair import rounds_of  # 4 ms, and few steps have gates

            with rounds_of(step, plan, service) as rounds:
                details = rounds.details
                result = yield from rounds.perform()
        else:
            execution = Execution(service, plan, step.recorder.save_start)
            details = execution.details
            for update in execution.perform():
                step.recorder.save(update)
                yield update
            result = execution.result
        end.ending, known = result
    if known is None:
        known = details()
    if end.is_unforeseen:
        known = known._replace(left_behind=True)
    # The dry run of a scenario ends as that does, so that later steps can be tried.
    if inputs.dry_run is True:
        return RunResult(end.ending.as_dry_run(), known)
    return RunResult(end.ending, known)
