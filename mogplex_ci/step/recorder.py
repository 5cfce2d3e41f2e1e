"""Forwards the updates of a step to the log, reports and outputs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, LiteralString, TypeVar

from mogplex_ci.api.retry import finish
from mogplex_ci.errors import InternalError, ResourceError, UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import UnansweredStart
from mogplex_ci.outputs import (
    ARTIFACT_FILE,
    DIAGNOSTICS_FILE,
    EVENTS_FILE,
    LOGS_FOLDER,
    PAGE_FILE,
    RESULT_FILE,
)
from mogplex_ci.own_words import named
from mogplex_ci.platforms.base import Platform
from mogplex_ci.problems import Problem
from mogplex_ci.report import Report, text
from mogplex_ci.report.log import Log
from mogplex_ci.report.progress import Progress
from mogplex_ci.report.summary import Summary
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.result import Ending, Result, RunDetails, RunResult, ending_of_error
from mogplex_ci.run.updates import Started, Update
from mogplex_ci.sanitize import SafeText, Sanitizer, Value, duration, is_maskable
from mogplex_ci.step.ledger import Ledger
from mogplex_ci.step.planning import run_name
from mogplex_ci.step.state import OpenRun, StateFiles
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import host_of
from mogplex_ci.waiting import Stop

if TYPE_CHECKING:
    from mogplex_ci.report.comment import Comment
    from mogplex_ci.report.diagnostics import Diagnostics
    from mogplex_ci.report.facts import EndingFacts, RunFacts, StepFacts

T = TypeVar("T")

_COLLECTORS: Final = (
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)
"""Variables of OpenTelemetry with the collector's address; the first one that is set counts."""


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
        """Until ``begin`` only log and summary are written. ``elapsed`` returns the seconds since
        the step began.
        """
        self.diagnostics: Diagnostics | None = None
        self._platform = platform
        self.safe = sanitizer
        self._elapsed = elapsed
        self._inputs: ActionInputs | None = None
        self._state: StateFiles | None = None
        self._ledger: Ledger | None = None
        """Both None before ``begin`` and in a dry run, which leaves nothing to cancel."""
        self.log = Log(platform, sanitizer, elapsed)
        self._progress = Progress(None if platform.is_debug else platform.terminal, sanitizer)
        self._reports: list[Report] = [self.log]
        if has_summary:
            self._reports.append(Summary(platform, sanitizer))
        self._traces: Report | None = None
        """Among the reports, if a trace is sent."""
        self._runs: Sequence[StepRun] = ()
        self._subject: StepRun | None = None
        """The run that the outputs are about; None if the inputs name several, or none yet."""
        self._started_at: dict[int, float] = {}
        """By the number of the run: seconds since the step began."""
        self._ended: dict[int, RunFacts] = {}
        """By the number of the run."""

    def begin(self, tasks: Sequence[ActionInputs], warnings: Sequence[Problem]) -> None:
        """Mask the token, and open the reports that the inputs ask for. ``tasks`` are the inputs of
        each task.
        """
        inputs = tasks[0]
        for secret in (inputs.api_key, inputs.github_token):
            if secret is not None and is_maskable(secret):
                self._platform.mask(secret)
        self._inputs = inputs
        if len(tasks) > 1:
            prompts = {task.prompt for task in tasks}
            prompt = "" if len(prompts) > 1 else inputs.prompt
            self._inputs = inputs._replace(prompt=prompt, task=None)
        self._platform.is_dry_run = bool(inputs.dry_run)
        self._platform.key_suffix = inputs.key_suffix
        self.log.lines.wanted = inputs.annotations
        job = self._platform.job_name(inputs.idempotency_key, inputs.matrix_job.parts)
        if not inputs.dry_run and job is not None:
            self._state = StateFiles(self._platform, job, inputs.api_key or "")
        if not inputs.dry_run:
            cancels = inputs.on_interrupt == "cancel"
            self._ledger = Ledger(self._save_state, inputs.base_url, cancels_if_killed=cancels)
        self._reports = [self.log]
        if inputs.summary:
            self._reports.append(Summary(self._platform, self.safe))
        self._reports.append(self._progress)
        self.open_files(inputs.output_dir)
        for problem in warnings:
            self.log.lines.warn("Inputs", text.problem(self.safe, problem))

    def open_files(self, folder: Path | None) -> None:
        """Write the files of ``output-dir``, also if other inputs are wrong: those of an earlier
        step must not stay.
        """
        if folder is not None:
            self._reports += files_in(folder, self.safe)
            self.log.logs_folder = folder / LOGS_FOLDER
        if folder is not None or self._platform.is_debug:
            from mogplex_ci.report.diagnostics import Diagnostics  # few steps write them

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
        env = self._platform.env
        variable = next((name for name in _COLLECTORS if env.get(name)), None)
        is_disabled = env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        if variable is None or is_disabled or self._platform.is_dry_run:
            return
        endpoint = env[variable]
        from mogplex_ci.report.traces import Traces, fault_of, reason_for_no_trace

        reason = reason_for_no_trace(env)
        fault = fault_of(endpoint, env)
        if reason is not None:
            self.log.lines.say("No trace is sent: ", reason)
        elif fault is not None:
            self.warn("Traces", fault, variable)
        else:
            host = Untrusted(host_of(endpoint))
            template: LiteralString = "A trace of this step goes to {} ({})"
            self.log.lines.line(self.safe.line(template, host, variable))
            matrix = self._inputs.matrix_job.parts if self._inputs is not None else ()
            self._traces = Traces(
                endpoint, self._platform, matrix, self.log.lines, self._elapsed, stop
            )
            self._reports.append(self._traces)

    def check_state(self, runs: Sequence[StepRun]) -> None:
        """Find out whether the state for ``post`` can be written for each run.

        Raises:
            StateError: it cannot.
        """
        if self._state is not None:
            for run in runs:
                self._state.check(run_name(run))

    def uses_in_job(self) -> int:
        """Return how many steps of this job use the token now, this one included; each run of
        another step counts, since it is followed on its own.
        """
        if self._state is None:
            return 1
        return 1 + self._state.count_others(list(map(run_name, self._runs)))

    def begin_runs(self, runs: Sequence[StepRun], subject: StepRun | None = None) -> None:
        """Record these runs from now on. ``subject`` is the one that the outputs are about, if the
        inputs name one.
        """
        self._runs = runs
        self._subject = subject
        self._each_report(lambda report: report.begin_runs(runs))

    def show_counts(self, counts: Callable[[], SafeText]) -> None:
        """Show on a terminal, above the runs, how many there are of each kind; a thread calls
        ``counts``.
        """
        self._progress.heading = counts

    def comment_on(self, comment: Comment, stop: Stop) -> None:
        """Keep ``comment`` up to date."""
        from mogplex_ci.report.comment import CommentReport  # few steps comment

        warn = partial(self.log.lines.warn, "Comment")
        report = CommentReport(comment, self.safe, self._platform, stop, warn)
        place = len(self._reports)
        if self._traces in self._reports:
            # A stopped step sends its trace in the seconds that the comment leaves.
            place = self._reports.index(self._traces)
        self._reports.insert(place, report)

    def warn(self, title: LiteralString, template: LiteralString, *values: Value) -> None:
        """Warn; ``template`` and ``values`` are those of ``Sanitizer.line``."""
        self.log.lines.warn(title, self.safe.line(template, *values))

    def follow_lookup(self, work: Generator[Update, None, T]) -> T:
        """Record the updates of ``work``, which looks up the step's repositories, until it is done;
        return its result.
        """
        return finish(
            work, lambda update: self._each_report(lambda report: report.on_lookup(update))
        )

    def follow(self, run: StepRun, work: Generator[Update, None, RunResult]) -> RunResult:
        """Record the updates of ``work``, which executes ``run``, and how it ended; return that."""
        return self.end_run(run, finish(work, partial(self.on, run)))

    def save(self, run: StepRun, update: Update) -> None:
        """Save an update's state for ``post``. Called by the thread of its run, before the run
        continues.
        """
        if self._ledger:
            self._ledger.on(run_name(run), update)

    def save_start(self, run: StepRun, start: UnansweredStart | None) -> None:
        """Save a start request that is about to be sent; None when it is certain that it has
        started nothing. Called like ``save``.
        """
        if self._ledger:
            self._ledger.save_unanswered(run_name(run), start)

    def on(self, run: StepRun, update: Update) -> None:
        """Record an update."""
        if self.log.writes_at_once(run, update):
            with self._progress.hidden():
                self._each_report(lambda report: report.on(run, update))
        else:
            self._each_report(lambda report: report.on(run, update))
        if isinstance(update, Started):
            self._started(run, update)

    def _started(self, run: StepRun, started: Started) -> None:
        """Write the ids of the run that the inputs name at once, so that later steps always have
        them.
        """
        self._started_at.setdefault(run.number, self._elapsed())
        if run is not self._subject:
            return
        details = RunDetails(run=started.run, key=started.key, joined=started.joined)
        known = RunResult(Ending.of(Result.DETACHED), details)
        # Not before the first request.
        from mogplex_ci.report.facts import facts_of
        from mogplex_ci.report.outputs import early_outputs

        now = self._started_at[run.number]
        facts = facts_of(known, self.safe, self._platform, run, now, now)
        values = early_outputs(facts, self.safe)
        self._guarded(partial(self._platform.set_outputs, values), "the outputs", "Outputs")

    def count_runs(self, counts: SafeText) -> None:
        """Record how many runs there are of each kind."""
        with self._progress.hidden():
            self._guarded(
                lambda: self.log.lines.say(counts, " (after ", duration(self._elapsed()), ")")
            )

    def end_run(self, run: StepRun, result: RunResult) -> RunResult:
        """Record how a run ended, in the outputs first, for a report may fail; return how it ended
        with them.
        """
        details = result.details._replace(repo=result.details.repo or run.plan.found)
        result = RunResult(result.ending, details)
        facts = self._facts_of(run, result)
        if run is self._subject:
            error = self._write_outputs(self._step_facts(facts.ending))
            if error is not None:
                result = RunResult(_without_outputs(result, error), details)
                facts = self._facts_of(run, result)
        if self._ledger and not details.left_behind:
            self._ledger.close(run_name(run))
        with self._progress.hidden():
            self._each_report(lambda report: report.end_run(facts))
        return result

    def _facts_of(self, run: StepRun, result: RunResult) -> RunFacts:
        """Return the facts of a run that has ended, and keep them for the step."""
        from mogplex_ci.report.facts import facts_of

        ended = self._elapsed()
        began = self._started_at.get(run.number, ended)
        if len(self._runs) == 1:
            began = 0.0  # it takes the time of the step
        facts = facts_of(result, self.safe, self._platform, run, began, ended)
        self._ended[run.number] = facts.without_timeline()
        return facts

    def finish(self, ending: Ending) -> Ending:
        """Record how the step ended, and return how it did with its outputs."""
        from mogplex_ci.report.facts import ending_facts, state_of_runs

        self._progress.stop()
        if self._subject is not None and self._subject.number in self._ended:
            facts = self._ended[self._subject.number].ending  # with its outputs
        else:
            runs = list(self._ended.values())
            if ending.result is Result.INTERRUPTED and runs:
                ending = ending._replace(remedy=state_of_runs(runs))
            sent = sum(run.ending.requests for run in runs)
            of_step = RunDetails(requests_sent=sent)
            seconds = self._elapsed()
            facts = ending_facts(ending, of_step, seconds, self.safe)
            error = self._write_outputs(self._step_facts(facts))
            if error is not None:
                ending = _without_outputs(RunResult(ending), error)
                facts = ending_facts(ending, of_step, seconds, self.safe)
        step = self._step_facts(facts)
        self._each_report(lambda report: report.end(step))
        self._guarded(self._platform.close, "the reports for the CI system")
        return ending

    def _step_facts(self, ending: EndingFacts) -> StepFacts:
        from mogplex_ci.report.facts import StepFacts, task_of

        ended = [self._ended[run.number] for run in self._runs if run.number in self._ended]
        subject = self._ended.get(self._subject.number) if self._subject is not None else None
        task = task_of(self._inputs, None, self.safe, self._platform)
        if subject is not None:
            task = subject.task
        return StepFacts(ending, task, ended, len(self._runs), subject)

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

    def _write_outputs(self, step: StepFacts) -> Exception | None:
        """Write the outputs, and return why that failed if the step must not be green for it. The
        failure of a step that has failed anyway is a warning.
        """
        from mogplex_ci.report.outputs import outputs_of

        try:
            self._platform.set_outputs(outputs_of(step, self.safe))
        except Exception as error:
            if step.ending.exit_code == 0:
                return error
            self._warn_of_failure("the outputs", error, "Outputs")
        return None

    def _save_state(self, run: str, state: OpenRun | None) -> None:
        if self._state is None:
            return
        fault: LiteralString = "Could not save state: the clean-up step cannot cancel this run ({})"
        if state is None:
            fault = "Could not remove the saved state: the clean-up step may cancel this run ({})"
        try:
            if state is None:
                self._state.remove(run)
            else:
                self._state.save(run, state)
        except OSError as error:
            self.warn("State", fault, _why(error))


def _why(error: OSError | UsageError) -> Untrusted | str:
    """Return why a file was not written; in our words if they are ours."""
    if isinstance(error, UsageError):
        return f"{named(error.problems[0].input)} {error.problems[0].fault}"
    return Untrusted(error.strerror or "")


def _without_outputs(passed: RunResult, error: Exception) -> Ending:
    """Return how a step ends that would be green, and whose outputs cannot be written."""
    if not isinstance(error, OSError | UsageError):
        return ending_of_error(InternalError.of(error))
    why = _why(error)
    remedy = "Later steps would act on missing outputs, so the step fails."
    if isinstance(error, UsageError):
        remedy = f"{error.problems[0].remedy} {remedy}"
    if passed.ending.result is Result.SUCCESS and passed.details.run is not None:
        remedy += " The run itself has succeeded."
    return Ending(
        Result.ERROR,
        ResourceError.exit_code,
        "the outputs could not be written",
        remedy,
        Untrusted(why) if isinstance(why, str) else why,
        ResourceError.code,
    )


def files_in(folder: Path, safe: Sanitizer) -> list[Report]:
    """Return the reports that are written into ``folder``."""
    # Only these files need what is loaded here, 2 ms.
    from mogplex_ci.report.files import ArtifactFile, EventsFile, ResultFile
    from mogplex_ci.report.html import HtmlReport

    return [
        EventsFile(folder / EVENTS_FILE, safe),
        ResultFile(folder / RESULT_FILE, safe),
        ArtifactFile(folder / ARTIFACT_FILE, safe),
        HtmlReport(folder / PAGE_FILE, safe),
    ]
