"""One CI step: read the inputs, start a run, follow it into the job log, and exit with its result.

The calls of a step::

    action.main
        inputs.sources.collect                  the texts of the inputs
        inputs.read.read_step                   the inputs, checked and typed
        guards.reason_to_skip, include_event    whether it may start, and the event's words
        planning.plan_of                        the run, and the key under which it is started
        execute.execute
            repair.Rounds.perform               its runs, one after the other; without gates there
                                                is one, which execute performs itself
                run.execution.Execution.perform       find the repository, and start, follow, cancel
                    run.start.Starter.start
                    run.follow.Follower.follow
                gates.judge_run                 what was delivered, gate by gate
        recorder.Recorder.on                    each update, to state, outputs and reports
        recorder.Recorder.end                   the step's facts, the last outputs, the exit code
"""

from collections.abc import Mapping, Sequence

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.read import ActionInputs, Given, collect, read_step
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.report.comment import Comment
from mogplex_ci.run.endings import result_of_error, skipped
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Result, RunDetails, RunResult
from mogplex_ci.sanitize import CleanText, Sanitizer, is_maskable
from mogplex_ci.step.execute import execute
from mogplex_ci.step.guards import include_event, reason_to_skip
from mogplex_ci.step.planning import plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, StopRequested, stop_of_process


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the step and return its exit code."""
    given = collect(argv, env)
    step = _begin(given, env)
    try:
        result = _perform(step, given)
    except (Exception, StopRequested) as error:
        result = result_of_error(error, step.stop, RunDetails())
    if result.ending.result is Result.INTERRUPTED:
        step.recorder.log.lines.say("Stopped by ", Untrusted(step.stop.name))
    return step.recorder.end(result).exit_code


def _perform(step: Step, given: Given) -> RunResult:
    """Do the step, and return its result.

    Raises:
        MogplexError: the step cannot start.
        StopRequested: a stop signal came before the start.
    """
    inputs = _read(step, given)
    reason = reason_to_skip(step, inputs)
    if reason is not None:
        return RunResult(skipped(reason))
    plan = plan_of(include_event(step, inputs), step.platform)
    _begin_run(step, plan)
    return execute(step, plan)  # with gates, they judge each run


def _begin(given: Given, env: Mapping[str, str]) -> Step:
    """Return a step that begins now. Before all else it has the system mask the tokens."""
    stop = stop_of_process()
    clock = Clock()
    began = clock.monotonic()
    platform = detect(env, job_log(stop))
    platform.is_dry_run = given.asks_for_dry_run
    for name in ("api-key", "github-token"):
        token = given.texts.get(name)  # also a wrong one: it may be another service's
        if token is not None and is_maskable(token):
            platform.mask(token)
    recorder = Recorder(
        platform,
        Sanitizer(secrets_of_job(env)),
        lambda: clock.monotonic() - began,
        has_summary=given.value("summary"),
    )
    recorder.trace(stop)
    return Step(platform, recorder, clock, stop, began)


def _read(step: Step, given: Given) -> ActionInputs:
    """Read the inputs, and open the reports that the valid ones ask for."""
    recorder = step.recorder
    try:
        inputs, warnings, job_end = read_step(given, step.platform)
    except UsageError as error:
        recorder.open_files(error.output_dir)
        raise
    recorder.begin(inputs, warnings)
    if job_end is not None:
        recorder.log.deadline(inputs.timeout, job_end)
    return inputs


def _begin_run(step: Step, plan: Plan) -> None:
    """Find out whether outputs and state can be written, and record the run from now on."""
    if plan.inputs.dry_run:
        step.recorder.log.request(plan.inputs)
    step.platform.check_files(_known_outputs(step, plan))
    step.recorder.begin_run(plan)
    _comment_on(step, plan)


def _known_outputs(step: Step, plan: Plan) -> Mapping[str, CleanText | None]:
    """Return the outputs that are known before the start: the key, with which the run can be found
    if the step is killed before the start is answered.
    """
    key = None
    if plan.inputs.run_id is None:
        key = plan.key.first(plan.inputs.on_rerun)
    return {"idempotency-key": step.recorder.safe.key(key)}


def _comment_on(step: Step, plan: Plan) -> None:
    """Keep a comment about the run up to date, if ``comment-on`` asks for one."""
    inputs = plan.inputs
    if inputs.comment_on is None or inputs.dry_run:
        return
    github = step.github(inputs, step.platform.repository())
    own_key = None if inputs.run_id else plan.key.base
    if github is not None:
        comment = Comment(github, inputs.comment_on, inputs.api_key or "", step.clock, own_key)
        step.recorder.comment_on(comment, step.stop)
