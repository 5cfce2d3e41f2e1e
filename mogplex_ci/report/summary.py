"""The job summary: Markdown that says how the step ended, why, and what to do next."""

from typing import TYPE_CHECKING, Final

from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.sanitize import Sanitizer

if TYPE_CHECKING:
    from mogplex_ci.report.facts import StepFacts

SUMMARY_LIMIT: Final = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""


class Summary(Report):
    """The job summary."""

    title = "the summary"

    def __init__(self, platform: Platform, safe: Sanitizer) -> None:
        self._platform = platform
        self._safe = safe

    def end(self, step: "StepFacts") -> None:
        """Write the summary."""
        from mogplex_ci.report.markdown import markdown_of
        from mogplex_ci.report.story import Reader, story_of_run, story_of_step, told_to

        story = story_of_step(step, self._safe)
        if step.run is not None:
            story = story_of_run(step.run, self._safe)
        blocks = told_to(Reader.SUMMARY, story)
        summary = markdown_of(blocks, self._safe, limit=SUMMARY_LIMIT)
        self._platform.write_summary(summary)
