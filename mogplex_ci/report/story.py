"""What a run's events tell: its phases, its tool calls, and everything else.

Two vocabularies mean the same here: the one that the service writes today (``tool_started``, ``tool_finished``, stages
in ``log`` events) and the one of its documentation (``stream_started``, ``tool_call``, ``tool_result``,
``assistant_message``). Types are an open set: what is not known is told as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mogplex_ci.models import Event


class Phase(StrEnum):
    """What a run goes through, in this order."""

    SANDBOX = "sandbox"
    """A machine boots."""
    GIT = "git"
    """The repository is checked out."""
    INSTALL = "install"
    """The agent is installed."""
    AGENT = "agent"
    """The agent works."""
    DELIVERY = "delivery"
    """What it changed is committed and pushed, and the pull request opened."""


class Kind(StrEnum):
    """What an event means."""

    ACCEPTED = "accepted"
    READY = "ready"
    GIT = "git"
    INSTALL = "install"
    DELIVERY = "delivery"
    TOOL_START = "tool-start"
    TOOL_FINISH = "tool-finish"
    MESSAGE = "message"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OTHER = "other"


_TYPES: Final = {
    "stream_started": Kind.READY,
    "tool_started": Kind.TOOL_START,
    "tool_call": Kind.TOOL_START,
    "tool_finished": Kind.TOOL_FINISH,
    "tool_result": Kind.TOOL_FINISH,
    "assistant_message": Kind.MESSAGE,
    "finished": Kind.FINISHED,
    "failed": Kind.FAILED,
    "cancelled": Kind.CANCELLED,
}
_NAMELESS: Final = Untrusted("tool")
_STAGES: Final = {"git_sync": Kind.GIT, "install": Kind.INSTALL, "git_delivery": Kind.DELIVERY}


def kind_of(event: Event) -> Kind:
    """Return what ``event`` means."""
    known = event.type.one_of(*_TYPES, "started", "log")
    if known == "started":
        # Two of them are normal: the API's, when it accepts the run, and the harness's.
        return Kind.ACCEPTED if event.payload.at("external_run_id") else Kind.READY
    if known == "log":
        stage = event.payload.at("stage")
        return _STAGES.get((stage.one_of(*_STAGES) if stage else None) or "", Kind.OTHER)
    return _TYPES[known] if known else Kind.OTHER


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A phase begins. ``at`` counts seconds since the run's first event, here and in all entries."""

    phase: Phase
    at: float
    event: Event | None = None
    """What told it; None when it follows from something else."""


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase is over."""

    phase: Phase
    began: float
    at: float
    event: Event | None = None


@dataclass(slots=True)
class ToolCall:
    """A tool call; told when it starts, and again when it has finished."""

    tool: Untrusted
    at: float
    start: Event | None
    """None when only its end was seen."""
    finish: Event | None = None
    until: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took: what the service measured, else the time between its events; None when unknown."""
        measured = self.finish.payload.at("duration_ms") if self.finish else None
        milliseconds = measured.as_int() if measured else None
        if milliseconds is not None and milliseconds >= 0:
            return milliseconds / 1000
        return self.until - self.at if self.start and self.until is not None else None

    @property
    def failed(self) -> bool:
        """Whether its end tells of an error."""
        if self.finish is None:
            return False
        code = self.finish.payload.at("exit_code")
        return bool(self.finish.payload.at("error")) or (code is not None and code.as_int() not in (0, None))


@dataclass(frozen=True, slots=True)
class Note:
    """Anything else that an event tells."""

    kind: Kind
    at: float
    event: Event


Entry = PhaseBegan | PhaseEnded | ToolCall | Note


class Story:
    """Reads one run's events in order."""

    def __init__(self) -> None:
        self.began: datetime | None = None
        """Time of the first event; None before it."""
        self._now = 0.0
        self._seen: set[Phase] = set()
        self._phase_began = 0.0
        self._at_work = False
        self._open: list[ToolCall] = []

    def read(self, event: Event) -> Iterator[Entry]:
        """Yield what ``event`` tells. The end of a tool call yields the entry of its start again, now finished."""
        at, kind = self._time_of(event), kind_of(event)
        match kind:
            case Kind.ACCEPTED if self._is_new(Phase.SANDBOX):
                self._phase_began = at
                yield PhaseBegan(Phase.SANDBOX, at, event)
            case Kind.READY if self._is_new(Phase.GIT):
                yield self._end(Phase.SANDBOX, at, event)
            case Kind.GIT if self._is_new(Phase.INSTALL):
                yield self._end(Phase.GIT, at, event)
            case Kind.INSTALL if Phase.AGENT not in self._seen:
                yield self._end(Phase.INSTALL, at, event)
                yield from self._begin_work(at)
            case Kind.DELIVERY if self._is_new(Phase.DELIVERY):
                yield from self._end_work(at)
                yield PhaseBegan(Phase.DELIVERY, at, event)
            case Kind.TOOL_START:
                yield from self._begin_work(at)
                call = ToolCall(event.tool_name or _NAMELESS, at, event)
                self._open.append(call)
                yield call
            case Kind.TOOL_FINISH:
                yield from self._begin_work(at)
                yield self._finished(event, at)
            case Kind.MESSAGE:
                yield from self._begin_work(at)
                yield Note(kind, at, event)
            case Kind.FINISHED | Kind.FAILED | Kind.CANCELLED:
                yield from self._end_work(at)
                yield Note(kind, at, event)
            case _:
                yield Note(Kind.OTHER, at, event)

    def _time_of(self, event: Event) -> float:
        """Return when it happened; an event without a time happens with the one before it."""
        if event.created_at is not None:
            self.began = self.began or event.created_at
            self._now = max((event.created_at - self.began).total_seconds(), 0.0)
        return self._now

    def _is_new(self, phase: Phase) -> bool:
        """Remember that ``phase`` was reached, and say whether this is the first time."""
        known = phase in self._seen
        self._seen.add(phase)
        return not known

    def _end(self, phase: Phase, at: float, event: Event | None) -> PhaseEnded:
        began, self._phase_began = self._phase_began, at
        return PhaseEnded(phase, began, at, event)

    def _begin_work(self, at: float) -> Iterator[Entry]:
        if self._is_new(Phase.AGENT):
            self._at_work, self._phase_began = True, at
            yield PhaseBegan(Phase.AGENT, at)

    def _end_work(self, at: float) -> Iterator[Entry]:
        if self._at_work:
            self._at_work = False
            yield self._end(Phase.AGENT, at, None)

    def _finished(self, event: Event, at: float) -> ToolCall:
        """Return the call that ``event`` ends: the oldest open one of this tool, since events carry no call id."""
        for call in self._open:
            if event.tool_name in (call.tool, None):
                self._open.remove(call)
                break
        else:
            call = ToolCall(event.tool_name or _NAMELESS, at, None)
        call.finish, call.until = event, at
        if call.start is None:
            call.at = max(at - (call.seconds or 0.0), 0.0)
        return call
