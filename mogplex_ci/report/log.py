"""The job log of a step: a writer for each update of its run and each entry of its timeline, and
how it ended.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any, Final, LiteralString

from mogplex_ci.api.retry import Waiting
from mogplex_ci.gate_kinds import JUDGED_BY_EVENT
from mogplex_ci.gates.case import NOTHING_CHANGED
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Event
from mogplex_ci.output_names import PAGE_FILE
from mogplex_ci.platforms.base import PROGRAM, Level, Platform
from mogplex_ci.platforms.system import JobEnd
from mogplex_ci.report import Report, text
from mogplex_ci.report.facts import ARTIFACT_LIMIT, Facts
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run import updates as u
from mogplex_ci.run.agent_text import Checkpoint
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Result
from mogplex_ci.run.timeline import AgentText, Entry, Note, PhaseEnded, PhaseStarted, ToolCall
from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer, clock, count, duration
from mogplex_ci.untrusted import Untrusted

INSTALL_LOG_LINES: Final = 50
"""Last lines of the log of an installation that are shown."""
_JOINED: Final = "Joined run {} ({}), started earlier with the same key"


class Log(Report):
    """Writes the job log.

    Times in brackets count from the run's first event and never go backwards: a tool call gets its
    line when it ends, or when the run does. Times in sentences count from the start of the step.
    """

    _inputs: ActionInputs
    """Those of the step's run, once it has begun."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        self.lines = LogLines(platform, sanitizer)
        self._safe = sanitizer
        self._asks: Checkpoint | None = None
        """The question of the pause that the run is in, once it is in the log."""
        self._why_waiting: SafeText | None = None
        """The reason that the last line about a wait gave."""
        self._activity = text.Activity()
        self._finishes: dict[ToolCall, Event | None] = {}
        """The end of each call as it is in the log; None before it. The service may correct it
        later.
        """
        self._at = 0.0
        """Time of the last line of an event, in seconds since the run's first event."""

    def deadline(self, seconds: float, job_end: JobEnd) -> None:
        """Log that the step ends in this many ``seconds``, because the CI system ends the job."""
        limit = self._safe.message(job_end.limit)
        self.lines.say("The step ends in ", duration(seconds), ", before ", limit, " ends the job")

    def request(self, inputs: ActionInputs) -> None:
        """Show the start request of a dry run, with the token hidden."""
        safe = self._safe
        played = text.what_is_played(inputs, self.lines.platform, safe)
        server = Untrusted(inputs.base_url)
        title = safe.sentence("Dry run of ", played, ": nothing is sent to ", server, ". Request")
        lines = [safe.line("POST /api/v1/mogplex/runs"), safe.line("Authorization: Bearer ***")]
        request = inputs.start_request(inputs.repo or "")
        body = json.dumps(request, indent=2, ensure_ascii=False)
        lines += safe.block(Untrusted(body))
        self.lines.group(title, lines)
        unjudged = inputs.gates - {kind.name for kind in JUDGED_BY_EVENT}
        if unjudged:
            names = ", ".join(sorted(unjudged))
            self.lines.say("Not judged in a dry run: ", self._safe.message(names))

    def begin_run(self, plan: Plan) -> None:
        """Take note of the run."""
        self._inputs = plan.inputs

    def on(self, update: u.Update) -> None:
        """Log an update of the run."""
        WRITERS[type(update)](self, update)

    def _install_log(self, update: u.InstallLog) -> None:
        """Write the last lines of the installation's log, folded."""
        lines, left_out = self._safe.last_lines(update.log, INSTALL_LOG_LINES)
        title = self._safe.line("The log of the installation in the sandbox")
        if left_out:
            title = self._safe.sentence(title, ", the last ", len(lines), " lines")
        self.lines.details(title, lines)

    def _starting(self, starting: u.Starting) -> None:
        repo = Untrusted(starting.repo_id)
        if starting.repo is not None:
            repo = starting.repo.full_name
        title = text.first_line(self._inputs.prompt)
        if title:
            self.lines.say("Task: ", Untrusted(title))
        if starting.repo and starting.repo.hidden:
            self.lines.line(text.hidden_repo(starting.repo, self._safe))
        key = Untrusted(starting.key)
        self.lines.say("Starting a run on ", repo, ", idempotency key ", key)

    def _said(self, said: u.Said) -> None:
        line = self._safe.line(said.words, *said.values)
        if said.title:
            self.lines.warn(said.title, line)
        else:
            self.lines.line(line)

    def _started(self, started: u.Started) -> None:
        self._say_started(started)
        run = started.run
        for name in started.unused_options:
            words: LiteralString = "The run does not have {}: this service may not support it"
            self.lines.warn("Options", self._safe.line(words, name))
        harness = text.behind(", harness: ", run.harness)
        self.lines.say("Branch: ", *text.branch_words(run), *harness)

    def _say_started(self, started: u.Started) -> None:
        """Say which run this is, and warn of one that this step was not asked to follow."""
        run = started.run
        if started.followed:
            words: LiteralString = "Following existing run {} ({})"
            self.lines.line(self._safe.line(words, run.id, run.status))
            return
        if started.unexpected:
            words = f"{_JOINED}. Two steps may share a key: set key-suffix on each"
        elif started.keys_used_up:
            words = (
                "Run {} ({}) has the last key that attempts of this step may use, so nothing was "
                "started. Start a new pipeline, or set on-rerun: new"
            )
        elif started.joined and run.status == "success":
            words = f"{_JOINED} (a second use in this job needs a key of its own)"
            self.lines.line(self._safe.line(words, run.id, run.status))
            return
        elif started.joined:
            words = _JOINED
        else:
            self.lines.line(self._safe.line("Started run {} ({})", run.id, run.status))
            return
        self.lines.warn("Joined run", self._safe.line(words, run.id, run.status))

    def _next_round(self, update: u.NextRound) -> None:
        """Log the next round, and forget the previous run: times start from zero."""
        rejected = text.faults_line(update.faults, self._safe)
        if update.begins_rerun:
            runs = count(update.most - 1, "run")
            self.lines.say("This re-run continues on the branch with up to ", runs, " of its own")
        self.lines.say("Round ", update.number, " of ", update.most, ": ", rejected)
        self._write_open_calls()
        self._at = 0.0
        self._asks = None
        self._activity = text.Activity()

    def _checks_awaited(self, update: u.ChecksAwaited) -> None:
        done = self._safe.line(
            "Checks of {}: {} of {} complete", update.commit[:7], update.complete, update.total
        )
        waits_for = text.first_of(update.names)
        if waits_for:
            self.lines.say(done, ", waiting for ", *waits_for)
        else:
            self.lines.line(done)

    def _gate(self, judged: u.GateJudged) -> None:
        """Say whether the run passed a gate. ``end`` annotates those of the last round that it did
        not pass.
        """
        gate = judged.gate
        mark = text.mark(good=gate.passed)
        title = self._safe.sentence(mark, " ", gate.name, ": ", gate.found)
        lines: list[SafeText] = []
        if not gate.passed:
            for item in gate.items:
                lines += self._safe.block(item.words)
        self.lines.group(title, lines)

    def _status_changed(self, update: u.StatusChanged) -> None:
        self._asks = None
        if update.run.is_paused:
            self._asks = update.asks
            self._paused(update.asks)

    def _paused(self, asks: Checkpoint | None) -> None:
        """Log that the run has paused, and its question."""
        self.lines.line(self._safe.line("The run is paused"))
        if asks is None:
            return
        if asks.summary:
            self.lines.say("It asks: ", asks.summary)
        preview = self._safe.url(asks.preview_url)
        if preview and not self._inputs.dry_run:
            self.lines.say("Preview: ", preview)

    def _heartbeat(self, beat: u.Heartbeat) -> None:
        state = self._activity.state(beat.run)
        if beat.unread_for:
            self.lines.say(
                "No usable response from the API for ",
                duration(beat.unread_for),
                "; the run's last known state: ",
                state,
            )
            return
        what: LiteralString = f"Still {state}"
        if state == text.NOT_STARTED:
            what = "Not started yet"
        still = self._safe.sentence(what, " after ", duration(beat.elapsed))
        if beat.writing:
            so_far = count(beat.writing, "character")
            self.lines.say(still, ", writing a message (", so_far, " so far)")
            return
        silent = self._safe.sentence(still, ", ", duration(beat.silence), " since the last event")
        call = self._activity.call
        if call:
            self.lines.say(silent, " (", *call, ")")
        else:
            self.lines.line(silent)

    def _cancel_failed(self, failed: u.CancelFailed) -> None:
        by_hand: list[Part] = []
        if failed.run_id and not self._inputs.dry_run:
            server = self._inputs.base_url
            command = text.command_line(text.CANCEL, failed.run_id, server, self._safe)
            by_hand = [". To cancel it by hand: ", command]
        why = text.reason(self._safe, failed.error)
        code = self._safe.identifier(failed.error.code) or ""
        message = self._safe.sentence(
            "The run may still be running. ", why, " (", code, ")", *by_hand
        )
        self.lines.warn("Run not cancelled", message)

    def _cancelling(self, update: u.Cancelling) -> None:
        if update.run_id is None:
            self.lines.say("Fetching the run's id to cancel it")
        else:
            self.lines.say("Cancelling the run")

    def _trouble(self, update: u.Trouble) -> None:
        self.lines.say("Trouble reaching the API: ", text.reason(self._safe, update.error))

    def _recovered(self, update: u.Recovered) -> None:
        self.lines.say("The API responds again after ", duration(update.after))

    def _wait(self, wait: Waiting) -> None:
        """Log how long a request waits, and why if the reason has changed."""
        why = text.reason(self._safe, wait.error)
        parts: list[Part] = ["Trying again in ", duration(wait.seconds)]
        if why != self._why_waiting:
            self._why_waiting = why
            parts += [": ", why]
        self.lines.say(*parts)

    def _arrived(self, update: u.EventsArrived) -> None:
        self._activity.on(update.additions)
        self._add(update.additions)

    def _ended(self, update: u.Ended) -> None:
        self._add(update.additions)
        self._write_open_calls()

    def _add(self, additions: Iterable[Entry]) -> None:
        """Write new entries of the timeline. One that cannot be shown must not hide others."""
        for addition in additions:
            try:
                WRITERS[type(addition)](self, addition)
            except Exception:
                words = "An event cannot be shown here; the events file would have it"
                self.lines.details(self._safe.line(words))

    def _write_open_calls(self) -> None:
        """Write the calls whose ends are not expected any more."""
        unfinished = [call for call, finish in self._finishes.items() if finish is None]
        for call in unfinished:
            words = text.tool_call(call, call.start, None)
            self.lines.details(self._timed(call.at, words), self.lines.below(words))
        self._finishes.clear()

    def _phase(self, entry: PhaseStarted | PhaseEnded) -> None:
        if isinstance(entry, PhaseEnded):
            self._write_open_calls()
        words = text.entry_text(entry, self._safe, links=not self._inputs.dry_run)
        self.lines.line(self._timed(entry.at, words, mark="●"))
        details = self.lines.below(words)
        if len(details) == 1:  # it says whose it is
            self.lines.details(details[0])
        elif details:
            title = self._safe.sentence("Details of ", entry.phase.value)
            self.lines.details(title, details)

    def _note(self, entry: Note) -> None:
        words = text.entry_text(entry, self._safe)
        self.lines.details(self._timed(entry.at, words), self.lines.below(words))

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
        self.lines.details(self._timed(at, words), self.lines.below(words))

    def _agent_text(self, message: AgentText) -> None:
        """Write the agent's words: short ones behind their time, longer ones below it."""
        said = Untrusted(message.text.text.rstrip())
        lines = self.lines.block(said)
        is_short = len(lines) == 1 and len(lines[0]) <= text.LONG_LINE
        if is_short or not self.lines.has_room_for(lines):
            self.lines.details(self._timed(message.at, text.EntryText("agent", [said])))
            return
        for line in (self._timed(message.at, text.EntryText("agent:", [])), *lines):
            self.lines.line(line)

    def _timed(self, at: float, words: text.EntryText, *, mark: LiteralString = " ") -> SafeText:
        """Return the line for an entry of the timeline."""
        self._at = max(self._at, at)
        if words.is_bad:
            mark = "✘"
        return self._safe.sentence("[", clock(self._at), "] ", mark, " ", *words.parts())

    def end(self, facts: Facts) -> None:
        """Write how the step ended, and what to do next."""
        self._write_open_calls()
        self._outcome(facts)
        self._failure(facts)
        self._delivery(facts)
        if facts.check_command is not None:
            self.lines.say("To check the run: ", facts.check_command)
        if facts.cancel_command is not None:
            self.lines.say("To cancel the run: ", facts.cancel_command)
        if facts.output_dir is not None:
            path = PurePosixPath(facts.output_dir) / PAGE_FILE
            url = self._safe.url(self.lines.platform.file_url(str(path)))
            if url is not None:
                self.lines.platform.link(self._safe.line("Report"), url)
        # Last come the code, the exit code, and where the code is explained.
        if facts.exit_code != 0 and facts.error_code and facts.help_url:
            exits = self._safe.sentence(facts.error_code, ", exit ", facts.exit_code)
            self.lines.say(exits, ": ", facts.help_url)

    def _outcome(self, facts: Facts) -> None:
        """Write the result, and the pull request or what else is known of a change."""
        result = facts.result
        said: list[Part] = [result.mark, " ", result.headline, " after ", duration(facts.duration)]
        if not facts.has_run:
            self.lines.say(*said)
            return
        events = count(facts.timeline.event_count, "event")
        self.lines.say(*said, ", ", events, ", ", count(facts.requests, "request"))
        pull_request = facts.link(facts.pull_request_url)
        if pull_request is not None:
            self.lines.annotate(Level.NOTICE, "Pull request", pull_request)
            self.lines.platform.link(self._safe.line("Pull request"), pull_request)
        elif facts.pull_request_url is None and facts.changed is False:
            self.lines.warn("No change", self._safe.clause(NOTHING_CHANGED))
        elif facts.pull_request_url is None:
            self._unknown_change(facts)

    def _unknown_change(self, facts: Facts) -> None:
        """Say what is not known of a change, and where it would be."""
        if facts.change_is_unknown:
            why: LiteralString = "no event reports them"
            if facts.timeline.is_incomplete:
                why = "events are missing"
            self.lines.say("Pull request and change: unknown (", why, ")")
        compare = facts.link(facts.compare_url)
        if compare is not None and (facts.has_work or facts.timeline.is_incomplete):
            self.lines.say("Compare: ", compare)

    def _failure(self, facts: Facts) -> None:
        """Annotate each wrong input, or the one failure, unless its gates say why."""
        if facts.result is Result.SKIPPED:
            if facts.remedy is not None:
                self.lines.annotate(Level.NOTICE, "Skipped", facts.remedy)
        elif facts.problems:
            self.lines.annotate_each(Level.ERROR, PROGRAM, facts.problems, "more wrong input")
        elif facts.annotation is not None and not facts.gates_say_why:
            self.lines.annotate(Level.ERROR, PROGRAM, facts.annotation)
            self._detail(facts.detail)

    def _detail(self, detail: CleanText | None) -> None:
        """Write the text of others about the failure, if it is longer than its annotation."""
        if detail and not text.says_nothing(detail):
            lines = text.beyond_title(Untrusted(detail), self._safe.block)
            if lines:
                self.lines.details(self._safe.line("The full message"), lines)

    def _delivery(self, facts: Facts) -> None:
        """Write the preview, why no further round followed, each gate that rejected the run, and
        whether the artifact is too long for its output.
        """
        preview = facts.link(facts.preview_url)
        if preview is not None and self._asks is None:  # else the question has shown it
            self.lines.say("Preview: ", preview)
        if facts.rounds and facts.rounds[-1].ended is not None:
            self.lines.say("No further round: ", facts.rounds[-1].ended)
        rejecting = [gate for gate in facts.gates if not gate.passed]
        rejections = [text.rejection(gate, self._safe) for gate in rejecting]
        self.lines.annotate_each(Level.ERROR, PROGRAM, rejections, "more finding")
        if facts.artifact_is_long:
            words: LiteralString = (
                "The artifact is longer than {} characters: the output is empty, "
                "and only output-dir has it"
            )
            self.lines.warn("Artifact", self._safe.line(words, ARTIFACT_LIMIT))


WRITERS: Final[dict[type, Callable[[Log, Any], None]]] = {
    Waiting: Log._wait,
    u.Starting: Log._starting,
    u.StartInDoubt: lambda _log, _update: None,  # of use to ``post`` alone
    u.Started: Log._started,
    u.NextRound: Log._next_round,
    u.StatusChanged: Log._status_changed,
    u.EventsArrived: Log._arrived,
    PhaseStarted: Log._phase,
    PhaseEnded: Log._phase,
    ToolCall: Log._tool_call,
    AgentText: Log._agent_text,
    Note: Log._note,
    u.Said: Log._said,
    u.Trouble: Log._trouble,
    u.Recovered: Log._recovered,
    u.Heartbeat: Log._heartbeat,
    u.Ended: Log._ended,
    u.InstallLog: Log._install_log,
    u.ChecksAwaited: Log._checks_awaited,
    u.GateJudged: Log._gate,
    u.Cancelling: Log._cancelling,
    u.CancelFailed: Log._cancel_failed,
}
"""By the type of an update or an entry: what writes it."""
