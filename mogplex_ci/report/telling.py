"""The words for an entry of a run's story, the same in the log and in the HTML report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_duration
from mogplex_ci.report.details import readable
from mogplex_ci.report.sentences import count, listed
from mogplex_ci.report.story import Kind, Note, Phase, PhaseBegan, PhaseEnded, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mogplex_ci.models import Event, Untrusted
    from mogplex_ci.report.sentences import Part
    from mogplex_ci.report.story import ToolCall
    from mogplex_ci.sanitize import SafeText, Sanitizer

_OWN_TYPES: Final = ("cancel_requested", "cancelled", "failed", "finished", "log", "started", "status_changed")
"""Types of the service's own events."""
_TOLD: Final = frozenset(
    (
        *("ai_billing_source", "base_branch", "changed", "created_branch", "exit_code", "external_run_id"),
        *("failure_code", "from", "harness_id", "pull_request_url", "runtime_command_id", "stage", "to"),
        "working_branch",
    )
)
"""Fields of these that the words tell already, or that matter to the service only."""
_TOLD_OF_CALLS: Final = frozenset({"duration_ms"})
_LONG: Final = 160
"""Characters from which on a message is more than a line."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What an entry says."""

    label: Part
    """A phase, a tool, or the kind of event; None where the words say it all."""
    words: Sequence[Part]
    aside: Sequence[Part] = field(default=())
    """How long it took, or how it ended; to be put in parentheses."""

    def parts(self) -> list[Part]:
        """Return all as one sentence."""
        said: list[Part] = [*((self.label, ": ") if self.label and self.words else (self.label,)), *self.words]
        return [*said, *((" (", *self.aside, ")") if self.aside else ())]


def tell_phase(entry: PhaseBegan | PhaseEnded, sanitizer: Sanitizer, *, calls: int) -> Telling:
    """Tell of a phase; ``calls`` is the number of tool calls so far."""
    phase, message = entry.phase.value, entry.event.message if entry.event else None
    if isinstance(entry, PhaseBegan):
        if entry.event is None:
            return Telling(phase, ["at work"])
        changed = entry.event.payload.at("changed")
        unchanged = changed is not None and changed.as_bool() is False
        url = sanitizer.url(entry.event.payload.at("pull_request_url"))
        return Telling(phase, [*listed(": ", message or "started", url), ", nothing changed" if unchanged else None])
    took = format_duration(entry.at - entry.began)
    if entry.phase is Phase.SANDBOX:
        return Telling(phase, listed(": ", f"ready after {took}", message))
    if entry.phase is Phase.AGENT:
        return Telling(phase, [f"done after {took}, {count(calls, 'tool call')}"])
    return Telling(phase, [message or "done"], [took])


def tell_call(call: ToolCall, start: Event | None, finish: Event | None) -> Telling:
    """Tell of both ends of a tool call, or of the one that is given."""
    seconds = call.seconds if finish else None
    said = listed(" → ", start.message if start else None, finish.message if finish else None)
    return Telling(call.tool, said, [] if seconds is None else [format_duration(seconds)])


def tell_note(note: Note) -> Telling:
    """Tell of anything else."""
    event = note.event
    code = event.payload.at("exit_code")
    number = code.as_int() if code is not None else None
    ending = listed(", ", None if number is None else f"exit code {number}", event.payload.at("failure_code"))
    return Telling(_label(note), listed("", event.message), ending)


def details_of(event: Event | None, sanitizer: Sanitizer) -> str:
    """Return what ``event`` holds beyond its message, as clean lines; empty when nothing."""
    if event is None:
        return ""
    if kind_of(event) in (Kind.TOOL_START, Kind.TOOL_FINISH):
        return readable(event.payload, sanitizer, without=_TOLD_OF_CALLS)
    return readable(event.payload, sanitizer, without=_TOLD if event.type.one_of(*_OWN_TYPES) else ())


def whole(message: Untrusted | None, sanitizer: Sanitizer) -> list[SafeText]:
    """Return the lines of a message that is too long for one line; nothing for a short one."""
    lines = sanitizer.block(message) if message else []
    return lines if len(lines) > 1 or any(len(line) > _LONG for line in lines) else []


def _label(note: Note) -> Part:
    event = note.event
    if note.kind is Kind.MESSAGE:
        return "agent says"
    if event.message and event.type.one_of("log", "started", "status_changed"):
        return None
    return event.payload.at("stage") or event.type
