"""The words for the events of a run, for the log, the summary and the HTML report."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, LiteralString, NamedTuple, assert_never

from mogplex_ci.errors import MogplexError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import LIVE_STATUSES, Event, EventKind, Repo, Run
from mogplex_ci.platforms.base import Platform
from mogplex_ci.problems import Problem
from mogplex_ci.program import DEFAULT_IMAGE, DOCKER, image_of
from mogplex_ci.run.result import Ending, Gate
from mogplex_ci.run.timeline import (
    AgentText,
    Entry,
    Note,
    Phase,
    PhaseEnded,
    PhaseStarted,
    ToolCall,
)
from mogplex_ci.sanitize import (
    BLOCK_LIMIT,
    INLINE_LIMIT,
    CleanText,
    Part,
    SafeText,
    Sanitizer,
    count,
    duration,
)
from mogplex_ci.untrusted import Untrusted

NAME_LIMIT: Final = 60
"""Maximum length of a tool's name in a narrow place."""
LONG_LINE: Final = 160
"""Characters from which on a message gets lines of its own."""
TITLE_LIMIT: Final = 100
"""Characters of a task's first line."""
_ITEMS_IN_LINE: Final = 3
"""Paths, checks or faults of a gate that one line names; the log and the files list all of them."""
_IMAGE_PREFIX: Final = "/app"
"""The virtual environment of the image (Dockerfile)."""
DEFAULT_BASE_URL: Final = "https://mogplex.com"
CANCEL: Final = "runs cancel {}"
"""Arguments of a command about a run."""

# No event says that a phase begins when the one before it ends.
_NEXT_PHASE: Final = dict(zip(Phase, [*list(Phase)[1:], Phase.DELIVERY], strict=True))
NOT_STARTED: Final = "not started yet"
"""A run whose sandbox boots, or that waits for a slot: the service does not say which."""
_DOES: Final[dict[str, LiteralString]] = {
    "pending": NOT_STARTED,
    "awaiting_input": "paused",
    Phase.SANDBOX: NOT_STARTED,
    Phase.GIT: "checking out the repository",
    Phase.INSTALL: "installing the agent",
    Phase.AGENT: "working",
    Phase.DELIVERY: "finishing",
}
"""By phase, or by status if no event names the phase; any other status means a live run."""


def mark(*, good: bool) -> LiteralString:
    """Return one character for something that passed, or did not."""
    return "✔" if good else "✘"


def cleaned(
    value: Untrusted | None, safe: Sanitizer, *, limit: int = BLOCK_LIMIT
) -> CleanText | None:
    """Return a text as it may be written; None when there is none."""
    return safe.clean(value, limit=limit) if value else None


def says_nothing(detail: str) -> bool:
    """Whether ``detail`` is the service's text for every run whose agent failed (Mogplex/mogplex,
    lib/harness/failure.ts).
    """
    return re.fullmatch(r"\s*Agent run exited with code -?\d+\.?\s*", detail) is not None


def reason(safe: Sanitizer, why: MogplexError | Ending) -> SafeText:
    """Return the reason of an error: our words, and others' words about it."""
    ours = safe.clause(why.cause)
    if not why.detail or says_nothing(why.detail.text):
        return ours
    return safe.sentence(ours, ": ", why.detail)


def problem(safe: Sanitizer, fault: Problem) -> SafeText:
    """Return an input's fault, and the advice."""
    template, (name, *values) = fault.line()
    return safe.line(template, safe.message(name), *values)


def command_line(arguments: LiteralString, run_id: str, base_url: str, safe: Sanitizer) -> SafeText:
    """Return a command of this program about a run, as a person can type it: the program as it was
    called, or from its image ``docker run``.
    """
    given = safe.line(arguments, run_id)
    server = _server_of(base_url, safe)
    if sys.prefix != _IMAGE_PREFIX:
        called = Path(sys.argv[0]).name
        program: LiteralString = "mogplex-ci "  # a package from PyPI has no other name for it
        if called == "mogplex":
            program = "mogplex "
        if server is None:
            return safe.sentence(program, given)
        return safe.sentence("MOGPLEX_URL=", server, " ", program, given)
    known = image_of(os.environ)
    image = safe.message(DEFAULT_IMAGE if known is None else known.name)
    if server is None:
        return safe.sentence(DOCKER, image, " ", given)
    network: LiteralString = ""
    if re.match("http://(127|localhost)", server):
        network = "--network host "  # a container has a loopback of its own
    return safe.sentence(DOCKER, network, "-e MOGPLEX_URL=", server, " ", image, " ", given)


def _server_of(base_url: str, safe: Sanitizer) -> SafeText | None:
    """Return the address that a command must name; None for the default, and for one that a shell
    would not take as it is.
    """
    if base_url.rstrip("/") == DEFAULT_BASE_URL:
        return None
    if re.fullmatch(r"http://[A-Za-z0-9.-]+(:[0-9]+)?/?", base_url):
        return safe.message(base_url)  # an emulator's, on this machine or in a job's network
    return safe.url(base_url)


def first_line(task: str) -> str:
    """Return the first line of a task that has text, without the marks of a heading; empty when
    there is none.
    """
    for line in task[:10_000].splitlines():
        title = line.strip().lstrip("#").strip()
        if title:
            return title
    return ""


def last_line(words: Untrusted | None) -> str:
    """Return the last line of the agent's words that says something; empty when there is none."""
    if words is None:
        return ""
    for line in reversed(words.text.splitlines()):
        if re.search(r"\w", line):
            return line.strip()
    return ""


def what_is_played(inputs: ActionInputs, platform: Platform, safe: Sanitizer) -> SafeText | None:
    """Return the recording that a dry run plays; None for a real run."""
    if not inputs.dry_run:
        return None
    if isinstance(inputs.played, Path):
        name = inputs.played.relative_to(platform.workspace.resolve()).as_posix()
        return safe.line("file {}", Untrusted(name))
    return safe.line('recording "{}"', inputs.played)


def hidden_repo(repo: Repo, safe: Sanitizer) -> SafeText:
    """Return the note on a run in a repository that Mogplex's dashboard does not show."""
    template: LiteralString = (
        "The repository {} was removed from Mogplex's dashboard; it can still be used"
    )
    return safe.line(template, repo.full_name)


def branch_words(run: Run) -> list[Part]:
    """Return the branch that a run works on. An event may name another one later."""
    base: Part = run.base_branch or "the default branch"
    if run.has_own_branch and run.creates_branch:
        return [run.working_branch, " (new, from ", base, ")"]
    if run.has_own_branch:
        return [run.working_branch, " (based on ", base, ")"]
    if run.creates_branch:
        return ["a new one from ", base]
    return [base]


def faults_line(gates: Sequence[Gate], safe: Sanitizer) -> SafeText:
    """Return the gates' rejections in one line, without addresses: ``A check failed: test``."""
    faults: list[SafeText] = []
    for gate in gates:
        if not gate.passed:
            faults.append(_found(gate, [item.text for item in gate.items], safe))
    if not faults:
        return safe.line("All gates passed")
    return safe.sentence(*join_present("; ", *faults))


def rejection(gate: Gate, safe: Sanitizer) -> SafeText:
    """Return a gate's rejection in one line, with addresses and advice."""
    found = _found(gate, [item.words for item in gate.items], safe)
    return safe.sentence(gate.name, ": ", found, *behind(". ", gate.remedy))


def _found(gate: Gate, items: Sequence[Part], safe: Sanitizer) -> SafeText:
    """Return a gate's finding, with the first items."""
    if not items:
        return gate.found
    return safe.sentence(gate.found, ": ", *first_of(items))


def join_present(separator: LiteralString, *parts: Part) -> list[Part]:
    """Return the parts that are there, with ``separator`` between them."""
    pieces: list[Part] = [piece for part in parts if part for piece in (separator, part)]
    return pieces[1:]


def first_of(items: Sequence[Part]) -> list[Part]:
    """Return the first of the items that something is about, in one line."""
    if len(items) <= _ITEMS_IN_LINE:
        return join_present(", ", *items)
    return join_present(", ", *items[:_ITEMS_IN_LINE], "…")


def behind(separator: LiteralString, part: Part) -> list[Part]:
    """Return ``part`` behind ``separator``; nothing when it is not there."""
    return [separator, part] if part else []


class Activity:
    """The run's current activity. Its events report it sooner than its status, which is polled once
    a minute.
    """

    def __init__(self) -> None:
        self._phase: Phase | None = None
        """The phase that began last, according to events."""
        self._calls: list[ToolCall] = []
        """Calls that have not ended."""

    def on(self, additions: Iterable[Entry]) -> None:
        """Take the new entries of the run's timeline."""
        for entry in additions:
            if isinstance(entry, PhaseStarted):
                self._phase = entry.phase
            elif isinstance(entry, PhaseEnded):
                self._phase = _NEXT_PHASE[entry.phase]
            elif isinstance(entry, ToolCall):
                self._calls.append(entry)
        self._calls = [call for call in self._calls if call.finish is None]

    def state(self, run: Run) -> LiteralString:
        """Return a word or two for the activity of ``run``."""
        if self._phase is not None and run.status in LIVE_STATUSES:
            return _DOES[self._phase]
        return _DOES.get(run.status, "running")

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
        parts: list[Part] = [self.label]
        if self.label and self.words:
            parts.append(": ")
        parts += self.words
        if self.extra:
            parts += [" (", *self.extra, ")"]
        return parts


def entry_text(entry: Entry, safe: Sanitizer, *, links: bool = True) -> EntryText:
    """Return the words for an entry of a timeline; without ``links``, no address of a pull
    request.
    """
    match entry:
        case PhaseStarted():
            return _phase_started(entry, safe, links=links)
        case PhaseEnded():
            return _phase_ended(entry)
        case ToolCall():
            return tool_call(entry, entry.start, entry.finish)
        case AgentText(text=words):
            return EntryText("agent", [words], message=words)
        case Note():
            return _note(entry.event, safe)
        case _:
            assert_never(entry)


def _phase_started(entry: PhaseStarted, safe: Sanitizer, *, links: bool) -> EntryText:
    event = entry.event
    if event is None:
        return EntryText(entry.phase.value, ["started"])
    url = None
    if links and event.git is not None:
        url = safe.url(event.git.pull_request_url)
    said = join_present(": ", event.message or "started", url)
    return EntryText(entry.phase.value, said, details=_details(event))


def _phase_ended(entry: PhaseEnded) -> EntryText:
    took = duration(entry.at - entry.started)
    if entry.phase is Phase.AGENT:
        ended: LiteralString = "stopped after " if entry.failed else "done after "
        calls = count(entry.calls, "tool call")
        return EntryText(entry.phase.value, [ended, took, ", ", calls], is_bad=entry.failed)
    message = entry.event.message if entry.event else None
    said: list[Part] = [message or "done"]
    if entry.phase is Phase.SANDBOX:
        said = join_present(": ", "ready", message)
    return EntryText(entry.phase.value, said, [took], details=_details(entry.event))


def _note(event: Event, safe: Sanitizer) -> EntryText:
    extra: list[Part] = []
    if event.end is not None:
        exit_code = None
        if event.end.exit_code is not None:
            exit_code = safe.sentence("exit code ", event.end.exit_code)
        extra = join_present(", ", exit_code, event.end.code)
    return EntryText(
        event.label,
        join_present("", event.message),
        extra,
        is_bad=event.kind is EventKind.FAILED,
        message=event.message,
        details=_details(event),
    )


def tool_call(call: ToolCall, start: Event | None, finish: Event | None) -> EntryText:
    """Return the words for both ends of a tool call, or for the one that is given."""
    events = [event for event in (start, finish) if event is not None]
    messages = [_message(call, event) for event in events]
    if finish is not None:
        messages.append(call.state.note)
    said = join_present(" → ", *messages)
    details = _details(*events)
    if finish is None:
        return EntryText(call.name, said, ["unfinished"], details=details)
    ended: list[Part] = []
    if call.state.failed:
        ended.append("denied" if call.state.denied else "failed")
    if call.state.exit_code:
        ended.append(Untrusted(f"exit code {call.state.exit_code}"))
    if call.seconds is not None:
        ended.append(duration(call.seconds))
    extra = join_present(", ", *ended)
    return EntryText(call.name, said, extra, is_bad=call.state.failed, details=details)


def _details(*events: Event | None) -> list[Untrusted]:
    return [event.details for event in events if event is not None and event.details is not None]


def long_lines(
    message: Untrusted | None, block: Callable[[Untrusted], list[SafeText]]
) -> list[SafeText]:
    """Return the lines that ``block`` makes of a message that does not fit into one; none for a
    short one.
    """
    if not message:
        return []
    lines = block(message)
    is_long = len(lines) > 1 or any(len(line) > LONG_LINE for line in lines)
    if not is_long:
        return []
    return lines


def beyond_title(
    message: Untrusted | None, block: Callable[[Untrusted], list[SafeText]]
) -> list[SafeText]:
    """Return the lines of a message that does not fit into its line of the log; none for a shorter
    one, whose line breaks are blanks there.
    """
    if not message:
        return []
    lines = block(message)
    in_title = sum(len(line) - 1 for line in lines)  # a blank in place of the two before each line
    if in_title <= INLINE_LIMIT:
        return []
    return lines


def _message(call: ToolCall, event: Event) -> Untrusted | None:
    """Return an event's message unless it only names the tool and its state, as the newest service
    does.
    """
    states = ("started", "finished", "failed", "denied")
    empty_messages = [f"{call.name.text} {state}" for state in states]
    if event.message is not None and event.message.text in empty_messages:
        return None
    return event.message
