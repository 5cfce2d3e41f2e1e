"""The job summary: how it ended, and where to go next, as markdown next to the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.durations import format_duration

if TYPE_CHECKING:
    from mogplex_ci.platforms.interface import Platform
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer


class SummaryReport:
    """Writes the summary at the end."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        """Take where to write."""
        self._platform = platform
        self._sanitizer = sanitizer

    def on(self, happening: Happening) -> None:
        """Wait for the end."""

    def end(self, outcome: Outcome) -> None:
        """Write the summary."""
        safe = self._sanitizer
        rows = {
            "Run": safe.identifier(outcome.run.id) if outcome.run else None,
            "Repository": safe.repo(outcome.repo.full_name) if outcome.repo else None,
            "Branch": safe.branch(outcome.branch),
            "Pull request": safe.url(outcome.trail.pull_request_url),
            "Duration": format_duration(outcome.duration),
            "Requests": str(outcome.requests_sent),
        }
        table = "".join(f"| {name} | {value} |\n" for name, value in rows.items() if value)
        self._platform.write_summary(
            f"### Mogplex run: {outcome.verdict.result.value}\n\n| | |\n| --- | --- |\n{table}\n"
        )
