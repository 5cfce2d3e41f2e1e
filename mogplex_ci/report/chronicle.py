"""What happened in a run, collected for the reports that are written at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mogplex_ci.report.story import Kind, Note, Phase, PhaseBegan, PhaseEnded, Story, ToolCall
from mogplex_ci.run.happenings import EventsArrived

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mogplex_ci.models import Untrusted
    from mogplex_ci.report.story import Entry
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Span:
    """A phase from its beginning to its end, in seconds since the run's first event."""

    phase: Phase
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class ToolUse:
    """How much a run used one tool."""

    tool: Untrusted
    calls: Sequence[ToolCall]

    @property
    def seconds(self) -> float:
        """Time in all its calls."""
        return sum(call.seconds or 0.0 for call in self.calls)

    @property
    def failed(self) -> int:
        """Calls that told of an error."""
        return sum(call.failed for call in self.calls)


class Chronicle:
    """Collects the entries of a run's story."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        """In order; each tool call once, at its start."""
        self.story = Story()

    def on(self, happening: Happening) -> None:
        """Take in what happened."""
        if isinstance(happening, EventsArrived):
            for event in happening.events:
                for entry in self.story.read(event):
                    if not isinstance(entry, ToolCall) or entry.start is None or entry.finish is None:
                        self.entries.append(entry)

    def end(self, outcome: Outcome) -> None:
        """Nothing more to collect."""

    @property
    def last(self) -> float:
        """Time of the last event, in seconds since the first."""
        return max((_end_of(entry) for entry in self.entries), default=0.0)

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls, by their start."""
        return [entry for entry in self.entries if isinstance(entry, ToolCall)]

    @property
    def open_call(self) -> ToolCall | None:
        """The tool call that began last and has not finished."""
        return next((call for call in reversed(self.calls) if call.finish is None), None)

    @property
    def last_words(self) -> Untrusted | None:
        """The last message of the agent."""
        notes = (entry for entry in reversed(self.entries) if isinstance(entry, Note) and entry.kind is Kind.MESSAGE)
        return next((note.event.message for note in notes if note.event.message), None)

    def spans(self) -> list[Span]:
        """Return the phases that were reached; one whose end was not told goes on to the last event."""
        began: dict[Phase, float] = {}
        ended: dict[Phase, float] = {}
        for entry in self.entries:
            if isinstance(entry, PhaseBegan):
                began[entry.phase] = entry.at
            elif isinstance(entry, PhaseEnded):
                began[entry.phase], ended[entry.phase] = entry.began, entry.at
        return [Span(phase, began[phase], ended.get(phase, self.last)) for phase in Phase if phase in began]

    def tools(self) -> list[ToolUse]:
        """Return the tools that were used, the one with the most time first."""
        calls: dict[Untrusted, list[ToolCall]] = {}
        for call in self.calls:
            calls.setdefault(call.tool, []).append(call)
        return sorted((ToolUse(*item) for item in calls.items()), key=lambda use: (-use.seconds, -len(use.calls)))


def _end_of(entry: Entry) -> float:
    return entry.until if isinstance(entry, ToolCall) and entry.until is not None else entry.at
