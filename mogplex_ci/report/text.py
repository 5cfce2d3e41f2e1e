"""The words for what happens in a run, for the log, the summary and the
HTML report.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, LiteralString, NamedTuple

from mogplex_ci.errors import MogplexError, Problem
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import FEED_LIMIT, LIVE_STATUSES, Event, EventKind, Repo, Run
from mogplex_ci.run.many import FleetCounts
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.timeline import (
    Addition,
    AgentText,
    Entry,
    Note,
    Phase,
    PhaseEnded,
    PhaseStarted,
    ToolCall,
    ToolUse,
)
from mogplex_ci.run.updates import EventsMissing
from mogplex_ci.sanitize import Part, SafeText, Sanitizer, count, duration
from mogplex_ci.untrusted import Untrusted

NAME_LIMIT: Final = 60
"""Characters of a tool's name where there is little room."""
LONG_LINE: Final = 160
"""Characters from which on a message gets lines of its own."""
TITLE_LIMIT: Final = 100
"""Characters of a task's first line."""
_ITEMS_IN_LINE: Final = 3
"""Paths, checks or faults of a gate that one line names; the log and the files list all of them."""
_DOCKER: Final = "docker run --rm -it -e MOGPLEX_API_KEY "
IMAGE: Final = "ghcr.io/mogplex/run-action:1"
DEFAULT_BASE_URL: Final = "https://mogplex.com"
FOLLOW: Final = "runs events {} --follow"
CANCEL: Final = "runs cancel {}"
"""Arguments of commands about a run."""

_NEXT_PHASE: Final = dict(zip(Phase, [*list(Phase)[1:], Phase.DELIVERY], strict=True))
NOT_STARTED: Final = "not started yet"
"""Of a run whose sandbox boots, or that waits for a slot: the service does not tell which."""
_DOES: Final[dict[str, LiteralString]] = {
    "pending": NOT_STARTED,
    "awaiting_input": "paused",
    Phase.SANDBOX: NOT_STARTED,
    Phase.GIT: "checking out the repository",
    Phase.INSTALL: "installing the agent",
    Phase.AGENT: "working",
    Phase.DELIVERY: "finishing",
}
"""By phase, or by status where no event tells the phase; every other status is that of a run that
goes on.
"""


def count_of_runs(counts: FleetCounts, seconds_to_start: float, safe: Sanitizer) -> SafeText:
    """Return ``Runs: 3 done, 5 running, 4 queued; next start in 12s``.

    ``seconds_to_start`` is the time until the token may start another; 0 if none waits for that.
    """
    wait = behind("; next start in ", duration(seconds_to_start) if seconds_to_start else None)
    return safe.sentence(safe.line("Runs: {} done, {} running, {} queued", *counts), *wait)


def bounds(inputs: ActionInputs) -> list[Part]:
    """Return what bounds the runs of a fleet, to stand behind their number."""
    parts: list[Part] = [", at most ", inputs.max_parallel, " at once"]
    if inputs.canary is not None:
        parts += ["; canaries that must succeed before others start: ", inputs.canary]
    if inputs.max_failures is not None:
        parts += ["; nothing more starts when more than ", inputs.max_failures, " have failed"]
    return parts


def capitalized(text: str) -> str:
    """Return ``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def reason(safe: Sanitizer, why: MogplexError | RunResult) -> SafeText:
    """Return why something went wrong: our words, and what others wrote about it."""
    ours = safe.message(capitalized(why.cause))
    return safe.sentence(ours, ": ", why.detail) if why.detail else ours


def missing_events(missing: EventsMissing) -> str:
    """Return which events cannot be shown, in our words."""
    if missing.out_of_time:
        return "the timeout left no time to show the last events"
    which = (
        f"the first {FEED_LIMIT} events only: later ones"
        if missing.later_ones
        else "some events no longer: they"
    )
    return (
        f"the service lists {which} are missing here. The run is followed to its end by its status"
    )


def problem(safe: Sanitizer, fault: Problem) -> SafeText:
    """Return what is wrong with an input, and what to do about it."""
    template, (name, *values) = fault.line()
    return safe.line(template, safe.message(name), *values)


def command_line(arguments: LiteralString, run_id: str, base_url: str, safe: Sanitizer) -> SafeText:
    """Return a command of this program about a run.

    The machine on which the log is read has the program if this is its terminal; else it needs
    nothing but Docker.
    """
    server = safe.url(base_url) if base_url.rstrip("/") != DEFAULT_BASE_URL else None
    address: tuple[Part, ...] = ("MOGPLEX_URL=", server, " ") if server else ()
    given = safe.line(arguments, run_id)
    if sys.stdout.isatty() and Path(sys.argv[0]).name in ("mogplex", "mogplex-ci"):
        return safe.sentence(*address, "mogplex ", given)
    return safe.sentence(_DOCKER, "-e " if server else "", *address, IMAGE, " ", given)


def first_line(task: str) -> str:
    """Return the first line of a task that has text, without the marks of a heading; empty when
    there is none.
    """
    return next(
        filter(None, (line.strip().lstrip("#").strip() for line in task[:10_000].splitlines())), ""
    )


def last_line(words: Untrusted | None) -> str:
    """Return the last line of the agent's words that says something; empty when there is none."""
    lines = words.text.splitlines() if words else []
    return next((line.strip() for line in reversed(lines) if re.search(r"\w", line)), "")


def hidden_repo(repo: Repo, safe: Sanitizer) -> SafeText:
    """Return the note on a run in a repository that Mogplex's dashboard does not show."""
    template: LiteralString = (
        "The repository {} was removed from Mogplex's dashboard; runs start on it all the same"
    )
    return safe.line(template, repo.full_name)


def branch_words(run: Run) -> list[Part]:
    """Return on which branch a run works. An event may name another one later."""
    base: Part = run.base_branch or "the default branch"
    if run.working_branch is None or run.working_branch == run.base_branch:
        return ["a new one from ", base] if run.creates_branch else [base]
    return [run.working_branch, " (new, from " if run.creates_branch else " (based on ", base, ")"]


def join_present(separator: LiteralString, *parts: Part) -> list[Part]:
    """Return the parts that are there, with ``separator`` between them."""
    pieces: list[Part] = [piece for part in parts if part for piece in (separator, part)]
    return pieces[1:]


def first_of(items: Sequence[Part]) -> list[Part]:
    """Return the first of the items that something is about, in one line."""
    return join_present(", ", *items[:_ITEMS_IN_LINE], "…" if len(items) > _ITEMS_IN_LINE else None)


def behind(separator: LiteralString, part: Part) -> list[Part]:
    """Return ``part`` behind ``separator``; nothing when it is not there."""
    return [separator, part] if part else []


class Activity:
    """The run's current activity. Its events tell that sooner than its status, which is asked for
    once a minute.
    """

    def __init__(self) -> None:
        self._phase: Phase | None = None
        """The phase that began last, as far as events tell."""
        self._calls: list[ToolCall] = []
        """Calls that have not ended."""

    def on(self, additions: Iterable[Addition]) -> None:
        """Take what events have added to the run's timeline."""
        for entry in additions:
            if isinstance(entry, PhaseStarted):
                self._phase = entry.phase
            elif isinstance(entry, PhaseEnded):
                self._phase = _NEXT_PHASE[entry.phase]
            elif isinstance(entry, ToolCall):
                self._calls.append(entry)
        self._calls = [call for call in self._calls if call.finish is None]

    def state(self, run: Run) -> LiteralString:
        """Return one word or two for what ``run`` does."""
        known: str | None = self._phase if run.status in LIVE_STATUSES else None
        return _DOES.get(known or run.status, "running")

    @property
    def call(self) -> list[Part]:
        """The tool call that the agent waits for, as words; empty when there is none."""
        if not self._calls:
            return []
        call = self._calls[-1]
        return EntryText(call.name, tool_call(call, call.start, None).words).parts()


class EntryText(NamedTuple):
    """The words for one entry of a timeline."""

    label: Part
    """A phase, a tool, or the kind of event; None when the words say it all."""
    words: Sequence[Part]
    extra: Sequence[Part] = ()
    """How long it took and how it ended; shown in parentheses."""
    is_bad: bool = False
    message: Untrusted | None = None
    """Text that is too long for a line, or may be."""
    details: Sequence[Untrusted] = ()
    """The other content of the events, beyond their messages."""

    def parts(self) -> list[Part]:
        """Return all as one sentence."""
        label: list[Part] = [self.label, ": "] if self.label and self.words else [self.label]
        return [*label, *self.words, *((" (", *self.extra, ")") if self.extra else ())]


def entry_text(entry: Entry, safe: Sanitizer, *, links: bool = True) -> EntryText:
    """Return the words for an entry of a timeline; without ``links``, no address of a pull
    request.
    """
    match entry:
        case PhaseStarted(phase, _, event):
            url = safe.url(event.git.pull_request_url) if event and event.git and links else None
            said = join_present(": ", (event.message if event else None) or "started", url)
            return EntryText(phase.value, said, details=_details(event))
        case PhaseEnded():
            return _phase_ended(entry)
        case ToolCall():
            return tool_call(entry, entry.start, entry.finish, unfinished=True)
        case AgentText(text=words):
            return EntryText("agent", [words], message=words)
        case Note(_, event):
            end = event.end
            code = (
                safe.sentence("exit code ", end.exit_code)
                if end and end.exit_code is not None
                else None
            )
            extra = join_present(", ", code, end.code if end else None)
            is_bad = event.kind is EventKind.FAILED
            return EntryText(
                event.label,
                join_present("", event.message),
                extra,
                is_bad,
                event.message,
                _details(event),
            )


def _phase_ended(entry: PhaseEnded) -> EntryText:
    phase, message = entry.phase.value, entry.event.message if entry.event else None
    took = duration(entry.at - entry.started)
    if entry.phase is Phase.AGENT:
        ended: LiteralString = "stopped after " if entry.failed else "done after "
        return EntryText(
            phase, [ended, took, ", ", count(entry.calls, "tool call")], is_bad=entry.failed
        )
    said: Sequence[Part] = (
        join_present(": ", "ready", message)
        if entry.phase is Phase.SANDBOX
        else [message or "done"]
    )
    return EntryText(phase, said, [took], details=_details(entry.event))


def tool_call(
    call: ToolCall, start: Event | None, finish: Event | None, *, unfinished: bool = False
) -> EntryText:
    """Return the words for both ends of a tool call, or for the one that is given.

    ``unfinished``: its end is not expected any more.
    """
    messages = [_message(call, event) for event in (start, finish) if event]
    if finish is not None:
        messages.append(call.note)
    said = join_present(" → ", *messages)
    details = _details(start, finish)
    if finish is None:
        return EntryText(
            call.name, said, ["unfinished" if unfinished else "started"], details=details
        )
    extra = join_present(", ", _state(call), _exit_code(call), _took(call))
    return EntryText(call.name, said, extra, is_bad=call.failed, details=details)


def _state(call: ToolCall) -> Part:
    if call.denied:
        return "denied"
    return "failed" if call.failed else None


def _exit_code(call: ToolCall) -> Part:
    return Untrusted(f"exit code {call.exit_code}") if call.exit_code else None


def _took(call: ToolCall) -> Part:
    return None if call.seconds is None else duration(call.seconds)


def tool_calls(use: ToolUse) -> EntryText:
    """Return the words for calls of one tool in a row, if there is nothing to say about each of
    them.
    """
    if len(use.calls) == 1:
        return tool_call(use.calls[0], None, use.calls[0].finish)
    failed: tuple[Part, ...] = (", ", use.failed, " failed") if use.failed else ()
    return EntryText(None, [use.name, " ×", len(use.calls), *failed, ", ", duration(use.seconds)])


def title_of(call: ToolCall) -> Untrusted:
    """Return what names a call best: a message of its own, else its tool."""
    events = [event for event in (call.start, call.finish) if event]
    return next(filter(None, (_message(call, event) for event in events)), call.name)


def _details(*events: Event | None) -> list[Untrusted]:
    return [event.details for event in events if event is not None and event.details is not None]


def long_lines(
    message: Untrusted | None, block: Callable[[Untrusted], list[SafeText]]
) -> list[SafeText]:
    """Return the lines that ``block`` makes of a message that does not fit into one; none for a
    short one.
    """
    lines = block(message) if message else []
    return lines if len(lines) > 1 or any(len(line) > LONG_LINE for line in lines) else []


def _message(call: ToolCall, event: Event) -> Untrusted | None:
    """Return an event's message unless it only names the tool and its state, as the newest service
    does.
    """
    states = ("started", "finished", "failed", "denied")
    says_nothing = event.message and event.message.text in [
        f"{call.name.text} {state}" for state in states
    ]
    return None if says_nothing else event.message
