"""The story: what each report tells."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.problems import Problem
from mogplex_ci.report.story import COMMENT, outcome, report_of
from mogplex_ci.run.result import Ending, Gate, Result, Round, RunResult
from mogplex_ci.sanitize import Markdown, Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.github_log import read_log
from tests.unit.report.events import (
    PULL_REQUEST,
    SUCCESSFUL,
    OneRun,
    delta,
    facts,
    result,
    starting,
    written,
)

FAILED = Gate("change", False, "a change", "it changed nothing at all", "Look.", "NO_CHANGE")
PAUSED = delta(
    '<<<MOGPLEX_CHECKPOINT>>>{"previewUrl":"https://p.example/"}<<<END_MOGPLEX_CHECKPOINT>>>'
)


def rejected(**fields: Any) -> RunResult:
    known: dict[str, Any] = {
        "cause": "it was rejected",
        "error_code": "NO_CHANGE",
        "gates": (FAILED,),
    } | fields
    return result(Result.REJECTED, *SUCCESSFUL, **known)


SAMPLES: dict[str, tuple[Callable[[], RunResult], str, str]] = {
    "task": (lambda: result(), "Fix the failing login test", "log summary comment page"),
    "outcome": (
        lambda: result(Result.SUCCESS, *SUCCESSFUL),
        PULL_REQUEST,
        "log summary comment page",
    ),
    "failure": (
        lambda: result(Result.FAILED, cause="it broke", remedy="Mend it.", error_code="RUN_FAILED"),
        "Mend it.",
        "log summary comment page",
    ),
    "preview": (
        lambda: result(Result.PAUSED, PAUSED, cause="it paused"),
        "https://p.example/",
        "log summary comment page",
    ),
    "rounds": (
        lambda: rejected(rounds=(Round("r1", None, (FAILED,), ended="the same came twice"),)),
        "the same came twice",
        "log summary comment page",
    ),
    "gates": (rejected, "changed nothing at all", "log summary comment page"),
    "last words": (
        lambda: result(Result.SUCCESS, delta("All is done.", 1)),
        "All is done.",
        "summary comment page",
    ),
    "artifact": (
        lambda: result(Result.SUCCESS, artifact=Untrusted("-" * 60_000)),
        "longer than 50000 characters",
        "log",
    ),
    "next step": (
        lambda: result(Result.TIMEOUT, cause="it took long"),
        " runs cancel ",
        "log summary page",
    ),
    "identifiers": (lambda: result(), "Ids and counts", "summary page"),
}
"""A run of which there is something to say, words that only it says, and the reports with them."""


def texts_of(ended: RunResult, folder: Path) -> dict[str, str]:
    """Return what each report has of a step with one run that ended like this."""
    log, _ = written(folder.resolve(), OneRun(ended, updates=(starting(),)))
    title = Markdown.code(facts(ended).task.title)
    comment = report_of((outcome, *COMMENT), facts(ended), Sanitizer(), limit=60_000)
    return {
        "log": log,
        "summary": (folder / "summary.md").read_text(encoding="utf-8"),
        "comment": f"{title}\n{comment}",
        "page": html.unescape((folder / "report.html").read_text(encoding="utf-8")),
    }


@pytest.mark.parametrize("part", SAMPLES)
def test_what_each_report_tells(part: str, tmp_path: Path) -> None:
    make, words, reports = SAMPLES[part]
    texts = texts_of(make(), tmp_path)
    assert [report for report, text in texts.items() if words in text] == reports.split()


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
