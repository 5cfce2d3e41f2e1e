"""Checks of a commit as GitHub lists them: suites, runs and statuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

REPOSITORY = "acme/web"
ACTIONS = "github-actions"
LONG_AGO = "2026-01-01T00:00:00Z"
"""When a check was made of which a test does not say when."""


def check(name: str, conclusion: str | None, **fields: Any) -> dict[str, Any]:
    """A check run as GitHub lists it; one without a conclusion is at work. It belongs to GitHub
    Actions.
    """
    return {
        "id": crc32(name.encode()),
        "name": name,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "completed_at": LONG_AGO if conclusion else None,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/31/job/{crc32(name.encode())}",
        "app": {"id": 15368, "slug": ACTIONS, "name": "GitHub Actions"},
        "check_suite": {"id": 1},
    } | fields


def suite(
    number: int, conclusion: str | None, *, app: str = ACTIONS, runs: int = 0, **fields: Any
) -> dict[str, Any]:
    """A check suite as GitHub lists it; one without a conclusion is at work."""
    return {
        "id": number,
        "status": "completed" if conclusion else "queued",
        "conclusion": conclusion,
        "latest_check_runs_count": runs,
        "created_at": LONG_AGO,
        "app": {"slug": app, "name": app},
    } | fields


def status(context: str, state: str, **fields: Any) -> dict[str, Any]:
    """A commit status as GitHub lists it."""
    return {
        "id": crc32(f"{context} {state}".encode()),
        "context": context,
        "state": state,
        "target_url": "https://ci.example/7",
        "created_at": LONG_AGO,
    } | fields


@dataclass
class Look:
    """All checks of a commit at one moment."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    suites: list[dict[str, Any]] | None = None
    """None: one for each that the runs name."""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    """All that were made, the oldest first."""
    missing: int = 0
    """Runs that GitHub counts and does not list yet."""

    def all_suites(self) -> list[dict[str, Any]]:
        """The suites, with those that the runs belong to."""
        if self.suites is not None or not self.runs:
            return self.suites or []
        numbers = dict.fromkeys(run["check_suite"]["id"] for run in self.runs)
        return [self._suite_of(number) for number in numbers]

    def newest_statuses(self) -> list[dict[str, Any]]:
        """The newest of each context."""
        return list({each["context"]: each for each in self.statuses}.values())

    def _suite_of(self, number: int) -> dict[str, Any]:
        """Return the suite of some of the runs, which ends as the worst of them."""
        runs = [run for run in self.runs if run["check_suite"]["id"] == number]
        ends = [run["conclusion"] for run in runs]
        bad = [end for end in ends if end not in ("success", "neutral", "skipped")]
        end = None if None in ends else (bad or ends)[0]
        return suite(number, end, app=runs[0]["app"]["slug"], runs=len(runs))
