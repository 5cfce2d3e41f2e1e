"""One CI step: read the inputs, start one or more runs, follow them into the job log, and exit with
their result.

The calls of a step::

    action.main
        inputs.read.read_step                   the inputs of each task
        _perform
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
from typing import TYPE_CHECKING, NamedTuple

from mogplex_ci.api.budget import GITHUB_CALLS, TokenBudget
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.names import NamesHere
from mogplex_ci.inputs.read import StepInputs, read_step
from mogplex_ci.inputs.sources import asks_for_dry_run, given_texts, has_summary
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.result import Ending, Result
from mogplex_ci.sanitize import CleanText, Sanitizer
from mogplex_ci.step.execute import ending_of_block, execute, service_of
from mogplex_ci.step.guards import include_event, reason_to_skip, require_rights_at_once
from mogplex_ci.step.planning import only_run
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, stop_of_process

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client
    from mogplex_ci.step.several_runs import SharedToken


class Prepared(NamedTuple):
    """The runs that a step is about to start."""

    runs: Sequence[StepRun]
    connect: Callable[[], Client]
    """Makes clients of the service."""
    token: SharedToken | None
    """State shared by the runs if the inputs name several."""

    @property
    def subject(self) -> StepRun | None:
        """The run that the outputs are about; None if the inputs name several."""
        return self.runs[0] if self.token is None else None


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the step and return its exit code."""
    step, names = _begin(argv, env)
    recorder = step.recorder
    with ending_of_block(step) as end:
        try:
            inputs = read_step(argv, step.platform)
        except UsageError as error:
            step.platform.is_dry_run = asks_for_dry_run(argv, env)
            recorder.open_files(error.output_dir)
            recorder.trace(step.stop)
            raise
        recorder.begin(inputs.tasks, inputs.warnings)
        recorder.trace(step.stop)
        end.ending = _perform(step, names, inputs)
    if end.ending.result is Result.INTERRUPTED:
        recorder.log.lines.say("Stopped by ", Untrusted(step.stop.name))
    return recorder.finish(end.ending).exit_code


def _begin(argv: Sequence[str], env: Mapping[str, str]) -> tuple[Step, NamesHere]:
    """Return a step that begins now, and the names of inputs in its messages."""
    stop = stop_of_process()
    clock = Clock()
    began = clock.monotonic()
    platform = detect(env, job_log(stop))
    names = NamesHere(argv, env)
    recorder = Recorder(
        platform,
        Sanitizer(secrets_of_job(env), names),
        lambda: clock.monotonic() - began,
        has_summary=has_summary(given_texts(argv, env)),
    )
    return Step(platform, recorder, clock, stop, began, TokenBudget([GITHUB_CALLS])), names


def _perform(step: Step, names: NamesHere, inputs: StepInputs) -> Ending:
    """Check the step's requirements and find its runs, then start them, unless there is a reason to
    skip. Return the step's ending.

    Raises:
        MogplexError: the step cannot start.
    """
    tasks = inputs.tasks
    if inputs.job_end is not None:
        step.recorder.log.deadline(tasks[0].timeout, inputs.job_end)
        names.limit_of_job = inputs.job_end.limit
    reason = reason_to_skip(step, tasks)
    if reason is not None:
        return Ending.of(Result.SKIPPED, remedy=reason)
    require_rights_at_once(step, inputs)
    tasks = include_event(step, tasks)
    with service_of(step, tasks) as connect:
        if inputs.names_one_run:
            return _start(step, Prepared([only_run(tasks[0], step.platform)], connect, None))
        from mogplex_ci.step.several_runs import SharedToken, find_runs

        token = SharedToken(connect, step.clock)
        return _start(step, Prepared(find_runs(step, tasks, token), connect, token))


def _start(step: Step, prepared: Prepared) -> Ending:
    """Start the step's runs, follow them into the job log, and return how the step ended.

    Raises:
        MogplexError: the step cannot start.
    """
    runs, connect, token = prepared
    step.platform.check_files(_known_outputs(step, prepared.subject))
    step.recorder.check_state(runs)
    if token is not None and len(runs) > 1:
        from mogplex_ci.step.several_runs import perform_fleet

        return perform_fleet(step, runs, token)
    (run,) = runs
    step.recorder.begin_runs(runs, prepared.subject)
    _comment_on(step, run)
    return step.recorder.follow(run, execute(step, run, connect)).ending


def _known_outputs(step: Step, run: StepRun | None) -> Mapping[str, CleanText | None]:
    """Return the outputs that are known before the start of ``run``, the only one of the step: its
    key, with which a run can be found if the step is killed before the start is answered.
    """
    key = None
    if run is not None and run.inputs.run_id is None:
        key = run.plan.key.chain(run.inputs.on_rerun)[0]
    return {"idempotency-key": step.recorder.safe.key(key)}


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
