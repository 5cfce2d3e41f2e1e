"""A run's events in the job log: phases outside the groups, tool calls and long texts inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_clock, format_duration
from mogplex_ci.report.details import readable
from mogplex_ci.report.sentences import count, listed, sentence
from mogplex_ci.report.story import Kind, Note, Phase, PhaseBegan, PhaseEnded, Story, ToolCall

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mogplex_ci.models import Event, Untrusted
    from mogplex_ci.platforms.interface import Platform
    from mogplex_ci.report.annotations import Annotations
    from mogplex_ci.report.sentences import Part
    from mogplex_ci.report.story import Entry
    from mogplex_ci.sanitize import SafeText, Sanitizer

_LONG: Final = 160
"""Characters of a message from which on it is told whole in a group; its line holds no more than 300."""
_OWN_TYPES: Final = ("cancel_requested", "cancelled", "failed", "finished", "log", "started", "status_changed")
"""Types of the service's own events."""
_TOLD: Final = frozenset(
    (
        *("ai_billing_source", "base_branch", "changed", "created_branch", "exit_code", "external_run_id"),
        *("failure_code", "from", "harness_id", "pull_request_url", "runtime_command_id", "stage", "to"),
        "working_branch",
    )
)
"""Fields of these that a line tells already, or that matter to the service only."""
_TOLD_OF_CALLS: Final = frozenset({"duration_ms"})


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
        return listed(": ", call.tool or "a tool", _message(call.start)) if call else []

    def group(self, title: SafeText, lines: Sequence[SafeText]) -> None:
        """Write ``title``, with ``lines`` folded below it if there are any."""
        if not lines:
            self._platform.line(title)
            return
        self._platform.open_group(title)
        try:
            for line in lines:
                self._platform.line(line)
        finally:
            self._platform.close_group()

    def _write_waiting(self, addition: str = "") -> None:
        call, self._waiting = self._waiting, None
        if call is not None:
            self._tool_call(call, call.start, None, addition)

    def _write(self, entry: Entry) -> None:
        match entry:
            case PhaseBegan():
                self._phase(entry.phase, entry.at, entry.event, *self._beginning_of(entry))
            case PhaseEnded():
                self._phase(entry.phase, entry.at, entry.event, *self._end_of(entry))
            case ToolCall():
                self._tool_call(entry, None, entry.finish)
            case Note():
                self._note(entry)

    def _phase(self, phase: Phase, at: float, event: Event | None, *parts: Part) -> None:
        self._platform.line(self._line(at, "●", f"{phase}: ", *parts))
        details = self._payload(event, _TOLD)
        if details:
            self.group(sentence(self._sanitizer, f"Details of {phase}"), details)

    def _beginning_of(self, entry: PhaseBegan) -> list[Part]:
        if entry.event is None:
            return ["at work"]
        message = entry.event.message or "started"
        if entry.phase is not Phase.DELIVERY:
            return [message]
        changed = entry.event.payload.at("changed")
        unchanged = ", nothing changed" if changed is not None and changed.as_bool() is False else None
        return [*listed(": ", message, self._sanitizer.url(entry.event.payload.at("pull_request_url"))), unchanged]

    def _end_of(self, entry: PhaseEnded) -> list[Part]:
        took, message = format_duration(entry.at - entry.began), _message(entry.event)
        if entry.phase is Phase.SANDBOX:
            return listed(": ", f"ready after {took}", message)
        if entry.phase is Phase.AGENT:
            return [f"done after {took}, {count(self._calls, 'tool call')}"]
        return [message or "done", f" ({took})"]

    def _tool_call(self, call: ToolCall, start: Event | None, finish: Event | None, addition: str = "") -> None:
        """Write both ends of a call in one line, or the one that is given."""
        self._calls += start is not None or call.start is None
        if finish is not None and call.seconds is not None:
            addition = f" ({format_duration(call.seconds)})"
        said = listed(" → ", _message(start), _message(finish))
        title = self._line(
            call.at if start or call.until is None else call.until,
            "✘" if finish and call.failed else " ",
            *(call.tool or "tool", ": " if said else None, *said, addition),
        )
        self.group(title, self._payload(start, _TOLD_OF_CALLS) + self._payload(finish, _TOLD_OF_CALLS))

    def _note(self, note: Note) -> None:
        event, told = note.event, _TOLD if note.event.type.one_of(*_OWN_TYPES) else ()
        if self.is_own_repository and event.message:
            self._annotations.place(event.payload, sentence(self._sanitizer, "Agent: ", event.message))
        ending = _ending(event)
        title = self._line(
            note.at,
            "✘" if note.kind is Kind.FAILED else " ",
            *listed(": ", _label(note), event.message),
            *((" (", *ending, ")") if ending else ()),
        )
        self.group(title, self._whole(event.message) + self._payload(event, told))

    def _line(self, at: float, mark: str, *parts: Part) -> SafeText:
        return sentence(self._sanitizer, f"[{format_clock(at)}] {mark} ", *parts)

    def _whole(self, message: Untrusted | None) -> list[SafeText]:
        """Return the lines of a message that is too long for one."""
        lines = self._sanitizer.block(message) if message else []
        return lines if len(lines) > 1 or any(len(line) > _LONG for line in lines) else []

    def _payload(self, event: Event | None, told: Collection[str]) -> list[SafeText]:
        text = readable(event.payload, self._sanitizer, without=told) if event else ""
        return self._sanitizer.block(text) if text else []


def _message(event: Event | None) -> Untrusted | None:
    return event.message if event else None


def _label(note: Note) -> Part:
    """Return what stands before a note's message; nothing where the message says it all."""
    event = note.event
    if note.kind is Kind.MESSAGE:
        return "agent says"
    if event.message and event.type.one_of("log", "started", "status_changed"):
        return None
    return event.payload.at("stage") or event.type


def _ending(event: Event) -> list[Part]:
    """Return how the agent's process ended, where ``event`` tells."""
    code = event.payload.at("exit_code")
    number = code.as_int() if code is not None else None
    return listed(", ", None if number is None else f"exit code {number}", event.payload.at("failure_code"))
