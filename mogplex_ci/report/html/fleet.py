"""The HTML report of a fleet: a table, a picture of all runs, and each run's facts and timeline below."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from mogplex_ci import __version__
from mogplex_ci.report.fleet import headline as fleet_headline
from mogplex_ci.report.html import FOLDER, Bar, Filters, Scale, Shown, listed, shown_entry
from mogplex_ci.report.text import headline, mark
from mogplex_ci.sanitize import duration
from mogplex_ci.workspace import discard, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mogplex_ci.report.fleet import FleetFacts, RunFacts
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import SafeText, Sanitizer

ENTRIES_LIMIT: Final = 6_000
"""Entries of all runs' timelines together; each run shows its last ones."""


class FleetPage:
    """Writes the page at the end."""

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        """Remove the report of an earlier step."""
        self._path = path
        self._safe = sanitizer
        discard(path)

    def on(self, name: SafeText, update: Update) -> None:
        """Nothing is written before the end."""

    def end(self, fleet: FleetFacts) -> None:
        """Write the page."""
        write_whole(self._path, fleet_page(fleet, self._safe))


class _RunPart(NamedTuple):
    """One run as the page shows it."""

    run: RunFacts
    repo: str
    anchor: str
    mark: str
    headline: str
    duration: str
    tone: str
    listed: dict[str, object]
    bar: Bar | None
    """None when the run was not started."""
    entries: Sequence[Shown]
    left_out: int


def fleet_page(fleet: FleetFacts, safe: Sanitizer) -> str:
    """Return the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # needed for nothing else
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = environment.get_template("report.css.j2").render(filters=0)
    scale = Scale(max((run.ended for run in fleet.runs), default=0.0))
    most = ENTRIES_LIMIT // max(len(fleet.runs), 1)
    step = fleet.step
    return environment.get_template("fleet.html.j2").render(
        style=Markup(style),  # noqa: S704 - ours, and the policy names its hash
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
        mark=mark(step.result),
        headline=fleet_headline(fleet, safe),
        duration=duration(step.duration),
        tone=_tone(mark(step.result)),
        facts=step,
        runs=[_part(number, run, scale, most, safe) for number, run in enumerate(fleet.runs, start=1)],
        has_tasks=any(run.task for run in fleet.runs),
        ticks=scale.ticks(),
    )


def _part(number: int, run: RunFacts, scale: Scale, most: int, safe: Sanitizer) -> _RunPart:
    facts, anchor = run.facts, f"r{number}"
    said = headline(facts.result)
    took = duration(facts.duration)
    filters = Filters(facts.tools, safe)
    entries = facts.timeline.entries
    first = max(len(entries) - most, 0)
    kind = "bar" if facts.exit_code == 0 else "bar bad"
    title = f"{run.name.strip('[]')}: {said} after {took}"
    return _RunPart(
        run=run,
        repo=safe.clean(run.repo),
        anchor=anchor,
        mark=mark(facts.result),
        headline=said,
        duration=took,
        tone=_tone(mark(facts.result)),
        listed=dict(listed(facts)),
        bar=scale.bar(run.began, run.ended, kind, title, anchor) if facts.run_id else None,
        entries=[shown_entry(index, entry, filters, safe) for index, entry in enumerate(entries[first:])],
        left_out=first,
    )


def _tone(symbol: str) -> str:
    return {"✔": "good", "✘": "bad"}.get(symbol, "neutral")
