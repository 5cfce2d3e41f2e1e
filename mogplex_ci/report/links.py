"""Links to the run and its pull request, for a CI system that shows such next to the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.run.happenings import Started

if TYPE_CHECKING:
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer


class LinksReport:
    """Hands links to the platform as soon as they are known."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, base_url: str) -> None:
        """Take where to show them, and where the run's API is."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._base_url = base_url.rstrip("/")

    def on(self, happening: Happening) -> None:
        """Link the run."""
        if isinstance(happening, Started):
            url = f"{self._base_url}/api/v1/mogplex/runs/{happening.run.id}"
            self._link(self._sanitizer.line("Mogplex run {}", happening.run.id), self._sanitizer.url(url))

    def end(self, outcome: Outcome) -> None:
        """Link the pull request."""
        self._link(self._sanitizer.line("Pull request"), self._sanitizer.url(outcome.trail.pull_request_url))

    def _link(self, label: SafeText, url: SafeText | None) -> None:
        if url is not None:
            self._platform.link(label, url)
