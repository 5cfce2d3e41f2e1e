"""The HTML report of a fleet: a table, a picture of all runs, and each run's facts and timeline below."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from mogplex_ci.report.fleet import FleetReport
from mogplex_ci.report.fleet import headline as fleet_headline
from mogplex_ci.report.html import Bar, Filters, Scale, Shown, listed, rendered, shown_entry
from mogplex_ci.report.text import headline, mark
from mogplex_ci.sanitize import duration
from mogplex_ci.workspace import discard, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mogplex_ci.report.fleet import FleetFacts, RunFacts
    from mogplex_ci.sanitize import SafeText, Sanitizer

LIMIT: Final = 8_000_000
"""Characters of all runs' timelines together. Each run has a share; beyond it, entries do not unfold."""


class FleetPage(FleetReport):
    """Writes the page at the end."""

    def __init__(self, path: Path, sanitizer: Sanitizer, runs: int) -> None:
        """Remove the report of an earlier step."""
        self._path = path
        self._safe = sanitizer
        self._share = LIMIT // runs
        self._parts: dict[SafeText, _RunPart] = {}
        discard(path)

    def end_run(self, run: RunFacts) -> None:
        """Keep the run's part."""
        self._parts[run.name] = _part(len(self._parts) + 1, run, self._share, self._safe)

    def end(self, fleet: FleetFacts) -> None:
        """Write the page."""
        parts = [self._parts[run.name] for run in fleet.runs if run.name in self._parts]
        write_whole(self._path, fleet_page(fleet, parts, self._safe))


class _RunPart(NamedTuple):
    """One run as the page shows it."""

    run: RunFacts
    repo: str
    anchor: str
    mark: str
    headline: str
    duration: str
    listed: dict[str, object]
    entries: Sequence[Shown]

    def bar(self, scale: Scale) -> Bar:
        """Return the run in the picture of all."""
        kind = "bar" if self.run.facts.exit_code == 0 else "bar bad"
        title = f"{self.run.name.strip('[]')}: {self.headline} after {self.duration}"
        return scale.bar(self.run.began, self.run.ended, kind, title, self.anchor)


def fleet_page(fleet: FleetFacts, parts: Sequence[_RunPart], safe: Sanitizer) -> str:
    """Return the page with the ``parts`` of the runs."""
    scale = Scale(max((run.ended for run in fleet.runs), default=0.0))
    return rendered(
        "fleet.html.j2",
        fleet.step,
        headline=fleet_headline(fleet, safe),
        runs=parts,
        drawn=[(part, part.bar(scale)) for part in parts if part.run.facts.run_id],
        has_tasks=any(run.task for run in fleet.runs),
        ticks=scale.ticks(),
    )


def _part(number: int, run: RunFacts, room: int, safe: Sanitizer) -> _RunPart:
    """Return the part of a run, with at most ``room`` characters of what unfolds."""
    facts = run.facts
    filters = Filters(facts.tools, safe)
    entries = []
    for index, entry in enumerate(facts.timeline.entries):
        shown = shown_entry(index, entry, filters, safe)
        room -= len(shown.body) + len(shown.text)
        # Nothing of the timeline is kept: its events are large.
        entries.append(replace(shown, call=None, body=shown.body if room >= 0 else ""))
    return _RunPart(
        run=run.without_timeline(),
        repo=safe.clean(run.repo),
        anchor=f"r{number}",
        mark=mark(facts.result),
        headline=headline(facts.result),
        duration=duration(facts.duration),
        listed=dict(listed(facts)),
        entries=entries,
    )
