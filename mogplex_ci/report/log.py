"""The job log of a step.

The log of an only run is written as it happens. Of several runs the turning points are, and each
run's own log follows in one group when the run ends.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, LiteralString

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import RateLimitedError, UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.outputs import PAGE_FILE
from mogplex_ci.platforms.base import PROGRAM, Level, Platform
from mogplex_ci.platforms.system import JobEnd
from mogplex_ci.report import Report, text
from mogplex_ci.report.log_lines import KEPT_LIMIT, JobLogLines, KeptLines
from mogplex_ci.report.run_log import RunLog
from mogplex_ci.run import updates as u
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.repositories import Match
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import Part, SafeText, Sanitizer, count, duration
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.words.event_words import EventText
from mogplex_ci.workspace import discard, writable, write_whole

if TYPE_CHECKING:
    from mogplex_ci.report.facts import RunFacts, StepFacts

_LEFT_OUT: Final = 200
"""Characters of the event's words that are not in the prompt."""
_WayToRun = Waiting | u.NextKey | u.Started | u.Retrying | u.NextRound
_News = u.StatusChanged | u.UnknownStatus | u.EventsMissing | u.Trouble | u.Recovered
TurningPoint = _WayToRun | _News | u.Cancelling | u.CancelFailed
"""Updates that are a line of the job log as soon as they come, also of one run of many."""


class Log(Report):
    """Writes the job log."""

    def __init__(
        self, platform: Platform, sanitizer: Sanitizer, elapsed: Callable[[], float]
    ) -> None:
        """``elapsed`` returns the seconds since the step began."""
        self.lines = JobLogLines(platform, sanitizer)
        self._safe = sanitizer
        self._elapsed = elapsed
        self.logs_folder: Path | None = None
        """The folder for the logs of successful runs; None: they are folded in the job log."""
        self._failures_left: list[SafeText] = []
        """Failed runs without an annotation, because one is reserved for the rest."""
        self._runs: dict[int, RunLog | _FoldedLog] = {}
        """The logs of the runs that are not over, by number."""
        self._wait_ends = 0.0
        """Until when starts have to wait, as the log says; in seconds since the step began."""

    def deadline(self, seconds: float, job_end: JobEnd) -> None:
        """Log that the step ends in this many ``seconds``, because the CI system ends the job."""
        limit = self._safe.message(job_end.limit)
        self.lines.say("The step ends in ", duration(seconds), ", before ", limit, " ends the job")

    def hidden_repos(self, found: Mapping[str, Match]) -> None:
        """Say which hidden repositories patterns leave out, and which ones are used since they are
        named. ``found``: by the words of ``repo``.
        """
        for word, matched in found.items():
            if matched.left_out:
                template: LiteralString = (
                    "The pattern {} skips hidden repositories ({}), which were removed from Mogplex's "
                    "dashboard: to start runs on them, use their full names"
                )
                self.lines.line(self._safe.line(template, Untrusted(word), matched.left_out))
            for repo in matched.repos:
                if repo.hidden:
                    self.lines.line(text.hidden_repo(repo, self._safe))

    def request(self, inputs: ActionInputs) -> None:
        """Show the start request of a dry run, with the token hidden."""
        from mogplex_ci.report.facts import what_is_played  # a step that asks the API has none yet

        line = self._safe.line
        request = inputs.start_request(", ".join(inputs.repos))
        body = json.dumps(request, indent=2, ensure_ascii=False)
        which: LiteralString = ". Request"
        if inputs.is_for_many_repos:
            which = ". Request for each repository"
        played = what_is_played(inputs, self.lines.platform, self._safe)
        self.lines.group(
            self._safe.sentence(
                "Dry run of ", played, ": nothing is sent to ", Untrusted(inputs.base_url), which
            ),
            [
                line("POST /api/v1/mogplex/runs"),
                line("Authorization: Bearer ***"),
                *self._safe.block(Untrusted(body)),
            ],
        )

    def left_out(self, event: EventText) -> None:
        """Show which words of the event ``include-event`` has left out, if any."""
        if event.left_out:
            number = count(len(event.left_out), "word")
            title = self._safe.sentence(number, " of the event's source not in the prompt")
            words = " ".join(event.left_out)
            self.lines.group(title, self._safe.block(Untrusted(words[:_LEFT_OUT])))

    def on_lookup(self, update: u.Update) -> None:
        """Say why the step waits."""
        if isinstance(update, Waiting):
            self.lines.wait(update)

    def begin_runs(self, runs: Sequence[StepRun]) -> None:
        """Stream the log of an only run; of several, say which will be started."""
        if len(runs) == 1:
            self._runs = {run.number: RunLog(self.lines, run.inputs) for run in runs}
            return
        room = KEPT_LIMIT // len(runs)
        takes = self._takes_turning_point
        self._runs = {run.number: _FoldedLog(self.lines, run, room, takes) for run in runs}
        number = count(len(runs), "run")
        if self.logs_folder is not None:
            _discard_logs(self.logs_folder)
        title = self._safe.sentence("Starting ", number, *text.bounds(runs[0].inputs))
        self.lines.fold(title, [run.name for run in runs if run.name is not None])

    def bound(self, news: u.CanariesPassed | u.NoMoreStarts) -> None:
        """Say that the canaries let the other runs start, or that nothing more is started."""
        match news:
            case u.CanariesPassed(canaries, others):
                passed = self._safe.sentence("All canaries succeeded (", canaries, ")")
                self.lines.say(passed, ": starting the others (", others, ")")
            case u.NoMoreStarts(cause, left_out):
                why = self._safe.message(text.capitalized(cause))
                skipped = count(left_out, "run")
                self.lines.say(why, ": ", skipped, " not started; current ones continue")

    def writes_at_once(self, run: StepRun, update: u.Update) -> bool:
        """Whether an update of a run is in the job log as soon as it comes."""
        is_streamed = isinstance(self._runs[run.number], RunLog)
        return is_streamed or isinstance(update, TurningPoint)

    def on(self, run: StepRun, update: u.Update) -> None:
        """Log an update of a run."""
        self._runs[run.number].on(update)

    def end_run(self, run: "RunFacts") -> None:
        """Write how a run ended."""
        log = self._runs.pop(run.number)
        if isinstance(log, RunLog):
            log.end(run)
        elif run.ending.result is not Result.SKIPPED:
            # Of those that were skipped one line says it, and the table at the end names them.
            log.end(run)
            self._end_of_folded(run, log.kept.all())

    def _end_of_folded(self, run: "RunFacts", kept: Sequence[SafeText]) -> None:
        """Write how one run of several ended, and the lines of its log; one that succeeded has a
        file for them, if there is a folder for such files.
        """
        ending = run.ending
        said: list[Part] = [run.name, " ", ending.mark, " ", ending.headline]
        if run.work is not None:
            said += [" after ", duration(ending.duration)]
        said += text.behind(": ", run.link(run.delivered.pull_request_url))
        file = None
        if ending.exit_code == 0:
            file = self._write_log(run, kept)
        if file is not None:
            said += [" (log: ", file, ")"]
        self.lines.say(*said)
        pull_request = run.link(run.delivered.pull_request_url)
        if pull_request is not None:
            self.lines.link(
                self._safe.sentence("Pull request of ", Untrusted(run.label)), pull_request
            )
        if ending.exit_code != 0 and ending.annotation:
            said_of_it = self._safe.sentence(run.name, " ", ending.annotation)
            self._annotate_failure(said_of_it, was_started=run.work is not None)
        if kept and file is None and self.lines.has_room_for(kept):
            self.lines.fold(self._safe.sentence(run.name, " The run's log"), kept)

    def _write_log(self, run: "RunFacts", kept: Sequence[SafeText]) -> SafeText | None:
        """Write the log of a run to a file, and return its path in the workspace; None if there is
        no folder for it, or that fails: the job log has the lines then.
        """
        if self.logs_folder is None:
            return None
        workspace = self.lines.platform.workspace
        path = self.logs_folder / _log_file_name(run)
        try:
            path = writable(workspace, str(path), input_name="output-dir")
            write_whole(path, "".join(f"{line}\n" for line in kept))
        except (OSError, UsageError):
            with suppress(OSError):  # it holds the logs of other runs
                self.logs_folder.rmdir()
            return None
        return self._safe.path(path.relative_to(workspace.resolve()).as_posix())

    def _annotate_failure(self, message: SafeText, *, was_started: bool) -> None:
        """Annotate that a run failed. Runs that were never started are counted in one annotation at
        the end of the step; so are the failures for which the CI system has room for no more.
        """
        if not was_started or self.lines.is_last_annotation(Level.ERROR):
            self._failures_left.append(message)
            self.lines.say("Error: ", message)
        else:
            self.lines.annotate(Level.ERROR, PROGRAM, message)

    def _annotate_the_rest(self, why: SafeText | None) -> None:
        """Annotate why the step ended, and the failures that no annotation has said."""
        left = self._failures_left
        if len(left) == 1:
            self.lines.annotate(Level.ERROR, PROGRAM, left[0])
        elif left:
            more = self._safe.sentence(
                count(len(left), "more run"),
                " failed: the table at the end of the log has the reasons.",
            )
            why = self._safe.sentence(*text.join_present(" ", why, more))
        if why is not None:
            self.lines.annotate(Level.ERROR, PROGRAM, why)

    def end(self, step: "StepFacts") -> None:
        """Write how a step ended without a run, or with several; of an only run all is said."""
        from mogplex_ci.report.blocks import Failure, RunsTable
        from mogplex_ci.report.end_log import write_blocks
        from mogplex_ci.report.story import Reader, story_of_step, told_to

        blocks = told_to(Reader.LOG, story_of_step(step, self._safe))
        if step.has_several:
            # The table first: the log ends with the result. The failures that are left share an
            # annotation with the step's own.
            write_blocks(self.lines, [block for block in blocks if isinstance(block, RunsTable)])
            failures = [block for block in blocks if isinstance(block, Failure)]
            blocks = [block for block in blocks if not isinstance(block, Failure | RunsTable)]
            write_blocks(self.lines, blocks)
            self._annotate_the_rest(failures[0].annotation if failures else None)
        else:
            write_blocks(self.lines, blocks)
        if step.task.output_dir is not None:
            path = PurePosixPath(step.task.output_dir) / PAGE_FILE
            url = self._safe.url(self.lines.platform.file_url(str(path)))
            if url is not None:
                self.lines.link(self._safe.line("Report"), url)
        # Last come the code, the exit code, and where the code is explained.
        ending = step.ending
        if ending.exit_code != 0 and ending.error_code and ending.help_url:
            exits = self._safe.sentence(ending.error_code, ", exit ", ending.exit_code)
            self.lines.say(exits, ": ", ending.help_url)

    def _takes_turning_point(self, update: u.Update) -> bool:
        """Whether an update of one run of several is a line of its own. A wait that all runs share
        is logged once.
        """
        if isinstance(update, Waiting) and isinstance(update.error, RateLimitedError):
            if self._elapsed() < self._wait_ends:
                return False
            self._wait_ends = self._elapsed() + update.seconds
        return isinstance(update, TurningPoint)


class _FoldedLog:
    """The log of one run of several: its turning points in the job log, and all of it in one group
    at its end.
    """

    def __init__(
        self, lines: JobLogLines, run: StepRun, room: int, takes: Callable[[u.Update], bool]
    ) -> None:
        """``room`` is the bytes that are kept; ``takes`` says whether an update is a turning
        point.
        """
        self._takes = takes
        self._job_log = lines
        self._name = run.name
        self.kept = KeptLines(lines.safe, room)
        self._log = RunLog(self.kept, run.inputs)

    def on(self, update: u.Update) -> None:
        """Keep an update, and write its first line immediately if it is a turning point."""
        self._log.settle(update)
        self.kept.first_of_update = None
        self._log.on(update)
        if self._takes(update) and self.kept.first_of_update:
            self._job_log.say(self._name, " ", self.kept.first_of_update)

    def end(self, run: "RunFacts") -> None:
        """Finish the run's own log."""
        self._log.end(run)


def _log_file_name(run: "RunFacts") -> str:
    """Return ``3-acme-web-docs.log``: the number keeps names apart, and Windows takes all of
    them.
    """
    words = re.sub("[^A-Za-z0-9._-]+", "-", run.label)
    return f"{run.number}-{words[:80].strip('-.')}.log"


def _discard_logs(folder: Path) -> None:
    """Delete the run logs of an earlier step, if possible."""
    for path in folder.glob("*.log"):
        if re.match("[0-9]+-", path.name):
            with suppress(OSError):
                discard(path)
