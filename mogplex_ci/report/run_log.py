"""The log of one run: lines, details folded into groups, and annotations for problems."""

from typing import Final, LiteralString, assert_never

from mogplex_ci.api.retry import Waiting
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.report import text
from mogplex_ci.report.delivered import faults_line, gate_facts
from mogplex_ci.report.event_log import EventLog
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run import updates as u
from mogplex_ci.run.agent_text import Checkpoint
from mogplex_ci.run.result import Gate
from mogplex_ci.sanitize import Part, count, duration
from mogplex_ci.untrusted import Untrusted

INSTALL_LOG_LINES: Final = 50
"""Last lines of the log of an installation that are shown."""
_JOINED: Final = "Joined run {} ({}), started earlier with the same key"


class RunLog:
    """The log of one run.

    Times in brackets count from the run's first event and never go backwards: a tool call gets its
    line when it ends, or when the run does. Times in sentences count from the start of the step.
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
        self._events = EventLog(lines, has_links=self._server is not None)

    def on(self, update: u.Update) -> None:
        """Log an update."""
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

    def end(self) -> None:
        """Write the calls that have not ended."""
        self._events.write_open_calls()

    @property
    def has_shown_preview(self) -> bool:
        """Whether the preview was shown with the question of the pause that the run is in."""
        return self._asks is not None

    def _on_start(self, update: u.StartUpdate) -> None:
        match update:
            case Waiting():
                self._lines.wait(update)
            case u.Starting():
                self._starting(update)
            case u.Started():
                self._started(update)
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
            case u.EventsArrived():
                self._activity.on(update.additions)
                self._events.add(update.additions)
            case _:
                assert_never(update)

    def _on_service(self, update: u.ServiceUpdate) -> None:
        match update:
            case u.Said():
                self._said(update)
            case u.Trouble(error):
                self._lines.say("Trouble reaching the API: ", text.reason(self._safe, error))
            case u.Recovered(after):
                self._lines.say("The API responds again after ", duration(after))
            case u.Heartbeat():
                self._heartbeat(update)
            case _:
                assert_never(update)

    def _on_judged(self, update: u.JudgeUpdate) -> None:
        match update:
            case u.ChecksAwaited():
                self._checks_awaited(update)
            case u.GateJudged(gate):
                self._gate(gate)
            case _:
                assert_never(update)

    def _on_end(self, update: u.EndUpdate) -> None:
        match update:
            case u.Ended(additions=additions):
                self._events.add(additions)
                self._events.write_open_calls()
            case u.InstallLog(log):
                self._install_log(log)
            case u.Cancelling(None):
                self._lines.say("Fetching the run's id to cancel it")
            case u.Cancelling():
                self._lines.say("Cancelling the run")
            case u.CancelFailed():
                self._cancel_failed(update)
            case _:
                assert_never(update)

    def _install_log(self, log: Untrusted) -> None:
        """Write the last lines of the installation's log, folded."""
        lines, left_out = self._safe.last_lines(log, INSTALL_LOG_LINES)
        title = self._safe.line("The log of the installation in the sandbox")
        if left_out:
            title = self._safe.sentence(title, ", the last ", len(lines), " lines")
        self._lines.details(title, lines)

    def _starting(self, starting: u.Starting) -> None:
        repo = Untrusted(starting.repo_id)
        if starting.repo is not None:
            repo = starting.repo.full_name
        title = text.first_line(self._inputs.prompt)
        if title:
            self._lines.say("Task: ", Untrusted(title))
        if starting.repo and starting.repo.hidden:
            self._lines.line(text.hidden_repo(starting.repo, self._safe))
        key = Untrusted(starting.key)
        self._lines.say("Starting a run on ", repo, ", idempotency key ", key)

    def _said(self, said: u.Said) -> None:
        line = self._safe.line(said.words, *said.values)
        if said.warns:
            self._lines.warn(said.warns, line)
        else:
            self._lines.line(line)

    def _started(self, started: u.Started) -> None:
        self._say_started(started)
        run = started.run
        if started.agent_ignored:
            message = "This service does not support agents: the agent input was not used"
            self._lines.warn("Agent", self._safe.line(message))
        for name in started.unused_options:
            words: LiteralString = (
                "The run does not have {} of run-options: this service may not support it"
            )
            self._lines.warn("Options", self._safe.line(words, name))
        harness = text.behind(", harness: ", run.harness)
        self._lines.say("Branch: ", *text.branch_words(run), *harness)

    def _say_started(self, started: u.Started) -> None:
        """Say which run this is, and warn of one that this step was not asked to follow."""
        run = started.run
        if started.followed:
            words: LiteralString = "Following existing run {} ({})"
            self._lines.line(self._safe.line(words, run.id, run.status))
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
            self._lines.line(self._safe.line(words, run.id, run.status))
            return
        elif started.joined:
            words = _JOINED
        else:
            self._lines.line(self._safe.line("Started run {} ({})", run.id, run.status))
            return
        self._lines.warn("Joined run", self._safe.line(words, run.id, run.status))

    def _next_round(self, update: u.NextRound) -> None:
        rejected = faults_line(update.faults, self._safe)
        if update.begins_rerun:
            runs = count(update.most - 1, "run")
            self._lines.say("This re-run continues on the branch with up to ", runs, " of its own")
        self._lines.say("Round ", update.number, " of ", update.most, ": ", rejected)
        self._begin_another_run()

    def _begin_another_run(self) -> None:
        """Forget the previous run: the times of the next one start from zero."""
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

    def _gate(self, judged: Gate) -> None:
        """Say whether the run passed a gate. ``end`` annotates those of the last round that it did
        not pass.
        """
        gate = gate_facts(judged, self._safe)
        title = self._safe.sentence(gate.mark, " ", gate.name, ": ", gate.found)
        if gate.passed:
            self._lines.line(title)
            return
        lines = [line for item in gate.items for line in self._safe.block(Untrusted(item))]
        self._lines.group(title, lines)

    def _paused(self, asks: Checkpoint | None) -> None:
        """Log that the run has paused, and its question."""
        what: LiteralString = "it stays paused and keeps its sandbox until it is cancelled"
        if self._inputs.on_pause == "cancel":
            what = "on-pause cancels it"
        self._lines.say("The run is paused: ", what)
        if asks is None:
            return
        if asks.summary:
            self._lines.say("It asks: ", asks.summary)
        preview = self._safe.url(asks.preview_url)
        if preview and not self._inputs.dry_run:
            self._lines.say("Preview: ", preview)

    def _heartbeat(self, beat: u.Heartbeat) -> None:
        state = self._activity.state(beat.run)
        if beat.unread_for:
            self._lines.say(
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
            self._lines.say(still, ", writing a message (", so_far, " so far)")
            return
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
        message = self._safe.sentence(
            "The run may still be running. ", why, " (", code, ")", *by_hand
        )
        self._lines.warn("Run not cancelled", message)
