"""The table at the bottom of a terminal: what each run does, and which rows there is room for."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from mogplex_ci.report.progress import Progress
from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import Cancelling, NextRound, Started, StatusChanged, Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.planning import planned_runs
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import Feed, event, facts, github, repo, result, run, starting

STARTED = Started(run("pending"), "key", joined=False, owned=True)


class Table:
    """The rows of runs, by the names of their repositories."""

    def __init__(self, *names: str) -> None:
        found = [(typed_inputs(), repo(name)) for name in names]
        self.runs = planned_runs(found, github(), Sanitizer())
        self.progress = Progress(None, Sanitizer())
        self.progress.begin_runs(self.runs)

    def on(self, number: int, *updates: Update) -> None:
        for update in updates:
            self.progress.on(self.runs[number], update)

    def end(self, number: int, end: Result) -> None:
        ended = facts(result(end))
        self.progress.end_run(ended._replace(number=self.runs[number].number))

    def shown(self) -> list[str]:
        """The lines as they look, without the dots that turn."""
        console = Console(file=(stream := io.StringIO()), width=60)
        console.print(self.progress)
        return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "8")


def test_what_a_run_does_is_shown_from_its_start_to_its_end() -> None:
    table, feed, texts = Table("acme/web"), Feed(), list[str]()
    steps: Sequence[Update] = (
        starting(),
        STARTED,
        StatusChanged(run("streaming")),
        feed.arrived(
            event("tool_started", "Running npm test", 1, "shell", input={"command": "npm test"})
        ),
        NextRound(2, 3, ()),
        StatusChanged(run("streaming")),
        Cancelling(run("streaming")),
    )
    texts.append(table.shown()[0])
    for update in steps:
        table.on(0, update)
        texts.append(table.shown()[0])
    table.end(0, Result.FAILED)
    texts.append(table.shown()[0])
    assert [" ".join(each.split()) for each in texts] == [
        "Waiting",
        "00:00 Starting the run",
        "00:00 Run not started yet",
        "00:00 Run running",
        "00:00 Run working: shell: Running npm test",
        "00:00 Run working: shell: Running npm test",
        "00:00 Run running",
        "00:00 Cancelling the run",
        "✘ 00:00 Run failed",
    ]


def test_of_more_runs_than_fit_those_at_work_are_shown_first_and_those_that_are_over_next() -> None:
    names = [f"acme/r{number}" for number in range(6)]
    table = Table(*names)
    for number in (1, 2, 5):
        table.on(number, STARTED)
    table.end(2, Result.SUCCESS)
    shown = [
        "   00:00  acme/r1  Run not started yet",
        "   00:00  acme/r5  Run not started yet",
        "✔  00:00  acme/r2  Run succeeded",
        "          acme/r0  Waiting",
    ]
    assert table.shown() == shown
    table.progress.heading = lambda: Sanitizer().line("Runs: {} done", 1)
    assert table.shown() == ["Runs: 1 done", *shown]


def test_what_is_too_long_for_a_line_is_cut() -> None:
    table, feed = Table("acme/web", "acme/api"), Feed()
    call = event("tool_started", "word " * 30, 1, "shell", input={"command": "make"})
    table.on(0, STARTED, feed.arrived(call))
    table.progress.heading = lambda: Sanitizer().line("Runs: {}", "many " * 30)
    heading, first, second = table.shown()
    assert (len(heading), heading[-1], len(first), first[-1]) == (60, "…", 60, "…")
    assert second.split() == ["acme/api", "Waiting"]


def test_a_long_name_takes_half_of_the_line_and_one_row_is_always_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINES", "3")
    table = Table(f"acme/{'x' * 50}", "acme/web")
    (row,) = table.shown()
    assert row == f"     acme/{'x' * 24}…  Waiting"
