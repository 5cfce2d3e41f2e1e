"""The HTML report: one page that needs nothing else, without scripts, and whose policy forbids
both. It is the summary's parts as HTML, a picture of the time, and the list of events.
"""

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mogplex_ci import __version__
from mogplex_ci.report import FileReport, story
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.text import EntryText, entry_text, long_lines
from mogplex_ci.run.timeline import AgentText, Entry, PhaseEnded, PhaseStarted, Timeline
from mogplex_ci.sanitize import Markdown, Part, SafeText, Sanitizer, clock, duration
from mogplex_ci.workspace import write_whole

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

PAGE_LIMIT: Final = 4_000_000
"""Characters of the list of events; entries beyond it do not unfold."""
_LONG_WORDS: Final = 2_000
"""Characters from which on the agent's words unfold."""
_TONES: Final = {"✔": "good", "✘": "bad"}
_LANES: Final = 8
"""Bars below one another for simultaneous calls; further ones cover each other."""
_LANE_HEIGHT: Final = 17
_NAME_HEIGHT: Final = 19
"""Pixels."""
_MIN_WIDTH: Final = 0.35
"""Percent; a bar is never narrower, so that it can be seen."""
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between the marks of the axis."""
_MAX_TICKS: Final = 6
_HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
"""
_POLICY: Final = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
_FOOT: Final = """\
<footer>Written by run-action {version}. Times of a run count from its first event.</footer>
</main>
</body>
</html>
"""


class HtmlReport(FileReport):
    """The page."""

    def end(self, facts: Facts) -> None:
        """Write the page."""
        write_whole(self._path, page(facts, self._safe))


def page(step: Facts, safe: Sanitizer) -> Iterator[str]:
    """Yield the page piece by piece: how the step ended, what happened, then the ids."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    title = f"{step.result.mark} {step.result.headline}"
    if step.repo is not None:
        title += f" · {step.repo}"
    yield _HEAD.format(policy=_POLICY.format(digest), style=style, title=escape(title))
    yield _header(step)
    for part in story.BODY:
        told = part(step, safe)
        if told:
            yield f"<section>\n{_html(told)}</section>\n"
    yield from _what_happened(step, safe)
    ids = story.identifiers(step, safe)
    if ids:
        yield f"<section>\n<details><summary>Ids and counts</summary>\n{_html(ids)}</details>\n</section>\n"
    if step.task:
        words = escape(step.task)
        yield f"<section>\n<details><summary>The task</summary>\n<pre>{words}</pre></details>\n</section>\n"
    yield _FOOT.format(version=__version__)


def _html(part: Markdown) -> str:
    """Return a part as HTML. Its headings are below the page's own."""
    parser = _parser()
    tokens = parser.parse(part)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h2"
    return str(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # needed for nothing else

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _header(step: Facts) -> str:
    """Return the outcome, with a button for what to open next."""
    where = f" on {escape(step.repo)}" if step.repo is not None else ""
    note = f'<p class="dry-run">{escape(step.dry_run)}</p>\n' if step.dry_run else ""
    return (
        f'{note}<header class="{_TONES.get(step.result.mark, "neutral")}">\n'
        f'<div class="result"><span class="mark" aria-hidden="true">{step.result.mark}</span>\n'
        f"<div><h1>{step.result.headline}</h1>\n"
        f'<div class="took">after {duration(step.duration)}{where}</div></div>\n'
        f"{_button(step)}</div>\n"
        f'<p class="title">{escape(step.title)}</p>\n</header>\n'
    )


def _button(step: Facts) -> str:
    """Return a link to the first failed check, the pull request or the branch."""
    url = story.first_failed_check(step)
    label = "Open the failed check"
    if url is None:
        url, label = step.link(step.pull_request_url), "Open the pull request"
    if url is None and step.has_work:
        url, label = step.link(step.compare_url), "Compare the branch"
    if url is None:
        return ""
    return f'<a class="button" href="{escape(url)}" rel="noopener noreferrer">{label}</a>\n'


def _what_happened(step: Facts, safe: Sanitizer) -> Iterator[str]:
    """Yield the picture of the time and the list of events."""
    timeline = step.timeline
    if not timeline.entries:
        return
    yield f'<section class="timeline">\n<h2>Where the time went</h2>\n{_picture(timeline, safe)}'
    phases = [
        f'<li><i class="{phase}"></i>{phase} {duration(ended - started)}</li>\n'
        for phase, started, ended in timeline.spans()
    ]
    yield f'<ul class="legend">\n{"".join(phases)}</ul>\n</section>\n' if phases else "</section>\n"
    yield '<section>\n<h2>What happened</h2>\n<ol class="entries">\n'
    room = PAGE_LIMIT
    at = 0.0
    for entry in timeline.entries:
        at = max(at, entry.at)  # as in the log, times never go backwards
        try:
            line = _entry(entry, clock(at), safe, unfolds=room > 0)
        except Exception:  # one odd entry must not cost the page
            line = f'<li><div class="line"><time>{clock(at)}</time> An event cannot be shown here</div></li>\n'
        room -= len(line)
        yield line
    yield "</ol>\n</section>\n"


def _entry(entry: Entry, time: SafeText, safe: Sanitizer, *, unfolds: bool) -> str:
    """Return an entry of the timeline as an item of the list; without ``unfolds`` only its line."""
    # What GitHub or the last event says of the pull request stands at the top.
    words = entry_text(entry, safe, links=False)
    said = _text(safe, *words.words)
    below = _below(words, safe) if unfolds else ""
    if isinstance(entry, AgentText) and 0 < len(below) <= _LONG_WORDS:
        said, below = below, ""
    label = _text(safe, words.label)
    kind = "note"
    if isinstance(entry, PhaseStarted | PhaseEnded):
        kind = "phase"
    elif isinstance(entry, AgentText):
        kind = "message"
    line = f'<time>{time}</time>\n<span class="words">'
    if label:
        line += f"<b>{escape(label)}</b> "
    line += f'{escape(said)}</span>\n<span class="extra">{escape(_text(safe, *words.extra))}</span>'
    bad = " bad" if words.is_bad else ""
    if not below:
        return f'<li class="{kind}{bad}"><div class="line">{line}</div></li>\n'
    opened = " open" if words.is_bad else ""
    return (
        f'<li class="{kind}{bad}"><details{opened}><summary class="line">{line}</summary>\n'
        f"<pre>{escape(below)}</pre></details></li>\n"
    )


def _below(words: EntryText, safe: Sanitizer) -> str:
    """Return the details that unfold below the line of an entry."""
    parts = [safe.clean(safe.listed(details)) for details in words.details]
    if words.message and long_lines(words.message, safe.block):
        parts.insert(0, safe.clean(words.message))
    return "\n".join(parts)


def _text(safe: Sanitizer, *parts: Part) -> str:
    """Return ``parts`` as one line, for a place where it may begin with any character."""
    return safe.sentence("·", *parts).removeprefix("·")


def _picture(timeline: Timeline, safe: Sanitizer) -> str:
    """Return the time line: the phases, below them the tool calls, and one axis for both."""
    # All events may have the same time.
    whole = max(timeline.last, 1.0)
    shapes: list[str] = []
    for phase, started, ended in timeline.spans():
        title = f"{phase}: {duration(ended - started)}"
        shapes.append(_bar(started, ended, whole, _NAME_HEIGHT, phase, title))
    height = _NAME_HEIGHT + _LANE_HEIGHT + 4
    calls = sorted(timeline.calls, key=lambda call: call.at)
    if calls:
        shapes.append(f'<text class="name" x="0" y="{height + 14}">tool calls</text>\n')
        height += _NAME_HEIGHT
    ends: list[float] = []  # the end of the last bar of each lane
    for call in calls:
        ended = timeline.last if call.ended is None else call.ended
        lane = next((number for number, end in enumerate(ends) if end <= call.at), len(ends))
        lane = min(lane, _LANES - 1)
        # A slice, since the lane may be a new one.
        ends[lane : lane + 1] = [ended]
        title = _text(safe, *entry_text(call, safe).parts())
        y = height + _LANE_HEIGHT * lane
        shapes.append(
            _bar(call.at, ended, whole, y, "call bad" if call.state.failed else "call", title)
        )
        if call.state.failed:
            x = _percent(call.at, whole)
            shapes.append(
                f'<text class="cross" x="{x}%" y="{y + 12}" aria-hidden="true">✘</text>\n'
            )
    height += _LANE_HEIGHT * len(ends)
    failed = sum(call.state.failed for call in calls)
    label = f"Phases and {len(calls)} tool calls over time, {failed} of them failed"
    return (
        f'<svg role="img" aria-label="{label}" height="{height + 24}">\n'
        f'<text class="name" x="0" y="14">phases</text>\n{_axis(whole, height)}{"".join(shapes)}</svg>\n'
    )


def _bar(started: float, ended: float, whole: float, y: int, kind: str, title: str) -> str:
    """Return a bar from ``started`` to ``ended``, cut at the edges of the picture."""
    x = min(_percent(started, whole), 100 - _MIN_WIDTH)
    width = round(min(max(_percent(ended, whole) - x, _MIN_WIDTH), 100 - x), 3)
    return (
        f'<rect class="bar {kind}" x="{x}%" y="{y}" width="{width}%" height="14" rx="2">'
        f"<title>{escape(title)}</title></rect>\n"
    )


def _axis(whole: float, height: int) -> str:
    """Return the marks of the axis, at round times."""
    marks: list[str] = []
    for x, time in ticks(whole):
        # At the edges of the picture half of a label in the middle would be cut off.
        anchor = "middle"
        if x > 90:
            anchor = "end"
        if x < 5:
            anchor = "start"
        marks.append(
            f'<line x1="{x}%" x2="{x}%" y1="0" y2="{height}"/>\n'
            f'<text x="{x}%" y="{height + 18}" text-anchor="{anchor}">{time}</text>\n'
        )
    return "".join(marks)


def ticks(whole: float) -> Sequence[tuple[float, str]]:
    """Return the marks of an axis of so many seconds: where they stand in percent, and the round
    times that they stand for.
    """
    enough = math.ceil(whole / _MAX_TICKS)
    step = next((step for step in _STEPS if step >= enough), enough)
    return [(_percent(at, whole), clock(at)) for at in range(0, int(whole) + 1, step)]


def _percent(seconds: float, whole: float) -> float:
    return round(100 * min(max(seconds, 0.0) / whole, 1.0), 3)
