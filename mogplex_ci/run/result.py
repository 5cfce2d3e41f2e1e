"""The result of a step, and the known facts about its run."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, LiteralString, NamedTuple, Self, TypeAlias

from mogplex_ci.models import Repo, Run
from mogplex_ci.problems import Problem
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.sanitize import CleanText, SafeText
from mogplex_ci.untrusted import Untrusted

TaskResult: TypeAlias = Literal["success", "failure", "error", "timeout", "cancellation", "skip"]
"""Result of a pipeline's task in OpenTelemetry's semantic conventions."""


class Result(StrEnum):
    """The ``result`` output. A member that lacks one of its words does not type-check."""

    mark: LiteralString
    """One character for good, bad or neither."""
    headline: LiteralString
    """How a run or a step ended, in a few words."""
    exit_code: int
    """Unless an error or a signal has one of its own."""
    task_result: TaskResult

    def __new__(
        cls,
        name: str,
        mark: LiteralString,
        headline: LiteralString,
        exit_code: int,
        task_result: TaskResult,
    ) -> Self:
        """Return the member whose value is ``name``."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.mark = mark
        member.headline = headline
        member.exit_code = exit_code
        member.task_result = task_result
        return member

    SUCCESS = "success", "✔", "Run succeeded", 0, "success"
    DRY_RUN = "dry-run", "✔", "Dry run", 0, "success"
    DETACHED = "detached", "→", "Run started, not followed", 0, "success"
    SKIPPED = "skipped", "→", "Skipped", 0, "skip"
    PAUSED = "paused", "⏸", "Run paused", 1, "failure"
    CANCELLED = "cancelled", "✘", "Run cancelled", 1, "cancellation"
    REJECTED = "rejected", "✘", "Run rejected", 1, "failure"
    FAILED = "failed", "✘", "Run failed", 1, "failure"
    TIMEOUT = "timeout", "✘", "Timed out", 1, "timeout"
    ERROR = "error", "✘", "Step failed", 1, "error"
    INTERRUPTED = "interrupted", "✘", "Interrupted", 130, "cancellation"


AGENT_KNOWS_WHY: Final = (Result.FAILED, Result.TIMEOUT)
"""Results of which the agent's last line may say the reason."""


class Item(NamedTuple):
    """A path, a check or a fault that a gate's finding is about."""

    text: CleanText
    page: SafeText | None = None
    """The address of a check's page."""
    titles: CleanText | None = None
    """Those of a check's annotations."""

    @property
    def words(self) -> Untrusted:
        """All of it as one text."""
        return Untrusted(" ".join(part for part in self if part))


class Gate(NamedTuple):
    """One gate's finding about a successful run. All of it may be printed."""

    name: SafeText
    """The input that asks for it, or a word of ``require``."""
    passed: bool
    found: SafeText
    """``The run opened no pull request``."""
    remedy: SafeText | None = None
    """Advice; None when it passed."""
    error_code: SafeText | None = None
    items: tuple[Item, ...] = ()
    is_for_people: bool = False
    """Whether the agent can do nothing about it."""


class Round(NamedTuple):
    """One run of a step with ``repair``, as the gates judged it."""

    run_id: str
    commit: str | None
    """The judged commit; None when it is not known."""
    gates: tuple[Gate, ...]
    ended: SafeText | None = None
    """Why no other round followed although it was rejected."""

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


_PULL_REQUEST_PAGE: Final = r"(https?://[^/?#]+)/([^/?#]+/[^/?#]+)/pull/\d{1,9}/?"


class Delivery(NamedTuple):
    """The results of a run according to GitHub, for gates and outputs."""

    branch: str
    """The branch that the run really used; empty when it is not known."""
    base: str
    """The branch that it would be merged into; empty when it is not known."""
    commit: str | None = None
    """The judged commit; None when the run pushed none, or it is not known."""
    changed: bool | None = None
    """Whether the commit changes anything; None if GitHub does not report it."""
    pull_requests_are_known: bool = False
    """Whether GitHub reports the branch's pull requests."""


class RunDetails(NamedTuple):
    """The known facts about a finished run."""

    requests_sent: int = 0
    timeline: Timeline = Timeline()
    """The run's; empty when it was not followed."""
    repo: Repo | None = None
    """None when it was not found, or the token does not list it."""
    run: Run | None = None
    """As last seen; None when no run was started."""
    key: str = ""
    """The idempotency key under which the run was started; empty when none was."""
    joined: bool = False
    """The run was started before this process asked."""
    may_be_earlier: bool = False
    """An earlier attempt may have started it; see ``Started``."""
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
    is_unread: bool = False
    """The run's status could not be read when it was read last: it may have changed."""
    gates: tuple[Gate, ...] = ()
    """Gates that were judged, in order."""
    artifact: Untrusted | None = None
    """Content of the artifact that was asked for; None unless its gate passed."""
    delivery: Delivery | None = None
    """The results according to GitHub; None if it was not queried."""
    pull_request_url: Untrusted | None = None
    """The address of the pull request: GitHub's word, if it was asked, else that of the newest
    event that names one, which may be any address.
    """
    rounds: tuple[Round, ...] = ()
    """With ``repair``: the runs that were judged, in order. All else is about the last one."""

    @property
    def run_id(self) -> str:
        """Its id; empty when no run was started."""
        return self.run.id if self.run is not None else ""

    @property
    def branch(self) -> Untrusted | None:
        """The branch worked on: the service's, or the one that it falls back to if an event says
        so. No other name is taken from an event, which is the agent's side.
        """
        if self.delivery is not None and self.delivery.branch:
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
    def pull_requests_are_known(self) -> bool:
        """Whether GitHub reports the branch's pull requests."""
        return self.delivery is not None and self.delivery.pull_requests_are_known

    @property
    def last_key(self) -> str:
        """The key of the last start, with or without a response: a re-run of the job finds its run.
        Empty if nothing was started.
        """
        return self.unanswered_key or self.key

    @property
    def keeps_running(self) -> bool:
        """Whether the run, whose id is known, may still be running after this step."""
        return self.run is not None and not self.run.is_terminal and not self.cancelled_by_step

    @property
    def may_be_running(self) -> bool:
        """Whether a run may still be running after this step, also one whose id is not known."""
        is_abandoned = self.run is None and self.left_behind
        return self.keeps_running or is_abandoned or bool(self.unanswered_key)


class RunResult(NamedTuple):
    """The result of a run: how it ended, and the known facts about it."""

    ending: Ending
    details: RunDetails = RunDetails()


def is_own_pull_request(url: Untrusted, repository: str, servers: Sequence[str]) -> bool:
    """Whether an address is a pull request's page of the repository ``owner/name`` on one of the
    servers, such as ``https://github.com``.
    """
    page = re.fullmatch(_PULL_REQUEST_PAGE, url.text)
    if page is None:
        return False
    known = {server.rstrip("/").lower() for server in servers}
    return page[1].lower() in known and page[2].lower() == repository.lower()
