"""The log of one run: lines, details folded into groups, and annotations for what needs
attention.
"""

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Final, LiteralString, assert_never

from mogplex_ci.api.retry import Waiting
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Event
from mogplex_ci.platforms.base import Level, Place
from mogplex_ci.report import text
from mogplex_ci.report.delivered import ARTIFACT_LIMIT, GateFacts, faults_line, gate_facts
from mogplex_ci.report.log_lines import LogLines
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
from mogplex_ci.sanitize import Part, SafeText, clock, count, duration
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from mogplex_ci.report.facts import Ending, RunFacts

LONGEST_HOLD: Final = 2.0
"""Seconds that a tool call waits for its line while other events come: for its end, or for more
calls of its tool.
"""


class RunLog:
    """The log of one run.

    Times in brackets count from the run's first event and never go backwards: a tool call gets its
    line when it ends, or after two seconds. Calls of one tool about which there is nothing to say
    share a line if they end within that time. Times in sentences count from the start of the step.
    """

    def __init__(self, lines: LogLines, inputs: ActionInputs) -> None:
        self._lines = lines
        self._safe = lines.safe
        self._inputs = inputs
        self._server = None if inputs.dry_run else inputs.base_url
        """The address of the service; None in a dry run, whose run no service knows."""
        self._asks: Checkpoint | None = None
        """The question of the pause that the run is in, once it is in the log."""
        self._activity = text.Activity()
        self._events = _EventLines(lines, has_links=self._server is not None)

    def settle(self, update: u.Update) -> None:
        """Write the lines that have waited, if they must stand before those about ``update``."""
        if not isinstance(update, u.EventsArrived | u.Quiet):
            self._events.write_batch()
        if isinstance(update, u.Retrying | u.NextRound | u.EventsMissing | u.Cancelling):
            self._events.write_open_calls(ended=True)

    def on(self, update: u.Update) -> None:
        """Write what happened."""
        self.settle(update)
        if isinstance(update, u.StartUpdate):
            self._on_start(update)
        elif isinstance(update, u.NewsUpdate):
            self._on_news(update)
        elif isinstance(update, u.ServiceUpdate):
            self._on_service(update)
        elif isinstance(update, u.JudgeUpdate):
            self._on_judged(update)
        elif isinstance(update, u.EndUpdate):
            self._on_end(update)
        else:
            assert_never(update)

    def end(self, run: "RunFacts") -> None:
        """Write how the run ended, and what to do next."""
        self._events.write_open_calls(ended=True)
        self._events.write_batch()
        write_end(self._lines, run, preview_was_shown=self._asks is not None)

    def _on_start(self, update: u.StartUpdate) -> None:
        match update:
            case Waiting():
                self._lines.line(text.waiting(self._safe, update))
            case u.Starting():
                self._starting(update)
            case u.NextKey():
                self._next_key(update)
            case u.Started():
                self._started(update)
            case u.Retrying():
                self._retrying(update)
            case u.EvidenceMissing(cause, remedy):
                why = self._safe.message(f"{cause}. {remedy}".strip())
                self._lines.say("The report to the next round is incomplete: ", why)
            case u.NextRound():
                self._next_round(update)
            case _:
                assert_never(update)

    def _on_news(self, update: u.NewsUpdate) -> None:
        match update:
            case u.StatusChanged(run, asks):
                self._asks = None
                if run.is_paused:
                    self._asks = asks
                    self._paused(asks)
            case u.UnknownStatus(run):
                message = self._safe.line(
                    "This version does not know the status {} and follows the run on", run.status
                )
                self._lines.warn("Unknown status", message)
            case u.EventsArrived():
                self._activity.on(update.additions)
                self._events.arrived(update.additions, update.elapsed)
            case u.Quiet(additions):
                self._events.add(additions)
                self._events.write_batch()
                self._events.write_open_calls()
            case u.EventsMissing():
                missing = text.capitalized(text.missing_events(update))
                self._lines.warn("Events missing", self._safe.message(missing))
            case _:
                assert_never(update)

    def _on_service(self, update: u.ServiceUpdate) -> None:
        match update:
            case u.Polling(why):
                self._lines.say("Reading events by polling: ", Untrusted(why))
            case u.Trouble():
                self._trouble(update)
            case u.Recovered(after):
                self._lines.say("The API answers again after ", duration(after))
            case u.Heartbeat():
                self._heartbeat(update)
            case _:
                assert_never(update)

    def _on_judged(self, update: u.JudgeUpdate) -> None:
        match update:
            case u.ChecksAwaited():
                self._checks_awaited(update)
            case u.GateJudged(gate):
                self._gate(gate_facts(gate, self._safe))
            case u.GateWarns(warning):
                self._lines.warn("Checks", self._safe.message(text.capitalized(warning)))
            case u.OtherBranchUsed(asked, used):
                words: LiteralString = (
                    "The run was asked to work on {}, which does not exist or whose pull request "
                    "is closed or merged, and worked on {}"
                )
                self._lines.warn("Branch", self._safe.line(words, asked, used))
            case u.ClaimsDiffer(claims):
                for claim in claims:
                    self._lines.warn("Delivery", text.claim(claim, self._safe))
            case _:
                assert_never(update)

    def _on_end(self, update: u.EndUpdate) -> None:
        match update:
            case u.Ended(additions=additions):
                self._events.add(additions)
                self._events.write_open_calls(ended=True)
            case u.Cancelling(None):
                self._lines.say("Asking for the run's id to cancel it")
            case u.Cancelling():
                self._lines.say("Cancelling the run")
            case u.CancelAnswered(status, already_terminal=True):
                self._lines.say("The run had already ended: ", Untrusted(status))
            case u.CancelAnswered(status):
                self._lines.say("Run ", Untrusted(status))
            case u.CancelFailed():
                self._cancel_failed(update)
            case _:
                assert_never(update)

    def _starting(self, starting: u.Starting) -> None:
        repo = Untrusted(starting.repo_id)
        if starting.repo is not None:
            repo = starting.repo.full_name
        own = self._lines.own_repository
        self._events.can_annotate_files = own is not None and repo.one_of(own) is not None
        title = text.first_line(self._inputs.prompt)
        if title:
            self._lines.say("Task: ", Untrusted(title))
        if starting.repo and starting.repo.hidden:
            self._lines.line(text.hidden_repo(starting.repo, self._safe))
        key = Untrusted(starting.key)
        self._lines.say("Starting a run on ", repo, ", idempotency key ", key)

    def _next_key(self, update: u.NextKey) -> None:
        run = update.run
        if run is None:
            found = self._safe.line("The key belongs to an earlier, different request")
        elif update.never_queued:
            found = self._safe.line("Run {} was never queued", run.id)
        else:
            words: LiteralString = "Run {} of an earlier attempt has ended ({})"
            found = self._safe.line(words, run.id, run.status)
        self._lines.say(found, "; next idempotency key: ", Untrusted(update.key))

    def _started(self, started: u.Started) -> None:
        self._say_started(started)
        run = started.run
        if started.agent_ignored:
            message = "This service does not know agents: the [[agent]] input was not used"
            self._lines.warn("Agent", self._safe.line(message))
        harness = text.behind(", harness: ", run.harness)
        self._lines.say("Branch: ", *text.branch_words(run), *harness)
        if self._server is None:
            return
        command = text.command_line(text.FOLLOW, run.id, self._server, self._safe)
        self._lines.say("To follow the run elsewhere: ", command)
        url = self._safe.url(f"{self._server.rstrip('/')}/api/v1/mogplex/runs/{run.id}")
        if url is not None:
            self._lines.link(self._safe.line("Mogplex run {}", run.id), url)

    def _say_started(self, started: u.Started) -> None:
        """Say which run this is, and warn of one that this step was not asked to follow."""
        run = started.run
        if started.followed:
            words: LiteralString = "Following run {} ({}), which was started elsewhere"
            self._lines.line(self._safe.line(words, run.id, run.status))
            return
        if started.unexpected:
            words = (
                "Joined run {} ({}), started earlier with the same key. Two steps may share a key: "
                "set [[key-suffix]] on each"
            )
        elif started.joined:
            words = "Joined run {} ({}), which an earlier attempt of this step started"
        else:
            self._lines.line(self._safe.line("Started run {} ({})", run.id, run.status))
            return
        self._lines.warn("Joined run", self._safe.line(words, run.id, run.status))

    def _retrying(self, update: u.Retrying) -> None:
        result = text.reason(self._safe, update.result)
        self._lines.say("Run ", Untrusted(update.run.id), ": ", result)
        left = update.retries_left
        retries: LiteralString = " retries left)" if left > 1 else " retry left)"
        wait = duration(update.seconds)
        self._lines.say(
            "This may be temporary: starting another run in ", wait, " (", left, retries
        )
        self._begin_another_run()

    def _next_round(self, update: u.NextRound) -> None:
        rejected = faults_line(update.faults, self._safe)
        if update.begins_rerun:
            runs = count(update.most - 1, "run")
            self._lines.say(
                "This re-run repairs what it found on the branch with up to ", runs, " of its own"
            )
        self._lines.say("Round ", update.number, " of ", update.most, ": ", rejected)
        self._begin_another_run()

    def _begin_another_run(self) -> None:
        """Forget the run before: the times of the next one count anew."""
        self._events.begin_another_run()
        self._asks = None
        self._activity = text.Activity()

    def _checks_awaited(self, update: u.ChecksAwaited) -> None:
        done = self._safe.line(
            "Checks of {}: {} of {} complete", update.commit[:7], update.complete, update.total
        )
        waits_for = text.first_of(update.names)
        if waits_for:
            self._lines.say(done, ", waiting for ", *waits_for)
        else:
            self._lines.line(done)

    def _gate(self, gate: GateFacts) -> None:
        """Say whether the run passed a gate. ``end`` annotates those of the last round that it did
        not pass.
        """
        title = self._safe.sentence(gate.mark, " ", gate.label(self._safe), ": ", gate.found)
        if gate.passed:
            self._lines.line(title)
            return
        lines = [line for item in gate.items for line in self._safe.block(Untrusted(item))]
        self._lines.group(title, lines)

    def _paused(self, asks: Checkpoint | None) -> None:
        """Say that the run has paused, what it asks, and whether it waits for an answer."""
        what: LiteralString = "it waits for a person's answer in Mogplex"
        if self._inputs.on_pause == "cancel":
            what = "[[on-pause]] cancels it"
        self._lines.say("The run is paused: ", what)
        if asks is None:
            return
        if asks.summary:
            self._lines.say("It asks: ", asks.summary)
        preview = self._safe.url(asks.preview_url)
        if preview:
            self._lines.say("Preview: ", preview)

    def _trouble(self, trouble: u.Trouble) -> None:
        if not trouble.refused_for:
            reason = text.reason(self._safe, trouble.error)
            self._lines.say("Trouble reaching the API: ", reason)
            return
        self._lines.say(
            "The API has refused the token for ",
            duration(trouble.refused_for),
            ", which it accepted before: its database may be away, or the token was revoked. ",
            "The step waits for another ",
            duration(trouble.seconds_left),
        )

    def _heartbeat(self, beat: u.Heartbeat) -> None:
        state = self._activity.state(beat.run)
        if beat.unread_for:
            self._lines.say(
                "No usable answer from the API for ",
                duration(beat.unread_for),
                "; the run's last known state: ",
                state,
            )
            return
        what: LiteralString = f"Still {state}"
        if state == text.NOT_STARTED:
            what = "Not started yet"
        still = self._safe.sentence(what, " after ", duration(beat.elapsed))
        silent = self._safe.sentence(still, ", ", duration(beat.silence), " since the last event")
        call = self._activity.call
        if call:
            self._lines.say(silent, " (", *call, ")")
        else:
            self._lines.line(silent)

    def _cancel_failed(self, failed: u.CancelFailed) -> None:
        by_hand: list[Part] = []
        if failed.run and self._server:
            command = text.command_line(text.CANCEL, failed.run.id, self._server, self._safe)
            by_hand = [". To cancel it by hand: ", command]
        why = text.reason(self._safe, failed.error)
        code = self._safe.identifier(failed.error.code) or ""
        message = self._safe.sentence("The run may go on. ", why, " (", code, ")", *by_hand)
        self._lines.warn("Run not cancelled", message)


class _EventLines:
    """The lines for a run's events."""

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
        """Forget the calls of the run before; times count anew."""
        self._held.clear()
        self._finishes.clear()
        self._at = 0.0

    def arrived(self, additions: Iterable[Addition], elapsed: float) -> None:
        """Write what events have added to the timeline, and the calls that have waited long enough;
        ``elapsed`` is in seconds since the step began.
        """
        self._now = elapsed
        held_too_long = elapsed - LONGEST_HOLD
        if self._batch_began <= held_too_long:
            self.write_batch()
        self.add(additions)
        self.write_open_calls(held_since=held_too_long)

    def add(self, additions: Iterable[Addition]) -> None:
        """Write what was added to the timeline. What cannot be shown must not hide what comes after
        it.
        """
        for addition in additions:
            try:
                self._write(addition)
            except Exception:
                self._lines.say("An event cannot be shown here; the events file would have it")

    def write_open_calls(self, *, ended: bool = False, held_since: float = inf) -> None:
        """Write the starts that are held back since then.

        ``ended``: their ends are not expected any more.
        """
        for call, since in list(self._held.items()):
            if since <= held_since:
                del self._held[call]
                self.write_batch()
                words = text.tool_call(call, call.start, None, unfinished=ended)
                self._lines.group(self._timed(call.at, words), self._lines.below(words))

    def write_batch(self) -> None:
        """Write one line for the calls that share it."""
        batch = self._batch
        self._batch = []
        if all(call.failed for call in batch):  # each that failed has a line already
            return
        words = text.tool_calls(ToolUse(batch[0].name, batch))
        ended = max(call.ended or call.at for call in batch)
        self._lines.line(self._timed(ended, words))

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
            self._lines.group(title, details)

    def _note(self, entry: Note) -> None:
        self._annotate_file(entry)
        words = text.entry_text(entry, self._safe)
        self._lines.group(self._timed(entry.at, words), self._lines.below(words))

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
        its own at once.
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
            self._lines.group(self._timed(at, words), lines)

    def _agent_text(self, piece: TextPiece) -> None:
        """Write what the agent says: short text behind its time, longer text, and what follows
        directly, below it.
        """
        said = Untrusted(piece.text.text.lstrip("\n").rstrip())
        lines = self._lines.block(said)
        goes_on = self._lines.agent_speaks
        is_short = len(lines) == 1 and len(lines[0]) <= text.LONG_LINE
        if not self._lines.has_room_for(lines) or (is_short and not goes_on):
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


def write_end(lines: LogLines, run: "RunFacts", *, preview_was_shown: bool = False) -> None:
    """Write how a run ended, annotate a failure once or each wrong input, and say what to do next.

    ``run`` may be a step as a whole that ended before it had a run.
    """
    if run.work.doubt:
        lines.warn("Doubted", run.work.doubt)
    _write_gates(lines, run)
    ending = run.ending
    figures: list[Part] = []
    if run.work.run_id:
        figures = [count(run.times.events, "event"), count(ending.requests, "request")]
    took = lines.safe.sentence(
        ending.mark, " ", ending.headline, " after ", duration(ending.duration)
    )
    lines.say(*text.join_present(", ", took, *figures))
    _write_delivery(lines, run)
    _write_failure(lines, ending)
    if run.work.preview_url and not preview_was_shown:  # else it was shown with the question
        lines.say("Preview: ", run.work.preview_url)
    if ending.remedy and ending.result is Result.SKIPPED:
        lines.annotate(Level.NOTICE, "Skipped", ending.remedy)
    if run.delivered.artifact_is_long:
        words: LiteralString = (
            "The artifact is longer than {} characters: the output is empty, "
            "and only [[output-dir]] gets it"
        )
        lines.warn("Artifact", lines.safe.line(words, ARTIFACT_LIMIT))
    for step in run.next_steps:
        lines.say("To ", step.purpose, ": ", step.command)


def _write_gates(lines: LogLines, run: "RunFacts") -> None:
    """Annotate what the gates rejected, and say why no other round follows."""
    safe = lines.safe
    for gate in run.delivered.gates:
        if not gate.passed:
            found = safe.sentence(gate.label(safe), ": ", gate.with_items(safe))
            fault = safe.sentence(found, ". Expected: ", gate.expected, ". ", gate.remedy)
            lines.annotate(Level.ERROR, "Mogplex", fault)
    rounds = run.delivered.rounds
    if rounds and rounds[-1].ended:
        lines.say("No further round: ", rounds[-1].ended)


def _write_delivery(lines: LogLines, run: "RunFacts") -> None:
    """Say what the run delivered, or that this is unknown."""
    delivered = run.delivered
    events_missing = run.times.events_missing
    is_unknown = delivered.changed is None and delivered.pull_request_url is None
    pull_request = run.link(delivered.pull_request_url)
    if pull_request:
        lines.annotate(Level.NOTICE, "Pull request", pull_request)
        lines.link(lines.safe.line("Pull request"), pull_request)
    elif delivered.changed is False:
        lines.warn("No change", lines.safe.line("The run changed nothing in the repository"))
    elif is_unknown and events_missing:
        lines.say("Pull request and change: unknown (events are missing)")
    elif is_unknown and delivered.has_work:
        lines.say("Pull request and change: unknown (no event reports them)")
    compare = run.link(delivered.compare_url)
    may_have_work = delivered.has_work or events_missing
    if compare and not delivered.pull_request_url and may_have_work:
        lines.say("Compare: ", compare)


def _write_failure(lines: LogLines, ending: "Ending") -> None:
    """Annotate why it failed. Of a rejected run each gate that failed has said it."""
    for problem in ending.problems:
        lines.annotate(Level.ERROR, "Mogplex", problem)
    if ending.result is Result.REJECTED:
        return
    if ending.annotation and not ending.problems:
        lines.annotate(Level.ERROR, "Mogplex", ending.annotation)
    if ending.detail and not text.says_nothing(ending.detail):
        whole = text.long_lines(Untrusted(ending.detail), lines.safe.block)
        if whole:
            lines.group(lines.safe.line("The full message"), whole)
