"""The API's objects as typed values; their texts are ``Untrusted``.

``mogplex_ci.api.answers`` reads a field as its type says, from the API's field of the same name, or
of the name in ``Annotated``: ``branch.base`` is a field of an object in a field.
"""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at
# every start.

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, NewType, TypeAlias

from mogplex_ci.untrusted import Untrusted

Seconds = NewType("Seconds", float)
"""A duration. The API has milliseconds; the reader divides by 1,000."""

TERMINAL_STATUSES: Final = frozenset({"success", "failed", "cancelled"})
LIVE_STATUSES: Final = frozenset({"pending", "streaming"})
PAUSED_STATUS: Final = "awaiting_input"
"""The run waits for a person's answer; it is neither live nor over."""
LIST_LIMIT: Final = 200
"""Most repositories in one answer."""
FEED_LIMIT: Final = 200
"""Most events in one answer of ``GET /runs/{id}/events``. Older servers return the oldest ones,
newer the newest.
"""


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a UUID as the API writes it: the id of a run, a repository or an
    agent.
    """
    return re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()) is not None


class Repo(NamedTuple):
    """A repository that the token can see (``GET /repos``)."""

    id: str
    """UUID."""
    full_name: Untrusted
    """``owner/name``."""
    default_branch: Untrusted | None
    root_directory: Untrusted | None
    data: Untrusted
    """The whole object as the API sent it."""
    hidden: bool = False
    """Whether it was taken off Mogplex's dashboard. Runs start on it all the same. Older services
    do not list it.
    """


class Run(NamedTuple):
    """One agent run (the API's run object).

    ``id`` and ``status`` are checked to be plain words when they are read; all other text is
    untrusted.
    """

    id: Annotated[str, "runId"]
    status: str
    """One of ``LIVE_STATUSES``, ``TERMINAL_STATUSES`` or ``PAUSED_STATUS``, or a word this version
    does not know.
    """
    repo_id: Annotated[Untrusted | None, "repoId"]
    harness: Untrusted | None
    base_branch: Annotated[Untrusted | None, "branch.base"]
    working_branch: Annotated[Untrusted | None, "branch.working"]
    creates_branch: Annotated[bool, "branch.createBranch"]
    """Whether the working branch is created from the base branch."""
    sandbox_id: Annotated[Untrusted | None, "sandboxId"]
    error: Untrusted | None
    runtime_id: Annotated[Untrusted | None, "runtime.runId"]
    """Its id in the runtime that accepted it; a failed run without one never left the queue."""
    data: Untrusted
    """The whole object as the API sent it."""
    created_at: Annotated[datetime | None, "createdAt"] = None
    """Aware; None when the API's text is not a time."""
    updated_at: Annotated[datetime | None, "updatedAt"] = None
    """Aware; None when the API's text is not a time. New events do not change it."""
    segment: Annotated[Untrusted | None, "aiCallId"] = None
    """Id of the part of the run that is active (``aiCallId``): a run that continues after a pause
    has a new one.
    """
    agent_id: Annotated[Untrusted | None, "agentId"] = None
    """The agent that was used. None when none was asked for, or the server does not know agents."""
    terminal_commit: Annotated[Untrusted | None, "terminalCommitSha"] = None
    """Commit id of the pushed branch tip; follows up to 10 s after ``success``, or never."""
    sandbox_record_id: Annotated[Untrusted | None, "sandboxRecordId"] = None
    """Id of the record of its sandbox; None when the sandbox could not be set up."""

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_paused(self) -> bool:
        """Whether the run waits for a person's answer."""
        return self.status == PAUSED_STATUS

    @property
    def has_own_branch(self) -> bool:
        """Whether its branch differs from the one that it started from."""
        return self.working_branch is not None and self.working_branch != self.base_branch

    @property
    def fallback_branch(self) -> str | None:
        """The branch on which the service works without asking where the run was to work on its
        base, or on a branch that is gone or merged; None when the active part's id is not known.
        """
        digits = (self.segment.text if self.segment is not None else "").replace("-", "").lower()
        return f"mogplex/agent-{digits[:12]}" if re.match("[0-9a-f]{12}", digits) else None

    def made(self, branch: str) -> bool:
        """Whether the service made ``branch`` for this run."""
        return self.creates_branch or branch == self.fallback_branch

    def branch_used(self, told: Untrusted | None) -> Untrusted | None:
        """Return the branch worked on, where an event says ``told``: the service's own fallback is
        the only name that is taken from an event, which is the agent's side.
        """
        is_fallback = told is not None and told.text == self.fallback_branch
        return told if is_fallback else self.working_branch

    def commit_of(self, branch: Untrusted | None) -> str | None:
        """Return the commit that the service recorded, if it is of the branch worked on."""
        told = self.terminal_commit
        # Of a run on its base branch the service records the base's tip, which never has the work.
        if told is None or branch != self.working_branch or not self.has_own_branch:
            return None
        return told.text if re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", told.text) else None

    @property
    def never_queued(self) -> bool:
        """Whether the service created the run but could not hand it to a runtime, so that nothing
        was done.
        """
        return self.status == "failed" and self.runtime_id is None


class EventKind(StrEnum):
    """The meaning of an event, whichever generation of the service wrote it.

    The value is the event's type as the service writes it; that of a ``log`` with its stage. In
    parentheses: a meaning that needs more than the type.
    """

    ACCEPTED = "(accepted)"
    """The service accepted the run."""
    SANDBOX_READY = "started"
    GIT_SYNC = "log git_sync"
    """The repository is checked out."""
    INSTALL = "log install"
    """The harness was installed in the sandbox."""
    DELIVERY = "log git_delivery"
    """Changes were committed and pushed, and the pull request was opened, if there were any."""
    TOOL_STARTED = "tool_started"
    TOOL_FINISHED = "tool_finished"
    TEXT_DELTA = "(text)"
    """A piece of the agent's words, of any length; joined without a separator."""
    MESSAGE = "assistant_message"
    """A whole message of the agent; only in the documentation of the first version."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OTHER = "(other)"


class ToolState(NamedTuple):
    """The state of a tool call, as one of its events reports it."""

    name: Untrusted
    call_id: Annotated[Untrusted | None, "toolCallId"]
    """None on older servers, where a call's two events are paired by the tool's name."""
    failed: bool
    denied: bool
    """The agent was not allowed to make the call."""
    seconds: Annotated[Seconds | None, "duration_ms"]
    """How long the call took, when the service says so."""
    exit_code: int | None = None
    """That of the command, if the harness reports it."""
    note: Untrusted | None = None
    """Why a command was refused, or is taken to have failed although its exit code is 0."""


class GitState(NamedTuple):
    """The content of a ``git_sync`` or ``git_delivery`` event."""

    working_branch: Untrusted | None
    base_branch: Untrusted | None
    changed: bool | None
    """None for ``git_sync``, and when the service does not say."""
    pull_request_url: Untrusted | None


class RunEnd(NamedTuple):
    """Why a run ended, from an event that ends it."""

    error: Untrusted | None
    exit_code: int | None
    code: Annotated[Untrusted | None, "failure_code"]
    """``rate_limited``, ``model_access_denied``, ``command_failed``, or a word this version does
    not know.
    """
    in_delivery: bool
    """Whether the agent had finished, and pushing its changes failed."""


class Event(NamedTuple):
    """One event of a run. ``mogplex_ci.api.answers`` is the only place that reads payload keys."""

    id: Untrusted
    kind: EventKind
    type: Untrusted
    """The API's own word."""
    message: Untrusted | None
    created_at: Annotated[datetime | None, "createdAt"]
    """Aware; None when the API's text is not a time."""
    data: Untrusted
    """The whole object as the API sent it."""
    label: Untrusted | None = None
    """Short name for an event without a meaning of its own: the stage in its payload, else its
    type.
    """
    details: Untrusted | None = None
    """Payload fields that no other attribute carries and that matter to a reader; None when there
    are none.
    """
    tool: ToolState | None = None
    git: GitState | None = None
    end: RunEnd | None = None

    def emptied(self) -> "Event":
        """Return it without the contents that make up its size: a page of those that were seen can
        be 4 MB.
        """
        return self._replace(message=None, data=Untrusted(None), details=None, tool=None)


class EventPage(NamedTuple):
    """One answer of ``GET /runs/{id}/events``: the run, and up to ``FEED_LIMIT`` events, oldest
    first.
    """

    run: Run
    events: tuple[Event, ...]


class StartedRun(NamedTuple):
    """The answer of ``POST /runs``."""

    run: Run
    replayed: bool
    """The key was known: this is the run that it started earlier."""


class Cancelled(NamedTuple):
    """The answer of ``POST /runs/{id}/cancel``."""

    run: Run
    status: str
    """``cancelled`` or ``cancellation_requested``; the run's own status when it had ended
    before.
    """
    already_terminal: Annotated[bool, "alreadyTerminal"]
    data: Untrusted
    """The whole object as the API sent it."""


class Sandbox(NamedTuple):
    """A machine in which runs of a repository and branch work (``GET /sandboxes``)."""

    id: str
    """Of its record, a UUID; the run object calls it ``sandboxRecordId``."""
    working_branch: Untrusted | None
    created_at: datetime | None
    error: Untrusted | None
    """Why it could not be set up: the text of the run's failure."""


class Repair(NamedTuple):
    """The part of a later round's start that the round before it decides: all other inputs stay."""

    branch: str
    """The branch of the previous round, on which this one continues."""
    base_branch: str
    report: str
    """The gates' faults, to stand behind the task."""


StartRequest: TypeAlias = Mapping[str, object]
"""The body of ``POST /runs``, by the API's names: ``repoId``, ``prompt`` and what else was asked
for.
"""


class UnansweredStart(NamedTuple):
    """A start request that may have made a run whose id is not known."""

    key: str
    request: StartRequest
    may_be_foreign: bool
    """Whether the key is the user's own: another job may have started a run under it."""
