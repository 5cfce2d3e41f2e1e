"""The job summary: Markdown that says how the step ended, why, and what to do next."""

from typing import Final

from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.story import SUMMARY, report_of
from mogplex_ci.sanitize import Sanitizer

SUMMARY_LIMIT: Final = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""


class Summary(Report):
    """The job summary."""

    title = "the summary"

    def __init__(self, platform: Platform, safe: Sanitizer) -> None:
        self._platform = platform
        self._safe = safe

    def end(self, facts: Facts) -> None:
        """Write the summary."""
        summary = report_of(SUMMARY, facts, self._safe, limit=SUMMARY_LIMIT)
        self._platform.write_summary(summary)
