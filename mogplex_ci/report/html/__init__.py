"""The HTML report: one page that needs nothing else, without scripts, and whose policy forbids both."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mogplex_ci import __version__
from mogplex_ci.report import FileReport
from mogplex_ci.report.text import NAME_LIMIT, details_of, entry_text, headline, long_lines, mark
from mogplex_ci.run.timeline import AgentText, Entry, Note, PhaseEnded, PhaseStarted, ToolCall, ToolUse
from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer, clock, duration
from mogplex_ci.workspace import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mogplex_ci.report.facts import Facts, RunFacts, StepFacts
    from mogplex_ci.run.result import Result
    from mogplex_ci.untrusted import Untrusted

_MOST_FILTERS: Final = 12
_MIN_WIDTH: Final = 0.35
"""Percent; a bar is never narrower, so that it can be seen and touched."""
_TICK_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between the axis's marks."""
_MOST_TICKS: Final = 6


LIMIT: Final = 4_000_000
"""Characters of the timeline, or of those of all runs of a fleet; entries beyond it do not unfold."""


class HtmlReport(FileReport):
    """The page."""

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        super().__init__(path, sanitizer)
        self._parts: dict[SafeText, RunPart] = {}

    def end_run(self, run: RunFacts) -> None:
        """Keep the part of a run of several."""
        if run.name:
            self._parts[run.name] = run_part(len(self._parts) + 1, run, self._safe)

    def end(self, step: StepFacts) -> None:
        """Write the page."""
        if step.is_fleet:
            parts = [self._parts[run.name] for run in step.runs if run.name]
            write_whole(self._path, fleet_page(step, step.headline(self._safe), parts))
        else:
            write_whole(self._path, page(step.facts, self._safe))


def page(facts: Facts, safe: Sanitizer) -> str:
    """Return the page."""
    filters = Filters(facts.tools, safe)
    entries = list(_shown_entries(facts, filters, LIMIT, safe))
    scale = Scale(facts.timeline.last)
    pieces = _rendered(
        "report.html.j2",
        facts,
        headline=headline(facts.result),
        filters=filters.shown,
        listed=dict(listed(facts)),
        rows=_rows(facts, filters, entries, scale),
        spans=[(span.phase.value, duration(span.ended - span.started)) for span in facts.spans],
        ticks=scale.ticks(),
        said=sum(entry.kind == "message" for entry in entries),
        entries=entries,
    )
    return "".join(pieces)


class RunPart(NamedTuple):
    """One run as the page of a fleet shows it."""

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
        title = f"{self.run.label}: {self.headline} after {self.duration}"
        return scale.bar(self.run.began, self.run.ended, kind, title, self.anchor)


def fleet_page(step: StepFacts, headline: SafeText, parts: Sequence[RunPart]) -> Iterator[str]:
    """Yield the page of a fleet piece by piece: a table, a picture of all runs, and each of the ``parts`` below."""
    scale = Scale(max((run.ended for run in step.runs), default=0.0))
    return _rendered(
        "fleet.html.j2",
        step.facts,
        headline=headline,
        runs=parts,
        drawn=[(part, part.bar(scale)) for part in parts if part.run.facts.run_id],
        has_tasks=any(run.task for run in step.runs),
        ticks=scale.ticks(),
    )


def run_part(number: int, run: RunFacts, safe: Sanitizer) -> RunPart:
    """Return what the page of several runs shows of one, which has an equal share of the room."""
    facts = run.facts
    filters = Filters(facts.tools, safe)
    # Nothing of the timeline is kept: its events are large.
    entries = [replace(shown, call=None) for shown in _shown_entries(facts, filters, LIMIT // run.of, safe)]
    return RunPart(
        run=run.without_timeline(),
        repo=safe.clean(run.repo or ""),
        anchor=f"r{number}",
        mark=mark(facts.result),
        headline=headline(facts.result),
        duration=duration(facts.duration),
        listed=dict(listed(facts)),
        entries=entries,
    )


def _shown_entries(facts: Facts, filters: Filters, room: int, safe: Sanitizer) -> Iterator[Shown]:
    """Yield the timeline's entries. Those beyond ``room`` characters do not unfold."""
    for number, entry in enumerate(facts.timeline.entries):
        shown = shown_entry(number, entry, filters, safe, unfolds=room > 0)
        room -= len(shown.body) + len(shown.text)
        yield shown


def _rendered(template: str, facts: Facts, *, filters: Sequence[Filter] = (), **values: object) -> Iterator[str]:
    """Yield the page that ``template`` makes of ``facts``, which are the step's, and ``values``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # needed for nothing else
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = environment.get_template("report.css.j2").render(filters=len(filters))
    yield from environment.get_template(template).generate(
        style=Markup(style),  # noqa: S704 - ours, and the policy names its hash
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
        mark=mark(facts.result),
        duration=duration(facts.duration),
        tone=tone(facts.result),
        facts=facts,
        filters=filters,
        **values,
    )


def tone(result: Result) -> str:
    """Return the CSS class for the colour of ``result``."""
    return {"✔": "good", "✘": "bad"}.get(mark(result), "neutral")


@dataclass(frozen=True, slots=True)
class Filter:
    """Shows the calls of one tool, or of the less used ones, alone."""

    name: str
    calls: int


class Filters:
    """The filters for the tools that were used; those after the first dozen share the last one."""

    def __init__(self, uses: Sequence[ToolUse], safe: Sanitizer) -> None:
        own, others = uses[: _MOST_FILTERS - 1], uses[_MOST_FILTERS - 1 :]
        self.shown = [Filter(safe.clean(use.name, limit=NAME_LIMIT), len(use.calls)) for use in own]
        if others:
            self.shown.append(Filter("other tools", sum(len(use.calls) for use in others)))
        self._numbers: dict[Untrusted, int] = {use.name: number for number, use in enumerate(own)}

    def number(self, call: ToolCall) -> int:
        """Return the index of the filter that shows ``call``."""
        return self._numbers.get(call.name, len(self.shown) - 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry of the timeline as the page lists it; its texts are sanitized."""

    anchor: str
    time: str
    kind: str
    """``phase``, ``call``, ``message`` or ``note``: also the name of the CSS class."""
    label: str
    text: str
    extra: str
    body: str
    """The details that unfold; empty when the line says everything."""
    is_bad: bool
    call: ToolCall | None = None
    filter: int | None = None
    """Index of the filter that shows it; None when only the whole list does."""


def shown_entry(number: int, entry: Entry, filters: Filters, safe: Sanitizer, *, unfolds: bool = True) -> Shown:
    """Return an entry of the timeline, the ``number``-th of the page; without ``unfolds`` only its line."""
    anchor, time = f"e{number}", clock(entry.at)
    try:
        words = entry_text(entry, safe)
        return Shown(
            anchor=anchor,
            time=time,
            kind=_kind(entry),
            label=safe.clean(_text(safe, words.label), limit=NAME_LIMIT),
            text=_text(safe, *words.words),
            extra=_text(safe, *words.extra),
            body="\n".join(filter(None, _body(entry, safe))) if unfolds else "",
            is_bad=words.is_bad,
            call=entry if isinstance(entry, ToolCall) else None,
            filter=filters.number(entry) if isinstance(entry, ToolCall) else None,
        )
    except Exception:  # one odd entry must not cost the page
        return Shown(anchor, time, "note", "", "An event cannot be shown here", "", "", is_bad=False)


def _kind(entry: Entry) -> str:
    if isinstance(entry, ToolCall):
        return "call"
    return "message" if isinstance(entry, AgentText) else "note" if isinstance(entry, Note) else "phase"


def _body(entry: Entry, safe: Sanitizer) -> list[CleanText | None]:
    """Return what an entry's line leaves out."""
    match entry:
        case ToolCall():
            return [details_of(entry.start, safe), details_of(entry.finish, safe)]
        case PhaseStarted() | PhaseEnded():
            return [details_of(entry.event, safe)]
        case AgentText():
            return [safe.clean(entry.text) if long_lines(entry.text, safe) else None]
        case Note(event=event):
            message = event.message if long_lines(event.message, safe) else None
            return [safe.clean(message) if message else None, details_of(event, safe)]


def _text(safe: Sanitizer, *parts: Part) -> str:
    """Return ``parts`` as one line, for a place where it need not begin with a character of ours."""
    return safe.sentence("·", *parts).removeprefix("·")


def listed(facts: Facts) -> Iterator[tuple[str, object]]:
    """Yield the names and values of the list at the top of the page."""
    yield "Repository", facts.repo
    yield "Branch", facts.branch_shown
    yield "Base", facts.base_shown
    yield "Changed", {True: "yes", False: "nothing", None: "unknown" if facts.has_work else None}[facts.changed]
    yield "Commit", facts.commit
    yield "Run", f"{facts.run_id} (joined)" if facts.run_id and facts.joined else facts.run_id
    yield "Status", facts.status
    yield "Harness", facts.harness
    yield "Started", facts.started
    if facts.run_id:
        yield "Events", f"{facts.events:,}{' and more that the service does not list' if facts.events_missing else ''}"
        yield "Requests", f"{facts.requests:,}"


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time, in percent of the drawing's width."""

    x: float
    width: float
    kind: str
    """Name of the CSS class."""
    title: str
    anchor: str = ""
    """Id of the entry that tells more; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Row:
    """Bars under one name."""

    name: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis."""

    x: float
    label: str


class Scale:
    """Turns seconds into percent of the drawing's width."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` is what the whole width stands for."""
        self._seconds = max(seconds, 1.0)

    def bar(self, started: float, ended: float, kind: str, title: str, anchor: str = "") -> Bar:
        """Return the bar from ``started`` to ``ended``, as far as it is on the scale."""
        x = min(self._percent(started), 100 - _MIN_WIDTH)
        width = min(max(self._percent(ended) - x, _MIN_WIDTH), 100 - x)
        return Bar(round(x, 3), round(width, 3), kind, title, anchor)

    def ticks(self) -> Sequence[Tick]:
        """Return the marks of the axis, at round times."""
        enough = math.ceil(self._seconds / _MOST_TICKS)
        step = next((step for step in _TICK_STEPS if step >= enough), enough)
        return [Tick(self._percent(at), clock(at)) for at in range(0, int(self._seconds) + 1, step)]

    def _percent(self, seconds: float) -> float:
        return round(100 * max(seconds, 0.0) / self._seconds, 3)


def _rows(facts: Facts, filters: Filters, entries: Sequence[Shown], scale: Scale) -> list[Row]:
    """Return the rows of the drawing: the phases, then one for each filter."""
    phases = Row("phases")
    for span in facts.spans:
        title = f"{span.phase.value}: {duration(span.ended - span.started)}"
        phases.bars.append(scale.bar(span.started, span.ended, f"phase {span.phase.value}", title))
    rows = [Row(item.name) for item in filters.shown]
    for entry in entries:
        if entry.call is not None and entry.filter is not None:
            ended = facts.timeline.last if entry.call.ended is None else entry.call.ended
            title = ": ".join(part for part in (entry.label, entry.text, entry.extra) if part)
            kind = "call bad" if entry.is_bad else "call"
            rows[entry.filter].bars.append(scale.bar(entry.call.at, ended, kind, title, entry.anchor))
    return [row for row in (phases, *rows) if row.bars]
