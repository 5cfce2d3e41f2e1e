"""Hands the updates of a step with one run to everything that records them."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mogplex_ci.api.retry import finish
from mogplex_ci.errors import InternalError, UsageError
from mogplex_ci.report import reports_for
from mogplex_ci.report.log import Log
from mogplex_ci.run.updates import NextKey, Started, Starting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from mogplex_ci.errors import Problem
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.report import Report
    from mogplex_ci.report.diagnostics import Diagnostics
    from mogplex_ci.report.progress import Progress
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.start import Key
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import CleanText, SafeText, Sanitizer
    from mogplex_ci.waiting import Clock, Stop

T = TypeVar("T")


class Recorder:
    """Hands updates to everything that records the step: log, reports, outputs, and the state for ``post``.

    Nothing that goes wrong while writing changes how the step ends; a warning says so instead.
    """

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        """Until ``begin`` only the log is written."""
        self.diagnostics: Diagnostics | None = None
        self._platform = platform
        self._sanitizer = sanitizer
        self._inputs: ActionInputs | None = None
        self._log = Log(platform, sanitizer)
        self._reports: list[Report] = [self._log]
        self._state: dict[str, str] = {}
        self._progress: Progress | None = None
        if platform.terminal is not None and not platform.is_debug:
            from mogplex_ci.report.progress import Progress

            self._progress = Progress(platform.terminal, sanitizer)

    def begin(self, inputs: ActionInputs, warnings: Sequence[Problem]) -> None:
        """Mask the token, and open the reports that the inputs ask for."""
        for secret in (inputs.api_key, inputs.github_token):
            if secret is not None:
                self._platform.mask(secret)
        self._inputs = inputs
        self._log.start(inputs)
        self._reports = [self._log, *self._reports_for(inputs)]
        if self._progress is not None:
            self._reports.append(self._progress)
        if inputs.diagnostics_file is not None or self._platform.is_debug:
            from mogplex_ci.report.diagnostics import Diagnostics  # structlog is slow to import

            self.diagnostics = Diagnostics(self._sanitizer, inputs.diagnostics_file, self._platform.debug)
            self._reports.append(self.diagnostics)
        for problem in warnings:
            self._log.problem(problem)

    def comment_on(self, issue: int, inputs: ActionInputs, key: Key, clock: Clock, stop: Stop) -> None:
        """Keep one comment on an issue or pull request of the job's repository up to date."""
        from mogplex_ci.github_api import GitHubApi
        from mogplex_ci.report.comment import CommentReport

        repository = self._platform.repository()
        if repository is None or inputs.github_token is None:
            why = "comment-on is not used: this CI system does not say which repository the job belongs to"
            self._warn_of_comment(self._sanitizer.line(why))
            return
        self._reports.append(
            CommentReport(
                GitHubApi(self._platform.github_api_url, inputs.github_token, repository, diagnostics=self.diagnostics),
                issue,
                self._sanitizer,
                key=key.base,
                job_url=self._sanitizer.url(self._platform.job_url),
                clock=clock,
                stop=stop,
                warn=self._warn_of_comment,
            )
        )

    def _warn_of_comment(self, text: SafeText) -> None:
        self._log.warn("Comment", text)

    def show_request(self, inputs: ActionInputs) -> None:
        """Show the request that would be sent if this were no dry run."""
        self._log.request(inputs)

    def warn_of_random_key(self) -> None:
        """Warn that a retry of the step starts a second run."""
        text = self._sanitizer.line(
            "Nothing here identifies this job, so its key is random and a retry starts a second run; "
            "give all tries the same MOGPLEX_IDEMPOTENCY_KEY"
        )
        self._log.warn("Idempotency key", text)

    def warn_of_unknown_permission(self, cause: str) -> None:
        """Warn that GitHub could not be asked who may write to the repository, so that only the event tells."""
        self._log.warn("Permission", self._sanitizer.line("GitHub could not be asked who has write access: {}", cause))

    def warn_of_use_without_action(self) -> None:
        """Warn about what only the action has: a post step, and the values of the matrix."""
        text = self._sanitizer.line(
            "This step does not use the action: no post step cancels the run if the step is killed, and the jobs of a "
            "matrix would share one run. Set key-suffix to {} (or matrix to {}), and run 'mogplex-ci post' in a later "
            "step with 'if: always()'",
            "${{ strategy.job-index }}",
            "${{ toJson(matrix) }}",
        )
        self._log.warn("No post step", text)

    def _reports_for(self, inputs: ActionInputs) -> Iterable[Report]:
        return reports_for(inputs, self._platform, self._sanitizer)

    def follow(self, work: Generator[Update, None, T]) -> T:
        """Record the updates of ``work`` until it is done, and return its result."""
        return finish(work, self.on)

    def on(self, update: Update) -> None:
        """Record an update. Ids are written at once, so that later steps and ``post`` have them whatever happens."""
        with self._without_progress():
            self._each_report(lambda report: report.on(update))
            if isinstance(update, Starting):
                self._state.pop("run-id", None)  # that of a run whose retry this is
                self._save({"key": update.key, "repo-id": update.repo_id})
            elif isinstance(update, NextKey):
                self._save({"key": update.key})
            elif isinstance(update, Started):
                from mogplex_ci.report.facts import early_outputs

                self._set_outputs(early_outputs(update, self._sanitizer))
                if update.owned:
                    self._save({"run-id": update.run.id})
                else:
                    self._forget()

    def finish(self, result: RunResult) -> None:
        """Record how the step ended."""
        from mogplex_ci.report.facts import facts_of, final_outputs

        self._stop_progress()
        facts = facts_of(result, self._sanitizer, self._platform, self._inputs)
        self._each_report(lambda report: report.end(facts))
        self._set_outputs(final_outputs(facts, self._sanitizer))
        if not result.left_behind:
            self._forget()

    def _without_progress(self) -> AbstractContextManager[None]:
        """Hide the live table, if there is one, while something else is written to the terminal."""
        return self._progress.hidden() if self._progress else contextlib.nullcontext()

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _each_report(self, call: Callable[[Report], None]) -> None:
        """Call ``call`` with every report; one that fails is left out from then on."""
        for report in list(self._reports):
            if not self._guarded(partial(call, report)):
                self._reports.remove(report)

    def _guarded(self, write: Callable[[], None]) -> bool:
        """Write a part of a report, and return whether that worked; a warning says if not."""
        try:
            write()
        except Exception as error:
            self._log.warn("Report", self._sanitizer.line("A report failed: {}", InternalError.of(error).cause))
            return False
        return True

    def _set_outputs(self, values: Mapping[str, CleanText | None]) -> None:
        try:
            self._platform.set_outputs(values)
        except (OSError, UsageError):
            self._log.warn("Outputs", self._sanitizer.line("The outputs could not be written"))

    def _save(self, state: Mapping[str, str]) -> None:
        self._state |= state
        self._with_state(lambda: self._platform.save_state(self._state))

    def _forget(self) -> None:
        self._with_state(self._platform.clear_state)

    def _with_state(self, change: Callable[[], None]) -> None:
        """Change what ``post`` gets, if there is anything for it to do."""
        if self._inputs is None or self._inputs.dry_run or self._inputs.on_interrupt != "cancel":
            return
        try:
            change()
        except (OSError, UsageError):
            self._log.warn("State", self._sanitizer.line("What the post step needs could not be written"))
