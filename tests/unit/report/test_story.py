"""The story: what each report tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mogplex_ci.problems import Problem
from mogplex_ci.report.comment import COMMENT_LIMIT
from mogplex_ci.report.story import COMMENT, SUMMARY, Section, report_of
from mogplex_ci.report.summary import SUMMARY_LIMIT
from mogplex_ci.run.result import Ending, Result, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.github_log import read_log
from tests.oracles.github_markdown import github_html
from tests.unit.report.events import OneRun, delta, facts, gate, item, result, written


@pytest.mark.parametrize(
    ("letters", "last", "unshown"),
    [
        ("abcdefghij", "input-j is missing", ""),
        ("abcdefghijk", "2 more wrong inputs: the log has them", "jk"),
        ("abcdefghijkl", "3 more wrong inputs: the log has them", "jkl"),
    ],
)
def test_wrong_inputs_that_no_annotation_has_room_for_are_counted_and_said(
    tmp_path: Path, letters: str, last: str, unshown: str
) -> None:
    problems = tuple(Problem(f"input-{letter}", "is missing") for letter in letters)
    ended = RunResult(
        Ending(Result.ERROR, 2, "wrong inputs", problems=problems, error_code="USAGE")
    )
    log, _ = written(tmp_path.resolve(), OneRun(ended))
    errors = [found.text for found in read_log(log).annotations if found.level == "error"]
    assert (len(errors), errors[-1].partition(". ")[0]) == (10, last)
    assert [line for line in log.splitlines() if line.startswith("Error: input-")] == [
        f"Error: input-{letter} is missing" for letter in unshown
    ]


LONG = "\U0001d11e" * 20_000
"""Each character is four bytes."""


@pytest.mark.parametrize(
    ("parts", "limit", "is_cut"), [(COMMENT, COMMENT_LIMIT, True), (SUMMARY, SUMMARY_LIMIT, False)]
)
def test_what_has_no_room_is_left_out_and_a_line_says_so(
    parts: Sequence[Section], limit: int, *, is_cut: bool
) -> None:
    """The longest that the program lets the service and the agent write."""
    gates = [gate(name, "it is not", *[item(LONG[:500])] * 20) for name in ("change", "checks")]
    known = {"cause": "it broke", "detail": Untrusted(LONG), "error_code": "RUN_FAILED"}
    step = facts(result(Result.FAILED, delta(LONG), gates=tuple(gates), **known))
    report = report_of(parts, step, Sanitizer(), limit=limit)
    assert len(report.encode()) <= limit
    assert "**It broke**" in report
    assert ("see the job's log" in report) is is_cut


def test_a_second_summary_in_one_file_has_its_own_title() -> None:
    summary = report_of(SUMMARY, facts(result()), Sanitizer(), limit=SUMMARY_LIMIT)
    assert github_html(summary + summary).count("<h2>") == 2
