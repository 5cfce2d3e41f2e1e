"""What a step says, and how it ends, when something that records it goes wrong."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.models import UnansweredStart
from mogplex_ci.problems import Problem
from mogplex_ci.run.endings import skipped
from mogplex_ci.run.result import Ending, Result, RunResult
from mogplex_ci.run.updates import Started, StartInDoubt
from mogplex_ci.sanitize import CleanText, Markdown, Sanitizer
from mogplex_ci.step.planning import plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.state import OpenRun, StateFiles
from tests.github_log import GitHubLog, read_log
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import RUN_ID, Job, result, run

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
A_FOLDER = UsageError(Problem("GITHUB_OUTPUT", "is a folder", "Name a file."))
OF_OURS = ZeroDivisionError("what an outsider wrote")
NOT_THERE = "Later steps would act on missing outputs, so the step fails."
REPORT_IT = "Please report this line at github.com/mogplex/run-action/issues."


class Broken(Job):
    """A job some of whose files cannot be written."""

    def __init__(self, error: Exception, *files: str, folder: Path | None = None) -> None:
        self.log = io.StringIO()
        super().__init__(self.log, folder)
        self._error = error
        self._files = files

    def _fail(self, file: str) -> None:
        if file in self._files:
            raise self._error

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        self._fail("outputs")
        super().set_outputs(outputs)

    def write_summary(self, markdown: Markdown) -> None:
        self._fail("summary")

    def close(self) -> None:
        self._fail("files of the CI system")

    @property
    def shown(self) -> GitHubLog:
        return read_log(self.log.getvalue())

    @property
    def warnings(self) -> list[tuple[str, str]]:
        return [
            (found.properties["title"], found.text)
            for found in self.shown.annotations
            if found.level == "warning"
        ]


def recorder_of(job: Job, **inputs: Any) -> Recorder:
    seconds = count(0, 60)
    recorder = Recorder(job, Sanitizer(), lambda: float(next(seconds)))
    recorder.begin(typed_inputs(**inputs), [])
    return recorder


def ended(job: Job, end: RunResult, **inputs: Any) -> Ending:
    """Return how a step ends whose run ended with ``end``; None of its work is told."""
    recorder = recorder_of(job, **inputs)
    only = plan_of(typed_inputs(), job)
    recorder.begin_run(only)
    return recorder.end(end)


@pytest.mark.parametrize("has_run", [True, False])
@pytest.mark.parametrize(
    ("error", "end", "told"),
    [
        (
            FULL,
            result(),
            (
                "RESOURCES",
                "the outputs could not be written",
                "No space left on device",
                f"{NOT_THERE} The run itself has succeeded.",
            ),
        ),
        (
            A_FOLDER,
            RunResult(skipped("")),
            (
                "RESOURCES",
                "the outputs could not be written",
                "GITHUB_OUTPUT is a folder",
                f"Name a file. {NOT_THERE}",
            ),
        ),
        (
            OF_OURS,
            result(Result.DRY_RUN, exit_code=0),
            ("INTERNAL", r"an unexpected ZeroDivisionError at recorder.py:\d+", "", REPORT_IT),
        ),
    ],
)
def test_a_step_that_would_be_green_fails_without_its_outputs(
    error: Exception, end: RunResult, told: tuple[str, str, str, str], *, has_run: bool
) -> None:
    job = Broken(error, "outputs")
    if has_run:
        failed = ended(job, end)
    else:
        failed = recorder_of(job).end(RunResult(skipped("")))
        told = (*told[:3], told[3].removesuffix(" The run itself has succeeded."))
    assert (failed.result, failed.exit_code) == (Result.ERROR, 1)
    code, cause, detail, remedy = told
    assert (failed.error_code, failed.remedy) == (code, remedy)
    assert re.fullmatch(cause, failed.cause)
    assert ("" if failed.detail is None else failed.detail.text) == detail
    assert job.warnings == []
    (shown,) = [found.text for found in job.shown.annotations if found.level == "error"]
    assert re.match(cause, shown[0].lower() + shown[1:])
    assert "outsider" not in job.log.getvalue()


def test_what_cannot_be_written_while_the_run_goes_on_is_said_and_changes_nothing(
    tmp_path: Path,
) -> None:
    """The ids of a run, the state for ``post``, and what the CI system reads in the end."""
    job = Broken(A_FOLDER, "outputs", "summary", "files of the CI system", folder=tmp_path)
    recorder, only = recorder_of(job), plan_of(typed_inputs(), job)
    recorder.begin_run(only)
    shutil.rmtree(tmp_path / ".mogplex")
    (tmp_path / ".mogplex").touch()
    started = Started(run(), "key", joined=False, owned=True)
    recorder.on(started)
    (tmp_path / ".mogplex").unlink()  # the state can be written now
    recorder.end(result(Result.FAILED))
    why = "GITHUB_OUTPUT is a folder"
    assert job.warnings == [
        (
            "State",
            "Could not save state: the clean-up step cannot cancel this run (File exists)",
        ),
        ("Outputs", f"Could not write the outputs: {why}"),
        ("Outputs", f"Could not write the outputs: {why}"),
        ("Report", f"Could not write the summary: {why}"),
        ("Report", f"Could not write the reports for the CI system: {why}"),
    ]


BASE = "https://mogplex.example"
REQUEST = {"repoId": "repo-1", "prompt": "Fix it"}
STARTED = Started(run(), "key-1", joined=False, owned=True)


def saved(job: Job, key: str | None = None) -> list[OpenRun]:
    """What ``post`` finds."""
    name = job.job_name(key)
    if name is None:
        return []
    files = StateFiles(job, name, "mog_1")
    return [found.run for found in files.find().runs]


@pytest.mark.parametrize(
    ("fields", "is_saved"),
    [
        ({}, True),
        ({"idempotency_key": "mine"}, True),
        ({"on_interrupt": "detach"}, False),
        ({"dry_run": True}, False),
    ],
)
def test_post_is_told_of_each_start_and_of_its_end(
    fields: dict[str, Any], tmp_path: Path, *, is_saved: bool
) -> None:
    job = Job(io.StringIO(), tmp_path)
    fields = {"base_url": BASE, "api_key": "mog_1"} | fields
    recorder, only = recorder_of(job, **fields), plan_of(typed_inputs(**fields), job)
    recorder.begin_run(only)
    recorder.on(StartInDoubt(UnansweredStart("key-1", REQUEST, may_be_foreign=False)))
    states = [saved(job, fields.get("idempotency_key"))]
    recorder.on(STARTED)
    states.append(saved(job, fields.get("idempotency_key")))
    recorder.end(result())
    assert saved(job, fields.get("idempotency_key")) == []
    asked = OpenRun(BASE, "key-1", request=REQUEST)
    known = OpenRun(BASE, "key-1", RUN_ID)
    assert states == ([[asked], [known]] if is_saved else [[], []])
    assert (tmp_path / ".mogplex").exists() is not bool(fields.get("dry_run"))
