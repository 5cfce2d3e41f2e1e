"""Hands the updates of a step to everything that records them: log, reports, outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import LiteralString, TypeVar

from mogplex_ci.api.retry import finish
from mogplex_ci.errors import InternalError, Problem, UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.outputs import (
    ARTIFACT_FILE,
    DIAGNOSTICS_FILE,
    EVENTS_FILE,
    JUNIT_FILE,
    PAGE_FILE,
    RESULT_FILE,
)
from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report, text
from mogplex_ci.report.comment import Comment, CommentReport, job_link
from mogplex_ci.report.diagnostics import Diagnostics
from mogplex_ci.report.facts import RunFacts, StepFacts, early_outputs, facts_of, outputs_of
from mogplex_ci.report.files import ArtifactFile, EventsFile, ResultFile
from mogplex_ci.report.log import Log, TurningPoint
from mogplex_ci.report.progress import Progress
from mogplex_ci.report.summary import Summary
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.updates import Started, Update
from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer, Value, duration
from mogplex_ci.step.ledger import Ledger
from mogplex_ci.step.plan import Item
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop

T = TypeVar("T")


class Recorder:
    """Hands updates to everything that records the step.

    Nothing that goes wrong while writing changes how the step ends; a warning says so instead.
    """

    def __init__(
        self, platform: Platform, sanitizer: Sanitizer, elapsed: Callable[[], float]
    ) -> None:
        """Until ``begin`` only log and summary are written. ``elapsed`` tells how many seconds the
        step has taken.
        """
        self.diagnostics: Diagnostics | None = None
        self._platform = platform
        self.safe = sanitizer
        self._elapsed = elapsed
        self._inputs: ActionInputs | None = None
        self._ledger: Ledger | None = None
        """None if ``post`` shall cancel nothing."""
        self.log = Log(platform, sanitizer, elapsed)
        self._progress = Progress(None if platform.is_debug else platform.terminal, sanitizer)
        self._reports: list[Report] = [self.log]
        if not any(
            platform.env.get(name, "").lower() == "false"
            for name in ("INPUT_SUMMARY", "MOGPLEX_SUMMARY")
        ):
            self._reports.append(Summary(platform, sanitizer))
        self._names: dict[Item | None, SafeText | None] = {None: None}
        """The runs of a step with several; None is the run of any other step."""
        self._started_at: dict[Item | None, float] = {}
        """Seconds since the step began."""
        self._ended: dict[Item | None, RunFacts] = {}

    def begin(self, tasks: Sequence[ActionInputs], warnings: Sequence[Problem]) -> None:
        """Mask the token, and open the reports that the inputs ask for. ``tasks`` are the inputs of
        each task.
        """
        inputs = tasks[0]
        for secret in (inputs.api_key, inputs.github_token):
            if secret is not None:
                self._platform.mask(secret)
        self._inputs = inputs
        self.log.lines.start(inputs)
        if not inputs.dry_run and inputs.on_interrupt == "cancel":
            save = partial(self._save_state, key=inputs.idempotency_key)
            owner = self._platform.state_owner(key=inputs.idempotency_key)
            self._ledger = Ledger(save, inputs.base_url, inputs.api_key or "", owner)
        self._reports = [
            self.log,
            *([Summary(self._platform, self.safe)] if inputs.summary else []),
            self._progress,
        ]
        self.open_files(inputs.output_dir)
        for problem in warnings:
            self.log.lines.warn("Inputs", text.problem(self.safe, problem))

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

    def begin_runs(self, items: Sequence[Item], counts: Callable[[], SafeText]) -> None:
        """Record the runs ``items``, which ``counts`` counts, from now on."""
        self._names = {}
        for item in items:
            task = (" ", Untrusted(item.inputs.task)) if item.inputs.task else ()
            parts: tuple[Part, ...] = ("[", item.repo.full_name, *task)
            name = self.safe.sentence(*parts, "]")
            is_taken = name in self._names.values()
            self._names[item] = (
                self.safe.sentence(*parts, " #", item.number, "]") if is_taken else name
            )
        names = {name: item.inputs for item, name in self._names.items() if item and name}
        self.log.begin_runs(names)
        self._progress.begin_runs(names, counts)

    def comment_on(self, comment: Comment | None, stop: Stop) -> None:
        """Keep ``comment`` up to date; None is for a job whose repository is not known."""
        if comment is None:
            self.warn(
                "Comment",
                "comment-on is not used: this CI system does not say which repository the job belongs to",
            )
            return
        link, warn = (
            job_link(self.safe, self._platform.job_url),
            partial(self.log.lines.warn, "Comment"),
        )
        self._reports.append(CommentReport(comment, self.safe, link, stop, warn))

    def warn(self, title: LiteralString, template: LiteralString, *values: Value) -> None:
        """Warn; ``template`` and ``values`` are those of ``Sanitizer.line``."""
        self.log.lines.warn(title, self.safe.line(template, *values))

    def follow(self, work: Generator[Update, None, T]) -> T:
        """Record the updates of ``work``, which are about no run of several, until it is done;
        return its result.
        """
        return finish(work, partial(self.on, None))

    def save(self, item: Item | None, update: Update) -> None:
        """Save what ``post`` needs to know of an update. Called by the thread of its run, before
        the run goes on.
        """
        if self._ledger:
            inputs = item.inputs if item else self._inputs
            self._ledger.on(item, (inputs and inputs.task) or "", update)

    def on(self, item: Item | None, update: Update) -> None:
        """Record an update. The ids of a single run are written at once: later steps have them in
        any case.
        """
        is_logged = item is None or isinstance(update, TurningPoint)
        with self._progress.hidden() if is_logged else contextlib.nullcontext():
            self._each_report(lambda report: report.on(self._names[item], update))
            if isinstance(update, Started):
                self._started_at.setdefault(item, self._elapsed())
                if item is None:
                    known = RunResult(
                        Result.DETACHED, 0, run=update.run, key=update.key, joined=update.joined
                    )
                    self._set_outputs(
                        early_outputs(facts_of(known, self.safe, self._platform, None), self.safe)
                    )

    def count_runs(self, counts: SafeText) -> None:
        """Record how many runs there are of each kind."""
        with self._progress.hidden():
            self._guarded(
                lambda: self.log.lines.say(counts, " (after ", duration(self._elapsed()), ")")
            )

    def end_run(self, item: Item | None, result: RunResult) -> RunFacts:
        """Record how a run ended: of the only one in the outputs first, for a report may fail.
        Return its facts.
        """
        inputs, began, ended = self._inputs, 0.0, self._elapsed()
        if item is not None:
            inputs, began, result = (
                item.inputs,
                self._started_at.get(item, ended),
                result._replace(repo=item.repo),
            )
        facts = facts_of(result._replace(duration=ended - began), self.safe, self._platform, inputs)
        repo = result.repo.full_name if result.repo else (inputs and inputs.repo) or ""
        task = self.safe.clean(inputs.task) if inputs and inputs.task else None
        run = RunFacts(
            self._names[item], self.safe.clean(repo), task, facts, began, ended, of=len(self._names)
        )
        if item is None:
            self._set_outputs(outputs_of(StepFacts(run.facts, [run]), self.safe))
        if self._ledger and not result.left_behind:
            self._ledger.close(item)
        with self._progress.hidden():
            self._each_report(lambda report: report.end_run(run))
        self._ended[item] = run.without_timeline()
        return run

    def finish(self, result: RunResult) -> None:
        """Record how the step ended."""
        self._progress.stop()
        if None in self._names:
            run = self.end_run(None, result)
            step = StepFacts(run.facts, [run])
        else:
            has_many_tasks = len({item.inputs.prompt for item in self._names if item}) > 1
            inputs = (
                self._inputs._replace(prompt="")
                if self._inputs and has_many_tasks
                else self._inputs
            )
            facts = facts_of(
                result._replace(duration=self._elapsed()), self.safe, self._platform, inputs
            )
            step = StepFacts(
                facts, [self._ended[item] for item in self._names if item in self._ended]
            )
            self._set_outputs(outputs_of(step, self.safe))
        self._each_report(lambda report: report.end(step))
        self._guarded(self._platform.close, "the reports for the CI system")

    def _each_report(self, call: Callable[[Report], None]) -> None:
        """Call ``call`` with every report; one that fails is left out from then on."""
        for report in list(self._reports):
            if not self._guarded(partial(call, report), report.title):
                self._reports.remove(report)

    def _guarded(
        self, write: Callable[[], None], what: str = "a report", title: LiteralString = "Report"
    ) -> bool:
        """Write a part of what records the step, and return whether that worked; a warning says if
        not.
        """
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

    def _set_outputs(self, values: Mapping[str, CleanText | None]) -> None:
        self._guarded(partial(self._platform.set_outputs, values), "the outputs", "Outputs")

    def _save_state(self, line: str, *, key: str | None) -> None:
        try:
            self._platform.save_state(line, key=key)
        except (OSError, UsageError) as error:
            self.warn(
                "State",
                "Could not save state: the clean-up step cannot cancel this run ({})",
                _why(error),
            )


def _why(error: OSError | UsageError) -> Untrusted:
    """Return why a file was not written."""
    if isinstance(error, UsageError):
        return Untrusted(" ".join((error.problems[0].input, error.problems[0].fault)))
    return Untrusted(error.strerror or "")


def files_in(folder: Path, safe: Sanitizer) -> list[Report]:
    """Return the reports that are written into ``folder``."""
    from mogplex_ci.report.html import HtmlReport  # 1 ms, and only these files need it
    from mogplex_ci.report.junit import JUnitFile  # loads a parser of XML, 3 ms

    return [
        EventsFile(folder / EVENTS_FILE, safe),
        ResultFile(folder / RESULT_FILE, safe),
        JUnitFile(folder / JUNIT_FILE, safe),
        ArtifactFile(folder / ARTIFACT_FILE, safe),
        HtmlReport(folder / PAGE_FILE, safe),
    ]
