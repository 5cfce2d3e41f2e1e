"""How a step or a run ended: every ``Ending`` is made here."""

from math import ceil
from typing import Final

from mogplex_ci.errors import (
    InternalError,
    MogplexError,
    RateLimitedError,
    ResourceError,
    ServerError,
    UsageError,
)
from mogplex_ci.models import LIVE_STATUSES, Run
from mogplex_ci.run.result import Ending, Gate, Result, RunDetails, RunResult
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop, StopRequested

EXIT_UNKNOWN_STATUS: Final = 2
EXIT_UNAVAILABLE: Final = 69
_ANSWER_IN_PROMPT: Final = "Put the answer into the prompt, and start a new run."
"""Nothing is known to answer a run that the API started: a person does in Slack, if the run came
from there (Mogplex/mogplex, lib/slack).
"""
_LATER: Final = "Try again later."
_INSTALL_FAILED: Final = "Install failed"
"""How the service's error of an installation begins, such as ``Install failed (pnpm install)``."""
RAISE_TIMEOUT: Final = "Raise timeout, and the job's own time limit, if the task needs longer."
_STAYS_PAUSED: Final = "The run stays paused and keeps its sandbox until it is cancelled."
_COSTS: Final = "The run keeps costing money until it finishes; set on-timeout: cancel to stop it."
"""Newer servers set no time limit of their own (Mogplex/mogplex,
lib/trigger/agent-worker-duration).
"""
_OUTAGE_REMEDY: Final = (
    "The service, or the network between it and this job, had trouble: check the run in Mogplex."
)
_FAILURE_REMEDIES: Final = {
    "rate_limited": f"The model's provider limited the agent's requests. {_LATER}",
    "model_access_denied": "Check in the Mogplex settings that this account may use the harness's model.",
}
"""By the service's ``failure_code`` (Mogplex/mogplex, lib/harness/failure.ts)."""


def _ending(
    result: Result,
    cause: str = "",
    remedy: str = "",
    detail: Untrusted | None = None,
    error_code: str = "",
) -> Ending:
    """Return an ending with the exit code that its result usually has."""
    return Ending(result, result.exit_code, cause, remedy, detail, error_code)


# Of a step


def skipped(reason: str) -> Ending:
    """Return the ending of a step that started nothing, without failing."""
    return _ending(Result.SKIPPED, remedy=reason)


def detached() -> Ending:
    """Return the ending of a step that has started a run and does not follow it."""
    return _ending(Result.DETACHED)


def interrupted(stop: Stop) -> Ending:
    """Return the ending of a step that a stop signal ended. Signals do not distinguish a person's
    cancel from a time limit.
    """
    cause = "the job was cancelled, or its time limit passed"
    return Ending(Result.INTERRUPTED, stop.exit_code, cause, error_code="INTERRUPTED")


def ending_of_error(error: MogplexError) -> Ending:
    """Return the ending of a step that an error ended. A failure that lasted to the deadline is an
    outage.
    """
    is_outage = isinstance(error, ServerError)
    remedy = error.remedy
    if isinstance(error, RateLimitedError) and error.retry_after:
        minutes = ceil(error.retry_after / 60)
        remedy = (
            f"The next request is allowed in {minutes} min, later than timeout allows. {remedy}"
        )
    return Ending(
        Result.ERROR,
        exit_code=EXIT_UNAVAILABLE if is_outage else error.exit_code,
        cause=error.cause,
        remedy=remedy,
        detail=error.detail,
        error_code=error.code,
        problems=error.problems if isinstance(error, UsageError) else (),
    )


def result_of_error(error: BaseException, stop: Stop, known: RunDetails) -> RunResult:
    """Return the result of a step that an exception ended, and of which so much is ``known``: the
    one place where an unforeseen error becomes a result.
    """
    if isinstance(error, StopRequested):
        return RunResult(interrupted(stop), known)
    if isinstance(error, MogplexError):
        return RunResult(ending_of_error(error), known)
    # No traceback for the user; and the run may have been left behind, so ``post`` cancels it.
    ending = ending_of_error(InternalError.of(error))
    return RunResult(ending, known._replace(left_behind=True))


def without_outputs(passed: Ending, error: Exception) -> Ending:
    """Return the ending of a step that passed, and whose outputs cannot be written because of
    ``error``.
    """
    remedy = "Later steps would act on missing outputs, so the step fails."
    if isinstance(error, UsageError):
        problem = error.problems[0]
        remedy = f"{problem.remedy} {remedy}"
        detail = f"{problem.input} {problem.fault}"
    elif isinstance(error, OSError):
        detail = error.strerror or ""
    else:
        return ending_of_error(InternalError.of(error))
    if passed.result is Result.SUCCESS:
        remedy += " The run itself has succeeded."
    cause = "the outputs could not be written"
    return _ending(Result.ERROR, cause, remedy, Untrusted(detail), ResourceError.code)


# Of a start


def timed_out_in_outage(consequence: str, trouble: MogplexError) -> Ending:
    """Return the ending of a step whose deadline came in an outage after a run was started.

    ``consequence`` is a clause about the outage's effect: ``the run's status could not be read``.
    """
    cause = f"the timeout passed while {consequence}: {trouble.cause}"
    return _ending(Result.TIMEOUT, cause, _OUTAGE_REMEDY, trouble.detail, "TIMEOUT")


def left_in_doubt(error: MogplexError, *, is_out_of_time: bool) -> Ending:
    """Return the ending of a step that an error ended while a start is in doubt: the codes of an
    outage are for steps that certainly started nothing.
    """
    if is_out_of_time:
        ending = timed_out_in_outage("the start was not answered", error)
        return ending._replace(remedy="")  # the advice comes with the key
    ending = ending_of_error(error)
    if ending.exit_code == EXIT_UNAVAILABLE:
        return ending._replace(exit_code=1)
    return ending


def started_too_late(error: MogplexError) -> Ending:
    """Return the ending of a step whose start was answered only when the step had given up: the
    run existed, so the codes of an outage, which started nothing, are not its.
    """
    cause = f"the run was started, but the API's response came too late: {error.cause}"
    return _ending(Result.TIMEOUT, cause, RAISE_TIMEOUT, error.detail, "TIMEOUT")


# Of a run


def ending_of_run(
    run: Run, timeline: Timeline, trouble: MogplexError | None = None, *, is_left: bool = True
) -> Ending:
    """Return how a run ended that was followed to its end, to a pause or to the deadline.

    Only the API's own ``success`` counts as success. ``trouble`` is why the API gave no usable
    answer last; ``is_left``: a run that is paused, or still running at the deadline, is not
    cancelled.
    """
    if run.status == "success":
        return _ending(Result.SUCCESS)
    if run.status == "failed":
        cause, remedy = _cause_of_failure(run, timeline)
        detail = run.error or timeline.outcome.failure
        return _ending(Result.FAILED, cause, remedy, detail, "RUN_FAILED")
    if run.status == "cancelled":
        remedy = "Try again to start a new run."
        return _ending(Result.CANCELLED, "the run was cancelled", remedy, run.error, "CANCELLED")
    if not run.is_paused and run.status not in LIVE_STATUSES:
        return Ending(
            Result.ERROR,
            EXIT_UNKNOWN_STATUS,
            f"the timeout passed while the run had the unknown status {run.status}",
            "Use a newer version of this program.",
            error_code="UNKNOWN_STATUS",
        )
    if trouble is not None:
        return timed_out_in_outage("the run's status could not be read", trouble)
    if run.is_paused:
        question = timeline.checkpoint.summary if timeline.checkpoint else None
        remedy = f"{_STAYS_PAUSED} {_ANSWER_IN_PROMPT}" if is_left else ""
        cause = "the run is paused and is waiting for an answer"
        return _ending(Result.PAUSED, cause, remedy, question, "PAUSED")
    cause = f"the timeout passed while the run was {run.status}"
    if run.status == "pending":
        cause = "the timeout passed before the run got a sandbox"
    remedy = f"{RAISE_TIMEOUT} {_COSTS}" if is_left else RAISE_TIMEOUT
    return _ending(Result.TIMEOUT, cause, remedy, error_code="TIMEOUT")


def _cause_of_failure(run: Run, timeline: Timeline) -> tuple[str, str]:
    """Return cause and remedy, depending on how far a failed run came."""
    outcome = timeline.outcome
    if run.never_queued:
        return "the service could not queue the run", _LATER
    if outcome.failure_code is not None:
        known_code = outcome.failure_code.one_of(*_FAILURE_REMEDIES)
        if known_code is not None:
            return "the run failed", _FAILURE_REMEDIES[known_code]
    # The service delivers after the agent has finished.
    if outcome.changed is not None or outcome.delivery_failed:
        return (
            "the run failed while it delivered the changes",
            "Check that the Mogplex GitHub App may push to this repository.",
        )
    if timeline.agent_worked:
        return "the run failed", "Read the agent's last actions."
    if timeline.sandbox_was_ready:
        return (
            "the run failed before the agent started",
            "Check the repository's branch and setup, then try again.",
        )
    if timeline.event_count:
        return "the run failed before its sandbox was ready", _LATER
    return "the run failed", "Read the run's events."


def failed_in_sandbox(failed: Ending, sandbox_error: Untrusted | None, *, has_log: bool) -> Ending:
    """Return the ending of a run that failed before its sandbox was ready, with the sandbox's own
    error if the run does not report it. ``has_log``: the sandbox has a log of its installation.
    """
    detail = failed.detail
    if detail is None:
        detail = sandbox_error
    elif sandbox_error is not None and sandbox_error.text not in detail.text:
        detail = Untrusted(f"{detail.text}\n{sandbox_error.text}")
    names_install = detail is not None and _INSTALL_FAILED in detail.text
    remedy = failed.remedy
    if has_log or names_install:
        remedy = "Fix the repository's setup, or try again."
    return failed._replace(detail=detail, remedy=remedy)


def cancelled_in_pause(paused: Ending) -> Ending:
    """Return the ending of a run that this step has cancelled because it paused; ``paused`` has its
    question.
    """
    cause = "the run paused, and on-pause: cancel cancelled it"
    return _ending(Result.CANCELLED, cause, _ANSWER_IN_PROMPT, paused.detail, "CANCELLED")


# Of gates


def rejected_by(gate: Gate) -> Ending:
    """Return the ending of a run that succeeded, and that ``gate`` was the first to reject."""
    result = Result.TIMEOUT if gate.error_code == "TIMEOUT" else Result.REJECTED
    first = Untrusted(gate.items[0].text) if gate.items else None
    return _ending(result, gate.found, gate.remedy or "", first, gate.error_code or "")


def without_further_round(rejected: Ending, reason: str) -> Ending:
    """Return the ending of a rejected run that no other round follows; ``reason`` is a clause."""
    return rejected._replace(cause=f"{rejected.cause}; no further round: {reason}")


def with_refused_push(failed: Ending, branch: str) -> Ending:
    """Return the ending of a round whose push to ``branch`` was refused, with advice."""
    remedy = f"Another run is working on {branch}. Cancel it, then re-run the job."
    return failed._replace(remedy=remedy)


# Of a dry run


def as_dry_run(played: Ending) -> Ending:
    """Return the ending of a dry run that played to its end; an interrupted or broken one stays as
    it is.
    """
    if played.result in (Result.INTERRUPTED, Result.ERROR):
        return played
    return _ending(Result.DRY_RUN)


def as_recorded(played: Ending, result: str, error_code: str) -> Ending:
    """Return the ending of a dry run as that of the recorded step, whose ``result`` is empty if it
    is unknown. One that was interrupted, or that a gate of this step rejects, stays as it is, and
    a recorded success makes nothing better: the replay may have been cut off by ``timeout``.
    """
    stays = played.result in (Result.INTERRUPTED, Result.ERROR, Result.REJECTED)
    if stays or result in ("", Result.SUCCESS):
        return played
    if result == played.result:
        return played._replace(error_code=error_code or played.error_code)
    cause = f"the recorded step ended as {result}"
    recorded = next(each for each in Result if each == result)
    return _ending(recorded, cause, error_code=error_code)
