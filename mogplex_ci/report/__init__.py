"""Reports about a step, for people and programs: the log, the summary, files and the HTML
report.
"""

from __future__ import annotations

from pathlib import Path

from mogplex_ci.report.facts import Facts
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.workspace import discard


class Report:
    """Something that is written about a step and its run."""

    title = "a report"
    """Its name in a warning."""

    def begin(self) -> None:
        """Prepare. A step that is killed must not leave the success of an earlier one behind."""

    def begin_run(self, plan: Plan) -> None:
        """Take note of the run that the step will have. A step that ends before has none."""

    def on(self, update: Update) -> None:
        """Report an update of the run."""

    def end(self, facts: Facts) -> None:
        """Report how the step ended; called once, also when it has no run."""


class FileReport(Report):
    """A file of the step."""

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        self._path = path
        self.title = path.name
        self._safe = sanitizer

    def begin(self) -> None:
        """Remove the file of an earlier step."""
        discard(self._path)
