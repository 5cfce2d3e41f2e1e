"""What people and programs read about a fleet: the log, outputs, summary, files and HTML report of many runs."""

from __future__ import annotations

import io
from collections import deque
from typing import TYPE_CHECKING, Final, LiteralString

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import RateLimitedError
from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.platforms.system import System
from mogplex_ci.report import text
from mogplex_ci.report.facts import FleetFacts, RunFacts, final_outputs
from mogplex_ci.report.files import EventsFile, result_of, write_json, write_junit
from mogplex_ci.report.log import ANNOTATIONS_LIMIT, DETAILS_LIMIT, Log
from mogplex_ci.report.summary import LIMIT, chart_bar, chart_of, folded, summary_of
from mogplex_ci.run import updates as u
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import Markdown, count, duration
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import discard, open_text, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.report.html import RunPart
    from mogplex_ci.run.many import FleetCounts
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer

LAST_LINES: Final = 30
"""Lines at the end of a run's log that are shown even if the log is too long."""
SUMMARY_LIMIT_OF_RUNS: Final = LIMIT * 8 // 10
"""Bytes of the summary for the runs' own parts; the table and the chart have the rest."""
_LEAST_ROOM: Final = 20_000
SAID_AT_ONCE: Final = (
    *(u.NextKey, u.Retrying, u.Started, u.StatusChanged, u.UnknownStatus, u.EventsMissing, u.Trouble, u.Recovered),
    *(u.Cancelling, u.CancelFailed, Waiting),
)
"""Updates that are a line of the job's log as soon as they come; the others are in the run's group at its end."""


class FleetReport:
    """Something that is written about a fleet."""

    def on(self, name: SafeText, update: Update) -> None:
        """Report an update of the run ``name``."""

    def end_run(self, run: RunFacts) -> None:
        """Report how a run ended. Only now is its timeline there."""

    def end(self, fleet: FleetFacts) -> None:
        """Report how the step ended."""


def fleet_reports(inputs: ActionInputs, platform: Platform, safe: Sanitizer, runs: int) -> Iterator[FleetReport]:
    """Yield the reports about ``runs`` runs that ``inputs`` ask for, beside the log; their old files are removed."""
    if inputs.events_file is not None:
        yield _FleetEvents(inputs.events_file, safe)
    if inputs.result_file is not None:
        yield _FleetResult(inputs.result_file, safe)
    if inputs.junit_file is not None:
        yield _FleetJUnit(inputs.junit_file, safe)
    if inputs.summary:
        yield _FleetSummary(platform, safe, runs)
    if inputs.report_file is not None:
        yield _FleetPage(inputs.report_file, safe, runs)


def fleet_outputs(fleet: FleetFacts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return every output; what is about one run alone is in ``results`` only."""
    step = final_outputs(fleet.step, safe)
    of_step = ("result", "error", "error-code", "duration-seconds", "result-file", "events-file", "report-file")
    results = [_row(run, safe) for run in fleet.runs]
    return {name: value if name in of_step else None for name, value in step.items()} | {
        "results": safe.json(Untrusted(results))
    }


def _row(run: RunFacts, safe: Sanitizer) -> dict[str, object]:
    facts = run.facts
    return {
        "repo": safe.repo(run.repo),
        "task": run.task,
        "result": facts.result.value,
        "status": facts.status,
        "run-id": facts.run_id,
        "branch": facts.branch,
        "pull-request-url": facts.pull_request_url,
        "changed": facts.changed,
        "commit-sha": facts.commit,
        "error-code": facts.error_code,
        "duration-seconds": round(facts.duration),
    }


def counted(counts: FleetCounts, seconds_to_start: float | None, safe: Sanitizer) -> SafeText:
    """Return ``Runs: 3 done, 5 at work, 4 waiting; next start in 12s``.

    ``seconds_to_start`` is the time until the token may start another; None if none waits.
    """
    wait: tuple[Part, ...] = ("; next start in ", duration(seconds_to_start)) if seconds_to_start else ()
    return safe.sentence(safe.line("Runs: {} done, {} at work, {} waiting", *counts), *wait)


class _Lines(Platform):
    """Keeps the lines of one run's log until they are shown in one group; of a long log, its beginning and its end."""

    def __init__(self, safe: Sanitizer, room: int) -> None:
        """``room`` is the bytes that are kept besides the last lines."""
        super().__init__(System("lines"), {}, io.StringIO())
        self._safe = safe
        self._room = room
        self._first: list[SafeText] = []
        self._last: deque[SafeText] = deque(maxlen=LAST_LINES)
        self._dropped = 0
        self.first_of_update: SafeText | None = None
        """The first line since it was last set to None."""

    def line(self, text: SafeText) -> None:
        """Keep a line."""
        self.first_of_update = self.first_of_update or text
        self._room -= len(text.encode())
        if self._room > 0:
            self._first.append(text)
            return
        self._dropped += len(self._last) == LAST_LINES
        self._last.append(text)

    def open_group(self, title: SafeText) -> None:
        """Keep the title as a line: groups do not nest."""
        self.line(title)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Keep the text as a line; ``FleetLog`` annotates how the run ended."""
        self.line(self._safe.sentence(title, ": ", text))

    def all(self) -> list[SafeText]:
        """Return all lines that were kept."""
        dropped = [self._safe.sentence("… ", count(self._dropped, "line"), " left out")] if self._dropped else []
        return [*self._first, *dropped, *self._last]


class FleetLog(FleetReport):
    """Writes the job log: one line for each turning point of a run, and the run's own log in one group when it ends."""

    def __init__(self, platform: Platform, safe: Sanitizer) -> None:
        self._platform = platform
        self._safe = safe
        self._logs: dict[SafeText, tuple[Log, _Lines]] = {}
        self._annotated = 0
        self._annotations = True
        self._elapsed: Callable[[], float] = lambda: 0.0
        self._wait_ends = 0.0
        """Until when starts have to wait, as the log says; in seconds since the step began."""

    def begin(self, runs: Mapping[SafeText, ActionInputs], concurrency: int, elapsed: Callable[[], float]) -> None:
        """Say what will be started: the runs' names and inputs. ``elapsed`` tells how long the step has taken."""
        self._elapsed = elapsed
        room = max(DETAILS_LIMIT // len(runs), _LEAST_ROOM)
        for name, inputs in runs.items():
            lines = _Lines(self._safe, room)
            log = Log(lines, self._safe, room)
            log.start(inputs)
            self._annotations = inputs.annotations != "none"
            self._logs[name] = log, lines
        title = self._safe.sentence("Starting ", count(len(runs), "run"), ", at most ", concurrency, " at once")
        self._platform.open_group(title)
        try:
            for name in runs:
                self._platform.line(name)
        finally:
            self._platform.close_group()

    def on(self, name: SafeText, update: Update) -> None:
        """Write a turning point of the run ``name``, and keep everything for its group."""
        log, lines = self._logs[name]
        lines.first_of_update = None
        log.on(update)
        if isinstance(update, Waiting) and isinstance(update.error, RateLimitedError):
            if self._elapsed() >= self._wait_ends:  # the other runs that wait say nothing new
                reason = text.reason(self._safe, update.error.cause, update.error.detail)
                self._say(reason, "; the next try to start is in ", duration(update.seconds))
                self._wait_ends = self._elapsed() + update.seconds
        elif isinstance(update, SAID_AT_ONCE) and lines.first_of_update:
            self._say(name, " ", lines.first_of_update)

    def heartbeat(self, counts: SafeText) -> None:
        """Count the runs."""
        self._say(counts, " (after ", duration(self._elapsed()), ")")

    def end_run(self, run: RunFacts) -> None:
        """Write how a run ended, and its log."""
        log, lines = self._logs.pop(run.name)
        facts = run.facts
        log.end(facts)
        link: tuple[Part, ...] = (": ", facts.pull_request_url) if facts.pull_request_url else ()
        took = (" after ", duration(facts.duration)) if facts.run_id else ()
        said = (run.name, " ", text.mark(facts.result), " ", text.headline(facts.result), *took, *link)
        self._say(*said)
        if facts.exit_code != 0 and facts.error:
            self._annotate(self._safe.sentence(run.name, " ", facts.error))
        if kept := lines.all():
            self._platform.open_group(self._safe.sentence(run.name, " The run's log"))
            try:
                for line in kept:
                    self._platform.line(line)
            finally:
                self._platform.close_group()

    def end(self, fleet: FleetFacts) -> None:
        """Write how the step ended."""
        step = fleet.step
        self._say(
            *(text.mark(step.result), " ", headline(fleet, self._safe), " after ", duration(step.duration)),
            *(", ", count(step.requests, "request")),
        )
        if step.result is Result.INTERRUPTED and step.error:
            self._annotate(step.error)
        if step.remedy:
            self._platform.line(step.remedy)

    def _annotate(self, message: SafeText) -> None:
        """Annotate the step with a failure, if that is wanted; GitHub drops what comes after ten."""
        self._annotated += 1
        if self._annotations and self._annotated <= ANNOTATIONS_LIMIT:
            self._platform.annotate(Level.ERROR, self._safe.line("Mogplex"), message)
        else:
            self._platform.line(message)

    def _say(self, *parts: Part) -> None:
        self._platform.line(self._safe.sentence(*parts))


def headline(fleet: FleetFacts, safe: Sanitizer) -> SafeText:
    """Return ``Of 5 runs 3 succeeded``."""
    is_detached = any(run.facts.result is Result.DETACHED for run in fleet.runs)
    verb: LiteralString = "were started, not followed" if is_detached else "succeeded"
    return safe.line("Of {} {} {}", count(len(fleet.runs), "run"), fleet.good, safe.line(verb))


class _FleetEvents(FleetReport):
    """The events of all runs in one file; each line has its run's id."""

    def __init__(self, path: Path, safe: Sanitizer) -> None:
        self._path = path
        self._safe = safe
        self._files: dict[SafeText, EventsFile] = {}
        with open_text(path, append=False):
            pass

    def on(self, name: SafeText, update: Update) -> None:
        """Append the run's events that are ready."""
        if name not in self._files:
            self._files[name] = EventsFile(self._path, self._safe, append=True)
        self._files[name].on(update)

    def end_run(self, run: RunFacts) -> None:
        """Append the rest of the run's events."""
        if run.name in self._files:
            self._files.pop(run.name).end(run.facts)


class _FleetResult(FleetReport):
    """How the step and each of its runs ended, as JSON."""

    def __init__(self, path: Path, safe: Sanitizer) -> None:
        self._path = path
        self._safe = safe
        self._runs: dict[SafeText, dict[str, object]] = {}
        discard(path)

    def end_run(self, run: RunFacts) -> None:
        """Keep the run's part."""
        named = {"repo": self._safe.repo(run.repo), "task": self._safe.clean(run.task) if run.task else None}
        self._runs[run.name] = result_of(run.facts, self._safe) | named

    def end(self, fleet: FleetFacts) -> None:
        """Write the file."""
        runs = [self._runs[run.name] for run in fleet.runs if run.name in self._runs]
        write_json(self._path, result_of(fleet.step, self._safe) | {"runs": runs})


class _FleetJUnit(FleetReport):
    """A test case for each run."""

    def __init__(self, path: Path, safe: Sanitizer) -> None:
        self._path = path
        self._safe = safe
        discard(path)

    def end(self, fleet: FleetFacts) -> None:
        """Write the file."""
        write_junit(
            self._path,
            [(run.facts, self._safe.clean(run.repo), run.task) for run in fleet.runs],
            fleet.step.duration,
            self._safe,
        )


class _FleetSummary(FleetReport):
    """The job summary: a table of all runs, a chart of all, and each run's summary folded."""

    def __init__(self, platform: Platform, safe: Sanitizer, runs: int) -> None:
        self._platform = platform
        self._safe = safe
        self._share = SUMMARY_LIMIT_OF_RUNS // runs
        self._runs: dict[SafeText, Markdown] = {}

    def end_run(self, run: RunFacts) -> None:
        """Keep the run's part."""
        title = Markdown.of("{} {}", self._safe.line(text.mark(run.facts.result)), Markdown.code(run.name))
        self._runs[run.name] = folded(title, summary_of(run.facts, self._safe, limit=self._share))

    def end(self, fleet: FleetFacts) -> None:
        """Write the summary."""
        said, step = headline(fleet, self._safe), fleet.step
        parts = [
            Markdown.of("## {}\n", self._safe.sentence(text.mark(step.result), " ", step.title or said)),
            Markdown.of("**{}** after {} · {}\n", said, duration(step.duration), count(step.requests, "request")),
            _table(fleet, self._safe),
            _chart(fleet, self._safe),
        ]
        room = LIMIT - len(Markdown.joined("\n", parts).encode()) - 200
        for run in fleet.runs:
            part = self._runs.get(run.name, Markdown.of(""))
            room -= len(part.encode()) + 1
            if room < 0:
                parts.append(Markdown.of("More does not fit here; the files and the HTML report have it.\n"))
                break
            parts.append(part)
        self._platform.write_summary(Markdown.joined("\n", parts))


class _FleetPage(FleetReport):
    """The HTML report."""

    def __init__(self, path: Path, safe: Sanitizer, runs: int) -> None:
        self._path = path
        self._safe = safe
        self._runs = runs
        self._parts: dict[SafeText, RunPart] = {}
        discard(path)

    def end_run(self, run: RunFacts) -> None:
        """Keep the run's part."""
        from mogplex_ci.report.html import run_part  # needed for nothing else

        self._parts[run.name] = run_part(len(self._parts) + 1, run, self._runs, self._safe)

    def end(self, fleet: FleetFacts) -> None:
        """Write the page."""
        from mogplex_ci.report.html import fleet_page

        parts = [self._parts[run.name] for run in fleet.runs if run.name in self._parts]
        write_whole(self._path, fleet_page(fleet, headline(fleet, self._safe), parts))


def _table(fleet: FleetFacts, safe: Sanitizer) -> Markdown:
    has_tasks = any(run.task for run in fleet.runs)
    task = Markdown.of(" Task |" if has_tasks else "")
    line = Markdown.of(" --- |" if has_tasks else "")
    head = Markdown.of(
        "| Repository |{} Result | Pull request | Branch | Time |\n| --- |{} --- | --- | --- | ---: |\n", task, line
    )
    rows = [_table_row(run, safe, has_tasks=has_tasks) for run in fleet.runs]
    return Markdown.joined("", [head, *rows])


def _table_row(run: RunFacts, safe: Sanitizer, *, has_tasks: bool) -> Markdown:
    facts = run.facts
    label = Markdown.of("#{}", facts.pull_request_number) if facts.pull_request_number else None
    link = safe.link(facts.pull_request_url, label) if facts.pull_request_url else None
    branch = safe.markdown(facts.branch_shown) if facts.branch_shown else Markdown.of("")
    result = Markdown.of("{} {}", safe.sentence(text.mark(facts.result)), Markdown.of(text.headline(facts.result)))
    cells = [
        safe.markdown(run.repo),
        *([safe.markdown(run.task) if run.task else Markdown.of("")] if has_tasks else []),
        result,
        link or Markdown.of("no change" if facts.changed is False else ""),
        safe.link(facts.branch_url, branch) or branch,
        Markdown.of("{}", duration(facts.duration)) if facts.run_id else Markdown.of(""),
    ]
    return Markdown.of("| {} |\n", Markdown.joined(" | ", cells))


def _chart(fleet: FleetFacts, safe: Sanitizer) -> Markdown:
    """Return all runs as a mermaid chart; times count from the beginning of the step. Empty when none was started."""
    bars = [
        chart_bar(
            safe.diagram_label(run.name.strip("[]")),
            "done" if run.facts.exit_code == 0 else "crit",
            run.began,
            run.ended,
        )
        for run in fleet.runs
        if run.facts.run_id
    ]
    return chart_of(bars, fleet.step.duration) if bars else Markdown.of("")
