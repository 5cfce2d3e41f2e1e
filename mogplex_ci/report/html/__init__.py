"""The HTML report: one page that needs nothing else, without scripts, and whose policy forbids both."""

from __future__ import annotations

import base64
import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mogplex_ci import __version__
from mogplex_ci.report import FileReport
from mogplex_ci.report.text import NAME_LIMIT, details_of, entry_text, headline, long_lines, mark
from mogplex_ci.run.timeline import AgentText, Entry, Note, PhaseEnded, PhaseStarted, ToolCall
from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer, clock, duration
from mogplex_ci.workspace import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mogplex_ci.report.facts import Facts, RunFacts, StepFacts
    from mogplex_ci.run.result import Result
    from mogplex_ci.untrusted import Untrusted

_MOST_FILTERS: Final = 12
"""Filters of tools; those that were used less share the last one."""
_MOST_LANES: Final = 8
"""Bars that stand below one another for what goes on at the same time; more of them cover each other."""
_NAME_HEIGHT: Final = 19
_LANE_HEIGHT: Final = 17
"""Pixels."""
_MIN_WIDTH: Final = 0.35
"""Percent; a bar is never narrower, so that it can be seen and touched."""
_TICK_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between the axis's marks."""
_MOST_TICKS: Final = 6
_LONG_WORDS: Final = 2_000
"""Characters from which on the agent's words unfold."""
LIMIT: Final = 4_000_000
"""Characters of the timeline, or of those of all runs of a fleet; entries beyond it do not unfold."""


class HtmlReport(FileReport):
    """The page."""

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        super().__init__(path, sanitizer)
        self._parts: dict[SafeText, RunPart] = {}

    def end_run(self, run: RunFacts) -> None:
        """Keep the part of a run of several. Nothing of its timeline is kept: its events are large."""
        if run.name:
            entries = list(_entries(run.facts, {}, LIMIT // run.of, self._safe))
            anchor, repo = f"r{len(self._parts) + 1}", self._safe.clean(run.repo or "")
            self._parts[run.name] = RunPart(run.without_timeline(), repo, anchor, entries)

    def end(self, step: StepFacts) -> None:
        """Write the page."""
        if step.is_fleet:
            parts = [self._parts[run.name] for run in step.runs if run.name]
            write_whole(self._path, fleet_page(step, parts, self._safe))
        else:
            write_whole(self._path, page(step.facts, self._safe))


def page(facts: Facts, safe: Sanitizer) -> str:
    """Return the page."""
    own, others = facts.tools[: _MOST_FILTERS - 1], facts.tools[_MOST_FILTERS - 1 :]
    filters: list[tuple[str, int]] = [(safe.clean(use.name, limit=NAME_LIMIT), len(use.calls)) for use in own]
    if others:
        filters.append(("other tools", sum(len(use.calls) for use in others)))
    numbers = {use.name: min(number, _MOST_FILTERS - 1) for number, use in enumerate(facts.tools)}
    entries = list(_entries(facts, numbers, LIMIT, safe))
    pieces = _rendered(
        "report.html.j2",
        facts,
        filters=filters,
        picture=_picture_of_run(facts, [name for name, _ in filters], entries),
        said=sum(entry.kind == "message" for entry in entries),
        entries=entries,
    )
    return "".join(pieces)


class RunPart(NamedTuple):
    """One run as the page of a fleet shows it."""

    run: RunFacts
    repo: str
    anchor: str
    entries: Sequence[Shown]


def fleet_page(step: StepFacts, parts: Sequence[RunPart], safe: Sanitizer) -> Iterator[str]:
    """Yield the page of a fleet piece by piece: a table, a picture of all runs, and each of the ``parts`` below."""
    picture = Picture(max((run.ended for run in step.runs), default=0.0))
    for run, _, anchor, _ in parts:
        if run.facts.run_id:
            kind = "bad" if run.facts.exit_code else ""
            title = f"{run.label}: {headline(run.facts.result)} after {duration(run.facts.duration)}"
            picture.add(run.label, [picture.bar(run.began, run.ended, kind, title, anchor)])
    table = step.table(safe)
    return _rendered("fleet.html.j2", step.facts, said=step.headline(safe), parts=parts, picture=picture, table=table)


def _rendered(
    template: str, facts: Facts, *, filters: Sequence[tuple[str, int]] = (), **values: object
) -> Iterator[str]:
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
    environment.globals.update(mark=mark, headline=headline, duration=duration, tone=tone)
    style = environment.get_template("report.css.j2").render(filters=len(filters))
    yield from environment.get_template(template).generate(
        style=Markup(style),  # noqa: S704 - ours, and the policy names its hash
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
        facts=facts,
        filters=filters,
        **values,
    )


def tone(result: Result) -> str:
    """Return the CSS class for the colour of ``result``."""
    return {"✔": "good", "✘": "bad"}.get(mark(result), "neutral")


class Shown(NamedTuple):
    """One entry of the timeline as the page lists it; its texts are sanitized."""

    anchor: str
    time: str
    kind: str
    """``phase``, ``call``, ``message`` or ``note``: also the name of the CSS class."""
    label: str
    text: str
    extra: str = ""
    body: str = ""
    """The details that unfold; empty when the line says everything."""
    is_bad: bool = False
    filter: int | None = None
    """Index of the filter that shows it; None when only the whole list does."""


def _entries(facts: Facts, filters: Mapping[Untrusted, int], room: int, safe: Sanitizer) -> Iterator[Shown]:
    """Yield the timeline's entries. Those beyond ``room`` characters do not unfold. ``filters``: numbers by tool."""
    for number, entry in enumerate(facts.timeline.entries):
        shown = shown_entry(number, entry, filters, safe, unfolds=room > 0)
        room -= len(shown.body) + len(shown.text)
        yield shown


def shown_entry(
    number: int, entry: Entry, filters: Mapping[Untrusted, int], safe: Sanitizer, *, unfolds: bool = True
) -> Shown:
    """Return an entry of the timeline, the ``number``-th of the page; without ``unfolds`` only its line."""
    anchor, time = f"e{number}", clock(entry.at)
    try:
        words = entry_text(entry, safe)
        shown = Shown(
            anchor,
            time,
            _KINDS.get(type(entry), "phase"),
            safe.clean(_text(safe, words.label), limit=NAME_LIMIT),
            _text(safe, *words.words),
            _text(safe, *words.extra),
            "\n".join(filter(None, _body(entry, safe))) if unfolds else "",
            words.is_bad,
            filters.get(entry.name) if isinstance(entry, ToolCall) else None,
        )
    except Exception:  # one odd entry must not cost the page
        return Shown(anchor, time, "note", "", "An event cannot be shown here")
    is_whole = isinstance(entry, AgentText) and len(shown.body) <= _LONG_WORDS
    return shown._replace(text=shown.body, body="") if is_whole and shown.body else shown


_KINDS: Final[Mapping[type, str]] = {ToolCall: "call", AgentText: "message", Note: "note"}


def _body(entry: Entry, safe: Sanitizer) -> list[CleanText | None]:
    """Return what an entry's line leaves out."""
    match entry:
        case ToolCall():
            return [details_of(entry.start, safe), details_of(entry.finish, safe)]
        case PhaseStarted() | PhaseEnded():
            return [details_of(entry.event, safe)]
        case AgentText():
            return [safe.clean(entry.text) if long_lines(entry.text, safe.block) else None]
        case Note(event=event):
            message = event.message if long_lines(event.message, safe.block) else None
            return [safe.clean(message) if message else None, details_of(event, safe)]


def _text(safe: Sanitizer, *parts: Part) -> str:
    """Return ``parts`` as one line, for a place where it need not begin with a character of ours."""
    return safe.sentence("·", *parts).removeprefix("·")


class Bar(NamedTuple):
    """Something that took time, in percent of the drawing's width."""

    x: float
    width: float
    ended: float
    """Where it ends in truth: the bar may be wider, so that it can be seen."""
    kind: str
    """Name of the CSS class."""
    title: str
    anchor: str = ""
    """Id of the entry that tells more; empty when there is none."""


class Row(NamedTuple):
    """Bars under one name; those that go on at the same time are in different lanes."""

    name: str
    y: int
    lanes: list[list[Bar]]

    def lane_y(self, number: int) -> int:
        """Return where a lane begins, in pixels from the top."""
        return self.y + _NAME_HEIGHT + _LANE_HEIGHT * number


class Tick(NamedTuple):
    """A mark on the axis."""

    x: float
    label: str


class Picture:
    """A drawing: rows of bars, and one axis for all."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` is the time that the whole width stands for."""
        self._seconds = max(seconds, 1.0)
        self.rows: list[Row] = []
        self.height = 0
        """In pixels, without the axis."""

    def add(self, name: str, bars: Iterable[Bar]) -> None:
        """Add a row, unless there are no bars."""
        lanes: list[list[Bar]] = []
        for bar in sorted(bars):
            free = next((lane for lane in lanes if lane[-1].ended <= bar.x), None)
            if free is None and len(lanes) < _MOST_LANES:
                lanes.append([bar])
            else:
                (free or lanes[-1]).append(bar)
        if lanes:
            self.rows.append(Row(name, self.height, lanes))
            self.height = self.rows[-1].lane_y(len(lanes)) + 4

    def bar(self, started: float, ended: float, kind: str, title: str, anchor: str = "") -> Bar:
        """Return the bar from ``started`` to ``ended``, as far as it is in the drawing."""
        x = min(self._percent(started), 100 - _MIN_WIDTH)
        width = min(max(self._percent(ended) - x, _MIN_WIDTH), 100 - x)
        return Bar(round(x, 3), round(width, 3), self._percent(ended), kind, title, anchor)

    def ticks(self) -> Sequence[Tick]:
        """Return the marks of the axis, at round times."""
        enough = math.ceil(self._seconds / _MOST_TICKS)
        step = next((step for step in _TICK_STEPS if step >= enough), enough)
        return [Tick(self._percent(at), clock(at)) for at in range(0, int(self._seconds) + 1, step)]

    def _percent(self, seconds: float) -> float:
        return round(100 * max(seconds, 0.0) / self._seconds, 3)


def _picture_of_run(facts: Facts, filters: Sequence[str], entries: Sequence[Shown]) -> Picture:
    """Return a drawing of the phases and, for each filter, of its calls."""
    picture = Picture(facts.timeline.last)
    spans = [(span.started, span.ended, span.phase.value) for span in facts.spans]
    picture.add("phases", [picture.bar(a, b, f"phase {name}", f"{name}: {duration(b - a)}") for a, b, name in spans])
    calls: dict[int | None, list[Bar]] = {}
    for entry, shown in zip(facts.timeline.entries, entries, strict=True):
        if isinstance(entry, ToolCall):
            ended = facts.timeline.last if entry.ended is None else entry.ended
            title = ": ".join(part for part in (shown.label, shown.text, shown.extra) if part)
            bar = picture.bar(entry.at, ended, "call bad" if shown.is_bad else "call", title, shown.anchor)
            calls.setdefault(shown.filter, []).append(bar)
    for number, name in enumerate(filters):
        picture.add(name, calls.get(number, ()))
    return picture
