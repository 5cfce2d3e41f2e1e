"""Reports about a step, for people and programs: the log, the summary, files and the HTML
report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from mogplex_ci.workspace import discard

if TYPE_CHECKING:
    from pathlib import Path

    from mogplex_ci.report.facts import RunFacts, StepFacts
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import SafeText, Sanitizer


T = TypeVar("T")


class Report:
    """Something that is written about a step with one run or several."""

    title = "a report"
    """Its name in a warning."""

    def begin(self) -> None:
        """Prepare. A step that is killed must not leave the success of an earlier one behind."""

    def on(self, name: SafeText | None, update: Update) -> None:
        """Report an update of the run ``name``, which is None unless the step has several runs."""

    def end_run(self, run: RunFacts) -> None:
        """Report how a run ended. If it is one of several, only now is its timeline there."""

    def end(self, step: StepFacts) -> None:
        """Report how the step ended; called once, also when no run was started."""


class FileReport(Report, Generic[T]):
    """A file that is written when the step has ended. ``T`` is what it keeps of each run until
    then.
    """

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        self._path = path
        self.title = path.name
        self._safe = sanitizer
        self._parts: dict[SafeText | None, T] = {}
        """By the name of the run, None when it is alone."""

    def begin(self) -> None:
        """Remove the file of an earlier step."""
        discard(self._path)
