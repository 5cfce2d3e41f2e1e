"""What the report lists: the run's story, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_clock
from mogplex_ci.report.sentences import NAME_LIMIT, sentence
from mogplex_ci.report.story import Kind, Note, PhaseBegan, PhaseEnded, ToolCall
from mogplex_ci.report.telling import details_of, tell_call, tell_note, tell_phase, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mogplex_ci.models import Event, Untrusted
    from mogplex_ci.report.chronicle import Chronicle, ToolUse
    from mogplex_ci.report.sentences import Part
    from mogplex_ci.report.story import Entry
    from mogplex_ci.sanitize import Sanitizer

_MOST_FILTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Filter:
    """A tool to look at alone."""

    name: str
    calls: int


class Tools:
    """The tools that a run used, each with its filter; those after the first dozen share the last one."""

    def __init__(self, uses: Sequence[ToolUse], sanitizer: Sanitizer) -> None:
        """Take the tools, the most used first."""
        own, others = uses[: _MOST_FILTERS - 1], uses[_MOST_FILTERS - 1 :]
        self.filters = [Filter(sanitizer.clean(use.tool, limit=NAME_LIMIT), len(use.calls)) for use in own]
        if others:
            self.filters.append(Filter("other tools", sum(len(use.calls) for use in others)))
        self._places: dict[Untrusted, int] = {use.tool: place for place, use in enumerate(own)}

    def place(self, call: ToolCall) -> int:
        """Return which of the filters shows ``call``."""
        return self._places.get(call.tool, len(self.filters) - 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry, its texts clean."""

    anchor: str
    time: str
    kind: str
    """``phase``, ``call``, ``message`` or ``note``: also the name of the CSS class."""
    label: str
    text: str
    aside: str
    body: str
    """What unfolds; empty when there is no more than the line."""
    bad: bool
    call: ToolCall | None = None
    filter: int | None = None
    """Which of the filters shows it; None when only the whole list does."""


def shown(chronicle: Chronicle, tools: Tools, sanitizer: Sanitizer) -> list[Shown]:
    """Return the entries in order."""
    calls = 0
    result = []
    for number, entry in enumerate(chronicle.entries):
        calls += isinstance(entry, ToolCall)
        result.append(_shown(f"e{number}", entry, calls, tools, sanitizer))
    return result


def _shown(anchor: str, entry: Entry, calls: int, tools: Tools, sanitizer: Sanitizer) -> Shown:
    match entry:
        case ToolCall():
            kind, bad, telling = "call", entry.failed, tell_call(entry, entry.start, entry.finish)
            body = _joined(details_of(entry.start, sanitizer), details_of(entry.finish, sanitizer))
        case PhaseBegan() | PhaseEnded():
            kind, bad, telling = "phase", False, tell_phase(entry, sanitizer, calls=calls)
            body = details_of(entry.event, sanitizer)
        case Note():
            kind, bad = "message" if entry.kind is Kind.MESSAGE else "note", entry.kind is Kind.FAILED
            telling, body = tell_note(entry), _note_body(entry.event, sanitizer)
    call = entry if isinstance(entry, ToolCall) else None
    return Shown(
        anchor=anchor,
        time=format_clock(entry.at),
        kind=kind,
        label=sanitizer.clean(telling.label, limit=NAME_LIMIT) if telling.label else "",
        text=_text(sanitizer, *telling.words),
        aside=_text(sanitizer, *telling.aside),
        body=body,
        bad=bad,
        call=call,
        filter=tools.place(call) if call else None,
    )


def _note_body(event: Event, sanitizer: Sanitizer) -> str:
    message = sanitizer.clean(event.message) if event.message and whole(event.message, sanitizer) else ""
    return _joined(message, details_of(event, sanitizer))


def _joined(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def _text(sanitizer: Sanitizer, *parts: Part) -> str:
    """Return ``parts`` as one line of clean text, for a place where it need not begin with a character of ours."""
    return sentence(sanitizer, "·", *parts).removeprefix("·")
