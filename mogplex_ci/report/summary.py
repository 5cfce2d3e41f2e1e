"""The job summary: markdown that says how the step ended, why, and what to do next."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, LiteralString, NamedTuple

from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report, StepRun
from mogplex_ci.report.text import NAME_LIMIT, title_of
from mogplex_ci.run.result import Result
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, count, duration, timestamp
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from mogplex_ci.report.facts import RunFacts, StepFacts, Times

SUMMARY_LIMIT: Final = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""
RUNS_LIMIT: Final = SUMMARY_LIMIT * 8 // 10
"""Bytes of the summary for the parts of the runs; a table and a chart have the rest."""
TALL: Final = 12
"""Tasks from which on the chart is folded."""
_DAY_ONE: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Mermaid wants a date with each time: of the beginning."""
_LAST_SECOND: Final = 30 * 86_400.0


class Detail(NamedTuple):
    """How much a summary holds. The most that fits is written."""

    calls: int
    """Tool calls in the chart."""
    tools: int
    """Rows of the tools table."""
    text: int
    """Characters of a text that others wrote."""


DETAILS: Final = (
    Detail(60, 50, 20_000),
    Detail(20, 20, 4_000),
    Detail(0, 5, 1_000),
    Detail(0, 0, 200),
)


class Summary(Report):
    """The job summary: each run's part, and of several runs a table and a chart of all above
    them.
    """

    title = "the summary"

    def __init__(self, platform: Platform, safe: Sanitizer) -> None:
        self._platform = platform
        self._safe = safe
        self._limit = RUNS_LIMIT
        """Bytes for the part of a run."""
        self._parts: dict[int, Markdown] = {}
        """By the number of the run."""

    def begin_runs(self, runs: Sequence[StepRun]) -> None:
        """Share the room between the runs."""
        self._limit = RUNS_LIMIT // len(runs)

    def end_run(self, run: "RunFacts") -> None:
        """Keep the part of a run; that of one of several is folded under its name."""
        part = summary_of(run, self._safe, limit=self._limit)
        if run.name is not None:
            mark = self._safe.line(run.ending.mark)
            part = folded(Markdown.of("{} {}", mark, Markdown.code(run.name)), part)
        self._parts[run.number] = part

    def end(self, step: "StepFacts") -> None:
        """Write the summary."""
        parts: list[Markdown] = []
        if step.has_several:
            parts += _overview(step, self._safe)
        if not step.runs:
            parts.append(summary_of(step.whole, self._safe))
        room = SUMMARY_LIMIT - len(Markdown.joined("\n", parts).encode()) - 200
        for run in step.runs:
            part = self._parts[run.number]
            room -= len(part.encode()) + 1
            if room < 0:
                rest = "More does not fit here; the files and the HTML report have it.\n"
                parts.append(Markdown.of(rest))
                break
            parts.append(part)
        self._platform.write_summary(Markdown.joined("\n", parts), step.whole.ending.mark)


def _overview(step: "StepFacts", safe: Sanitizer) -> Iterator[Markdown]:
    """Yield how a step with several runs ended, and a table and a chart of them."""
    ending = step.whole.ending
    task = step.whole.task
    yield Markdown.of("## {}\n", safe.sentence(ending.mark, " ", task.title))
    if task.dry_run:
        yield Markdown.of("{}\n", task.dry_run)
    took = duration(ending.duration)
    requests = count(ending.requests, "request")
    yield Markdown.of("**{}** after {} · {}\n", step.headline(safe), took, requests)
    if step.why:
        yield Markdown.of("**{}**\n", step.why)
    yield _runs(step, safe)
    yield _chart(step, safe)


def _runs(step: "StepFacts", safe: Sanitizer) -> Markdown:
    columns: list[list[Markdown]] = []
    for name, cells in step.table(safe).items():
        columns.append([Markdown.of(name), *(_cell(cell, safe) for cell in cells)])
    return _table(zip(*columns, strict=True))


def _cell(cell: CleanText, safe: Sanitizer) -> Markdown:
    """Return a link to a pull request, other words of ours as text, and the words of others as
    code.
    """
    if isinstance(cell, SafeText):
        return safe.link(cell, _pull_request_number(cell, safe)) or Markdown.of("{}", cell)
    return Markdown.code(cell) if cell else Markdown.of("")


def _pull_request_number(pull_request_url: CleanText, safe: Sanitizer) -> Markdown | None:
    number = safe.identifier(pull_request_url.rpartition("/pull/")[2])
    return Markdown.of("#{}", number) if number else None


def _chart(step: "StepFacts", safe: Sanitizer) -> Markdown:
    """Return all runs as a mermaid chart; times count from the beginning of the step. Empty for
    fewer than two.
    """
    started = [run for run in step.runs if run.work.run_id]
    if len(started) < 2:
        return Markdown.of("")
    bars: list[Markdown] = []
    for run in started:
        label = safe.diagram_label(run.label)
        has_failed = run.ending.exit_code != 0
        bars.append(chart_bar(label, run.times.began, run.times.ended, failed=has_failed))
    return chart_of(bars, step.whole.ending.duration)


def summary_of(run: "RunFacts", safe: Sanitizer, *, limit: int = SUMMARY_LIMIT) -> Markdown:
    """Return the summary of a run in as much detail as ``limit`` bytes hold."""
    sections = (_top, why, rounds, gates, last_words, _next, _time, _tools, _ids)
    markdown = Markdown.of("")
    for detail in DETAILS:
        parts: list[Markdown] = []
        for section in sections:
            parts += section(run, safe, detail)  # each part ends with a line feed
        markdown = Markdown.joined("\n", parts)
        if len(markdown.encode()) <= limit:
            break
    return markdown


def _top(run: "RunFacts", safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    """Yield the title, and the line with what matters most."""
    yield Markdown.of("## {}\n", safe.sentence(run.ending.mark, " ", run.task.title))
    if run.task.dry_run:
        yield Markdown.of("{}\n", run.task.dry_run)
    yield Markdown.of("{}\n", top_line(run, safe))


def top_line(run: "RunFacts", safe: Sanitizer) -> Markdown:
    """Return how the run ended, the pull request and the branch, in one line."""
    ending = run.ending
    ended = Markdown.of("**{}** after {}", Markdown.of(ending.headline), duration(ending.duration))
    line = [ended, *_change(run, safe)]
    if run.delivered.branch_shown:
        name = safe.markdown(run.delivered.branch_shown)
        line.append(safe.link(run.link(run.delivered.branch_url), name) or name)
    return Markdown.joined(" · ", line)


def _change(run: "RunFacts", safe: Sanitizer) -> Iterator[Markdown]:
    """Yield the pull request, or what else is known of a change."""
    delivered = run.delivered
    if delivered.pull_request_url:
        number = _pull_request_number(delivered.pull_request_url, safe) or Markdown.of("")
        label = Markdown.of("Pull request {}", number)
        yield safe.link(run.link(delivered.pull_request_url), label) or label
    elif delivered.changed is False:
        yield Markdown.of("no change")
    elif run.work.run_id and delivered.has_work:
        unknown = Markdown.of("pull request and change unknown")
        yield safe.link(run.link(delivered.compare_url), unknown) or unknown


def why(run: "RunFacts", safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield why it failed, and what to do about it. Of a rejected run its gates tell both."""
    ending = run.ending
    is_rejected = ending.result is Result.REJECTED
    if ending.problems:
        yield Markdown.joined("", [Markdown.of("- {}\n", fault) for fault in ending.problems])
    elif ending.cause and ending.says_more:
        yield Markdown.of("**{}**\n", ending.cause)
    if ending.error_code and ending.help_url:
        code = Markdown.of("{}", ending.error_code)
        link = safe.link(ending.help_url, code) or code
        yield Markdown.of("{}, exit {}\n", link, ending.exit_code)
    if ending.detail and not is_rejected:
        yield Markdown.of("{}\n", safe.quote(ending.detail, limit=detail.text))
    preview = run.work.preview_url
    if preview:
        yield Markdown.of("{}\n", safe.link(preview, Markdown.of("Preview")) or preview)
    if ending.remedy and not is_rejected:
        yield Markdown.of("{}\n", ending.remedy)


def gates(run: "RunFacts", safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield what was required of the run, and for each gate that failed what was expected and what
    to do.
    """
    for gate in run.delivered.gates:
        found = Markdown.of("- {} **{}**: {}", Markdown.of(gate.mark), gate.label(safe), gate.found)
        if gate.passed:
            yield Markdown.of("{}\n", found)
            continue
        remedy = gate.remedy or Markdown.of("")
        yield Markdown.of("{}. Expected: {}. {}\n", found, gate.expected, remedy)
        if gate.items:
            items = safe.fence(Untrusted("\n".join(gate.items)), limit=detail.text)
            yield Markdown.of("\n{}\n", items)


def rounds(run: "RunFacts", safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    """Yield what was found in each round of ``repair``, and why there was no other one."""
    for number, each in enumerate(run.delivered.rounds, 1):
        said = safe.markdown(each.found)
        found = Markdown.of("- {} Round {}: {}", Markdown.of(each.mark), number, said)
        if each.ended:
            yield Markdown.of("{}. No further round: {}\n", found, each.ended)
        else:
            yield Markdown.of("{}\n", found)


def last_words(run: "RunFacts", safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield what the agent said last."""
    if run.work.message:
        words = safe.quote(run.work.message, limit=detail.text)
        yield Markdown.of("### The agent's last words\n\n{}\n", words)
    if run.work.doubt:
        yield Markdown.of("**{}**\n", run.work.doubt)


def _next(run: "RunFacts", safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    if run.next_steps:
        commands = "\n".join(f"# {step.purpose}\n{step.command}" for step in run.next_steps)
        yield Markdown.of("### Next\n\n{}\n", safe.fence(commands, language="sh"))


def _ids(run: "RunFacts", safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    """Yield the folded table of everything else that is known."""
    rows = [(Markdown.of(name), _value(value)) for name, value in run.listed().items()]
    if rows:
        head = (Markdown.of(""), Markdown.of(""))
        yield folded(Markdown.of("Ids and counts"), _table([head, *rows]))


def _value(value: CleanText | LiteralString | int) -> Markdown:
    if isinstance(value, CleanText):
        return Markdown.code(value)
    if isinstance(value, int):
        return Markdown.of("{}", value)
    return Markdown.of(value)


def _table(rows: Iterable[Sequence[Markdown | SafeText | int]]) -> Markdown:
    head, *others = rows
    lines = (head, [Markdown.of("---")] * len(head), *others)
    return Markdown.joined("", (Markdown.of("| {} " * len(line) + "|\n", *line) for line in lines))


def _time(run: "RunFacts", safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield how long the phases took, and a chart if there are calls to draw beside them, folded
    when it is tall.
    """
    took: list[Markdown] = []
    for span in run.times.spans:
        phase = Markdown.of(span.phase.value)
        took.append(Markdown.of("{} {}", phase, duration(span.ended - span.started)))
    if took:
        phases = Markdown.joined(" · ", took)
        yield Markdown.of("### Where the time went\n\n{}\n", phases)
    calls = run.times.timeline.calls
    longest = sorted(calls, key=lambda call: call.seconds or 0.0, reverse=True)[: detail.calls]
    if len(longest) < 2:
        return
    chart = gantt(run.times, longest, safe)
    if len(took) + len(longest) > TALL:
        title = Markdown.of("Phases and the {} longest of {} tool calls", len(longest), len(calls))
        chart = folded(title, chart)
    yield chart


def _tools(run: "RunFacts", safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield the folded table of tools."""
    if not run.times.tools or not detail.tools:
        return
    rows: list[Sequence[Markdown | SafeText | int]] = [
        tuple(map(Markdown.of, ("Tool", "Calls", "Failed", "Time")))
    ]
    for use in run.times.tools[: detail.tools]:
        name = Markdown.code(safe.clean(use.name, limit=NAME_LIMIT))
        rows.append((name, len(use.calls), use.failed, duration(use.seconds)))
    yield folded(Markdown.of("Tools"), _table(rows))


def gantt(times: "Times", calls: Sequence[ToolCall], safe: Sanitizer) -> Markdown:
    """Return the phases and some of the tool calls as a mermaid chart."""
    last = times.timeline.last
    lines = [Markdown.of("  section Phases")]
    for span in times.spans:
        lines.append(chart_bar(Markdown.of(span.phase.value), span.started, span.ended))
    for use in times.tools:
        shown = [call for call in use.calls if call in calls]
        if shown:
            lines.append(Markdown.of("  section {}", safe.diagram_label(use.name)))
            lines += [_call(call, last, safe) for call in shown]
    return chart_of(lines, last)


def chart_of(lines: Iterable[Markdown], seconds: float) -> Markdown:
    """Return sections and bars as a mermaid chart that spans ``seconds``."""
    axis: LiteralString = "%H:%M:%S" if seconds >= 3600 else "%M:%S"
    head = [
        Markdown.of("```mermaid\ngantt\n  dateFormat YYYY-MM-DD[T]HH:mm:ss.SSS[Z]"),
        Markdown.of("  axisFormat " + axis),
        Markdown.of("  todayMarker off"),
    ]
    return Markdown.joined("\n", [*head, *lines, Markdown.of("```\n")])


def _call(call: ToolCall, last: float, safe: Sanitizer) -> Markdown:
    label = safe.diagram_label(title_of(call))
    ended = last if call.ended is None else call.ended
    return chart_bar(label, call.at, ended, failed=call.failed)


def chart_bar(label: Markdown, started: float, ended: float, *, failed: bool = False) -> Markdown:
    """Return a task of a chart, with times in seconds. Its first character is one that begins no
    keyword of mermaid.

    Only a failure has a tag: mermaid writes light text on the light bars of ``done`` and ``active``
    in its dark theme.
    """
    times = (_time_of(started), _time_of(max(ended, started + 0.001)))
    template: LiteralString = "  ▸ {} :crit, {}, {}" if failed else "  ▸ {} :{}, {}"
    return Markdown.of(template, label, *times)


def _time_of(seconds: float) -> Markdown:
    """Return a time as mermaid reads it, which it takes for one in the reader's own time zone."""
    bounded = min(max(seconds, 0.0), _LAST_SECOND)
    return Markdown.of("{}", timestamp(_DAY_ONE + timedelta(seconds=bounded)))


def folded(title: Markdown, content: Markdown) -> Markdown:
    """Return ``content`` folded under ``title``."""
    return Markdown.of("<details>\n<summary>{}</summary>\n\n{}\n</details>\n", title, content)
