"""The job summary: Markdown that says how the step ended, why, and what to do next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.run.plan import StepRun
from mogplex_ci.sanitize import Markdown, Sanitizer

if TYPE_CHECKING:
    from mogplex_ci.report.facts import RunFacts, StepFacts

SUMMARY_LIMIT: Final = 1_000_000
"""Bytes; GitHub drops a summary of more than 1 MiB."""
RUNS_LIMIT: Final = SUMMARY_LIMIT * 8 // 10
"""Bytes of the summary for the parts of the runs; a table of them has the rest."""


class Summary(Report):
    """The job summary: each run's part, and of several runs a table of all above them."""

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
        """Keep the part of a run; that of one of several is folded under its name. One that was
        never started has none: a line of the step names it.
        """
        from mogplex_ci.report.markdown import folded, markdown_of
        from mogplex_ci.report.story import Reader, story_of_run, told_to

        if run.was_skipped and run.name is not None:
            return
        blocks = told_to(Reader.SUMMARY, story_of_run(run, self._safe))
        part = markdown_of(blocks, self._safe, limit=self._limit)
        if run.name is not None:
            mark = Markdown.of(run.ending.mark)
            label = Markdown.html(self._safe.clean(run.label))
            part = folded(Markdown.of("{} {}", mark, label), part)
        self._parts[run.number] = part

    def end(self, step: "StepFacts") -> None:
        """Write the summary."""
        from mogplex_ci.report.markdown import markdown_of
        from mogplex_ci.report.story import Reader, story_of_step, told_to

        parts: list[Markdown] = []
        blocks = told_to(Reader.SUMMARY, story_of_step(step, self._safe))
        if blocks:
            parts.append(markdown_of(blocks, self._safe, limit=SUMMARY_LIMIT - RUNS_LIMIT))
        room = SUMMARY_LIMIT - len(Markdown.joined("\n", parts).encode()) - 200
        for part in self._parts.values():
            room -= len(part.encode()) + 1
            if room < 0:
                rest = "More does not fit here; the files and the HTML report have it.\n"
                parts.append(Markdown.of(rest))
                break
            parts.append(part)
        self._platform.write_summary(Markdown.joined("\n", parts))
