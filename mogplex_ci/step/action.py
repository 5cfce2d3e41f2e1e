"""One CI step: read the inputs, start a run, follow it into the job log, and exit by its result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mogplex_ci.errors import InternalError, MogplexError
from mogplex_ci.inputs.read import read_fleet
from mogplex_ci.inputs.sources import flag_parser
from mogplex_ci.platforms import detect
from mogplex_ci.run.result import result_of_error
from mogplex_ci.sanitize import Sanitizer, secrets_of
from mogplex_ci.step.execute import execute, service_of
from mogplex_ci.step.guards import reason_to_skip, skipped
from mogplex_ci.step.plan import Step, key_of, plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.waiting import SystemClock, stop_of_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.run.result import RunResult


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the step and return its exit code."""
    stop, clock = stop_of_process(), SystemClock()
    began = clock.monotonic()
    if "--help" in argv or "-h" in argv:
        flag_parser("mogplex-ci").print_help()
        return 0
    platform = detect(env, sys.stdout)
    sanitizer = Sanitizer(secrets_of(env))
    step = Step(platform, Recorder(platform, sanitizer), clock, stop, began)
    try:
        tasks, is_fleet, warnings = read_fleet(argv, env, platform.workspace, platform.repository())
        if is_fleet:
            from mogplex_ci.step.fleet import FleetRecorder, perform_fleet  # a single run does without

            recorder = FleetRecorder(platform, sanitizer)
            step = step._replace(recorder=recorder)
            recorder.begin(tasks[0], warnings)
            result = perform_fleet(step, tasks, recorder)
        else:
            step.recorder.begin(tasks[0], warnings)
            result = _perform(step, tasks[0])
    except MogplexError as error:
        result = result_of_error(error)._replace(duration=step.duration)
    except Exception as error:  # a user never sees a traceback
        result = result_of_error(InternalError.of(error))._replace(duration=step.duration, left_behind=True)
    step.recorder.finish(result)
    return result.exit_code


def _perform(step: Step, inputs: ActionInputs) -> RunResult:
    """Start the run and follow it.

    Raises:
        MogplexError: the step cannot start.
    """
    key = key_of(inputs, step.platform)
    reason = reason_to_skip(step, [inputs])
    if reason is not None:
        return skipped(step, reason)
    from mogplex_ci.api.client import Client  # imports the HTTP stack, which bad inputs do not need

    if inputs.comment_on is not None and not inputs.dry_run:
        step.recorder.comment_on(inputs.comment_on, inputs, key, step.clock, step.stop)
    with service_of(step, [inputs]) as (url, token):
        client = Client(url, token, diagnostics=step.recorder.diagnostics)
        try:
            return step.recorder.follow(execute(step, inputs, plan_of(inputs, key, step.platform), client))
        finally:
            client.close()
