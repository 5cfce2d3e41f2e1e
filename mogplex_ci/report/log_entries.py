"""A run's events in the job log: phases outside the groups, tool calls and long texts inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_clock
from mogplex_ci.report.sentences import sentence
from mogplex_ci.report.story import Kind, Note, PhaseBegan, PhaseEnded, Story, ToolCall
from mogplex_ci.report.telling import details_of, tell_call, tell_note, tell_phase, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mogplex_ci.models import Event
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.report.annotations import Annotations
    from mogplex_ci.report.sentences import Part
    from mogplex_ci.report.story import Entry
    from mogplex_ci.sanitize import SafeText, Sanitizer


DETAILS_LIMIT: Final = 2_000_000
"""Bytes in all groups. A job log has limits of its own, GitLab's 4 MiB: it must not be cut before the outcome."""
_NO_ROOM: Final = "The log is long: it goes on without details. The events file and the report would have them"


class EntryLog:
    """Writes events. A tool call waits for its end, so that both are one line when nothing comes between them."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, annotations: Annotations) -> None:
        """Take where to write."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._annotations = annotations
        self._story = Story()
        self._calls = 0
        self._waiting: ToolCall | None = None
        self._room = DETAILS_LIMIT
        self.is_own_repository = False
        """Whether the run works on the repository of this job, so that files can be annotated."""

    def add(self, event: Event) -> None:
        """Write what ``event`` tells."""
        for entry in self._story.read(event):
            if isinstance(entry, ToolCall) and entry.finish is None:
                self._write_waiting()
                self._waiting = entry
            elif entry is self._waiting:
                self._waiting = None
                self._tool_call(entry, entry.start, entry.finish)
            else:
                self._write_waiting()
                self._write(entry)

    def end(self) -> None:
        """Write what still waits."""
        self._write_waiting(" (unfinished)")

    def now(self) -> list[Part]:
        """Return the words for what the agent does now, as far as the last event tells."""
        call = self._waiting
        return tell_call(call, call.start, None).parts() if call else []

    def group(self, title: SafeText, lines: Sequence[SafeText]) -> None:
        """Write ``title``, with ``lines`` folded below it if there are any."""
        if not lines or not self._has_room_for(lines):
            self._platform.line(title)
            return
        self._platform.open_group(title)
        try:
            for line in lines:
                self._platform.line(line)
        finally:
            self._platform.close_group()

    def _has_room_for(self, lines: Sequence[SafeText]) -> bool:
        """Whether the log is short enough for more details. Says so when it no longer is."""
        had_room = self._room > 0
        self._room -= sum(len(line.encode()) for line in lines)
        if had_room and self._room <= 0:
            self._platform.line(sentence(self._sanitizer, _NO_ROOM))
        return self._room > 0

    def _write_waiting(self, *addition: Part) -> None:
        call, self._waiting = self._waiting, None
        if call is not None:
            self._tool_call(call, call.start, None, *addition)

    def _write(self, entry: Entry) -> None:
        match entry:
            case PhaseBegan() | PhaseEnded():
                self._phase(entry)
            case ToolCall():
                self._tool_call(entry, None, entry.finish)
            case Note():
                self._note(entry)

    def _phase(self, entry: PhaseBegan | PhaseEnded) -> None:
        telling = tell_phase(entry, self._sanitizer, calls=self._calls)
        self._platform.line(self._line(entry.at, "●", *telling.parts()))
        details = self._details(entry.event)
        if details:
            self.group(sentence(self._sanitizer, f"Details of {entry.phase}"), details)

    def _tool_call(self, call: ToolCall, start: Event | None, finish: Event | None, *addition: Part) -> None:
        """Write both ends of a call in one line, or the one that is given."""
        self._calls += start is not None or call.start is None
        at = call.at if start or call.until is None else call.until
        mark = "✘" if finish and call.failed else " "
        title = self._line(at, mark, *tell_call(call, start, finish).parts(), *addition)
        self.group(title, self._details(start) + self._details(finish))

    def _note(self, note: Note) -> None:
        event = note.event
        if self.is_own_repository and event.message:
            self._annotations.place(event.payload, sentence(self._sanitizer, "Agent: ", event.message))
        title = self._line(note.at, "✘" if note.kind is Kind.FAILED else " ", *tell_note(note).parts())
        self.group(title, whole(event.message, self._sanitizer) + self._details(event))

    def _line(self, at: float, mark: str, *parts: Part) -> SafeText:
        return sentence(self._sanitizer, f"[{format_clock(at)}] {mark} ", *parts)

    def _details(self, event: Event | None) -> list[SafeText]:
        text = details_of(event, self._sanitizer)
        return self._sanitizer.block(text) if text else []
