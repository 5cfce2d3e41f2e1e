"""The job summary: the answer first, everything inert, and never larger than it may be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mogplex_ci.report.markdown import markdown_of
from mogplex_ci.report.story import Reader, story_of_run, told_to
from mogplex_ci.report.summary import SUMMARY_LIMIT
from mogplex_ci.report.text import says_nothing
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import (
    PULL_REQUEST,
    RUN_ID,
    SUCCESSFUL,
    OneRun,
    delta,
    facts,
    result,
    written,
)


def summary(ended: RunResult, *, limit: int = SUMMARY_LIMIT, **fields: str) -> str:
    safe = Sanitizer()
    blocks = told_to(Reader.SUMMARY, story_of_run(facts(ended, **fields), safe))
    return markdown_of(blocks, safe, limit=limit)


def test_a_command_names_the_program_as_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package from PyPI has no `mogplex`."""
    cancel = f"runs cancel {RUN_ID}\n"
    monkeypatch.setattr("sys.argv", ["/usr/bin/mogplex"])
    text = summary(result(Result.TIMEOUT), base_url="https://mogplex.example")
    assert f"\nMOGPLEX_URL=https://mogplex.example mogplex {cancel}" in text
    monkeypatch.setattr("sys.argv", [".venv/bin/mogplex-ci"])
    text = summary(result(Result.TIMEOUT), base_url="http://127.0.0.1:4010")
    assert f"\nMOGPLEX_URL=http://127.0.0.1:4010 mogplex-ci {cancel}" in text


@pytest.mark.parametrize(
    ("env", "image"),
    [
        ({}, "ghcr.io/mogplex/run-action:1"),
        (
            {"CI_JOB_IMAGE": "mirror.example:5000/ci/run-action:1.2"},
            "mirror.example:5000/ci/run-action:1.2",
        ),
        (
            {"CI_JOB_IMAGE": "a/b", "MOGPLEX_IMAGE": f"mirror.example/x@sha256:{'a' * 64}"},
            f"mirror.example/x@sha256:{'a' * 64}",
        ),
        ({"MOGPLEX_IMAGE": "x; rm -rf /"}, "ghcr.io/mogplex/run-action:1"),
        ({"MOGPLEX_IMAGE": "--privileged"}, "ghcr.io/mogplex/run-action:1"),
    ],
)
def test_in_the_image_a_command_names_the_image(
    env: Mapping[str, str], image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", "/app")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    text = summary(result(Result.TIMEOUT))
    assert f"\ndocker run --rm -e MOGPLEX_API_KEY {image} runs cancel {RUN_ID}\n" in text


def test_a_step_that_breaks_before_its_run_has_ended_says_why(tmp_path: Path) -> None:
    broke = result(Result.ERROR, run=None, cause="this program is broken", remedy="Report it.")
    log, _ = written(tmp_path.resolve(), OneRun(result()), broke=broke)
    files = ("summary.md", "report.html")
    texts = [log, *((tmp_path / file).read_text(encoding="utf-8") for file in files)]
    assert [text.count("This program is broken") for text in texts] == [1, 1, 1]
    assert [text.count("Report it.") for text in texts] == [1, 1, 1]


def test_it_says_less_until_it_fits() -> None:
    words = delta("ééééééééé " * 3_000, 1000)
    ended = result(Result.SUCCESS, *SUCCESSFUL, words)
    full = summary(ended)
    sizes = []
    for limit in (15_000, 9_000, 6_000, 3_000, 1):
        text = summary(ended, limit=limit)
        sizes.append(len(text.encode()))
        assert PULL_REQUEST in text
        assert "more characters" in text
        assert sizes[-1] <= limit or limit == 1
    assert sizes == sorted(sizes, reverse=True)
    assert len(full.encode()) > sizes[0]


def test_what_the_service_says_of_a_failure_is_quoted() -> None:
    failed = result(Result.FAILED, cause="the run failed", detail=Untrusted("npm: *no space* left"))
    assert "\n```text\nnpm: *no space* left\n```\n" in summary(failed)


@pytest.mark.parametrize(
    ("detail", "is_empty"),
    [
        ("Agent run exited with code 1.", True),
        (" Agent run exited with code -9\n", True),
        ("Agent run exited with code 1: npm failed", False),
        ("(", False),
    ],
)
def test_which_words_of_the_service_say_nothing(detail: str, is_empty: bool) -> None:
    assert says_nothing(detail) == is_empty
