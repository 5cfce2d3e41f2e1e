"""The API's data, in the API's own terms, and the type of text that nobody may print.

Everything that the API says is untrusted: an agent repeats whatever a repository or an issue told it. Such text is
held in ``Untrusted``, which is not a ``str``; only ``mogplex_ci.sanitize`` opens it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn

TERMINAL_STATUSES: Final = frozenset({"success", "failed", "cancelled"})
LIVE_STATUSES: Final = frozenset({"pending", "streaming"})
FEED_LIMIT: Final = 200
"""Most events one answer can hold; the API serves the oldest ones and has no cursor."""


class Untrusted:
    """A JSON value that came from outside: text, number, list, object.

    It can be searched (``at``), compared with words of our own (``one_of``) and counted, but it does not turn into
    text: ``str()`` and f-strings raise. ``mogplex_ci.sanitize`` makes ``SafeText`` of it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def at(self, *path: str) -> Untrusted | None:
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

    def likeness(self, word: str) -> float:
        """Return how much this text is like a word of ours, from 0 to 1 (the same but for case)."""
        from difflib import SequenceMatcher  # needed only for mistakes

        value = str(self._value).lower()
        return 1.0 if value == word.lower() else min(SequenceMatcher(None, value, word.lower()).ratio(), 0.99)

    def as_bool(self) -> bool | None:
        """Return the value when it is a JSON boolean."""
        return self._value if isinstance(self._value, bool) else None

    def as_int(self) -> int | None:
        """Return the value when it is a JSON integer."""
        return self._value if isinstance(self._value, int) and not isinstance(self._value, bool) else None

    def items(self) -> Iterator[tuple[Untrusted, Untrusted]]:
        """Go through an object's keys and values; nothing for other kinds."""
        if isinstance(self._value, dict):
            for key, value in self._value.items():
                yield Untrusted(key), Untrusted(value)

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


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository that the token can see (``GET /repos``)."""

    id: str
    """UUID."""
    full_name: Untrusted
    """``owner/name``."""
    default_branch: Untrusted | None
    root_directory: Untrusted | None
    data: Untrusted
    """The whole object as the API sent it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One agent run (the API's run detail).

    ``id`` and ``status`` are checked to be plain words when they are read; all other text is untrusted.
    """

    id: str
    status: str
    """One of ``LIVE_STATUSES`` or ``TERMINAL_STATUSES``, or a word that this version does not know."""
    repo_id: Untrusted | None
    harness: Untrusted | None
    base_branch: Untrusted | None
    working_branch: Untrusted | None
    sandbox_id: Untrusted | None
    error: Untrusted | None
    queued: bool
    """Whether a runtime took it (``runtime.runId``); a failed run without one never left the queue."""
    data: Untrusted
    """The whole object as the API sent it."""
    created_at: datetime | None = None
    """Aware; None when the API's text is no time."""
    updated_at: datetime | None = None
    """Aware; None when the API's text is no time. Events do not change it."""

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_dead(self) -> bool:
        """Whether the run has ended without a result."""
        return self.status in ("failed", "cancelled")

    @property
    def never_queued(self) -> bool:
        """Whether the service created the run, but could hand it to no runtime: nothing was done."""
        return self.status == "failed" and not self.queued


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a run's event feed."""

    id: Untrusted
    type: Untrusted
    tool_name: Untrusted | None
    message: Untrusted | None
    payload: Untrusted
    created_at: datetime | None
    """Aware; None when the API's text is no time."""
    data: Untrusted
    """The whole object as the API sent it."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One answer of ``GET /runs/{id}/events``: the run, and its oldest events up to ``FEED_LIMIT``."""

    run: Run
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class StartedRun:
    """The answer of ``POST /runs``."""

    run: Run
    replayed: bool
    """The key was known: this is the run that it started earlier."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The answer of ``POST /runs/{id}/cancel``."""

    run: Run | None
    status: str
    """``cancelled`` or ``cancellation_requested``; the run's own status when it had ended before."""
    already_terminal: bool
    data: Untrusted
    """The whole object as the API sent it."""


@dataclass(frozen=True, slots=True)
class StartRequest:
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
        }
        return {name: value for name, value in fields.items() if value is not None}
