"""The lines of a log for a run's events."""

from collections.abc import Iterable
from typing import LiteralString, assert_never

from mogplex_ci.models import Event
from mogplex_ci.report import text
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run.timeline import (
    AgentText,
    Entry,
    Note,
    PhaseEnded,
    PhaseStarted,
    ToolCall,
)
from mogplex_ci.sanitize import SafeText, clock
from mogplex_ci.untrusted import Untrusted


class EventLog:
    """Writes the lines for a run's events."""

    def __init__(self, lines: LogLines, *, has_links: bool) -> None:
        """``has_links``: a pull request that an event names does exist."""
        self._lines = lines
        self._safe = lines.safe
        self._has_links = has_links
        self._finishes: dict[ToolCall, Event | None] = {}
        """The end of each call as it is in the log; None before it. The service may correct it
        later.
        """
        self._at = 0.0
        """Time of the last line, in seconds since the run's first event."""

    def begin_another_run(self) -> None:
        """Forget the previous run's calls; its times start from zero."""
        self._finishes.clear()
        self._at = 0.0

    def add(self, additions: Iterable[Entry]) -> None:
        """Write new entries of the timeline. One that cannot be shown must not hide others."""
        for addition in additions:
            try:
                self._write(addition)
            except Exception:
                words = "An event cannot be shown here; the events file would have it"
                self._lines.details(self._safe.line(words))

    def write_open_calls(self) -> None:
        """Write the calls whose ends are not expected any more."""
        unfinished = [call for call, finish in self._finishes.items() if finish is None]
        for call in unfinished:
            words = text.tool_call(call, call.start, None)
            self._lines.details(self._timed(call.at, words), self._lines.below(words))
        self._finishes.clear()

    def _write(self, addition: Entry) -> None:
        match addition:
            case ToolCall():
                self._tool_call(addition)
            case AgentText():
                self._agent_text(addition)
            case PhaseStarted() | PhaseEnded():
                self._phase(addition)
            case Note():
                self._note(addition)
            case _:
                assert_never(addition)

    def _phase(self, entry: PhaseStarted | PhaseEnded) -> None:
        if isinstance(entry, PhaseEnded):
            self.write_open_calls()
        words = text.entry_text(entry, self._safe, links=self._has_links)
        self._lines.line(self._timed(entry.at, words, mark="●"))
        details = self._lines.below(words)
        if details:
            title = self._safe.sentence("Details of ", entry.phase.value)
            self._lines.details(title, details)

    def _note(self, entry: Note) -> None:
        words = text.entry_text(entry, self._safe)
        self._lines.details(self._timed(entry.at, words), self._lines.below(words))

    def _tool_call(self, call: ToolCall) -> None:
        """Write the line of a call that has ended."""
        is_start = call.start is not None and call not in self._finishes
        if is_start:
            self._finishes[call] = None
            return
        written = self._finishes.get(call)
        if call.finish is None or written is call.finish:
            return
        start = call.start if written is None else None
        self._finishes[call] = call.finish
        words = text.tool_call(call, start, call.finish)
        at = call.at if call.ended is None else call.ended
        self._lines.details(self._timed(at, words), self._lines.below(words))

    def _agent_text(self, message: AgentText) -> None:
        """Write the agent's words: short ones behind their time, longer ones below it."""
        said = Untrusted(message.text.text.rstrip())
        lines = self._lines.block(said)
        is_short = len(lines) == 1 and len(lines[0]) <= text.LONG_LINE
        if is_short or not self._lines.has_room_for(lines):
            self._lines.details(self._timed(message.at, text.EntryText("agent", [said])))
            return
        for line in (self._timed(message.at, text.EntryText("agent:", [])), *lines):
            self._lines.line(line)

    def _timed(self, at: float, words: text.EntryText, *, mark: LiteralString = " ") -> SafeText:
        """Return the line for an entry of the timeline."""
        self._at = max(self._at, at)
        if words.is_bad:
            mark = "✘"
        return self._safe.sentence("[", clock(self._at), "] ", mark, " ", *words.parts())
