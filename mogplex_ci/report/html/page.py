"""Writes the report: fills the template with what it shows."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mogplex_ci import __version__
from mogplex_ci.durations import format_duration
from mogplex_ci.report.headline import cause, headline, mark
from mogplex_ci.report.html.entries import Tools, shown
from mogplex_ci.report.html.timeline import Row, Scale
from mogplex_ci.report.next_steps import next_steps
from mogplex_ci.report.sentences import problem
from mogplex_ci.run.happenings import Starting
from mogplex_ci.workspace import discard, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mogplex_ci.report.chronicle import Chronicle
    from mogplex_ci.report.html.entries import Shown
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer

_FOLDER: Final = Path(__file__).parent
_TASK_LIMIT: Final = 10_000
"""Characters of the task that are shown."""


class HtmlReport:
    """Writes the file at the end."""

    def __init__(self, path: Path, sanitizer: Sanitizer, chronicle: Chronicle, *, task: str) -> None:
        """Take the file, what happened, and what the agent was asked to do."""
        self._path = path
        self._sanitizer = sanitizer
        self._chronicle = chronicle
        self._task = task

    def on(self, happening: Happening) -> None:
        """Take away an earlier report as soon as there will be a new one."""
        if isinstance(happening, Starting):
            discard(self._path)

    def end(self, outcome: Outcome) -> None:
        """Write the report."""
        write_whole(self._path, page(outcome, self._chronicle, self._sanitizer, task=self._task))


def page(outcome: Outcome, chronicle: Chronicle, sanitizer: Sanitizer, *, task: str) -> str:
    """Return the page. It has no script, asks for nothing, and its policy forbids both."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # needed for no other report
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    verdict, trail, why = outcome.verdict, outcome.trail, cause(outcome.verdict)
    tools = Tools(chronicle.tools(), sanitizer)
    style = environment.get_template("report.css.j2").render(filters=len(tools.filters))
    entries = shown(chronicle, tools, sanitizer)
    return environment.get_template("report.html.j2").render(
        style=Markup(style),  # noqa: S704 - ours, and the policy names its hash
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
        mark=mark(verdict.result),
        headline=headline(verdict.result),
        duration=format_duration(outcome.duration),
        tone={"✔": "good", "✘": "bad"}.get(mark(verdict.result), "neutral"),
        cause=sanitizer.line(why) if why else "",
        detail=sanitizer.clean(verdict.detail) if verdict.detail else "",
        remedy=verdict.remedy,
        problems=[problem(sanitizer, fault) for fault in verdict.problems],
        pull_request=sanitizer.url(trail.pull_request_url),
        repository=sanitizer.clean(outcome.repo.full_name) if outcome.repo else "",
        facts=dict(_facts(outcome, chronicle, sanitizer)),
        next_steps=list(next_steps(outcome, sanitizer)),
        last_words=sanitizer.clean(chronicle.last_words) if chronicle.last_words else "",
        task=sanitizer.clean(task, limit=_TASK_LIMIT),
        rows=_rows(chronicle, tools, entries),
        spans=[
            {"phase": span.phase.value, "took": format_duration(span.ended - span.began)} for span in chronicle.spans()
        ],
        ticks=Scale(chronicle.last).ticks(),
        filters=tools.filters,
        said=sum(entry.kind == "message" for entry in entries),
        entries=entries,
    )


def _facts(outcome: Outcome, chronicle: Chronicle, sanitizer: Sanitizer) -> Iterator[tuple[str, str]]:
    run, trail, began = outcome.run, outcome.trail, chronicle.story.began
    if outcome.repo is not None:
        yield "Repository", sanitizer.clean(outcome.repo.full_name)
    if outcome.branch:
        yield "Branch", sanitizer.clean(outcome.branch)
    if outcome.base_branch:
        yield "Base", sanitizer.clean(outcome.base_branch)
    if trail.changed is not None:
        yield "Changed", "yes" if trail.changed else "nothing"
    if run is not None:
        yield "Run", run.id + (" (joined)" if outcome.joined else "")
        yield "Status", run.status
        if run.harness:
            yield "Harness", sanitizer.clean(run.harness)
    if began is not None:
        yield "Began", f"{began:%Y-%m-%d %H:%M:%S} UTC"
    if run is not None:
        yield "Events", f"{trail.count}{' and more than the API lists' if trail.truncated else ''}"
        yield "Requests", str(outcome.requests_sent)


def _rows(chronicle: Chronicle, tools: Tools, entries: list[Shown]) -> list[Row]:
    """Return the rows of the timeline: the phases, then one for each tool."""
    scale = Scale(chronicle.last)
    phases = Row("phases")
    for span in chronicle.spans():
        took = format_duration(span.ended - span.began)
        phases.bars.append(scale.bar(span.began, span.ended, f"phase {span.phase}", f"{span.phase}: {took}"))
    rows = [Row(item.name) for item in tools.filters]
    for entry in entries:
        if entry.call is not None and entry.filter is not None:
            ended = chronicle.last if entry.call.until is None else entry.call.until
            kind = "call bad" if entry.bad else "call"
            title = ": ".join(part for part in (entry.label, entry.text, entry.aside) if part)
            rows[entry.filter].bars.append(scale.bar(entry.call.at, ended, kind, title, entry.anchor))
    return [row for row in (phases, *rows) if row.bars]
