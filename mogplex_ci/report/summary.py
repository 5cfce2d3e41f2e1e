"""The job summary: markdown that says how the step ended, why, and what to do next."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString, NamedTuple

from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.report.facts import Facts, RunFacts, StepFacts
from mogplex_ci.report.text import NAME_LIMIT, title_of
from mogplex_ci.run.result import Result
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, count, duration, timestamp
from mogplex_ci.untrusted import Untrusted

SUMMARY_LIMIT: Final = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""
RUNS_LIMIT: Final = SUMMARY_LIMIT * 8 // 10
"""Bytes of the summary for the parts of several runs; the table and the chart have the rest."""
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
    """The job summary. Of several runs: a table, a chart of all, and each run's summary folded."""

    title = "the summary"

    def __init__(self, platform: Platform, safe: Sanitizer) -> None:
        self._platform = platform
        self._safe = safe
        self._runs: dict[SafeText, Markdown] = {}

    def end_run(self, run: RunFacts) -> None:
        """Keep the part of a run of several."""
        if run.name:
            title = Markdown.of("{} {}", self._safe.line(run.facts.mark), Markdown.code(run.name))
            self._runs[run.name] = folded(
                title, summary_of(run.facts, self._safe, limit=RUNS_LIMIT // run.of)
            )

    def end(self, step: StepFacts) -> None:
        """Write the summary."""
        self._platform.write_summary(
            self._of_fleet(step) if step.is_fleet else summary_of(step.facts, self._safe)
        )

    def _of_fleet(self, step: StepFacts) -> Markdown:
        said, facts = step.headline(self._safe), step.facts
        parts = [
            Markdown.of("## {}\n", self._safe.sentence(facts.mark, " ", facts.title)),
            *([Markdown.of("{}\n", facts.dry_run)] if facts.dry_run else []),
            Markdown.of(
                "**{}** after {} · {}\n",
                said,
                duration(facts.duration),
                count(facts.requests, "request"),
            ),
            *([Markdown.of("**{}**\n", step.why)] if step.why else []),
            *([_runs(step, self._safe)] if step.runs else []),
            _chart(step, self._safe),
        ]
        room = SUMMARY_LIMIT - len(Markdown.joined("\n", parts).encode()) - 200
        for run in step.runs:
            part = self._runs[run.name] if run.name else Markdown.of("")
            room -= len(part.encode()) + 1
            if room < 0:
                parts.append(
                    Markdown.of("More does not fit here; the files and the HTML report have it.\n")
                )
                break
            parts.append(part)
        return Markdown.joined("\n", parts)


def _runs(step: StepFacts, safe: Sanitizer) -> Markdown:
    table = step.table(safe)
    columns = [
        [Markdown.of(name), *(_cell(cell, safe) for cell in cells)] for name, cells in table.items()
    ]
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


def _chart(step: StepFacts, safe: Sanitizer) -> Markdown:
    """Return all runs as a mermaid chart; times count from the beginning of the step. Empty for
    fewer than two.
    """
    bars = [
        chart_bar(
            safe.diagram_label(run.label), run.began, run.ended, failed=run.facts.exit_code != 0
        )
        for run in step.runs
        if run.facts.run_id
    ]
    return chart_of(bars, step.facts.duration) if len(bars) > 1 else Markdown.of("")


def summary_of(facts: Facts, safe: Sanitizer, *, limit: int = SUMMARY_LIMIT) -> Markdown:
    """Return the summary in as much detail as ``limit`` bytes hold."""
    sections = (_top, why, rounds, gates, last_words, _next, _time, _tools, _ids)
    markdown = Markdown.of("")
    for detail in DETAILS:
        parts = [
            part for section in sections for part in section(facts, safe, detail)
        ]  # each ends with a line feed
        markdown = Markdown.joined("\n", parts)
        if len(markdown.encode()) <= limit:
            break
    return markdown


def _top(facts: Facts, safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    """Yield the title, and the line with what matters most."""
    yield Markdown.of("## {}\n", safe.sentence(facts.mark, " ", facts.title))
    if facts.dry_run:
        yield Markdown.of("{}\n", facts.dry_run)
    yield Markdown.of("{}\n", top_line(facts, safe))


def top_line(facts: Facts, safe: Sanitizer) -> Markdown:
    """Return how the step ended, the pull request and the branch, in one line."""
    line = [Markdown.of("**{}** after {}", Markdown.of(facts.headline), duration(facts.duration))]
    if facts.pull_request_url:
        label = Markdown.of(
            "Pull request {}", _pull_request_number(facts.pull_request_url, safe) or Markdown.of("")
        )
        line.append(safe.link(facts.link(facts.pull_request_url), label) or label)
    elif facts.changed is False:
        line.append(Markdown.of("no change"))
    elif facts.run_id and facts.has_work:
        unknown = Markdown.of("pull request and change unknown")
        line.append(safe.link(facts.link(facts.compare_url), unknown) or unknown)
    if facts.branch_shown:
        name = safe.markdown(facts.branch_shown)
        line.append(safe.link(facts.link(facts.branch_url), name) or name)
    return Markdown.joined(" · ", line)


def why(facts: Facts, safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield why the step failed, and what to do about it."""
    if facts.problems:
        yield Markdown.joined("", [Markdown.of("- {}\n", fault) for fault in facts.problems])
    elif facts.cause and facts.says_more:
        yield Markdown.of("**{}**\n", facts.cause)
    if facts.detail and facts.result is not Result.REJECTED:  # then it is one of a gate's items
        yield Markdown.of("{}\n", safe.quote(facts.detail, limit=detail.text))
    if facts.preview_url:
        yield Markdown.of(
            "{}\n", safe.link(facts.preview_url, Markdown.of("Preview")) or facts.preview_url
        )
    if facts.remedy and facts.result is not Result.REJECTED:
        yield Markdown.of("{}\n", facts.remedy)


def gates(facts: Facts, safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield what was required of the run, and for each gate that failed what was expected and what
    to do.
    """
    for gate in facts.gates:
        expected = Markdown.of(". Expected: {}. {}", gate.expected, gate.remedy or Markdown.of(""))
        end = Markdown.of("") if gate.passed else expected
        yield Markdown.of(
            "- {} **{}**: {}{}\n",
            Markdown.of("✔" if gate.passed else "✘"),
            gate.name,
            gate.found,
            end,
        )
        if gate.items and not gate.passed:
            yield Markdown.of(
                "\n{}\n", safe.fence(Untrusted("\n".join(gate.items)), limit=detail.text)
            )


def rounds(facts: Facts, safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    """Yield what was found in each round of ``repair``, and why there was no other one."""
    for number, each in enumerate(facts.rounds, 1):
        said = safe.markdown(each.found)
        ended = Markdown.of(". No further round: {}", each.ended) if each.ended else Markdown.of("")
        yield Markdown.of(
            "- {} Round {}: {}{}\n", Markdown.of("✔" if each.passed else "✘"), number, said, ended
        )


def last_words(facts: Facts, safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield what the agent said last."""
    if facts.message:
        yield Markdown.of(
            "### The agent's last words\n\n{}\n", safe.quote(facts.message, limit=detail.text)
        )


def _next(facts: Facts, safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    if facts.next_steps:
        commands = "\n".join(f"# {step.purpose}\n{step.command}" for step in facts.next_steps)
        yield Markdown.of("### Next\n\n{}\n", safe.fence(commands, language="sh"))


def _ids(facts: Facts, safe: Sanitizer, _detail: Detail) -> Iterator[Markdown]:
    """Yield the folded table of everything else that is known."""
    rows = [(Markdown.of(name), _value(value)) for name, value in facts.listed().items()]
    if rows:
        yield folded(
            Markdown.of("Ids and counts"), _table([(Markdown.of(""), Markdown.of("")), *rows])
        )


def _value(value: CleanText | LiteralString | int) -> Markdown:
    if isinstance(value, CleanText):
        return Markdown.code(value)
    return Markdown.of("{}", value) if isinstance(value, int) else Markdown.of(value)


def _table(rows: Iterable[Sequence[Markdown | SafeText | int]]) -> Markdown:
    head, *others = rows
    lines = (head, [Markdown.of("---")] * len(head), *others)
    return Markdown.joined("", (Markdown.of("| {} " * len(line) + "|\n", *line) for line in lines))


def _time(facts: Facts, safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield how long the phases took, and a chart if there are calls to draw beside them, folded
    when it is tall.
    """
    took = [
        Markdown.of("{} {}", Markdown.of(at.phase.value), duration(at.ended - at.started))
        for at in facts.spans
    ]
    if took:
        yield Markdown.of("### Where the time went\n\n{}\n", Markdown.joined(" · ", took))
    calls = facts.timeline.calls
    longest = sorted(calls, key=lambda call: call.seconds or 0.0, reverse=True)[: detail.calls]
    if len(longest) > 1:
        title = Markdown.of("Phases and the {} longest of {} tool calls", len(longest), len(calls))
        chart = gantt(facts, longest, safe)
        yield folded(title, chart) if len(took) + len(longest) > TALL else chart


def _tools(facts: Facts, safe: Sanitizer, detail: Detail) -> Iterator[Markdown]:
    """Yield the folded table of tools."""
    if facts.tools and detail.tools:
        head = tuple(map(Markdown.of, ("Tool", "Calls", "Failed", "Time")))
        rows = [
            (
                Markdown.code(safe.clean(use.name, limit=NAME_LIMIT)),
                len(use.calls),
                use.failed,
                duration(use.seconds),
            )
            for use in facts.tools[: detail.tools]
        ]
        yield folded(Markdown.of("Tools"), _table([head, *rows]))


def gantt(facts: Facts, calls: Sequence[ToolCall], safe: Sanitizer) -> Markdown:
    """Return the phases and some of the tool calls as a mermaid chart."""
    last = facts.timeline.last
    lines = [
        Markdown.of("  section Phases"),
        *(
            chart_bar(Markdown.of(span.phase.value), span.started, span.ended)
            for span in facts.spans
        ),
    ]
    for use in facts.tools:
        if shown := [call for call in use.calls if call in calls]:
            lines.append(Markdown.of("  section {}", safe.diagram_label(use.name)))
            lines += [_call(call, last, safe) for call in shown]
    return chart_of(lines, last)


def chart_of(lines: Iterable[Markdown], seconds: float) -> Markdown:
    """Return sections and bars as a mermaid chart that spans ``seconds``."""
    head = [
        Markdown.of("```mermaid\ngantt\n  dateFormat YYYY-MM-DD[T]HH:mm:ss.SSS[Z]"),
        Markdown.of("  axisFormat %H:%M:%S" if seconds >= 3600 else "  axisFormat %M:%S"),
        Markdown.of("  todayMarker off"),
    ]
    return Markdown.joined("\n", [*head, *lines, Markdown.of("```\n")])


def _call(call: ToolCall, last: float, safe: Sanitizer) -> Markdown:
    label = safe.diagram_label(title_of(call))
    return chart_bar(label, call.at, last if call.ended is None else call.ended, failed=call.failed)


def chart_bar(label: Markdown, started: float, ended: float, *, failed: bool = False) -> Markdown:
    """Return a task of a chart, with times in seconds. Its first character is one that begins no
    keyword of mermaid.

    Only a failure has a tag: mermaid writes light text on the light bars of ``done`` and ``active``
    in its dark theme.
    """
    times = _time_of(started), _time_of(max(ended, started + 0.001))
    return Markdown.of("  ▸ {} :crit, {}, {}" if failed else "  ▸ {} :{}, {}", label, *times)


def _time_of(seconds: float) -> Markdown:
    """Return a time as mermaid reads it, which it takes for one in the reader's own time zone."""
    return Markdown.of(
        "{}", timestamp(_DAY_ONE + timedelta(seconds=min(max(seconds, 0.0), _LAST_SECOND)))
    )


def folded(title: Markdown, content: Markdown) -> Markdown:
    """Return ``content`` folded under ``title``."""
    return Markdown.of("<details>\n<summary>{}</summary>\n\n{}\n</details>\n", title, content)
