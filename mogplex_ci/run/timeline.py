"""A run's timeline: its events as phases, tool calls, the agent's words and everything else.

One timeline is built for each run, while its events arrive. The log shows each event's entries; the
summary, the report, the outputs and the result file read the finished timeline.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from mogplex_ci.models import Event, EventKind, RunEnd, ToolState
from mogplex_ci.run.agent_text import (
    Checkpoint,
    Message,
    begins_message,
    checkpoint_in,
    without_checkpoint,
)
from mogplex_ci.untrusted import Untrusted


class Phase(StrEnum):
    """The phases of a run, in this order. Not every run reaches every phase."""

    SANDBOX = "sandbox"
    """A machine boots."""
    GIT = "git"
    """The repository is checked out."""
    INSTALL = "install"
    """The agent is set up."""
    AGENT = "agent"
    """The agent works."""
    DELIVERY = "delivery"
    """Changes are committed and pushed, and the pull request is opened."""


class PhaseStarted(NamedTuple):
    """A phase starts. ``at`` is in seconds since the run's first event, here and in all entries."""

    phase: Phase
    at: float
    event: Event | None = None
    """The event that says so; None when it follows from another event."""


class PhaseEnded(NamedTuple):
    """A phase is over."""

    phase: Phase
    started: float
    at: float
    event: Event | None
    calls: int
    """Tool calls so far."""
    failed: bool = False
    """Whether the run failed or was cancelled in this phase."""


class ToolCall:
    """A tool call. ``Timeline.add`` returns it when it starts, and again when it has finished."""

    def __init__(self, tool: ToolState, at: float, start: Event | None) -> None:
        """``start`` is None when only its end was seen."""
        self.name = tool.name
        self.call_id = tool.call_id
        """The service's id of the call; None on older servers."""
        self.at = at
        self.start = start
        self.finish: Event | None = None
        self.ended: float | None = None
        self.seconds: float | None = None
        """How long it took: as the service measured it, else between its two events; None when
        unknown.
        """
        self.state = tool
        """As its newest event reports it."""

    def end(self, tool: ToolState, at: float, finish: Event) -> None:
        """Note its end, or another end than before."""
        self.finish = finish
        self.ended = at
        self.seconds = tool.seconds
        self.state = tool
        if self.start is None:
            self.at = max(at - (self.seconds or 0.0), 0.0)
        elif self.seconds is None:
            self.seconds = max(at - self.at, 0.0)


class AgentText(NamedTuple):
    """A message of the agent: its words without a tool call in between."""

    at: float
    """When its last words came."""
    text: Untrusted


class Note(NamedTuple):
    """Any other event."""

    at: float
    event: Event


Entry = PhaseStarted | PhaseEnded | ToolCall | AgentText | Note
"""The types in ``Timeline.entries``."""


_BEGUN_BY: Final = {
    EventKind.ACCEPTED: Phase.SANDBOX,
    EventKind.SANDBOX_READY: Phase.GIT,
    EventKind.GIT_SYNC: Phase.INSTALL,
}
"""The phase that an event begins; the phase before it ends then."""
_NOT_KEPT: Final = Untrusted(None)
"""In place of the event as the API sent it: a run may have many thousands, and they are not read
again.
"""


class PhaseSpan(NamedTuple):
    """A phase from its start to its end, in seconds since the run's first event."""

    phase: Phase
    started: float
    ended: float


class ToolUse(NamedTuple):
    """All calls of one tool."""

    name: Untrusted
    calls: Sequence[ToolCall]

    @property
    def seconds(self) -> float:
        """Time in all its calls."""
        return sum(call.seconds or 0.0 for call in self.calls)

    @property
    def failed(self) -> int:
        """Calls that failed or were denied."""
        return sum(call.state.failed for call in self.calls)


class RunOutcome:
    """The run's end according to its events since its last pause."""

    def __init__(self) -> None:
        self.pull_request_url: Untrusted | None = None
        """The pull request that the run opened."""
        self.changed: bool | None = None
        """Whether the run changed anything; None when no delivery event was seen."""
        self.failure: Untrusted | None = None
        """Why the run failed, in the agent's or the service's words."""
        self.failure_code: Untrusted | None = None
        self.delivery_failed = False
        """Whether the agent finished, but its changes could not be pushed."""
        self.agent_exited = False
        self.ended_by: EventKind | None = None
        """The kind of the event that says that the run, or its work before a pause, is over."""


class Timeline:
    """Built from one run's events, in order. The attributes hold the facts of the events so far."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        """In order; a tool call is at the place of its start."""
        self.started: datetime | None = None
        """Time of the first event; None before it."""
        self.last = 0.0
        """Time of the newest event, in seconds since the first."""
        self.event_count = 0
        self.is_incomplete = False
        """Whether the service has events that could not be read: unknown facts then stay
        unknown.
        """
        self.branch: Untrusted | None = None
        """The branch worked on; the run object does not always know it."""
        self.base_branch: Untrusted | None = None
        self.outcome = RunOutcome()
        self._worked_before = False
        """Whether the agent worked before the run's last pause."""
        self._now = 0.0
        self._reached: set[Phase] = set()
        self._is_working = False
        """Whether the phase of the agent is still open."""
        self._phase_started = 0.0
        self._calls: dict[ToolCall, None] = {}
        """Every call, in order."""
        self._calls_by_id: dict[Untrusted, ToolCall] = {}
        self._message = Message()
        self._said_at = 0.0
        """When the message's last words came."""
        self._checkpoint: Checkpoint | None = None
        """The question in an earlier message."""
        self._additions: list[Entry] = []
        """The entries of the event that is read."""

    def add(self, event: Event) -> list[Entry]:
        """Add the next event and return its entries. A finished tool call is the entry of its start
        again.
        """
        event = event._replace(data=_NOT_KEPT)
        self.event_count += 1
        if event.created_at is not None:  # else it happened together with the one before it
            self.started = self.started or event.created_at
            self._now = max((event.created_at - self.started).total_seconds(), 0.0)
        self.last = max(self.last, self._now)
        self._read_facts(event)
        self._additions = []
        self._read(event)
        return self._additions

    def begin_segment(self) -> None:
        """The run continues after a pause: its end, its delivery and the phases of its work are
        judged again.
        """
        self._worked_before = self.agent_worked
        self.outcome = RunOutcome()
        self._reached -= {Phase.AGENT, Phase.DELIVERY}
        self._is_working = False
        self._message.take()
        self._checkpoint = None

    def miss_message(self) -> None:
        """Forget the message that is being written: events of it are missing."""
        self._message.miss()

    def end(self) -> list[Entry]:
        """Return the agent's last message; no event follows."""
        self._additions = []
        self._finish_message()
        return self._additions

    @property
    def writing(self) -> int:
        """Characters so far of the message that the agent is writing; 0 if it writes none."""
        return self._message.length

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls, in the order of their entries."""
        return list(self._calls)

    @property
    def agent_worked(self) -> bool:
        """Whether the agent ran: it said something, called a tool, or exited."""
        works = Phase.AGENT in self._reached or self.outcome.agent_exited
        return works or self._worked_before

    @property
    def sandbox_was_ready(self) -> bool:
        """Whether the run got beyond starting its sandbox."""
        return not self._reached.isdisjoint((Phase.GIT, Phase.INSTALL, Phase.AGENT))

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The question that the run asked when it paused."""
        return checkpoint_in(self._message.text) or self._checkpoint

    @property
    def last_words(self) -> Untrusted | None:
        """The agent's last message."""
        for entry in reversed(self.entries):
            if isinstance(entry, AgentText):
                return entry.text
        return None

    def spans(self) -> list[PhaseSpan]:
        """Return the phases that were reached; one without an end lasts to the newest event."""
        started: dict[Phase, float] = {}
        ended: dict[Phase, float] = {}
        for entry in self.entries:
            if isinstance(entry, PhaseStarted):
                started.setdefault(entry.phase, entry.at)
            elif isinstance(entry, PhaseEnded):
                started.setdefault(entry.phase, entry.started)
                ended[entry.phase] = max(
                    entry.at, started[entry.phase]
                )  # late events turn the clock back
        return [
            PhaseSpan(phase, started[phase], ended.get(phase, self.last))
            for phase in Phase
            if phase in started
        ]

    def tools(self) -> list[ToolUse]:
        """Return the tools that were used, the one with the most time first."""
        calls: dict[Untrusted, list[ToolCall]] = {}
        for call in self.calls:
            calls.setdefault(call.name, []).append(call)
        return sorted(
            (ToolUse(*item) for item in calls.items()),
            key=lambda use: (-use.seconds, -len(use.calls)),
        )

    def _add(self, addition: Entry) -> None:
        """Add an entry. A finished tool call stays in the place of its start."""
        self._additions.append(addition)
        if not isinstance(addition, ToolCall):
            self.entries.append(addition)
            return
        if addition not in self._calls:
            self._calls[addition] = None
            self.entries.append(addition)
        if addition.call_id is not None:
            self._calls_by_id[addition.call_id] = addition

    def _read(self, event: Event) -> None:
        at = self._now
        if event.kind is EventKind.TEXT_DELTA:
            self._hear(event.message, at)
            return
        if begins_message(event):
            self._finish_message()
        before = len(self._additions)
        self._read_meaning(event, at)
        if len(self._additions) == before:
            self._add(Note(at, event))

    def _read_meaning(self, event: Event, at: float) -> None:
        """Add an event's entries, if it is more than a note."""
        match event.kind:
            case EventKind.ACCEPTED | EventKind.SANDBOX_READY | EventKind.GIT_SYNC:
                self._set_up(event, at)
            case EventKind.INSTALL:
                self._end_set_up(event, at)
            case EventKind.TOOL_STARTED | EventKind.TOOL_FINISHED if event.tool is not None:
                self._start_work(at)
                self._add(self._call_in(event, event.tool, at))
            case EventKind.MESSAGE:
                self._whole_message(event, at)
            case EventKind.DELIVERY:
                if self._reach(Phase.DELIVERY):
                    self._end_work(at, event)
                    self._add(PhaseStarted(Phase.DELIVERY, at, event))
            case EventKind.FINISHED | EventKind.FAILED | EventKind.CANCELLED:
                self._end_work(at, event)
                self._add(Note(at, event))
            case _:
                return

    def _set_up(self, event: Event, at: float) -> None:
        """Add the phase that an event before the agent's work begins or ends, the first time."""
        begun = _BEGUN_BY[event.kind]
        if not self._reach(begun):
            return
        if begun is Phase.SANDBOX:
            self._phase_started = at
            self._add(PhaseStarted(begun, at, event))
        else:
            ended = list(Phase)[list(Phase).index(begun) - 1]
            self._add(self._end_phase(ended, at, event))

    def _end_set_up(self, event: Event, at: float) -> None:
        if Phase.AGENT not in self._reached:
            self._add(self._end_phase(Phase.INSTALL, at, event))
            self._start_work(at)

    def _whole_message(self, event: Event, at: float) -> None:
        if event.message:
            self._hear(event.message, at)
            self._finish_message()

    def _hear(self, words: Untrusted | None, at: float) -> None:
        """Append words of the agent to its message."""
        self._start_work(at)
        self._message.add(words)
        self._said_at = at

    def _call_in(self, event: Event, tool: ToolState, at: float) -> ToolCall:
        """Return the call that an event starts or ends."""
        if event.kind is EventKind.TOOL_STARTED:
            return ToolCall(tool, at, event)
        call = self._call_of(tool) or ToolCall(tool, at, None)
        call.end(tool, at, event)
        return call

    def _read_facts(self, event: Event) -> None:
        git = event.git
        if git is not None:
            self.branch = git.working_branch or self.branch
            self.base_branch = git.base_branch or self.base_branch
            self.outcome.pull_request_url = git.pull_request_url or self.outcome.pull_request_url
        if git is not None and event.kind is EventKind.DELIVERY:
            self.outcome.changed = git.changed
        if event.end is not None:
            self._read_end(event, event.end)

    def _read_end(self, event: Event, end: RunEnd) -> None:
        outcome = self.outcome
        outcome.ended_by = event.kind
        outcome.failure_code = end.code or outcome.failure_code
        outcome.agent_exited = outcome.agent_exited or end.exit_code is not None
        outcome.delivery_failed = outcome.delivery_failed or end.in_delivery
        if event.kind is EventKind.FAILED:
            outcome.failure = end.error or outcome.failure or event.message

    def _finish_message(self) -> None:
        """Add the message that is complete, if it has words."""
        message = self._message.take()
        self._checkpoint = checkpoint_in(message) or self._checkpoint
        words = without_checkpoint(message)
        if words.text.strip():
            self._add(AgentText(self._said_at, words))

    def _reach(self, phase: Phase) -> bool:
        """Note that ``phase`` was reached, and return whether this is the first time."""
        if phase in self._reached:
            return False
        self._reached.add(phase)
        return True

    def _end_phase(self, phase: Phase, at: float, event: Event | None) -> PhaseEnded:
        started = self._phase_started
        self._phase_started = at
        return PhaseEnded(phase, started, max(at, started), event, len(self._calls))

    def _start_work(self, at: float) -> None:
        if self._reach(Phase.AGENT):
            self._is_working = True
            self._phase_started = at
            self._add(PhaseStarted(Phase.AGENT, at))

    def _end_work(self, at: float, event: Event) -> None:
        if self._is_working:
            self._is_working = False
            # A failed push is not the agent's failure: it had finished.
            failed = event.kind in (EventKind.FAILED, EventKind.CANCELLED) and not (
                event.end and event.end.in_delivery
            )
            self._add(self._end_phase(Phase.AGENT, at, None)._replace(failed=failed))

    def _call_of(self, tool: ToolState) -> ToolCall | None:
        """Return the newest call with the same id; without ids the oldest open one of the same
        tool.
        """
        if tool.call_id is not None:
            return self._calls_by_id.get(tool.call_id)
        return next(
            (call for call in self._calls if call.finish is None and call.name == tool.name), None
        )
