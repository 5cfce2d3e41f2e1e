"""Forwards the updates of a step to the log, reports and outputs."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import LiteralString

from mogplex_ci.errors import InternalError, UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.output_names import (
    ARTIFACT_FILE,
    DIAGNOSTICS_FILE,
    EVENTS_FILE,
    PAGE_FILE,
    RESULT_FILE,
)
from mogplex_ci.platforms.base import Platform
from mogplex_ci.problems import Problem
from mogplex_ci.report import Report, text, traces
from mogplex_ci.report.comment import Comment, CommentReport
from mogplex_ci.report.diagnostics import Diagnostics
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.files import ArtifactFile, EventsFile, ResultFile
from mogplex_ci.report.log import Log
from mogplex_ci.report.outputs import outputs_of
from mogplex_ci.report.page import HtmlReport
from mogplex_ci.report.summary import Summary
from mogplex_ci.run.endings import detached, without_outputs
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Ending, RunDetails, RunResult
from mogplex_ci.run.updates import Started, StartInDoubt, Update
from mogplex_ci.sanitize import Sanitizer, Value
from mogplex_ci.step.ledger import Ledger
from mogplex_ci.step.planning import run_name
from mogplex_ci.step.state import OpenRun, StateFiles
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import host_of
from mogplex_ci.waiting import Stop


class Recorder:
    """Forwards updates to the log, reports and outputs.

    A report that fails does not change the step's result; a warning says so instead. Outputs are
    different: without them the step fails, because a later job would act on missing values.
    """

    def __init__(
        self,
        platform: Platform,
        sanitizer: Sanitizer,
        elapsed: Callable[[], float],
        *,
        has_summary: bool = True,
    ) -> None:
        """Until ``begin`` only log and, if the step ``has_summary``, summary are written.
        ``elapsed`` returns the seconds since the step began.
        """
        self.diagnostics: Diagnostics | None = None
        self._platform = platform
        self.safe = sanitizer
        self._elapsed = elapsed
        self._inputs: ActionInputs | None = None
        self._state: StateFiles | None = None
        """None before ``begin`` and in a dry run, which leaves nothing to cancel."""
        self._ledger: Ledger | None = None
        """None before ``begin_run``, and without state."""
        self.log = Log(platform, sanitizer)
        self._reports: list[Report] = [self.log]
        if has_summary:
            self._reports.append(Summary(platform, sanitizer))
        self._send_trace: Callable[[Facts], None] | None = None
        """Called last; None if no trace is sent."""

    def begin(self, inputs: ActionInputs, warnings: Sequence[Problem]) -> None:
        """Open the reports that the inputs ask for."""
        self._inputs = inputs
        self.log.lines.wanted = inputs.annotations
        self.open_files(inputs.output_dir)
        for problem in warnings:
            self.log.lines.warn("Inputs", text.problem(self.safe, problem))
        job = self._platform.job_name(inputs.idempotency_key, inputs.matrix_job.parts)
        if not inputs.dry_run and job is not None:
            self._state = StateFiles(self._platform, job, inputs.api_key or "")

    def open_files(self, folder: Path | None) -> None:
        """Write the files of ``output-dir``, also if other inputs are wrong: those of an earlier
        step must not stay.
        """
        if folder is not None:
            self._reports += files_in(folder, self.safe)
        if folder is not None or self._platform.is_debug:
            path = folder and folder / DIAGNOSTICS_FILE
            self.diagnostics = Diagnostics(
                self.safe,
                path,
                self._platform.debug,
                partial(self._warn_of_failure, DIAGNOSTICS_FILE),
            )
            self._reports.append(self.diagnostics)
        self._each_report(lambda report: report.begin())

    def trace(self, stop: Stop) -> None:
        """Send a trace when the step has ended, if the environment names a collector. A dry run
        sends nothing.
        """
        url = traces.collector_of(self._platform.env)
        if not url or self._platform.is_dry_run:
            return
        # The variable may be meant for another tool.
        self.log.lines.say("A trace of this step goes to ", Untrusted(host_of(url)))
        self._send_trace = partial(traces.send, url, self.log.lines, stop)

    def begin_run(self, plan: Plan) -> None:
        """Record this run from now on.

        Raises:
            StateError: the state for ``post`` cannot be written.
        """
        if self._state is not None:
            self._state.check(run_name(plan))
            self._ledger = Ledger(
                partial(self._save_state, self._state, run_name(plan)),
                plan.inputs.base_url,
                cancels_if_killed=plan.inputs.on_interrupt == "cancel",
            )
        self._each_report(lambda report: report.begin_run(plan))

    def comment_on(self, comment: Comment, stop: Stop) -> None:
        """Keep ``comment`` up to date."""
        warn = partial(self.log.lines.warn, "Comment")
        task = text.first_line(self._inputs.prompt if self._inputs is not None else "")
        title = self.safe.clean(task, limit=text.TITLE_LIMIT)
        self._reports.append(CommentReport(comment, self.safe, self._platform, stop, warn, title))

    def warn(self, title: LiteralString, template: LiteralString, *values: Value) -> None:
        """Warn; ``template`` and ``values`` are those of ``Sanitizer.line``."""
        self.log.lines.warn(title, self.safe.line(template, *values))

    def on(self, update: Update) -> None:
        """Record an update of the run: its state for ``post`` first, and its ids before a report
        waits for GitHub.
        """
        if self._ledger:
            self._ledger.on(update)
        # Of use to ``post`` alone: the diagnostics need no second copy of the prompt.
        if isinstance(update, StartInDoubt):
            return
        if isinstance(update, Started):
            self._started(update)
        self._each_report(lambda report: report.on(update))

    def _started(self, started: Started) -> None:
        """Write the ids of the run at once, so that later steps always have them."""
        details = RunDetails(run=started.run, key=started.key, joined=started.joined)
        known = RunResult(detached(), details)
        values = outputs_of(self._facts_of(known), self.safe, only_early=True)
        self._guarded(partial(self._platform.set_outputs, values), "the outputs", "Outputs")

    def end(self, result: RunResult) -> Ending:
        """Record how the step ended, in the outputs first, for a report may fail; return how it
        ended with them.
        """
        facts = self._facts_of(result)
        error = self._write_outputs(facts)
        if error is not None:
            result = result._replace(ending=without_outputs(result.ending, error))
            facts = self._facts_of(result)
        # ``post`` still has to cancel a run that this step could not.
        if self._ledger and not result.details.left_behind:
            self._ledger.close()
        self._each_report(lambda report: report.end(facts))
        if self._send_trace is not None:
            self._guarded(partial(self._send_trace, facts), "the trace")
        self._guarded(self._platform.close, "the reports for the CI system")
        return result.ending

    def _facts_of(self, result: RunResult) -> Facts:
        return Facts(result, self.safe, self._platform, self._inputs, self._elapsed())

    def _each_report(self, call: Callable[[Report], None]) -> None:
        """Call ``call`` with every report; one that fails is left out from then on."""
        for report in list(self._reports):
            if not self._guarded(partial(call, report), report.title):
                self._reports.remove(report)

    def _guarded(
        self, write: Callable[[], None], what: str = "a report", title: LiteralString = "Report"
    ) -> bool:
        """Write one of the records, and return whether that worked; otherwise warn."""
        try:
            write()
        # Whatever fails here, the run has cost money, and its result stands.
        except Exception as error:
            self._warn_of_failure(what, error, title)
            return False
        return True

    def _warn_of_failure(
        self, what: str, error: Exception, title: LiteralString = "Report"
    ) -> None:
        if isinstance(error, OSError | UsageError):
            self.warn(title, "Could not write {}: {}", what, _why(error))
        else:
            self.warn(title, "A report failed: {}", InternalError.of(error).cause)

    def _write_outputs(self, step: Facts) -> Exception | None:
        """Write the outputs, and return why that failed if the step must not be green for it. The
        failure of a step that has failed anyway is a warning.
        """
        try:
            self._platform.set_outputs(outputs_of(step, self.safe))
        except Exception as error:
            if step.exit_code == 0:
                return error
            self._warn_of_failure("the outputs", error, "Outputs")
        return None

    def _save_state(self, files: StateFiles, run: str, state: OpenRun | None) -> None:
        fault: LiteralString = "Could not save state: the clean-up step cannot cancel this run ({})"
        if state is None:
            fault = "Could not remove the saved state: the clean-up step may cancel this run ({})"
        try:
            if state is None:
                files.remove(run)
            else:
                files.save(run, state)
        except OSError as error:
            self.warn("State", fault, _why(error))


def _why(error: OSError | UsageError) -> Untrusted | str:
    """Return why a file was not written; in our words if they are ours."""
    if isinstance(error, UsageError):
        return f"{error.problems[0].input} {error.problems[0].fault}"
    return Untrusted(error.strerror or "")


def files_in(folder: Path, safe: Sanitizer) -> list[Report]:
    """Return the reports that are written into ``folder``."""
    return [
        EventsFile(folder / EVENTS_FILE, safe),
        ResultFile(folder / RESULT_FILE, safe),
        ArtifactFile(folder / ARTIFACT_FILE, safe),
        HtmlReport(folder / PAGE_FILE, safe),
    ]
