"""The lines of a log for a run's events."""

from collections.abc import Iterable
from math import inf
from typing import Final, LiteralString, assert_never

from mogplex_ci.models import Event
from mogplex_ci.platforms.base import Level, Place
from mogplex_ci.report import text
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run.timeline import (
    Addition,
    Note,
    PhaseEnded,
    PhaseStarted,
    TextPiece,
    ToolCall,
    ToolUse,
)
from mogplex_ci.sanitize import SafeText, clock
from mogplex_ci.untrusted import Untrusted

LONGEST_HOLD: Final = 2.0
"""Seconds that a tool call waits for its line while other events come: for its end, or for more
calls of its tool.
"""


class EventLog:
    """Writes the lines for a run's events."""

    def __init__(self, lines: LogLines, *, has_links: bool) -> None:
        """``has_links``: a pull request that an event names does exist."""
        self._lines = lines
        self._safe = lines.safe
        self._has_links = has_links
        self.can_annotate_files = False
        """Whether the files that events name are those of this job's repository."""
        self._now = 0.0
        """When the newest events came, in seconds since the step began."""
        self._held: dict[ToolCall, float] = {}
        """Calls whose start waits for their end, and since when, in seconds since the step
        began.
        """
        self._finishes: dict[ToolCall, Event | None] = {}
        """The end of each call as it is in the log; None before it. The service may correct it
        later.
        """
        self._at = 0.0
        """Time of the last line, in seconds since the run's first event."""
        self._batch: list[ToolCall] = []
        """Ended calls of one tool, one after another, that have no line yet: their lines would be
        all alike.
        """
        self._batch_began = 0.0
        """When the first of them was added, in seconds since the step began."""

    def begin_another_run(self) -> None:
        """Forget the previous run's calls; its times start from zero."""
        self._held.clear()
        self._finishes.clear()
        self._at = 0.0

    def arrived(self, additions: Iterable[Addition], elapsed: float) -> None:
        """Write new entries of the timeline, and the calls that have waited long enough;
        ``elapsed`` is in seconds since the step began.
        """
        self._now = elapsed
        held_too_long = elapsed - LONGEST_HOLD
        if self._batch_began <= held_too_long:
            self.write_batch()
        self.add(additions)
        self.write_open_calls(held_since=held_too_long)

    def add(self, additions: Iterable[Addition]) -> None:
        """Write new entries of the timeline. One that cannot be shown must not hide others."""
        for addition in additions:
            try:
                self._write(addition)
            except Exception:
                words = "An event cannot be shown here; the events file would have it"
                self._lines.details(self._safe.line(words))

    def write_open_calls(self, *, ended: bool = False, held_since: float = inf) -> None:
        """Write the starts that are held back since then.

        ``ended``: their ends are not expected any more.
        """
        for call, since in list(self._held.items()):
            if since <= held_since:
                del self._held[call]
                self.write_batch()
                words = text.tool_call(call, call.start, None, unfinished=ended)
                self._lines.details(self._timed(call.at, words), self._lines.below(words))

    def write_batch(self) -> None:
        """Write one line for the calls that share it."""
        batch = self._batch
        self._batch = []
        if all(call.failed for call in batch):  # each that failed has a line already
            return
        words = text.tool_calls(ToolUse(batch[0].name, batch))
        ended = max(call.ended or call.at for call in batch)
        self._lines.details(self._timed(ended, words))

    def _write(self, addition: Addition) -> None:
        if not isinstance(addition, ToolCall):
            self.write_batch()
        match addition:
            case ToolCall():
                self._tool_call(addition)
            case TextPiece():
                self._agent_text(addition)
            case PhaseStarted() | PhaseEnded():
                self._phase(addition)
            case Note():
                self._note(addition)
            case _:
                assert_never(addition)

    def _phase(self, entry: PhaseStarted | PhaseEnded) -> None:
        if isinstance(entry, PhaseEnded):
            self.write_open_calls(ended=True)
        words = text.entry_text(entry, self._safe, links=self._has_links)
        self._lines.line(self._timed(entry.at, words, mark="●"))
        details = self._lines.below(words)
        if details:
            title = self._safe.sentence("Details of ", entry.phase.value)
            self._lines.details(title, details)

    def _note(self, entry: Note) -> None:
        self._annotate_file(entry)
        words = text.entry_text(entry, self._safe)
        self._lines.details(self._timed(entry.at, words), self._lines.below(words))

    def _annotate_file(self, entry: Note) -> None:
        """Annotate the line of a file that an event names, if it is one of this job's
        repository.
        """
        at = entry.event.location
        message = entry.event.message
        if at is None or not message or not self.can_annotate_files:
            return
        path = self._safe.path(at.path)
        if path is None or ".." in path.split("/"):
            return
        level = Level.NOTICE
        if at.is_problem:
            level = Level.WARNING
        said = self._safe.sentence("Agent: ", message)
        self._lines.annotate(level, "Agent", said, Place(path, at.line))

    def _tool_call(self, call: ToolCall) -> None:
        """Hold the start of a call back, and write its end; with its start if that is not in the
        log.
        """
        if call.start is not None and call not in self._finishes:
            self._held[call] = self._now
            self._finishes[call] = None
        elif call.finish is not None and self._finishes.get(call) is not call.finish:
            start = call.start if call in self._held else None
            self._held.pop(call, None)
            self._finishes[call] = call.finish
            self._call_ended(call, start, call.finish)

    def _call_ended(self, call: ToolCall, start: Event | None, finish: Event) -> None:
        """Write a line for the call, or add it to those that share one; one that failed alone gets
        its own line immediately.
        """
        words = text.tool_call(call, start, finish)
        lines = self._lines.below(words)
        if call in self._batch:
            self._batch.remove(call)
        says_nothing = not words.words and not lines and start is call.start
        joins_batch = says_nothing and self._batch and self._batch[0].name == call.name
        if self._batch and not joins_batch:
            self.write_batch()
        if says_nothing:
            if not self._batch:
                self._batch_began = self._now
            self._batch.append(call)
        if call.failed or not says_nothing:
            at = call.at if call.ended is None else call.ended
            self._lines.details(self._timed(at, words), lines)

    def _agent_text(self, piece: TextPiece) -> None:
        """Write the agent's words: short text after its time, longer text and its direct
        continuation below it.
        """
        said = Untrusted(piece.text.text.lstrip("\n").rstrip())
        lines = self._lines.block(said)
        if not self._lines.has_room_for(lines):
            self._lines.details(self._timed(piece.at, text.EntryText("agent", [said])))
            return
        goes_on = self._lines.agent_speaks
        is_short = len(lines) == 1 and len(lines[0]) <= text.LONG_LINE
        if is_short and not goes_on:
            lines = [self._timed(piece.at, text.EntryText("agent", [said]))]
        elif not goes_on:
            lines = [self._timed(piece.at, text.EntryText("agent:", [])), *lines]
        elif not piece.continues:
            lines = [*self._safe.block(""), *lines]
        for line in lines:
            self._lines.line(line)
        self._lines.agent_speaks = True

    def _timed(self, at: float, words: text.EntryText, *, mark: LiteralString = " ") -> SafeText:
        """Return the line for an entry of the timeline."""
        self._at = max(self._at, at)
        if words.is_bad:
            mark = "✘"
        return self._safe.sentence("[", clock(self._at), "] ", mark, " ", *words.parts())
