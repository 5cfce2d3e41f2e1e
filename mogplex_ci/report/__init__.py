"""What people and programs read about a run: the log, the summary, files and the HTML report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mogplex_ci.run.updates import Started, Starting
from mogplex_ci.workspace import discard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.report.facts import Facts
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import Sanitizer


class Report(Protocol):
    """Something that is written about one run."""

    def on(self, update: Update) -> None:
        """Report an update while the run is followed."""

    def end(self, facts: Facts) -> None:
        """Report how the step ended; called once, also when no run was started."""


class Summary:
    """The job summary, written when the step has ended."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        self._platform = platform
        self._safe = sanitizer

    def on(self, update: Update) -> None:
        """Nothing is written before the end."""

    def end(self, facts: Facts) -> None:
        """Write the summary."""
        from mogplex_ci.report.summary import summary_of

        self._platform.write_summary(summary_of(facts, self._safe))


class FileReport:
    """A file that is written when the step has ended."""

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        self._path = path
        self._safe = sanitizer

    def on(self, update: Update) -> None:
        """Remove the file of an earlier step as soon as there will be a new one."""
        if isinstance(update, Starting | Started):
            discard(self._path)

    def end(self, facts: Facts) -> None:
        """Write the file."""
        raise NotImplementedError


def reports_for(inputs: ActionInputs, platform: Platform, sanitizer: Sanitizer) -> Iterator[Report]:
    """Yield the reports that ``inputs`` ask for, beside the log. What is not asked for is not imported."""
    if inputs.events_file or inputs.result_file or inputs.junit_file or inputs.artifact_file:
        from mogplex_ci.report import files

        if inputs.events_file is not None:
            yield files.EventsFile(inputs.events_file, sanitizer)
        if inputs.result_file is not None:
            yield files.ResultFile(inputs.result_file, sanitizer)
        if inputs.junit_file is not None:
            yield files.JUnitFile(inputs.junit_file, sanitizer, name=inputs.task, repo=inputs.repo)
        if inputs.artifact_file is not None:
            yield files.ArtifactFile(inputs.artifact_file, sanitizer)
    if inputs.summary:
        yield Summary(platform, sanitizer)
    if inputs.report_file is not None:
        from mogplex_ci.report.html import HtmlReport

        yield HtmlReport(inputs.report_file, sanitizer)
