"""One CI step: read the inputs, start a run or several, follow them into the job log, and exit by
their result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.read import ActionInputs, read_fleet
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.report.comment import Comment
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.sanitize import Sanitizer, secrets_of
from mogplex_ci.step.execute import Step, execute, result_of_block, service_of
from mogplex_ci.step.guards import include_event, reason_to_skip
from mogplex_ci.step.plan import plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.waiting import Clock, stop_of_process


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the step and return its exit code."""
    stop, clock = stop_of_process(), Clock()
    began = clock.monotonic()
    platform = detect(env, job_log(stop))
    recorder = Recorder(platform, Sanitizer(secrets_of(env)), lambda: clock.monotonic() - began)
    step = Step(platform, recorder, clock, stop, began)
    with result_of_block(step) as holder:
        try:
            tasks, is_fleet, warnings = read_fleet(argv, platform)
        except UsageError as error:
            recorder.open_files(error.output_dir)
            raise
        recorder.begin(tasks, warnings)
        holder.result = _perform(step, tasks, is_fleet=is_fleet)
    recorder.finish(holder.result)
    return holder.result.exit_code


def _perform(step: Step, tasks: Sequence[ActionInputs], *, is_fleet: bool) -> RunResult:
    """Start a run, or several, and follow them, unless nothing shall be started. ``tasks`` are the
    inputs of each task.

    Raises:
        MogplexError: the step cannot start.
    """
    if (reason := reason_to_skip(step, tasks)) is not None:
        return RunResult(Result.SKIPPED, 0, remedy=reason)
    tasks = include_event(step, tasks)
    inputs, recorder, platform = tasks[0], step.recorder, step.platform
    platform.check_files(key=inputs.idempotency_key)
    if is_fleet:
        from mogplex_ci.step.fleet import perform_fleet  # loads urllib3

        return perform_fleet(step, tasks)
    plan = plan_of(inputs, platform)
    if inputs.comment_on is not None and not inputs.dry_run:
        github = step.github(inputs, platform.repository())
        own_key = None if inputs.run_id else plan.key.base
        comment = (
            Comment(github, inputs.comment_on, inputs.api_key or "", step.clock, own_key)
            if github
            else None
        )
        recorder.comment_on(comment, step.stop)
    with service_of(step, tasks) as connect:
        return recorder.follow(execute(step, plan, connect))
