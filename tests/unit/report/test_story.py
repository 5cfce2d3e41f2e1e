"""The story: every report shows every matter that the table does not leave out for it."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.problems import Problem
from mogplex_ci.report.markdown import markdown_of
from mogplex_ci.report.story import LEFT_OUT, Matter, Reader, story_of_run, told_to
from mogplex_ci.run.result import Ending, Gate, Result, Round, RunResult
from mogplex_ci.sanitize import Sanitizer
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
"""GitHub says that it is pull request 7; the agent's event says 42."""


def rejected(**fields: Any) -> RunResult:
    known: dict[str, Any] = {
        "cause": "it was rejected",
        "error_code": "NO_CHANGE",
        "gates": (FAILED,),
    } | fields
    return result(Result.REJECTED, *SUCCESSFUL, **known)


SAMPLES: dict[Matter, tuple[Callable[[], RunResult], str]] = {
    Matter.TASK: (lambda: result(), "Fix the failing login test"),
    Matter.OUTCOME: (lambda: result(Result.SUCCESS, *SUCCESSFUL), PULL_REQUEST),
    Matter.FAILURE: (
        lambda: result(Result.FAILED, cause="it broke", remedy="Mend it.", error_code="RUN_FAILED"),
        "Mend it.",
    ),
    Matter.PREVIEW: (
        lambda: result(Result.PAUSED, PAUSED, cause="it paused"),
        "https://p.example/",
    ),
    Matter.ROUNDS: (
        lambda: rejected(rounds=(Round("r1", None, (FAILED,), ended="the same came twice"),)),
        "the same came twice",
    ),
    Matter.GATES: (rejected, "changed nothing at all"),
    Matter.LAST_WORDS: (lambda: result(Result.SUCCESS, delta("All is done.", 1)), "All is done."),
    Matter.ARTIFACT: (
        lambda: result(Result.SUCCESS, artifact=Untrusted("-" * 60_000)),
        "longer than 50000 characters",
    ),
    Matter.NEXT_STEPS: (lambda: result(Result.TIMEOUT, cause="it took long"), " runs cancel "),
    Matter.IDENTIFIERS: (lambda: result(), "Ids and counts"),
}
"""By matter: a run of which there is something to say, and words that only it says."""


def test_each_matter_of_a_run_has_a_sample() -> None:
    assert {*SAMPLES} == {*Matter}


def texts_of(ended: RunResult, folder: Path) -> dict[Reader, str]:
    """Return what each report has of a step with one run that ended like this."""
    log, _ = written(folder.resolve(), OneRun(ended, updates=(starting(),)))
    safe = Sanitizer()
    comment = told_to(Reader.COMMENT, story_of_run(facts(ended), safe))
    return {
        Reader.LOG: log,
        Reader.SUMMARY: (folder / "summary.md").read_text(encoding="utf-8"),
        Reader.COMMENT: markdown_of(comment, safe, limit=60_000),
        Reader.PAGE: html.unescape((folder / "report.html").read_text(encoding="utf-8")),
    }


@pytest.mark.parametrize("matter", SAMPLES)
def test_every_report_tells_what_the_table_does_not_leave_out(
    matter: Matter, tmp_path: Path
) -> None:
    make, words = SAMPLES[matter]
    lacking = [
        reader
        for reader, text in texts_of(make(), tmp_path).items()
        if matter not in LEFT_OUT[reader] and words not in text
    ]
    assert lacking == [], f"these reports have lost the matter {matter}: {lacking}"


def test_a_report_leaves_out_what_the_table_says() -> None:
    safe = Sanitizer()
    for matter, (make, _) in SAMPLES.items():
        story = story_of_run(facts(make()), safe)
        blocks = [block for about, block in story if about is matter]
        assert blocks, matter
        for reader in Reader:
            left_out = matter in LEFT_OUT[reader]
            assert (blocks[0] in told_to(reader, story)) is not left_out, (matter, reader)


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
