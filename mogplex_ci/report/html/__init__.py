"""The HTML report: one page that needs nothing else, without scripts, and whose policy forbids
both.
"""

import base64
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from mogplex_ci import __version__
from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import RunFacts, StepFacts
from mogplex_ci.report.story import Reader, story_of_run, story_of_step, told_to
from mogplex_ci.report.text import NAME_LIMIT, EntryText, entry_text, long_lines
from mogplex_ci.run.timeline import (
    AgentText,
    Entry,
    Note,
    PhaseEnded,
    PhaseStarted,
    ToolCall,
    ToolUse,
)
from mogplex_ci.sanitize import Part, Sanitizer, clock, duration
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

_MOST_FILTERS: Final = 12
"""Filters of tools; those that were used less share the last one."""
_MOST_LANES: Final = 8
"""Bars below one another for simultaneous calls; further ones cover each other."""
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
"""Characters of the timeline; entries beyond it do not unfold."""


class EntryLine(NamedTuple):
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
    """Index of the filter that shows it; None if only the complete list does."""


class HtmlReport(FileReport):
    """The page."""

    def end(self, step: StepFacts) -> None:
        """Write the page."""
        write_whole(self._path, page(step, self._safe))


def page(step: StepFacts, safe: Sanitizer) -> Iterator[str]:
    """Yield the page piece by piece: how the step ended, and the story of its run."""
    run = step.run
    values: dict[str, object] = {
        "run": None,
        "story": told_to(Reader.PAGE, story_of_step(step, safe)),
    }
    if run is not None:
        filters = _filters_of(run.times.tools, safe)
        entries = entries_of(run, safe)
        values = {
            "run": run,
            "story": told_to(Reader.PAGE, story_of_run(run, safe)),
            "entries": entries,
            "filters": filters,
            "picture": _picture_of_run(run, entries, filters),
        }
    return (
        _templates()
        .get_template("page.html.j2")
        .generate(
            version=__version__,
            step=step,
            filter_classes=[f"f{number}" for number in range(_MOST_FILTERS)],
            **values,
        )
    )


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # needed for nothing else

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "sha256": _sha256,
        "kind": lambda block: type(block).__name__,
    }
    return environment


def _sha256(text: str) -> str:
    """Return the hash of a style or script, as a policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _filters_of(tools: Sequence[ToolUse], safe: Sanitizer) -> Sequence[tuple[str, int]]:
    """Return the names of the filters, and how many calls each shows; tools that were used less
    share the last one.
    """
    most = _MOST_FILTERS - 1
    filters: list[tuple[str, int]] = []
    for use in tools[:most]:
        filters.append((safe.clean(use.name, limit=NAME_LIMIT), len(use.calls)))
    if len(tools) > most:
        filters.append(("other tools", sum(len(use.calls) for use in tools[most:])))
    return filters


def entries_of(run: RunFacts, safe: Sanitizer, *, room: int = PAGE_LIMIT) -> Sequence[EntryLine]:
    """Return the entries of a run's timeline. Those beyond ``room`` characters do not unfold."""
    tools = run.times.tools
    numbers = {use.name: min(number, _MOST_FILTERS - 1) for number, use in enumerate(tools)}
    entries: list[EntryLine] = []
    for entry in run.times.timeline.entries:
        try:
            entries.append(_shown(entry, numbers, safe, unfolds=room > 0))
        except Exception:  # one odd entry must not cost the page
            entries.append(EntryLine(clock(entry.at), "note", "", "An event cannot be shown here"))
        room -= len(entries[-1].body) + len(entries[-1].text)
    return entries


def _shown(
    entry: Entry, filters: Mapping[Untrusted, int], safe: Sanitizer, *, unfolds: bool
) -> EntryLine:
    """Return an entry of the timeline; ``filters`` are the numbers by tool. Without ``unfolds``
    only its line.
    """
    words = entry_text(entry, safe)
    line = _text(safe, *words.words)
    below = _below(words, safe) if unfolds else ""
    if isinstance(entry, AgentText) and 0 < len(below) <= _LONG_WORDS:
        line = below
        below = ""
    return EntryLine(
        clock(entry.at),
        _kind(entry),
        safe.clean(_text(safe, words.label), limit=NAME_LIMIT),
        line,
        _text(safe, *words.extra),
        below,
        words.is_bad,
        filters.get(entry.name) if isinstance(entry, ToolCall) else None,
    )


def _below(words: EntryText, safe: Sanitizer) -> str:
    """Return the details that unfold below the line of an entry."""
    parts = [safe.clean(safe.listed(details)) for details in words.details]
    if words.message and long_lines(words.message, safe.block):
        parts.insert(0, safe.clean(words.message))
    return "\n".join(parts)


def _kind(entry: Entry) -> str:
    """Return the name of the CSS class of an entry."""
    match entry:
        case PhaseStarted() | PhaseEnded():
            return "phase"
        case ToolCall():
            return "call"
        case AgentText():
            return "message"
        case Note():
            return "note"
        case _:
            assert_never(entry)


def _text(safe: Sanitizer, *parts: Part) -> str:
    """Return ``parts`` as one line, for a place where it may begin with any character."""
    return safe.sentence("·", *parts).removeprefix("·")


class Bar(NamedTuple):
    """Something that took time, in percent of the drawing's width."""

    x: float
    width: float
    ended: float
    """Its real end: the bar may be wider, so that it is visible."""
    kind: str
    """Name of the CSS class."""
    title: str
    anchor: str = ""
    """Id of the entry with details; empty if there is none."""
    y: int = 0
    """In pixels from the top."""


class BarRow(NamedTuple):
    """Bars under one name; simultaneous ones are below one another."""

    name: str
    y: int
    bars: list[Bar]


class Picture:
    """A drawing: rows of bars, and one axis for all."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` is the time that the full width stands for."""
        self._seconds = max(seconds, 1.0)
        self.rows: list[BarRow] = []
        self.height = 0
        """In pixels, without the axis."""

    def add(self, name: str, bars: Iterable[Bar]) -> None:
        """Add a row, unless there are no bars."""
        row = BarRow(name, self.height, [])
        ends = [0.0]  # the end of the last bar of each lane
        for bar in sorted(bars):
            lane = next((number for number, end in enumerate(ends) if end <= bar.x), len(ends))
            lane = min(lane, _MOST_LANES - 1)
            ends[lane : lane + 1] = [bar.ended]
            row.bars.append(bar._replace(y=row.y + _NAME_HEIGHT + _LANE_HEIGHT * lane))
        if row.bars:
            self.rows.append(row)
            self.height += _NAME_HEIGHT + _LANE_HEIGHT * len(ends) + 4

    def bar(self, started: float, ended: float, kind: str, title: str, anchor: str = "") -> Bar:
        """Return the bar from ``started`` to ``ended``, cut at the edges of the drawing."""
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


def _picture_of_run(
    run: RunFacts, entries: Sequence[EntryLine], filters: Sequence[tuple[str, int]]
) -> Picture:
    """Return a drawing of the phases and, for each filter, of its calls."""
    timeline = run.times.timeline
    picture = Picture(timeline.last)
    phases: list[Bar] = []
    for phase, started, ended in run.times.spans:
        title = f"{phase.value}: {duration(ended - started)}"
        phases.append(picture.bar(started, ended, f"phase {phase.value}", title))
    picture.add("phases", phases)
    calls: dict[int | None, list[Bar]] = {}
    for number, (entry, shown) in enumerate(zip(timeline.entries, entries, strict=True)):
        if isinstance(entry, ToolCall):
            ended = timeline.last if entry.ended is None else entry.ended
            title = ": ".join(filter(None, (shown.label, shown.text, shown.extra)))
            kind = "call"
            if shown.is_bad:
                kind = "call bad"
            bar = picture.bar(entry.at, ended, kind, title, f"e{number}")
            calls.setdefault(shown.filter, []).append(bar)
    for number, (name, _) in enumerate(filters):
        picture.add(name, calls.get(number, ()))
    return picture
