"""Hands what happens to everything that records it: the log, the reports, the outputs, the state for ``post``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.commands.reports import files_of, reports_for
from mogplex_ci.errors import InternalError, UsageError
from mogplex_ci.report import outputs
from mogplex_ci.report.chronicle import Chronicle
from mogplex_ci.report.log import LogReport
from mogplex_ci.report.progress import Progress
from mogplex_ci.run.happenings import KeyRetired, Started, Starting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mogplex_ci.errors import Problem
    from mogplex_ci.inputs.action import ActionInputs
    from mogplex_ci.platforms.interface import Platform
    from mogplex_ci.report.interface import Report
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer


class Recorder:
    """Records one step. Nothing that goes wrong while writing changes how the step ends; it is said instead."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        """Take where to write. Until ``begin`` only the log is written."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._log = LogReport(platform, sanitizer)
        self._reports: list[Report] = [self._log]
        self._files: Mapping[str, str] = {}
        self._state: dict[str, str] = {}
        self._keeps_state = False
        self._progress = Progress(platform.terminal, sanitizer)

    def begin(self, inputs: ActionInputs, warnings: Sequence[Problem]) -> None:
        """Hide the token, and write what the inputs ask for."""
        if inputs.api_key is not None:
            self._platform.mask(inputs.api_key)
        self._log = LogReport(self._platform, self._sanitizer, annotations=inputs.annotations)
        chronicle = Chronicle()
        reports = reports_for(inputs, self._platform, self._sanitizer, chronicle)
        self._reports = [self._log, chronicle, *reports, self._progress]
        self._files = files_of(inputs, self._platform)
        self._keeps_state = inputs.on_interrupt == "cancel" and not inputs.dry_run
        for problem in warnings:
            self._log.problem(problem)

    def dry_run(self, inputs: ActionInputs) -> None:
        """Show the request that would be sent."""
        self._log.request(inputs)

    def no_identity(self) -> None:
        """Say that the key is a random one."""
        text = (
            "Nothing here names this job, so its key is a random one and a retry starts a second run; "
            "give all tries the same MOGPLEX_IDEMPOTENCY_KEY"
        )
        self._log.warn("Idempotency key", self._sanitizer.line(text))

    def on(self, happening: Happening) -> None:
        """Record what happened. Ids are handed on at once: whatever comes, later steps and ``post`` have them."""
        with self._progress.aside():
            self._on(happening)

    def _on(self, happening: Happening) -> None:
        self._tell(lambda report: report.on(happening))
        if isinstance(happening, Starting):
            self._save({"key": happening.key, "repo-id": happening.repo_id})
        elif isinstance(happening, KeyRetired):
            self._save({"key": happening.key})
        elif isinstance(happening, Started):
            self._set(outputs.early(happening, self._sanitizer))
            if happening.owned:
                self._save({"run-id": happening.run.id})
            else:
                self._forget()

    def finish(self, outcome: Outcome) -> None:
        """Record how the step ended."""
        self._progress.stop()
        self._tell(lambda report: report.end(outcome))
        self._set(outputs.final(outcome, self._sanitizer, self._files))
        if not outcome.left_behind:
            self._forget()

    def _tell(self, what: Callable[[Report], None]) -> None:
        """Tell every report. One that fails is left out from then on: the run is worth more than its report."""
        for report in list(self._reports):
            try:
                what(report)
            except Exception as error:
                self._reports.remove(report)
                self._log.warn("Report", self._sanitizer.line("A report failed: {}", InternalError.of(error).cause))

    def _set(self, values: Mapping[str, SafeText | None]) -> None:
        try:
            self._platform.set_outputs(values)
        except (OSError, UsageError):
            self._log.warn("Outputs", self._sanitizer.line("The outputs could not be written"))

    def _save(self, state: Mapping[str, str]) -> None:
        self._state |= state
        self._keep(lambda: self._platform.save_state(self._state))

    def _forget(self) -> None:
        self._keep(self._platform.clear_state)

    def _keep(self, what: Callable[[], None]) -> None:
        if not self._keeps_state:
            return
        try:
            what()
        except (OSError, UsageError):
            self._log.warn("State", self._sanitizer.line("What the post step needs could not be written"))
