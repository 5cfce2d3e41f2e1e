"""The HTML report: one page that needs nothing else, without scripts, and whose policy forbids
both.
"""

import base64
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mogplex_ci import __version__
from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import Facts, RunFacts, StepFacts
from mogplex_ci.report.text import NAME_LIMIT, entry_text, long_lines
from mogplex_ci.run.timeline import AgentText, Entry, Note, ToolCall
from mogplex_ci.sanitize import Part, Sanitizer, clock, duration
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import write_whole

_MOST_FILTERS: Final = 12
"""Filters of tools; those that were used less share the last one."""
_MOST_LANES: Final = 8
"""Bars that stand below one another for what goes on at the same time; more of them cover each
other.
"""
_NAME_HEIGHT: Final = 19
_LANE_HEIGHT: Final = 17
"""Pixels."""
_MIN_WIDTH: Final = 0.35
"""Percent; a bar is never narrower, so that it can be seen and touched."""
_TICK_STEPS: Final = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    28800,
    86400,
)
"""Seconds between the axis's marks."""
_MOST_TICKS: Final = 6
_LONG_WORDS: Final = 2_000
"""Characters from which on the agent's words unfold."""
PAGE_LIMIT: Final = 4_000_000
"""Characters of the timeline, or of those of all runs of a fleet; entries beyond it do not
unfold.
"""


class Shown(NamedTuple):
    """One entry of the timeline as the page lists it; its texts are sanitized."""

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


class RunPart(NamedTuple):
    """One run as the page shows it."""

    run: RunFacts
    anchor: str
    entries: Sequence[Shown]
    filters: Sequence[tuple[str, int]]
    """Names of tools, and how many calls each has."""


class HtmlReport(FileReport[RunPart]):
    """The page."""

    def end_run(self, run: RunFacts) -> None:
        """Keep what the page shows of the run. Nothing of its timeline is kept: its events are
        large.
        """
        self._parts[run.name] = part_of(run, f"r{len(self._parts) + 1}", self._safe)

    def end(self, step: StepFacts) -> None:
        """Write the page."""
        write_whole(
            self._path, page(step, [self._parts[run.name] for run in step.runs], self._safe)
        )


def page(step: StepFacts, parts: Sequence[RunPart], safe: Sanitizer) -> Iterator[str]:
    """Yield the page piece by piece; of several runs a table, a picture of all, and each of the
    ``parts`` below.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # needed for nothing else

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "sha256": _sha256}
    return environment.get_template(
        "fleet.html.j2" if step.is_fleet else "report.html.j2"
    ).generate(
        version=__version__,
        facts=step.facts,
        said=step.headline(safe),
        why=step.why,
        table=step.table(safe),
        parts=parts,
        picture=_picture_of_runs(parts) if step.is_fleet else _picture_of_run(step.facts, parts[0]),
        filters=() if step.is_fleet else parts[0].filters,
    )


def _sha256(text: str) -> str:
    """Return the hash of a style or script, as a policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def part_of(run: RunFacts, anchor: str, safe: Sanitizer) -> RunPart:
    """Return what the page shows of a run. Entries beyond its part of ``PAGE_LIMIT`` do not
    unfold.
    """
    tools, room = run.facts.tools, PAGE_LIMIT // run.of
    filters: list[tuple[str, int]]
    filters = [
        (safe.clean(use.name, limit=NAME_LIMIT), len(use.calls))
        for use in tools[: _MOST_FILTERS - 1]
    ]
    if others := tools[_MOST_FILTERS - 1 :]:
        filters.append(("other tools", sum(len(use.calls) for use in others)))
    numbers = {use.name: min(number, _MOST_FILTERS - 1) for number, use in enumerate(tools)}
    entries: list[Shown] = []
    for entry in run.facts.timeline.entries:
        try:
            entries.append(_shown(entry, numbers, safe, unfolds=room > 0))
        except Exception:  # one odd entry must not cost the page
            entries.append(Shown(clock(entry.at), "note", "", "An event cannot be shown here"))
        room -= len(entries[-1].body) + len(entries[-1].text)
    return RunPart(run.without_timeline(), anchor, entries, filters)


def _shown(
    entry: Entry, filters: Mapping[Untrusted, int], safe: Sanitizer, *, unfolds: bool
) -> Shown:
    """Return an entry of the timeline; ``filters`` are the numbers by tool. Without ``unfolds``
    only its line.
    """
    words, below = entry_text(entry, safe), ""
    if unfolds:
        message = (
            [safe.clean(words.message)]
            if words.message and long_lines(words.message, safe.block)
            else []
        )
        below = "\n".join([*message, *map(safe.details, words.details)])
    is_whole = isinstance(entry, AgentText) and 0 < len(below) <= _LONG_WORDS
    return Shown(
        clock(entry.at),
        _ENTRY_CLASSES.get(type(entry), "phase"),
        safe.clean(_text(safe, words.label), limit=NAME_LIMIT),
        below if is_whole else _text(safe, *words.words),
        _text(safe, *words.extra),
        "" if is_whole else below,
        words.is_bad,
        filters.get(entry.name) if isinstance(entry, ToolCall) else None,
    )


_ENTRY_CLASSES: Final[Mapping[type, str]] = {ToolCall: "call", AgentText: "message", Note: "note"}


def _text(safe: Sanitizer, *parts: Part) -> str:
    """Return ``parts`` as one line, for a place where it need not begin with a character of
    ours.
    """
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
    y: int = 0
    """In pixels from the top."""


class Row(NamedTuple):
    """Bars under one name; those that go on at the same time stand below one another."""

    name: str
    y: int
    bars: list[Bar]


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
        row = Row(name, self.height, [])
        ends = [0.0]  # where the last bar of each lane ends
        for bar in sorted(bars):
            lane = next((number for number, end in enumerate(ends) if end <= bar.x), len(ends))
            lane = min(lane, _MOST_LANES - 1)
            ends[lane : lane + 1] = [bar.ended]
            row.bars.append(bar._replace(y=row.y + _NAME_HEIGHT + _LANE_HEIGHT * lane))
        if row.bars:
            self.rows.append(row)
            self.height += _NAME_HEIGHT + _LANE_HEIGHT * len(ends) + 4

    def bar(self, started: float, ended: float, kind: str, title: str, anchor: str = "") -> Bar:
        """Return the bar from ``started`` to ``ended``, as far as it is in the drawing."""
        x = min(self._percent(started), 100 - _MIN_WIDTH)
        width = min(max(self._percent(ended) - x, _MIN_WIDTH), 100 - x)
        return Bar(round(x, 3), round(width, 3), self._percent(ended), kind, title, anchor)

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Return the marks of the axis: where they stand, and the round times that they stand
        for.
        """
        enough = math.ceil(self._seconds / _MOST_TICKS)
        step = next((step for step in _TICK_STEPS if step >= enough), enough)
        return [(self._percent(at), clock(at)) for at in range(0, int(self._seconds) + 1, step)]

    def _percent(self, seconds: float) -> float:
        return round(100 * max(seconds, 0.0) / self._seconds, 3)


def _picture_of_runs(parts: Iterable[RunPart]) -> Picture:
    """Return a drawing of all runs; times count from the beginning of the step."""
    picture = Picture(max((part.run.ended for part in parts), default=0.0))
    for run, anchor, *_ in parts:
        if run.facts.run_id:
            title = f"{run.label}: {run.facts.headline} after {duration(run.facts.duration)}"
            bar = picture.bar(
                run.began, run.ended, "bad" if run.facts.exit_code else "", title, anchor
            )
            picture.add(run.label, [bar])
    return picture


def _picture_of_run(facts: Facts, part: RunPart) -> Picture:
    """Return a drawing of the phases and, for each filter, of its calls."""
    picture = Picture(facts.timeline.last)
    spans = [(span.started, span.ended, span.phase.value) for span in facts.spans]
    picture.add(
        "phases",
        [picture.bar(a, b, f"phase {name}", f"{name}: {duration(b - a)}") for a, b, name in spans],
    )
    calls: dict[int | None, list[Bar]] = {}
    for number, (entry, shown) in enumerate(zip(facts.timeline.entries, part.entries, strict=True)):
        if isinstance(entry, ToolCall):
            ended = facts.timeline.last if entry.ended is None else entry.ended
            title = ": ".join(filter(None, (shown.label, shown.text, shown.extra)))
            bar = picture.bar(
                entry.at, ended, "call bad" if shown.is_bad else "call", title, f"e{number}"
            )
            calls.setdefault(shown.filter, []).append(bar)
    for number, (name, _) in enumerate(part.filters):
        picture.add(name, calls.get(number, ()))
    return picture
