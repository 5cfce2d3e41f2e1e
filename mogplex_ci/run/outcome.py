"""How the step ended: the one place where a run's state becomes a result and an exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.client import TRANSIENT
from mogplex_ci.errors import RateLimitedError, UsageError
from mogplex_ci.models import LIVE_STATUSES

if TYPE_CHECKING:
    from mogplex_ci.errors import MogplexError, Problem
    from mogplex_ci.models import Repo, Run, Untrusted
    from mogplex_ci.run.happenings import Ended
    from mogplex_ci.run.trail import Trail


class Result(StrEnum):
    """The ``result`` output."""

    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    DETACHED = "detached"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    DRY_RUN = "dry-run"
    ERROR = "error"


EXIT_UNKNOWN_STATUS: Final = 2
EXIT_UNAVAILABLE: Final = 69


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it went well, and if not, why."""

    result: Result
    exit_code: int
    cause: str = ""
    """What happened, in our words; empty on success."""
    remedy: str = ""
    """What the user can do about it, in our words."""
    detail: Untrusted | None = None
    """What the run, the server or the user wrote about it."""
    error_code: str = ""
    """The API's code, or one of ours."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the inputs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the step ended, with all that is known about its run."""

    verdict: Verdict
    duration: float
    """Seconds since the step began."""
    requests_sent: int
    trail: Trail
    """What the events told."""
    repo: Repo | None = None
    """None when it was not found, or the token does not list it."""
    run: Run | None = None
    """As last seen; None when no run was started."""
    key: str = ""
    """The idempotency key under which the run was started; empty when none was."""
    joined: bool = False
    """The run had been started before this process asked."""
    cancelled_by_us: bool = False
    """This step cancelled the run, and the API confirmed it."""
    left_behind: bool = False
    """A run of this step may be at work without being wanted: it could not be cancelled, or learned of."""

    def as_dry_run(self) -> Outcome:
        """Return the outcome of a dry run that played to the end; one that was interrupted or failed to play stays."""
        if self.verdict.result in (Result.INTERRUPTED, Result.ERROR):
            return self
        return replace(self, verdict=Verdict(Result.DRY_RUN, 0))

    @property
    def branch(self) -> Untrusted | None:
        """The branch worked on: events know it when the run detail does not."""
        return self.trail.branch or (self.run.working_branch if self.run else None)

    @property
    def base_branch(self) -> Untrusted | None:
        """The branch that the work started from."""
        return (self.run.base_branch if self.run else None) or self.trail.base_branch


def of_ended(ended: Ended, trail: Trail) -> Verdict:
    """Judge a run that was followed to its end or to the deadline. Only the API's own ``success`` is one."""
    run = ended.run
    if run.status == "success":
        return Verdict(Result.SUCCESS, 0)
    if run.status == "failed":
        cause = "the service could not queue the run" if run.never_queued else "the run failed"
        remedy = "Run the job again later." if run.never_queued else "Look at what the agent did last."
        return Verdict(Result.FAILED, 1, cause, remedy, run.error or trail.failure, "RUN_FAILED")
    if run.status == "cancelled":
        return Verdict(
            Result.CANCELLED, 1, "the run was cancelled", "Run the job again to start it anew.", run.error, "CANCELLED"
        )
    if ended.trouble is not None:
        return of_error(ended.trouble)
    if run.status not in LIVE_STATUSES:
        return Verdict(
            Result.ERROR,
            EXIT_UNKNOWN_STATUS,
            f"the deadline passed with the run in the unknown status {run.status}",
            "Use a newer version of this action that knows it.",
            error_code="UNKNOWN_STATUS",
        )
    return Verdict(
        Result.TIMEOUT, 1, f"the timeout passed while the run was {run.status}", "Raise timeout.", error_code="TIMEOUT"
    )


def of_error(error: MogplexError) -> Verdict:
    """Judge an error that ended the step. One that might have passed, but lasted to the deadline, is an outage."""
    lasted = isinstance(error, TRANSIENT) and not isinstance(error, RateLimitedError)
    exit_code = EXIT_UNAVAILABLE if lasted else error.exit_code
    problems = error.problems if isinstance(error, UsageError) else ()
    return Verdict(Result.ERROR, exit_code, error.cause, error.remedy, error.detail, error.code, problems)
