"""How a step ended: the only place where a run's state becomes a result and an exit code."""

from collections.abc import Sequence
from enum import StrEnum
from math import ceil
from typing import Final, Literal, LiteralString, NamedTuple, Self

from mogplex_ci.errors import MogplexError, RateLimitedError, ServerError, UsageError
from mogplex_ci.models import LIVE_STATUSES, Repo, Run
from mogplex_ci.problems import Problem
from mogplex_ci.run.delivery import Delivery, is_own_pull_request
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop


class ResultRow:
    """The words for a result. Not a tuple: an enum would take it apart."""

    def __init__(
        self,
        name: str,
        mark: LiteralString,
        headline: LiteralString,
        exit_code: int,
        task_result: Literal["success", "failure", "error", "timeout", "cancellation", "skip"],
    ) -> None:
        self.name = name
        """Value of the output ``result``."""
        self.mark: LiteralString = mark
        """One character for good, bad or neither."""
        self.headline: LiteralString = headline
        """How a run or a step ended, in a few words."""
        self.exit_code = exit_code
        """Unless an error or a signal has one of its own."""
        self.task_result = task_result
        """Result of a pipeline's task in OpenTelemetry's semantic conventions."""


class Result(StrEnum):
    """The ``result`` output. Each is a row: one that lacks a word does not type-check."""

    row: ResultRow

    def __new__(cls, row: ResultRow) -> Self:
        """Return the member of a row."""
        member = str.__new__(cls, row.name)
        member._value_ = row.name
        member.row = row
        return member

    SUCCESS = ResultRow("success", "✔", "Run succeeded", 0, "success")
    DRY_RUN = ResultRow("dry-run", "✔", "Dry run", 0, "success")
    DETACHED = ResultRow("detached", "→", "Run started, not followed", 0, "success")
    SKIPPED = ResultRow("skipped", "→", "Skipped", 0, "skip")
    PAUSED = ResultRow("paused", "⏸", "Run paused", 1, "failure")
    CANCELLED = ResultRow("cancelled", "✘", "Run cancelled", 1, "cancellation")
    REJECTED = ResultRow("rejected", "✘", "Run rejected", 1, "failure")
    FAILED = ResultRow("failed", "✘", "Run failed", 1, "failure")
    TIMEOUT = ResultRow("timeout", "✘", "Timed out", 1, "timeout")
    ERROR = ResultRow("error", "✘", "Step failed", 1, "error")
    INTERRUPTED = ResultRow("interrupted", "✘", "Interrupted", 130, "cancellation")


AGENT_KNOWS_WHY: Final = (Result.FAILED, Result.TIMEOUT)
"""Results of which the agent's last line may say the reason."""
EXIT_UNKNOWN_STATUS: Final = 2
EXIT_UNAVAILABLE: Final = 69


class Gate(NamedTuple):
    """One gate's expectation of a successful run, and its finding."""

    name: str
    """The input that asks for it, or a word of ``require``."""
    passed: bool
    expected: str
    """In our words: ``a pull request``."""
    found: str
    """In our words, as a clause: ``the run opened no pull request``."""
    remedy: str = ""
    error_code: str = ""
    items: tuple[Untrusted, ...] = ()
    """Paths, checks or faults."""
    details: tuple[Untrusted, ...] = ()
    """The items with their addresses and the titles of annotations; empty when they have none."""
    can_be_repaired: bool = True
    """Whether the agent can do something about it."""
    also_red: bool = False
    """Whether some of the items, which say so, had failed on the base before the run, too."""


class Round(NamedTuple):
    """One run of a step with ``repair``, as the gates judged it."""

    run_id: str
    commit: str | None
    """The judged commit; None when it is not known."""
    gates: tuple[Gate, ...]
    failed_checks: tuple[str, ...] = ()
    """Names of the checks that failed: later rounds must have them."""
    ended: str = ""
    """Why no other round followed although it was rejected, in our words."""

    @property
    def faults(self) -> tuple[Gate, ...]:
        """The gates that rejected the run."""
        return tuple(gate for gate in self.gates if not gate.passed)


class Ending(NamedTuple):
    """How a step or a run ended."""

    result: Result
    exit_code: int
    cause: str = ""
    """The cause of the result, in our words; empty on success."""
    remedy: str = ""
    """Advice to the user, in our words."""
    detail: Untrusted | None = None
    """The text of the run, the server or the user about it."""
    error_code: str = ""
    """The API's code, or one of ours."""
    problems: tuple[Problem, ...] = ()
    """Faults of the inputs."""

    @classmethod
    def of(
        cls,
        result: Result,
        cause: str = "",
        remedy: str = "",
        detail: Untrusted | None = None,
        error_code: str = "",
    ) -> "Ending":
        """Return an ending with the exit code that its result usually has."""
        return cls(result, result.row.exit_code, cause, remedy, detail, error_code)

    def as_dry_run(self) -> "Ending":
        """Return the ending of a dry run that played to its end; an interrupted or broken one stays
        as it is.
        """
        if self.result in (Result.INTERRUPTED, Result.ERROR):
            return self
        return Ending.of(Result.DRY_RUN)


class RunDetails(NamedTuple):
    """The known facts about a finished run."""

    requests_sent: int = 0
    followed: Timeline | None = None
    """The run's timeline; None when it was not followed."""
    repo: Repo | None = None
    """None when it was not found, or the token does not list it."""
    run: Run | None = None
    """As last seen; None when no run was started."""
    key: str = ""
    """The idempotency key under which the run was started; empty when none was."""
    joined: bool = False
    """The run was started before this process asked."""
    cancelled_by_step: bool = False
    """This step cancelled the run, and the API confirmed it."""
    left_behind: bool = False
    """An unwanted run of this step may still be running: it could not be cancelled, or its id is
    not known.
    """
    unanswered_key: str = ""
    """The key of a start without a response: a run may be running under it. Empty otherwise."""
    owned: bool = True
    """This step may cancel the run."""
    not_cancelled: str = ""
    """Why a cancel failed, in our words; empty if none did."""
    install_began: bool = False
    """The run failed before its sandbox was ready, and the sandbox had begun to install."""
    is_unread: bool = False
    """The run's status could not be read when it was read last: it may have changed."""
    gates: tuple[Gate, ...] = ()
    """Gates that were judged, in order."""
    artifact: Untrusted | None = None
    """Content of the artifact that was asked for; None unless its gate passed."""
    delivery: Delivery | None = None
    """The results according to GitHub; None if it was not queried."""
    earlier_pull_request: Untrusted | None = None
    """The address of the pull request that an earlier round opened: GitHub's word, if it was asked,
    else its events'.
    """
    rounds: tuple[Round, ...] = ()
    """With ``repair``: the runs that were judged, in order. All else is about the last one."""

    @property
    def timeline(self) -> Timeline:
        """The run's timeline, an empty one when it was not followed."""
        if self.followed is None:
            return Timeline()
        return self.followed

    @property
    def branch(self) -> Untrusted | None:
        """The branch worked on: the service's, or the one that it falls back to if an event says
        so. No other name is taken from an event, which is the agent's side.
        """
        if self.delivery is not None and self.delivery.branch is not None:
            return Untrusted(self.delivery.branch)
        if self.run is None:
            return None
        return self.run.branch_used(self.timeline.branch)

    @property
    def base_branch(self) -> Untrusted | None:
        """The branch that the work started from."""
        if self.delivery is not None and self.delivery.base:
            return Untrusted(self.delivery.base)
        if self.run is not None and self.run.base_branch is not None:
            return self.run.base_branch
        return self.timeline.base_branch

    @property
    def status(self) -> str | None:
        """The run's status; from its events if they are newer than the last run object. None if
        there is no run.
        """
        if self.run is None:
            return None
        is_live = self.run.status in LIVE_STATUSES
        if self.is_unread and is_live and self.timeline.status is not None:
            return self.timeline.status
        return self.run.status

    @property
    def commit(self) -> str | None:
        """The judged commit; without GitHub the pushed tip, if the service reports it for the
        branch worked on.
        """
        if self.delivery is not None:
            return self.delivery.commit
        if self.run is None:
            return None
        return self.run.commit_of(self.branch)

    @property
    def changed(self) -> bool | None:
        """Whether the run changed anything: GitHub's word, if it was asked, else the event's."""
        if self.delivery is not None:
            return self.delivery.changed
        return self.timeline.outcome.changed

    @property
    def told_pull_request(self) -> Untrusted | None:
        """The pull request that the newest event names, else that of an earlier round."""
        return self.timeline.outcome.pull_request_url or self.earlier_pull_request

    def pull_request_url(self, servers: Sequence[str]) -> Untrusted | None:
        """Return the address of the pull request: GitHub's word, if it was asked, else the event's
        if it is one of the run's own repository on one of ``servers``.
        """
        if self.delivery is not None and self.delivery.tells_pull_request:
            return self.delivery.pull_request_url
        told = self.told_pull_request
        if told is None or self.repo is None:
            return None
        if not is_own_pull_request(told, self.repo.full_name.text, servers):
            return None
        return told

    @property
    def last_key(self) -> str:
        """The key of the last start, with or without a response: a re-run of the job finds its run.
        Empty if nothing was started.
        """
        return self.unanswered_key or self.key

    @property
    def goes_on(self) -> bool:
        """Whether the run, whose id is known, may still be running after this step."""
        return self.run is not None and not self.run.is_terminal and not self.cancelled_by_step

    @property
    def may_go_on(self) -> bool:
        """Whether a run may still be running after this step, also one whose id is not known."""
        is_abandoned = self.run is None and self.left_behind
        return self.goes_on or is_abandoned or bool(self.unanswered_key)


class RunResult(NamedTuple):
    """The result of a run: how it ended, and the known facts about it."""

    ending: Ending
    details: RunDetails = RunDetails()

    @property
    def may_pass(self) -> bool:
        """Whether the run failed for a reason that may pass: the model's limit, or the launch of
        its sandbox. An install that failed is the repository's, and a start that was never queued
        has been repeated.
        """
        details = self.details
        if self.ending.result is not Result.FAILED:
            return False
        if details.run is None or details.run.never_queued or details.changed is not None:
            return False
        code = details.timeline.outcome.failure_code
        is_limited = code is not None and code.one_of("rate_limited") is not None
        was_ready = details.timeline.sandbox_was_ready or details.install_began
        return is_limited or (details.timeline.event_count > 0 and not was_ready)


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
    return Ending.of(recorded, cause, error_code=error_code)


_ANSWER_IN_PROMPT: Final = "Put the answer into the prompt, and start a new run."
"""Nothing is known to answer a run that the API started: a person does in Slack, if the run came
from there (Mogplex/mogplex, lib/slack).
"""
_LATER: Final = "Run the job again later."
_INSTALL_FAILED: Final = "Install failed"
"""How the service's error of an installation begins, such as ``Install failed (pnpm install)``."""
_RAISE_TIMEOUT: Final = "Raise timeout, and the job's own time limit, if the task needs longer."
_COSTS: Final = "The run keeps costing money until it finishes; set on-timeout: cancel to stop it."
"""Newer servers set no time limit of their own (Mogplex/mogplex,
lib/trigger/agent-worker-duration).
"""
_OUTAGE_REMEDY: Final = (
    "The service, or the network between it and this job, had trouble: check the run in Mogplex."
)
_FAILURE_REMEDIES: Final = {
    "rate_limited": "The model's provider limited the agent's requests.",
    "model_access_denied": "Check in the Mogplex settings that this account may use the harness's model.",
}
"""By the service's ``failure_code`` (Mogplex/mogplex, lib/harness/failure.ts)."""


def ending_of_run(
    run: Run, timeline: Timeline, trouble: MogplexError | None = None, *, is_left: bool = True
) -> Ending:
    """Return how a run ended that was followed to its end, to a pause or to the deadline.

    Only the API's own ``success`` counts as success. ``trouble`` is why the API gave no usable
    answer last; ``is_left``: a run that still works at the deadline is not cancelled.
    """
    if run.status == "success":
        return Ending.of(Result.SUCCESS)
    if run.status == "failed":
        return _failure(run, timeline)
    if run.status == "cancelled":
        return Ending.of(
            Result.CANCELLED,
            "the run was cancelled",
            "Run the job again to start a new run.",
            run.error,
            "CANCELLED",
        )
    is_known = run.is_paused or run.status in LIVE_STATUSES
    if trouble is not None and is_known:
        return timed_out_in_outage("the run's status could not be read", trouble)
    if run.is_paused:
        return Ending.of(
            Result.PAUSED,
            "the run is paused and is waiting for an answer",
            f"The run stays paused and keeps its sandbox until it is cancelled. {_ANSWER_IN_PROMPT}",
            timeline.checkpoint.summary if timeline.checkpoint else None,
            "PAUSED",
        )
    if run.status not in LIVE_STATUSES:
        unknown = Ending.of(
            Result.ERROR,
            f"the timeout passed while the run had the unknown status {run.status}",
            "Use a newer version of this program.",
            error_code="UNKNOWN_STATUS",
        )
        return unknown._replace(exit_code=EXIT_UNKNOWN_STATUS)
    if run.status == "pending":
        cause = "the timeout passed before the run got a sandbox"
        remedy = "Raise timeout, and the job's own time limit, to wait longer."
        return Ending.of(Result.TIMEOUT, cause, remedy, error_code="TIMEOUT")
    return Ending.of(
        Result.TIMEOUT,
        f"the timeout passed while the run was {run.status}",
        f"{_RAISE_TIMEOUT} {_COSTS}" if is_left else _RAISE_TIMEOUT,
        error_code="TIMEOUT",
    )


def cancelled_in_pause(paused: Ending) -> Ending:
    """Return the result of a run that this step has cancelled because it paused; ``paused`` has its
    question.
    """
    return Ending.of(
        Result.CANCELLED,
        "the run paused, and on-pause: cancel cancelled it",
        _ANSWER_IN_PROMPT,
        paused.detail,
        "CANCELLED",
    )


def timed_out_in_outage(consequence: str, trouble: MogplexError) -> Ending:
    """Return the result of a step whose deadline came in an outage after a run was started.

    ``consequence`` is a clause about the outage's effect: ``the run's status could not be read``.
    """
    return Ending.of(
        Result.TIMEOUT,
        f"the timeout passed while {consequence}: {trouble.cause}",
        _OUTAGE_REMEDY,
        trouble.detail,
        "TIMEOUT",
    )


def started_too_late(error: MogplexError) -> Ending:
    """Return the result of a step whose start was answered only when the step had given up: the
    run existed, so the codes of an outage, which started nothing, are not its.
    """
    return Ending.of(
        Result.TIMEOUT,
        f"the run was started, but the API's response came too late: {error.cause}",
        _RAISE_TIMEOUT,
        error.detail,
        "TIMEOUT",
    )


def _failure(run: Run, timeline: Timeline) -> Ending:
    """Return the result of a failed run: cause and remedy, depending on how far it came."""
    cause, remedy = _cause_of_failure(run, timeline)
    detail = run.error or timeline.outcome.failure
    return Ending.of(Result.FAILED, cause, remedy, detail, "RUN_FAILED")


def _cause_of_failure(run: Run, timeline: Timeline) -> tuple[str, str]:
    """Return cause and remedy."""
    outcome = timeline.outcome
    if run.never_queued:
        return "the service could not queue the run", _LATER
    if outcome.failure_code is not None:
        known_code = outcome.failure_code.one_of(*_FAILURE_REMEDIES)
        if known_code is not None:
            return "the run failed", _FAILURE_REMEDIES[known_code]
    if outcome.changed is not None or outcome.delivery_failed:
        return (
            "the run failed while it delivered the changes",
            "Check that the Mogplex GitHub App may push to this repository.",
        )
    if timeline.agent_worked:
        has_spoken = timeline.last_words is not None or timeline.writing > 0
        if has_spoken or timeline.calls:
            return "the run failed", "Read the agent's last actions."
        return "the run failed", "Read the run's events."
    if timeline.sandbox_was_ready:
        return (
            "the run failed before the agent started",
            "Check the repository's branch and setup, then run the job again.",
        )
    if timeline.event_count:
        return "the run failed before its sandbox was ready", ""
    return "the run failed", "Read the run's events."


def with_retry_advice(failed: Ending) -> Ending:
    """Return the ending of a run that failed for a reason that may pass, with advice."""
    return failed._replace(remedy=f"{failed.remedy} {_LATER}".strip())


def rejected_by(gate: Gate) -> Ending:
    """Return the ending of a run that succeeded, and that ``gate`` was the first to reject."""
    return Ending.of(
        Result.TIMEOUT if gate.error_code == "TIMEOUT" else Result.REJECTED,
        gate.found,
        gate.remedy,
        gate.items[0] if gate.items else None,
        gate.error_code,
    )


def with_sandbox_error(failed: Ending, sandbox_error: Untrusted | None) -> Ending:
    """Return the ending of a run that failed before its sandbox was ready, with the sandbox's own
    error if the run does not report it.
    """
    detail = failed.detail
    if detail is None:
        detail = sandbox_error
    elif sandbox_error is not None and sandbox_error.text not in detail.text:
        detail = Untrusted(f"{detail.text}\n{sandbox_error.text}")
    return failed._replace(detail=detail)


def names_install(failed: Ending) -> bool:
    """Whether a run failed because of its installation, according to the service."""
    return failed.detail is not None and _INSTALL_FAILED in failed.detail.text


def failed_install(failed: Ending) -> Ending:
    """Return the ending of a run whose installation failed, with advice."""
    remedy = "Fix the repository's setup, or run the job again."
    return failed._replace(remedy=remedy)


def interrupted(stop: Stop) -> Ending:
    """Return the result of a step that a stop signal ended. Signals do not distinguish a person's
    cancel from a time limit.
    """
    cause = "the job was cancelled, or its time limit passed"
    ending = Ending.of(Result.INTERRUPTED, cause, error_code="INTERRUPTED")
    return ending._replace(exit_code=stop.exit_code)


def ending_of_error(error: MogplexError) -> Ending:
    """Return the result of a step that an error ended. A failure that lasted to the deadline is an
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
