"""One CI step: read the inputs, start a run, follow it into the job log, and exit by how it ended."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from mogplex_ci.commands.plan import plan_of
from mogplex_ci.commands.recorder import Recorder
from mogplex_ci.errors import InternalError, MogplexError, NotAuthorizedError, UntrustedTriggerError
from mogplex_ci.inputs.action import read_inputs
from mogplex_ci.inputs.sources import flag_parser
from mogplex_ci.platforms.detect import detect
from mogplex_ci.run.clock import SystemClock
from mogplex_ci.run.outcome import Outcome, Result, Verdict, of_error
from mogplex_ci.run.stop import stop_of_process
from mogplex_ci.run.trail import Trail
from mogplex_ci.sanitize import Sanitizer, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mogplex_ci.api.client import Client
    from mogplex_ci.inputs.action import ActionInputs
    from mogplex_ci.platforms.interface import Platform
    from mogplex_ci.run.stop import Stop


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Perform the step and return its exit code."""
    stop, clock = stop_of_process(), SystemClock()
    began = clock.monotonic()
    if "--help" in argv or "-h" in argv:
        flag_parser("mogplex-ci").print_help()
        return 0
    platform = detect(env, sys.stdout)
    recorder = Recorder(platform, Sanitizer(secrets_of(env)))
    try:
        inputs, warnings = read_inputs(argv, env, platform.workspace, platform.repository())
        recorder.begin(inputs, warnings)
        outcome = _perform(inputs, platform, recorder, clock, stop, began)
    except MogplexError as error:
        outcome = _without_run(of_error(error), clock.monotonic() - began)
    except Exception as error:  # the last door: a user never sees a traceback
        outcome = replace(_without_run(of_error(InternalError.of(error)), clock.monotonic() - began), left_behind=True)
    recorder.finish(outcome)
    return outcome.verdict.exit_code


def _perform(
    inputs: ActionInputs, platform: Platform, recorder: Recorder, clock: SystemClock, stop: Stop, began: float
) -> Outcome:
    """Start the run and follow it, or say why not.

    Raises:
        MogplexError: the step cannot start.
    """
    from mogplex_ci.run.step import Step  # brings the HTTP stack, which bad inputs do not need

    if not inputs.dry_run:
        reason = platform.untrusted_trigger()
        if reason is not None and not inputs.allow_untrusted_trigger:
            raise UntrustedTriggerError(reason)
        if inputs.api_key is None:
            if inputs.on_missing_key == "skip":
                skipped = Verdict(Result.SKIPPED, 0, remedy="There is no api-key, as in a fork's pull request.")
                return _without_run(skipped, clock.monotonic() - began)
            raise NotAuthorizedError("there is no api-key", code="UNAUTHORIZED", http_status=0)
        if platform.identity() is None and inputs.idempotency_key is None:
            recorder.no_identity()
    with _service(inputs, recorder) as client:
        step = Step(client, plan_of(inputs, platform), clock=clock, stop=stop, began=began)
        for happening in step.perform():
            recorder.on(happening)
    return step.outcome.as_dry_run() if inputs.dry_run else step.outcome


@contextlib.contextmanager
def _service(inputs: ActionInputs, recorder: Recorder) -> Iterator[Client]:
    """Give a client of the real service, or for a dry run of the emulator that plays it."""
    from mogplex_ci.api.client import Client

    if inputs.dry_run:
        from mogplex_ci.commands.dry_run import emulated

        recorder.dry_run(inputs)
        with emulated(inputs) as client:
            yield client
        return
    client = Client(inputs.base_url, inputs.api_key or "")
    try:
        yield client
    finally:
        client.close()


def _without_run(verdict: Verdict, duration: float) -> Outcome:
    return Outcome(verdict, duration=duration, requests_sent=0, trail=Trail())
