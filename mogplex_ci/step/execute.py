"""Executes one run of a step, in a dry run on the embedded emulator, and judges what it
delivered.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from mogplex_ci.errors import InternalError, MogplexError
from mogplex_ci.run.one import Execution
from mogplex_ci.run.result import RunResult, interrupted, result_of_error
from mogplex_ci.run.service import Service
from mogplex_ci.waiting import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from mogplex_ci.api.client import Client
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.report import StepRun
    from mogplex_ci.run.updates import Update
    from mogplex_ci.step.step import Step


@contextlib.contextmanager
def service_of(step: Step, tasks: Sequence[ActionInputs]) -> Iterator[Callable[..., Client]]:
    """Yield what makes clients of the service; in a dry run, of the embedded emulator, which plays
    the scenario.

    ``tasks`` are the inputs of each task.
    """
    from mogplex_ci.api.client import Client  # loads urllib3

    inputs = tasks[0]
    connect = partial(Client, diagnostics=step.recorder.diagnostics)
    if not inputs.dry_run:
        yield partial(connect, inputs.base_url, inputs.api_key or "")
        return
    from mogplex_ci.emulator import Emulator

    for task in tasks:
        step.recorder.log.request(task)
    # A pattern needs a repository that it matches.
    repos = [
        repo.replace("*", "example").replace("?", "x") for task in tasks for repo in task.repos
    ]
    with Emulator(inputs.scenario, repos=repos) as emulator:
        yield partial(connect, emulator.url, emulator.token)


class BlockEnd:
    """How a step, or one of its runs, ended; set when the block that ``result_of_block`` guards is
    left.
    """

    result: RunResult
    with_known: Callable[[RunResult], RunResult] = staticmethod(lambda result: result)
    """Adds what is known about the run, if the block does not end by itself."""


@contextlib.contextmanager
def result_of_block(step: Step) -> Iterator[BlockEnd]:
    """Turn every end of the block into a result: the one place where an unforeseen error becomes
    one.
    """
    end = BlockEnd()
    try:
        yield end
        return
    except MogplexError as error:
        result = result_of_error(error)
    except StopRequested:
        result = interrupted(step.stop)
    except Exception as error:  # ours: a user never sees a traceback, and ``post`` cleans up
        result = result_of_error(InternalError.of(error))._replace(left_behind=True)
    end.result = end.with_known(result)


def execute(
    step: Step, run: StepRun, connect: Callable[[], Client]
) -> Generator[Update, None, RunResult]:
    """Start one run, follow it, judge what it delivered, and return how it ended. Yields updates.

    With ``repair``, a run that was rejected may be followed by others; the result is the last
    one's. What ``post`` needs about a run is saved before the run goes on.
    """
    inputs = run.plan.inputs
    with result_of_block(step) as end, contextlib.closing(connect()) as client:
        service = Service(client, step.clock, step.stop, step.began, inputs.timeout)
        if inputs.gates:
            from mogplex_ci.step.repair import rounds_of  # 4 ms, and few steps have gates

            with rounds_of(step, run, service) as rounds:
                end.with_known = rounds.with_known
                end.result = yield from rounds.perform()
        else:
            execution = Execution(service, run.plan, partial(step.recorder.save_key, run))
            end.with_known = execution.with_known
            for update in execution.perform():
                step.recorder.save(run, update)
                yield update
            end.result = execution.result
    # The dry run of a scenario ends as that does, so that later steps can be tried.
    if inputs.dry_run is True:
        return end.result.as_dry_run()
    return end.result
