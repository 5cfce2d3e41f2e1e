"""The story: what each report tells."""

from __future__ import annotations

from pathlib import Path

from mogplex_ci.problems import Problem
from mogplex_ci.run.result import Ending, Result, RunResult
from tests.github_log import read_log
from tests.unit.report.events import OneRun, written


def test_wrong_inputs_that_no_annotation_has_room_for_are_counted_and_said(tmp_path: Path) -> None:
    problems = tuple(Problem(f"input-{letter}", "is missing") for letter in "abcdefghijkl")
    ended = RunResult(
        Ending(Result.ERROR, 2, "wrong inputs", problems=problems, error_code="USAGE")
    )
    log, _ = written(tmp_path.resolve(), OneRun(ended))
    errors = [found.text for found in read_log(log).annotations if found.level == "error"]
    assert len(errors) == 10
    assert errors[-1] == "3 more wrong inputs: the log has them"
    assert [line for line in log.splitlines() if line.startswith("Error: input-")] == [
        f"Error: input-{letter} is missing" for letter in "jkl"
    ]
