"""One CI step: read the inputs, start a run or several, follow them into the job log, and exit by
their result.

The calls of a step::

    action.main
        inputs.read.read_step                   the inputs of each task
        guards.reason_to_skip, include_event    whether it may start, and the event's words
        planning.only_run, several_runs.find_runs
        execute.execute                         one run; of several, each in a thread of run.fleet
            repair.Rounds.perform               only with gates: its runs, one after the other
                run.one.Execution.perform       find the repository, and start, follow, cancel
                    run.start.Starter.start
                    run.follow.Follower.follow
                gates.judge_run                 what was delivered, by the judges of gates.table
        recorder.Recorder.on, end_run           each update and ending, to outputs and reports
        recorder.Recorder.finish                the step's facts, the last outputs, the exit code
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mogplex_ci.api.budget import GITHUB_CALLS, TokenBudget
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.names import NamesHere
from mogplex_ci.inputs.read import ActionInputs, read_step
from mogplex_ci.inputs.sources import asks_for_dry_run
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.result import Ending, Result
from mogplex_ci.sanitize import CleanText, Sanitizer
from mogplex_ci.step.execute import ending_of_block, execute, service_of
from mogplex_ci.step.guards import include_event, reason_to_skip, require_rights_at_once
from mogplex_ci.step.open_pull_requests import pull_requests_open, skipped_for
from mogplex_ci.step.planning import only_run
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, stop_of_process

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the step and return its exit code."""
    stop = stop_of_process()
    clock = Clock()
    began = clock.monotonic()
    platform = detect(env, job_log(stop))
    names = NamesHere(argv, env)
    safe = Sanitizer(secrets_of_job(env), names)
    recorder = Recorder(platform, safe, lambda: clock.monotonic() - began)
    step = Step(platform, recorder, clock, stop, began, TokenBudget([GITHUB_CALLS]))
    with ending_of_block(step) as end:
        try:
            inputs = read_step(argv, platform)
        except UsageError as error:
            platform.is_dry_run = asks_for_dry_run(argv, env)
            recorder.open_files(error.output_dir)
            recorder.trace(stop)
            raise
        recorder.begin(inputs.tasks, inputs.warnings)
        recorder.trace(stop)
        if inputs.job_end is not None:
            recorder.log.deadline(inputs.tasks[0].timeout, inputs.job_end)
            names.limit_of_job = inputs.job_end.limit
        end.ending = _perform(step, inputs.tasks, names_one_run=inputs.names_one_run)
    if end.ending.result is Result.INTERRUPTED:
        recorder.log.lines.say("Stopped by ", Untrusted(stop.name))
    return recorder.finish(end.ending).exit_code


def _perform(step: Step, tasks: Sequence[ActionInputs], *, names_one_run: bool) -> Ending:
    """Start the step's runs and follow them, unless nothing shall be started. ``tasks`` are the
    inputs of each task.

    Raises:
        MogplexError: the step cannot start.
    """
    reason = reason_to_skip(step, tasks)
    if reason is not None:
        return Ending.of(Result.SKIPPED, remedy=reason)
    require_rights_at_once(step, tasks, names_one_run=names_one_run)
    open_already = pull_requests_open(step, tasks[0])
    if open_already:
        return skipped_for(open_already, tasks[0])
    tasks = include_event(step, tasks)
    run = only_run(tasks[0], step.platform) if names_one_run else None
    step.platform.check_files(_known_outputs(step, run))
    if run is not None:
        step.recorder.check_state([run])
    with service_of(step, tasks) as connect:
        if run is not None:
            return _perform_one(step, run, connect, subject=run)
        from mogplex_ci.step.several_runs import SharedToken, find_runs, perform_fleet

        token = SharedToken(connect, step.clock)
        runs = find_runs(step, tasks, token)
        step.recorder.check_state(runs)
        if len(runs) == 1:
            return _perform_one(step, runs[0], connect)
        return perform_fleet(step, runs, token)


def _known_outputs(step: Step, run: StepRun | None) -> Mapping[str, CleanText | None]:
    """Return the outputs that are known before the start of ``run``, the only one of the step: its
    key, with which a run can be found if the step is killed before the start is answered.
    """
    key = None
    if run is not None and run.inputs.run_id is None:
        key = run.plan.key.chain(run.inputs.on_rerun)[0]
    return {"idempotency-key": step.recorder.safe.key(key)}


def _perform_one(
    step: Step, run: StepRun, connect: Callable[[], Client], subject: StepRun | None = None
) -> Ending:
    """Start the only run of the step, follow it into the job log, and return how it ended.
    ``subject`` is the run if the outputs are about it.
    """
    step.recorder.begin_runs([run], subject)
    _comment_on(step, run)
    return step.recorder.follow(run, execute(step, run, connect)).ending


def _comment_on(step: Step, run: StepRun) -> None:
    """Keep a comment about the run up to date, if ``comment-on`` asks for one."""
    inputs = run.inputs
    if inputs.comment_on is None or inputs.dry_run:
        return
    from mogplex_ci.report.comment import Comment  # few steps comment

    github = step.github(inputs, step.platform.repository())
    own_key = None if inputs.run_id else run.plan.key.base
    if github is not None:
        comment = Comment(github, inputs.comment_on, inputs.api_key or "", step.clock, own_key)
        step.recorder.comment_on(comment, step.stop)
