"""The job log of one run: lines, details folded into groups, and annotations for what needs
attention.

There are no more of them than CI systems show.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from math import inf
from typing import Final, LiteralString, assert_never

from mogplex_ci.api.retry import Waiting
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Event
from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.report import text
from mogplex_ci.report.facts import ARTIFACT_LIMIT, Facts, GateFacts, faults_line, gate_facts
from mogplex_ci.run import updates as u
from mogplex_ci.run.agent_text import Checkpoint
from mogplex_ci.run.result import Result
from mogplex_ci.run.timeline import (
    Addition,
    Note,
    PhaseEnded,
    PhaseStarted,
    TextPiece,
    ToolCall,
    ToolUse,
)
from mogplex_ci.sanitize import (
    BLOCK_LIMIT,
    CleanText,
    Part,
    SafeText,
    Sanitizer,
    clock,
    count,
    duration,
)
from mogplex_ci.untrusted import Untrusted

DETAILS_LIMIT: Final = 2_000_000
"""Bytes of details and of the agent's words. GitLab cuts a log at 4 MiB: the result must come
before that.
"""
ANNOTATIONS_LIMIT: Final = 10
"""Annotations of one level; GitHub drops what comes after."""
LOCATIONS_LIMIT: Final = 5
"""Annotations from which on the agent's findings in files get none: the others say how the step
went.
"""
LONGEST_HOLD: Final = 2.0
"""Seconds that a tool call waits for its line while other events come: for its end, or for more
calls of its tool.
"""
_LEVELS: Final[dict[str, Collection[Level]]] = {
    "all": tuple(Level),
    "errors": (Level.ERROR,),
    "none": (),
}
"""By value of the input ``annotations``: what it lets through."""


class LogLines:
    """Writes to the job log of a platform."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, room: int = DETAILS_LIMIT) -> None:
        """``room`` is the bytes of details and of the agent's words; what goes beyond is left
        out.
        """
        self.platform = platform
        self.safe = sanitizer
        self.agent_speaks = False
        """Whether the last line is the agent's."""
        self.wanted = "all"
        """The input ``annotations``: those that are not wanted are lines."""
        self._annotated: Counter[Level] = Counter()
        self._room = room
        self._says_full = False

    def say(self, *parts: Part) -> None:
        """Write one line."""
        self.line(self.safe.sentence(*parts))

    def warn(self, title: LiteralString, message: SafeText) -> None:
        """Annotate with a warning."""
        self.annotate(Level.WARNING, title, message)

    def annotate(
        self, level: Level, title: LiteralString, message: SafeText, place: Place | None = None
    ) -> None:
        """Annotate the step, or a ``place``. Too much, or not wanted, it is a line of the log
        unless it has a place.
        """
        self.agent_speaks = False
        limit = ANNOTATIONS_LIMIT if place is None else LOCATIONS_LIMIT
        if level in _LEVELS[self.wanted] and self._annotated[level] < limit:
            self._annotated[level] += 1
            self.platform.annotate(level, self.safe.line(title), message, place)
        elif place is None:
            self.say(level.value.capitalize(), ": ", title, ": ", message)

    def below(self, words: text.EntryText) -> list[SafeText]:
        """Return the lines for what an entry's own line leaves out; none once the log has no room
        for them.
        """
        lines = text.long_lines(words.message, self.block)
        for details in words.details:
            lines += self.block(self.safe.details(details)) if self._room > 0 else []
        return lines

    def block(self, value: Untrusted | CleanText) -> list[SafeText]:
        """Return the lines of ``value``; none once the log has no room for it.

        A long line is cut, but reading it for secrets takes time: it takes the room of all that is
        read.
        """
        if self._room <= 0:
            return []
        lines = self.safe.block(value)
        read = len(value.text) if isinstance(value, Untrusted) else len(value)
        self._room -= max(min(read, BLOCK_LIMIT) - sum(map(len, lines)), 0)
        return lines

    def group(self, title: SafeText, lines: Sequence[SafeText]) -> None:
        """Write ``title``, with ``lines`` folded below it if there are any and the log has room for
        them.
        """
        if lines and self.has_room_for(lines):
            self.fold(title, lines)
        else:
            self.line(title)

    def fold(self, title: SafeText, lines: Iterable[SafeText]) -> None:
        """Write ``lines`` folded under ``title``."""
        self.agent_speaks = False
        self.platform.fold(title, lines)

    def line(self, text: SafeText) -> None:
        """Write a finished line."""
        self.agent_speaks = False
        self.platform.line(text)

    def has_room_for(self, lines: Sequence[SafeText]) -> bool:
        """Whether the log is short enough for more details; says so when it no longer is."""
        self._room -= sum(len(line.encode()) for line in lines)
        if self._room <= 0 and not self._says_full:
            self._says_full = True
            self.say(
                "The log is long and goes on without details; the events file and the report can hold them"
            )
        return self._room > 0


class RunLog(LogLines):
    """The log of one run.

    Times in brackets count from the run's first event and never go backwards: a tool call gets its
    line when it ends, or after two seconds. Calls of one tool about which there is nothing to say
    share a line if they end within that time. Times in sentences count from the
    start of the step.
    """

    def __init__(self, platform: Platform, sanitizer: Sanitizer, room: int = DETAILS_LIMIT) -> None:
        super().__init__(platform, sanitizer, room)
        self._inputs: ActionInputs | None = None
        self._server: str | None = None
        """The address of the service; None in a dry run, whose run no service knows."""
        self._is_own_repository = False
        """Whether the run works on this job's repository, so that its files can be annotated."""
        self._held: dict[ToolCall, float] = {}
        """Calls whose start waits for their end, and since when, in seconds since the step
        began.
        """
        self._now = 0.0
        """When the newest events came, in seconds since the step began."""
        self._finishes: dict[ToolCall, Event | None] = {}
        """The end of each call as it is in the log; None before it. The service may correct it
        later.
        """
        self._at = 0.0
        """Time of the last line, in seconds since the run's first event."""
        self._asks: Checkpoint | None = None
        """The question of the pause that the run is in, once it is in the log."""
        self._activity = text.Activity()
        self._batch: list[ToolCall] = []
        """Ended calls of one tool, one after another, that have no line yet: their lines would be
        all alike.
        """
        self._batch_began = 0.0
        """When the first of them was added, in seconds since the step began."""

    def start(self, inputs: ActionInputs) -> None:
        """Use ``inputs`` from here on."""
        self._inputs, self._server = inputs, None if inputs.dry_run else inputs.base_url
        self.wanted = inputs.annotations

    def settle(self, update: u.Update) -> None:
        """Write the lines that have waited, if they must stand before those about ``update``."""
        if not isinstance(update, u.EventsArrived | u.Quiet):
            self._write_batch()
        if isinstance(update, u.Retrying | u.NextRound | u.EventsMissing | u.Cancelling):
            self._show_open_calls(ended=True)

    def on(self, update: u.Update) -> None:
        """Write what happened."""
        self.settle(update)
        match update:
            case Waiting(error, seconds):
                self.say("Trying again in ", duration(seconds), ": ", text.reason(self.safe, error))
            case u.Starting():
                self._starting(update)
            case u.NextKey():
                self._next_key(update)
            case u.Started():
                self._started(update)
            case u.Retrying() | u.NextRound():
                self._another_run(update)
            case u.StatusChanged(run, asks):
                self._asks = asks if run.is_paused else None
                if run.is_paused:
                    self._paused(asks)
            case u.UnknownStatus(run):
                message = self.safe.line(
                    "This version does not know the status {} and follows the run on", run.status
                )
                self.warn("Unknown status", message)
            case u.Polling(why):
                self.say("Reading events by polling: ", Untrusted(why))
            case u.EventsArrived():
                self._now = update.elapsed
                held_too_long = self._now - LONGEST_HOLD
                if self._batch_began <= held_too_long:
                    self._write_batch()
                self._activity.on(update.additions)
                self._add(update.additions)
                self._show_open_calls(held_since=held_too_long)
            case u.Quiet(additions):
                self._add(additions)
                self._write_batch()
                self._show_open_calls()
            case u.EventsMissing():
                self.warn(
                    "Events missing",
                    self.safe.message(text.capitalized(text.missing_events(update))),
                )
            case u.Trouble():
                self._trouble(update)
            case u.Recovered(after):
                self.say("The API answers again after ", duration(after))
            case u.Heartbeat():
                self._heartbeat(update)
            case u.ChecksAwaited(commit, complete, total, names):
                done = self.safe.line(
                    "Checks of {}: {} of {} complete", commit[:7], complete, total
                )
                waits_for = text.first_of(names)
                self.say(done, ", waiting for " if waits_for else None, *waits_for)
            case u.GateJudged(gate):
                self._gate(gate_facts(gate, self.safe))
            case u.Cancelling(run):
                self.say("Cancelling the run" if run else "Asking for the run's id to cancel it")
            case u.CancelAnswered(status, already_terminal):
                self.say(
                    "The run had already ended: " if already_terminal else "Run ", Untrusted(status)
                )
            case u.CancelFailed():
                self._cancel_failed(update)
            case u.Ended():
                self._add(update.additions)
                self._show_open_calls(ended=True)
            case _:
                assert_never(update)

    def end(self, facts: Facts) -> None:
        """Write how the step ended, annotate a failure once or each wrong input, and say what to do
        next.
        """
        self._show_open_calls(ended=True)
        self._write_batch()
        for gate in facts.gates:
            if not gate.passed:
                fault = self.safe.sentence(
                    gate.name, ": ", gate.with_items(self.safe), ". Expected: ", gate.expected
                )
                self.annotate(Level.ERROR, "Mogplex", self.safe.sentence(fault, ". ", gate.remedy))
        if facts.rounds and facts.rounds[-1].ended:
            self.say("No further round: ", facts.rounds[-1].ended)
        figures = (
            [count(facts.events, "event"), count(facts.requests, "request")] if facts.run_id else []
        )
        took = self.safe.sentence(
            facts.mark, " ", facts.headline, " after ", duration(facts.duration)
        )
        self.say(*text.join_present(", ", took, *figures))
        self._delivery(facts)
        for problem in facts.problems:
            self.annotate(Level.ERROR, "Mogplex", problem)
        is_rejected = facts.result is Result.REJECTED  # each gate that failed has told what and why
        if facts.annotation and not facts.problems and not is_rejected:
            self.annotate(Level.ERROR, "Mogplex", facts.annotation)
        if (
            facts.detail
            and not is_rejected
            and (lines := text.long_lines(Untrusted(facts.detail), self.safe.block))
        ):
            self.group(self.safe.line("The full message"), lines)
        if facts.preview_url and not self._asks:  # else it was shown with the question
            self.say("Preview: ", facts.preview_url)
        if facts.remedy and facts.result is Result.SKIPPED:
            self.annotate(Level.NOTICE, "Skipped", facts.remedy)
        if len(facts.artifact or "") > ARTIFACT_LIMIT:
            words = "The artifact is longer than {} characters: the output is empty, and only output-dir gets it"
            self.warn("Artifact", self.safe.line(words, ARTIFACT_LIMIT))
        for step in facts.next_steps:
            self.say("To ", step.purpose, ": ", step.command)

    def _starting(self, starting: u.Starting) -> None:
        repo = starting.repo.full_name if starting.repo else Untrusted(starting.repo_id)
        own = self.platform.repository()
        self._is_own_repository = own is not None and repo.one_of(own) is not None
        if self._inputs and (title := text.first_line(self._inputs.prompt)):
            self.say("Task: ", Untrusted(title))
        if starting.repo and starting.repo.hidden:
            self.line(text.hidden_repo(starting.repo, self.safe))
        self.say("Starting a run on ", repo, ", idempotency key ", Untrusted(starting.key))

    def _next_key(self, update: u.NextKey) -> None:
        run, line = update.run, self.safe.line
        if run is None:
            found = line("The key belongs to an earlier, different request")
        elif update.never_queued:
            found = line("Run {} was never queued", run.id)
        else:
            found = line("Run {} of an earlier attempt has ended ({})", run.id, run.status)
        self.say(found, "; next idempotency key: ", Untrusted(update.key))

    def _started(self, started: u.Started) -> None:
        run, is_joined = (
            started.run,
            (started.unexpected or started.joined) and not started.followed,
        )
        words: LiteralString = "Started run {} ({})"
        if started.followed:
            words = "Following run {} ({}), which was started elsewhere"
        elif started.unexpected:
            words = "Joined run {} ({}), started earlier with the same key. Two steps may share a key: set key-suffix "
            words += "on each"
        elif started.joined:
            words = "Joined run {} ({}), which an earlier attempt of this step started"
        message = self.safe.line(words, run.id, run.status)
        self.warn("Joined run", message) if is_joined else self.line(message)
        if started.agent_ignored:
            self.warn(
                "Agent",
                self.safe.line("This service does not know agents: the agent input was not used"),
            )
        self.say("Branch: ", *text.branch_words(run), *text.behind(", harness: ", run.harness))
        if self._server:
            self.say(
                "To follow the run elsewhere: ",
                text.command_line(text.FOLLOW, run.id, self._server, self.safe),
            )
            url = self.safe.url(f"{self._server.rstrip('/')}/api/v1/mogplex/runs/{run.id}")
            if url is not None:
                self.platform.link(self.safe.line("Mogplex run {}", run.id), url)

    def _another_run(self, update: u.Retrying | u.NextRound) -> None:
        """Say why another run follows; its times count anew."""
        if isinstance(update, u.NextRound):
            self.say(
                "Round ",
                update.number,
                " of ",
                update.most,
                ": ",
                faults_line(update.faults, self.safe),
            )
        else:
            result, left = update.result, update.retries_left
            self.say("Run ", Untrusted(update.run.id), ": ", text.reason(self.safe, result))
            words: LiteralString = " retries left)" if left > 1 else " retry left)"
            self.say(
                "This may be temporary: starting another run in ",
                duration(update.seconds),
                " (",
                left,
                words,
            )
        self._held.clear()
        self._finishes.clear()
        self._at, self._asks, self._activity = 0.0, None, text.Activity()

    def _gate(self, gate: GateFacts) -> None:
        """Say whether the run passed a gate. ``end`` annotates those of the last round that it did
        not pass.
        """
        lines = [line for item in gate.items for line in self.safe.block(Untrusted(item))]
        title = self.safe.sentence("✔ " if gate.passed else "✘ ", gate.name, ": ", gate.found)
        self.group(title, [] if gate.passed else lines)

    def _paused(self, asks: Checkpoint | None) -> None:
        """Say that the run has paused, what it asks, and whether it waits for an answer."""
        is_cancelled = self._inputs is not None and self._inputs.on_pause == "cancel"
        what = (
            "on-pause cancels it" if is_cancelled else "it waits for a person's answer in Mogplex"
        )
        self.say("The run is paused: ", what)
        if asks and asks.summary:
            self.say("It asks: ", asks.summary)
        if asks and (url := self.safe.url(asks.preview_url)):
            self.say("Preview: ", url)

    def _trouble(self, trouble: u.Trouble) -> None:
        if not trouble.refused_for:
            self.say("Trouble reaching the API: ", text.reason(self.safe, trouble.error))
            return
        self.say(
            "The API has refused the token for ",
            duration(trouble.refused_for),
            ", which it accepted before: its database may be away, or the token was revoked. ",
            "The step waits for another ",
            duration(trouble.seconds_left),
        )

    def _heartbeat(self, beat: u.Heartbeat) -> None:
        call = self._activity.call
        state = self._activity.state(beat.run)
        what = "Not started yet" if state == text.NOT_STARTED else f"Still {state}"
        still = self.safe.sentence(what, " after ", duration(beat.elapsed))
        silent = self.safe.sentence(still, ", ", duration(beat.silence), " since the last event")
        self.say(silent, *([" (", *call, ")"] if call else []))

    def _cancel_failed(self, failed: u.CancelFailed) -> None:
        by_hand: list[Part] = []
        if failed.run and self._server:
            command = text.command_line(text.CANCEL, failed.run.id, self._server, self.safe)
            by_hand = [". To cancel it by hand: ", command]
        message = self.safe.sentence(
            "The run may go on. ", text.reason(self.safe, failed.error), *by_hand
        )
        self.warn("Run not cancelled", message)

    def _delivery(self, facts: Facts) -> None:
        """Say what the run delivered, or that this is unknown."""
        is_unknown = facts.changed is None and facts.pull_request_url is None
        if pull_request := facts.link(facts.pull_request_url):
            self.annotate(Level.NOTICE, "Pull request", pull_request)
            self.platform.link(self.safe.line("Pull request"), pull_request)
        elif facts.changed is False:
            self.warn("No change", self.safe.line("The run changed nothing in the repository"))
        elif is_unknown and facts.events_missing:
            self.say("Pull request and change: unknown (events are missing)")
        elif is_unknown and facts.has_work:
            self.say("Pull request and change: unknown (no event reports them)")
        compare = facts.link(facts.compare_url)
        if compare and not facts.pull_request_url and (facts.has_work or facts.events_missing):
            self.say("Compare: ", compare)

    def _add(self, additions: Iterable[Addition]) -> None:
        """Write what was added to the timeline. What cannot be shown must not hide what comes after
        it.
        """
        for addition in additions:
            try:
                self._write(addition)
            except Exception:
                self.say("An event cannot be shown here; the events file would have it")

    def _write(self, addition: Addition) -> None:
        if not isinstance(addition, ToolCall):
            self._write_batch()
        match addition:
            case ToolCall():
                self._tool_call(addition)
            case TextPiece():
                self._agent_text(addition)
            case PhaseStarted() | PhaseEnded():
                self._phase(addition)
            case Note():
                self._note(addition)

    def _phase(self, entry: PhaseStarted | PhaseEnded) -> None:
        if isinstance(entry, PhaseEnded):
            self._show_open_calls(ended=True)
        words = text.entry_text(entry, self.safe, links=self._server is not None)
        self.line(self._timed(entry.at, words, mark="●"))
        if lines := self.below(words):
            self.group(self.safe.sentence("Details of ", entry.phase.value), lines)

    def _note(self, entry: Note) -> None:
        at, message = entry.event.location, entry.event.message
        path = self.safe.path(at.path) if at and self._is_own_repository else None
        if at and path and message and ".." not in path.split("/"):
            level = Level.WARNING if at.is_problem else Level.NOTICE
            self.annotate(
                level, "Agent", self.safe.sentence("Agent: ", message), Place(path, at.line)
            )
        words = text.entry_text(entry, self.safe)
        self.group(self._timed(entry.at, words), self.below(words))

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

    def _show_open_calls(self, *, ended: bool = False, held_since: float = inf) -> None:
        """Write the starts that are held back since then.

        ``ended``: their ends are not expected any more.
        """
        for call, since in list(self._held.items()):
            if since <= held_since:
                del self._held[call]
                self._write_batch()
                words = text.tool_call(call, call.start, None, unfinished=ended)
                self.group(self._timed(call.at, words), self.below(words))

    def _call_ended(self, call: ToolCall, start: Event | None, finish: Event) -> None:
        """Write a line for the call, or add it to those that share one; one that failed alone gets
        its own at once.
        """
        words = text.tool_call(call, start, finish)
        lines = self.below(words)
        if call in self._batch:
            self._batch.remove(call)
        is_alike = not words.words and not lines and start is call.start
        if self._batch and not (is_alike and self._batch[0].name == call.name):
            self._write_batch()
        if is_alike:
            if not self._batch:
                self._batch_began = self._now
            self._batch.append(call)
        if call.failed or not is_alike:
            self.group(self._timed(call.at if call.ended is None else call.ended, words), lines)

    def _write_batch(self) -> None:
        batch, self._batch = self._batch, []
        if not all(call.failed for call in batch):  # each that failed has a line already
            words = text.tool_calls(ToolUse(batch[0].name, batch))
            self.line(self._timed(max(call.ended or call.at for call in batch), words))

    def _agent_text(self, piece: TextPiece) -> None:
        """Write what the agent says: short text behind its time, longer text, and what follows
        directly, below it.
        """
        said = Untrusted(piece.text.text.lstrip("\n").rstrip())
        lines = self.block(said)
        is_short = len(lines) == 1 and len(lines[0]) <= text.LONG_LINE
        if not self.has_room_for(lines) or (is_short and not self.agent_speaks):
            lines = [self._timed(piece.at, text.EntryText("agent", [said]))]
        elif not self.agent_speaks:
            lines = [self._timed(piece.at, text.EntryText("agent:", [])), *lines]
        elif not piece.continues:
            lines = [*self.safe.block(""), *lines]
        for line in lines:
            self.line(line)
        self.agent_speaks = True

    def _timed(self, at: float, words: text.EntryText, *, mark: LiteralString = " ") -> SafeText:
        """Return the line for an entry of the timeline."""
        self._at = max(self._at, at)
        return self.safe.sentence(
            "[", clock(self._at), "] ", "✘" if words.is_bad else mark, " ", *words.parts()
        )
