"""The current progress at the bottom of a terminal: a line for each run. CI logs have none."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING, Final, TextIO

from mogplex_ci.report import Report
from mogplex_ci.report.text import Activity
from mogplex_ci.run.updates import (
    Cancelling,
    EventsArrived,
    NextRound,
    Retrying,
    Started,
    Starting,
    StatusChanged,
    Update,
)
from mogplex_ci.sanitize import SafeText, Sanitizer, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from rich.console import RenderableType
    from rich.live import Live
    from rich.spinner import Spinner

    from mogplex_ci.models import Run
    from mogplex_ci.report.facts import EndingFacts, RunFacts
    from mogplex_ci.run.plan import StepRun

_OTHER_LINES: Final = 4
"""Lines of the terminal that are not for runs: the counts above them, and some of the log."""


class Progress(Report):
    """A live table of the runs' activities and durations."""

    def __init__(self, terminal: TextIO | None, sanitizer: Sanitizer) -> None:
        """``terminal`` is None if there is none; then nothing is shown."""
        self._terminal = terminal
        self._safe = sanitizer
        self._rows: dict[Hashable, _Row] = {}
        """The rows, by the numbers of the runs."""
        self.heading: Callable[[], SafeText] | None = None
        """Makes the line above the table, at each refresh and in a thread of its own."""
        self._live: Live | None = None
        self._spinner: Spinner | None = None

    def begin_runs(self, runs: Sequence[StepRun]) -> None:
        """Have a row for each run from now on."""
        for run in runs:
            self.add_row(run.number, (run.name or "").strip("[]"))

    def add_row(self, run: Hashable, name: str) -> None:
        """Have a row for one more run; the only one needs no ``name``."""
        self._rows[run] = _Row(name, self._safe.line("Waiting"))

    def on(self, run: StepRun, update: Update) -> None:
        """Show the run's current activity."""
        self.on_row(run.number, update)

    def on_row(self, run: Hashable, update: Update) -> None:
        """Show the current activity of a row's run."""
        self._rows[run].on(update, self._safe)

    def end_run(self, run: RunFacts) -> None:
        """Show how a run ended."""
        self._rows[run.number].end(run.ending, self._safe)

    def stop(self) -> None:
        """Remove the table for good."""
        self._terminal = None
        self._hide()

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the table while something else is written to the terminal. It appears once a run has
        begun.
        """
        self._hide()
        try:
            yield
        finally:
            self._show()

    def __rich__(self) -> RenderableType:
        """Return the table as it looks now; of more runs than fit, those that are running, then
        those that are over.
        """
        from rich.console import Group
        from rich.table import Column, Table
        from rich.text import Text

        columns, lines = shutil.get_terminal_size()
        name = Column(no_wrap=True, overflow="ellipsis", max_width=columns // 2)
        does = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        table = Table(
            Column(), Column(), name, does, box=None, show_header=False, pad_edge=False, expand=True
        )
        rows = sorted(
            self._rows.values(), key=lambda row: (row.began is None, row.ended is not None)
        )
        for row in rows[: max(lines - _OTHER_LINES, 1)]:
            mark = row.mark or self._spinner
            table.add_row(mark, Text(row.spent()), Text(row.name), Text(row.text))
        if self.heading is None:
            return table
        return Group(Text(self.heading(), no_wrap=True, overflow="ellipsis"), table)

    def _show(self) -> None:
        has_begun = any(row.began is not None for row in self._rows.values())
        if self._terminal is None or self._live is not None or not has_begun:
            return
        from rich.console import Console  # only needed at a terminal
        from rich.live import Live
        from rich.spinner import Spinner

        self._spinner = self._spinner or Spinner("dots")
        console = Console(file=self._terminal)
        self._live = Live(
            self, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start(refresh=True)

    def _hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class _Row:
    """The line of one run."""

    def __init__(self, name: str, text: SafeText) -> None:
        self.name = name
        self.text = text
        self.mark = " "
        """How it ended; empty while it is running, and a space before."""
        self.began: float | None = None
        self.ended: float | None = None
        self._activity = Activity()

    def on(self, update: Update, safe: Sanitizer) -> None:
        """Log the run's current activity."""
        if self.began is None:
            self.began = time.monotonic()
            self.mark = ""
        match update:
            case Starting():
                self.text = safe.line("Starting the run")
            case Cancelling():
                self.text = safe.line("Cancelling the run")
            case Retrying() | NextRound():
                self._activity = Activity()
            case EventsArrived(run):
                self._activity.on(update.additions)
                self._run(run, safe)
            case Started(run) | StatusChanged(run):
                self._run(run, safe)

    def end(self, ending: EndingFacts, safe: Sanitizer) -> None:
        """Say how the run ended."""
        self.ended = time.monotonic()
        self.mark = ending.mark
        self.text = safe.line(ending.headline)

    def spent(self) -> str:
        """Return how long it has taken so far; empty before it began."""
        if self.began is None:
            return ""
        return clock((self.ended or time.monotonic()) - self.began)

    def _run(self, run: Run, safe: Sanitizer) -> None:
        self.text = safe.sentence("Run ", self._activity.state(run))
        call = self._activity.call
        if call:
            self.text = safe.sentence(self.text, ": ", *call)
