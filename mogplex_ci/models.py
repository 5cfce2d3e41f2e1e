"""The API's objects as typed values, and ``Untrusted``, the type of text that must not be printed as it is.

Everything the API returns is untrusted: an agent repeats whatever a repository or an issue told it. Such text is held
in ``Untrusted``, which is not a ``str``; only ``mogplex_ci.sanitize`` turns it into text.
"""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at every start.

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

T = TypeVar("T")
TERMINAL_STATUSES: Final = frozenset({"success", "failed", "cancelled"})
LIVE_STATUSES: Final = frozenset({"pending", "streaming"})
PAUSED_STATUS: Final = "awaiting_input"
"""The run waits for a person's answer; it is neither live nor over."""
_MANY_FIELDS: Final = 10_000
"""Fields of an object beyond which it is not searched for what to leave out: only a part of it is ever shown."""
LIST_LIMIT: Final = 200
"""Most repositories, agents or skills in one answer."""
FEED_LIMIT: Final = 200
"""Most events in one answer of ``GET /runs/{id}/events``. Older servers return the oldest ones, newer the newest."""


class Untrusted:
    """A JSON value from outside: text, number, list or object.

    It can be searched (``at``) and compared with our own words (``one_of``), but ``str()`` and f-strings raise
    ``TypeError``. ``mogplex_ci.sanitize`` makes ``SafeText`` of it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def at(self, *path: str) -> "Untrusted | None":
        """Return the value below the object keys ``path``; None when it is missing or null."""
        value = self._value
        for key in path:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return None if value is None else Untrusted(value)

    def one_of(self, *words: str) -> str | None:
        """Return the word of ours that this text equals, or None."""
        return self._value if isinstance(self._value, str) and self._value in words else None

    def similarity(self, word: str) -> float:
        """Return how similar this text is to ``word``, from 0 to 1 (equal but for case)."""
        from difflib import SequenceMatcher  # slow to import, needed only for error messages

        value = str(self._value).lower()
        return 1.0 if value == word.lower() else min(SequenceMatcher(None, value, word.lower()).ratio(), 0.99)

    @property
    def text(self) -> str:
        """The raw text, empty for any other kind of value. For joining and cutting only, never for printing."""
        return self._value if isinstance(self._value, str) else ""

    def inspect(self, check: Callable[[Any], T]) -> T:
        """Return what ``check`` makes of the raw value. For validation only: raw text in its result is untrusted."""
        return check(self._value)

    def without(self, *keys: str) -> "Untrusted":
        """Return an object without ``keys`` and without empty fields; a huge one, and any other value, unchanged."""
        if not isinstance(self._value, dict) or len(self._value) > _MANY_FIELDS:
            return self
        kept = {key: item for key, item in self._value.items() if key not in keys and item not in (None, "", [], {})}
        return Untrusted(kept)

    def __bool__(self) -> bool:
        return self._value not in (None, "", [], {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Untrusted) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value if isinstance(self._value, str) else repr(self._value))

    def __repr__(self) -> str:
        return f"Untrusted({type(self._value).__name__})"

    def __str__(self) -> NoReturn:
        raise TypeError("untrusted text must go through mogplex_ci.sanitize")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("untrusted text must go through mogplex_ci.sanitize")


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


class Run(NamedTuple):
    """One agent run (the API's run object).

    ``id`` and ``status`` are checked to be plain words when they are read; all other text is untrusted.
    """

    id: str
    status: str
    """One of ``LIVE_STATUSES``, ``TERMINAL_STATUSES`` or ``PAUSED_STATUS``, or a word this version does not know."""
    repo_id: Untrusted | None
    harness: Untrusted | None
    base_branch: Untrusted | None
    working_branch: Untrusted | None
    creates_branch: bool
    """Whether the working branch is created from the base branch."""
    sandbox_id: Untrusted | None
    error: Untrusted | None
    queued: bool
    """Whether a runtime accepted it (``runtime.runId``); a failed run without one never left the queue."""
    data: Untrusted
    """The whole object as the API sent it."""
    created_at: datetime | None = None
    """Aware; None when the API's text is not a time."""
    updated_at: datetime | None = None
    """Aware; None when the API's text is not a time. New events do not change it."""
    agent_id: Untrusted | None = None
    """The agent that was used. None when none was asked for, or the server does not know agents."""
    terminal_commit: Untrusted | None = None
    """Commit id of the pushed branch tip; follows up to 10 s after ``success``, or never."""
    has_terminal_commit: bool = False
    """Whether this server has the field ``terminalCommitSha`` at all."""

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_paused(self) -> bool:
        """Whether the run waits for a person's answer."""
        return self.status == PAUSED_STATUS

    @property
    def is_dead(self) -> bool:
        """Whether the run has ended without a result."""
        return self.status in ("failed", "cancelled")

    @property
    def never_queued(self) -> bool:
        """Whether the service created the run but could not hand it to a runtime, so that nothing was done."""
        return self.status == "failed" and not self.queued


class EventKind(StrEnum):
    """What an event means, whichever generation of the service wrote it."""

    ACCEPTED = "accepted"
    """The service accepted the run."""
    SANDBOX_READY = "sandbox-ready"
    GIT_SYNC = "git-sync"
    """The repository is checked out."""
    INSTALL = "install"
    """The harness was installed in the sandbox."""
    DELIVERY = "delivery"
    """Changes were committed and pushed, and the pull request was opened, if there were any."""
    TOOL_STARTED = "tool-started"
    TOOL_FINISHED = "tool-finished"
    TEXT_DELTA = "text-delta"
    """A piece of the agent's words, of any length; joined without a separator."""
    MESSAGE = "message"
    """A whole message of the agent."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OTHER = "other"


class ToolState(NamedTuple):
    """What a tool event says about its call."""

    name: Untrusted
    call_id: Untrusted | None
    """None on older servers, where a call's two events are paired by the tool's name."""
    failed: bool
    denied: bool
    """The agent was not allowed to make the call."""
    seconds: float | None
    """How long the call took, when the service says so."""


class GitState(NamedTuple):
    """What a ``git_sync`` or ``git_delivery`` event says."""

    working_branch: Untrusted | None
    base_branch: Untrusted | None
    changed: bool | None
    """None for ``git_sync``, and when the service does not say."""
    pull_request_url: Untrusted | None


class Failure(NamedTuple):
    """Why a run ended, from an event that ends it."""

    error: Untrusted | None
    exit_code: int | None
    code: Untrusted | None
    """``rate_limited``, ``model_access_denied``, ``command_failed``, or a word this version does not know."""
    in_delivery: bool
    """Whether the agent had finished, and pushing its changes failed."""


class FileLocation(NamedTuple):
    """A line of a file that an event is about."""

    path: Untrusted
    line: int
    is_problem: bool
    """Whether the event calls it a warning or an error."""


class Event(NamedTuple):
    """One event of a run. ``mogplex_ci.api.answers`` is the only place that reads payload keys."""

    id: Untrusted
    kind: EventKind
    type: Untrusted
    """The API's own word."""
    message: Untrusted | None
    created_at: datetime | None
    """Aware; None when the API's text is not a time."""
    data: Untrusted
    """The whole object as the API sent it."""
    label: Untrusted | None = None
    """Short name for an event without a meaning of its own: the stage in its payload, else its type."""
    details: Untrusted | None = None
    """Payload fields that no other attribute carries and that matter to a reader; None when there are none."""
    tool: ToolState | None = None
    git: GitState | None = None
    end: Failure | None = None
    location: FileLocation | None = None


class EventPage(NamedTuple):
    """One answer of ``GET /runs/{id}/events``: the run, and up to ``FEED_LIMIT`` events, oldest first."""

    run: Run
    events: tuple[Event, ...]


class StartedRun(NamedTuple):
    """The answer of ``POST /runs``."""

    run: Run
    replayed: bool
    """The key was known: this is the run that it started earlier."""


class Cancelled(NamedTuple):
    """The answer of ``POST /runs/{id}/cancel``."""

    run: Run | None
    status: str
    """``cancelled`` or ``cancellation_requested``; the run's own status when it had ended before."""
    already_terminal: bool
    data: Untrusted
    """The whole object as the API sent it."""


class Artifact(NamedTuple):
    """A JSON file that a run committed below ``.mogplex/artifacts`` (``GET /runs/{id}/artifact``)."""

    path: Untrusted
    content: Untrusted
    """The JSON value in the file."""
    commit_sha: Untrusted | None
    data: Untrusted
    """The whole object as the API sent it."""


class Agent(NamedTuple):
    """An agent that a run can use (``GET /agents``)."""

    id: Untrusted
    """A UUID, or ``preset:NAME``."""
    name: Untrusted
    model: Untrusted | None
    description: Untrusted | None
    data: Untrusted
    """The whole object as the API sent it."""


class Skill(NamedTuple):
    """A skill that a prompt can invoke as ``$slug`` (``GET /skills``)."""

    slug: Untrusted
    name: Untrusted
    source: Untrusted | None
    """``library`` or ``repo``."""
    description: Untrusted | None
    data: Untrusted
    """The whole object as the API sent it."""


class StartRequest(NamedTuple):
    """The body of ``POST /runs``; None leaves a field out."""

    repo_id: str
    prompt: str
    harness: str | None = None
    base_branch: str | None = None
    working_branch: str | None = None
    create_branch: bool | None = None
    root_directory: str | None = None
    conversation_id: str | None = None
    workspace_session_id: str | None = None
    mode: str | None = None
    agent_id: str | None = None
    worktree_id: str | None = None

    def body(self) -> dict[str, object]:
        """Return the JSON object to send."""
        fields = {
            "repoId": self.repo_id,
            "prompt": self.prompt,
            "harness": self.harness,
            "baseBranch": self.base_branch,
            "workingBranch": self.working_branch,
            "createBranch": self.create_branch,
            "rootDirectory": self.root_directory,
            "conversationId": self.conversation_id,
            "workspaceSessionId": self.workspace_session_id,
            "mode": self.mode,
            "agentId": self.agent_id,
            "worktreeId": self.worktree_id,
        }
        return {name: value for name, value in fields.items() if value is not None}
