"""The job summary: how it ended, why, and where to go next, as markdown next to the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_duration
from mogplex_ci.report.gantt import gantt
from mogplex_ci.report.headline import cause, headline, mark
from mogplex_ci.report.next_steps import next_steps
from mogplex_ci.report.sentences import NAME_LIMIT, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.report.chronicle import Chronicle, ToolUse
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer

LIMIT: Final = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much a summary tells. The most that fits is written."""

    calls: int
    """Tool calls in the chart."""
    tools: int
    """Rows of the tools table."""
    text: int
    """Characters of a text that others wrote."""


DETAILS: Final = (Detail(60, 50, 20_000), Detail(20, 20, 4_000), Detail(0, 5, 1_000), Detail(0, 0, 200))


class SummaryReport:
    """Writes the summary at the end."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, chronicle: Chronicle) -> None:
        """Take where to write, and what to tell."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._chronicle = chronicle

    def on(self, happening: Happening) -> None:
        """Wait for the end."""

    def end(self, outcome: Outcome) -> None:
        """Write the summary."""
        identity = self._platform.identity()
        attempt = identity.attempt if identity else None
        self._platform.write_summary(summary(outcome, self._chronicle, self._sanitizer, attempt=attempt))  # type: ignore[arg-type]


def summary(
    outcome: Outcome, chronicle: Chronicle, sanitizer: Sanitizer, *, attempt: str | None, limit: int = LIMIT
) -> str:
    """Return the summary in as much detail as ``limit`` bytes hold."""
    for detail in DETAILS:
        text = "\n".join(_Markdown(outcome, chronicle, sanitizer, detail).parts(attempt))
        if len(text.encode()) <= limit:
            break
    return text


class _Markdown:
    """The parts of one summary; each is followed by an empty line."""

    def __init__(self, outcome: Outcome, chronicle: Chronicle, sanitizer: Sanitizer, detail: Detail) -> None:
        self._outcome = outcome
        self._chronicle = chronicle
        self._safe = sanitizer
        self._detail = detail

    def parts(self, attempt: str | None) -> Iterator[str]:
        result = self._outcome.verdict.result
        yield f"## {mark(result)} {headline(result)} after {format_duration(self._outcome.duration)}\n"
        yield from self._why()
        yield self._facts(attempt)
        yield from self._next()
        yield from self._last_words()
        yield from self._time()

    def _why(self) -> Iterator[str]:
        verdict = self._outcome.verdict
        if verdict.problems:
            yield "".join(f"- {self._safe.markdown(problem(self._safe, fault))}\n" for fault in verdict.problems)
        elif why := cause(verdict):
            yield f"**{self._safe.line(why)}**\n"
        if verdict.detail:
            yield f"{self._safe.fence(verdict.detail, limit=self._detail.text)}\n"
        if verdict.remedy:
            yield f"{self._safe.line(verdict.remedy)}\n"

    def _facts(self, attempt: str | None) -> str:
        outcome, run, safe = self._outcome, self._outcome.run, self._safe
        url = safe.url(outcome.trail.pull_request_url)
        changed = {True: "yes", False: "no, the repository is as it was", None: None}[outcome.trail.changed]
        base = f" from {safe.markdown(outcome.base_branch)}" if outcome.base_branch else ""
        more = " and more than the API lists" if outcome.trail.truncated else ""
        rows = {
            "Pull request": f"[{safe.markdown(url)}]({url})" if url else None,
            "Changed": changed,
            "Repository": safe.markdown(outcome.repo.full_name) if outcome.repo else None,
            "Branch": f"{safe.markdown(outcome.branch)}{base}" if outcome.branch else None,
            "Run": f"{safe.markdown(run.id)}{' (joined)' if outcome.joined else ''}" if run else None,
            "Status": safe.markdown(run.status) if run else None,
            "Harness": safe.markdown(run.harness) if run and run.harness else None,
            "Attempt": safe.markdown(attempt) if attempt else None,
            "Duration": format_duration(outcome.duration),
            "Events": f"{outcome.trail.count}{more}" if run else None,
            "Requests": str(outcome.requests_sent) if run else None,
        }
        table = "".join(f"| {name} | {value} |\n" for name, value in rows.items() if value)
        return f"| | |\n| --- | --- |\n{table}"

    def _next(self) -> Iterator[str]:
        steps = list(next_steps(self._outcome, self._safe))
        if steps:
            commands = "\n".join(f"# {step.purpose}\n{step.command}" for step in steps)
            yield f"**Next**\n\n```sh\n{commands}\n```\n"

    def _last_words(self) -> Iterator[str]:
        words = self._chronicle.last_words
        if words is not None:
            yield f"**What the agent said last**\n\n{self._safe.fence(words, limit=self._detail.text)}\n"

    def _time(self) -> Iterator[str]:
        calls, tools = self._chronicle.calls, self._chronicle.tools()
        chart = gantt(self._chronicle, self._safe, most_calls=self._detail.calls)
        if chart:
            few = f": the {self._detail.calls} longest of {len(calls)} calls" if self._detail.calls < len(calls) else ""
            yield f"**Where the time went**{few}\n\n{chart}"
        if tools and self._detail.tools:
            rows = "".join(map(self._tool, tools[: self._detail.tools]))
            yield f"| Tool | Calls | Failed | Time |\n| --- | ---: | ---: | ---: |\n{rows}"

    def _tool(self, use: ToolUse) -> str:
        name = self._safe.markdown(self._safe.clean(use.tool, limit=NAME_LIMIT))
        return f"| {name} | {len(use.calls)} | {use.failed or ''} | {format_duration(use.seconds)} |\n"
