"""Repair: real processes against the emulator and a stand-in of GitHub's API, which tells each
run's checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.github_log import read_log
from tests.program import ROOT, GitHubStep
from tests.waits import wait_until

PUSH_REFUSED = ROOT / "tests" / "faults" / "scenarios" / "push-refused.yaml"
RED = Look([check("test", "failure")])
GREEN = Look([check("lint", "success"), check("test", "success")])
LINT = Look([check("lint", "failure"), check("test", "success")])


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub() as api:
        yield api


def rounds(*looks: Look) -> list[Work]:
    """The work of one run after the other, with the checks of its commit."""
    return [Work({"src/login.tsx": f"try {n}"}, checks=look) for n, look in enumerate(looks)]


def step_of(folder: Path, api: GitHub, emulator: Emulator, **inputs: str) -> GitHubStep:
    given = {
        "prompt": "Fix it",
        "checks": "test",
        "repair": "3",
        "github-token": TOKEN,
        "output-dir": ".",
    }
    given |= {"base-url": emulator.url, "api-key": emulator.token} | inputs
    return GitHubStep(folder, given, {"GITHUB_API_URL": api.url})


@pytest.mark.slow  # in real time; tests/faults/test_repair.py plays it in virtual time, too
def test_red_red_green_is_a_success_in_three_rounds_on_one_branch(
    tmp_path: Path, api: GitHub
) -> None:
    api.annotations = {"test": ["sums are right", None]}
    with Emulator(speed=50) as emulator:
        api.works_for(emulator, *rounds(RED, LINT, GREEN))
        step = step_of(tmp_path, api, emulator, **{"comment-on": "7"})
        ended = step.run()
        runs = emulator.runs
    assert (ended.code, step.outputs["result"], step.outputs["rounds"]) == (0, "success", "3"), (
        ended.out
    )
    assert {run.request.working_branch for run in runs} == {step.outputs["branch"]}
    assert [run.request.create_branch for run in runs] == [True, False, False]
    assert (step.outputs["run-id"], step.outputs["idempotency-key"]) == (
        runs[-1].id,
        f"{runs[0].key}-r3-a1",
    )
    assert "Round 2 of 4: A check failed: test\n" in ended.out
    assert "Round 3 of 4: A check failed: lint\n" in ended.out
    assert [found for found in read_log(ended.out).annotations if found.level == "error"] == []
    assert runs[1].request.prompt.startswith("Fix it\n\n")
    assert "- test\n" in runs[1].request.prompt
    assert "github.com" not in runs[1].request.prompt
    assert "sums are right" not in runs[1].request.prompt
    assert re.search(
        r"test https://github\.com/acme/web/actions/runs/31/job/\d+ sums are right; It is 2, not 3\n",
        ended.out,
    )
    result = json.loads((step.workspace / "result.json").read_text())
    Draft202012Validator(load_schema("result")).validate(result)
    assert [each["commit"] for each in result["rounds"]] == [run.commit_sha for run in runs]
    assert [each["found"] for each in result["rounds"]] == [
        "A check failed: test",
        "A check failed: lint",
        "All gates passed",
    ]
    for text in (
        step.summary,
        api.comments[0]["body"],
        (step.workspace / "report.html").read_text(),
    ):
        assert "lint" in text
    assert "Round 3" in step.summary


@pytest.mark.slow
def test_killed_in_the_second_round_post_cancels_it_and_a_rerun_starts_its_own(
    tmp_path: Path, api: GitHub
) -> None:
    with Emulator(speed=3) as emulator:
        api.works_for(emulator, *rounds(RED, Look(), GREEN))
        step = step_of(tmp_path / "one", api, emulator, **{"job-context": "{}", "comment-on": "7"})
        with step.start() as process:
            wait_until(
                lambda: "Round 2 of 4" in api.comments[-1]["body"] if api.comments else False,
                process,
            )
            process.kill()
        assert step.run("post").code == 0
        assert "its status is cancelled" in api.comments[0]["body"]
        assert [run.status for run in emulator.runs] == ["success", "cancelled"]
        again = step_of(tmp_path / "two", api, emulator)
        again.env |= {"GITHUB_RUN_ATTEMPT": "2"}
        ended = again.run()
        first, second, third = emulator.runs
    assert ended.code == 0
    says = "This re-run continues on the branch with up to 3 runs of its own\n"
    assert says in ended.out
    assert ended.out.index(says) < ended.out.index("Round 2 of 4: A check failed: test\n")
    assert [second.key, third.key] == [f"{first.key}-r2-a1", f"{first.key}-r2-a2"]
    assert again.outputs["rounds"] == "2"


def test_a_round_whose_push_is_refused_says_what_to_do(tmp_path: Path, api: GitHub) -> None:
    """A round of an attempt that was killed is still running there."""
    with Emulator(others=[PUSH_REFUSED], speed=50) as emulator:
        passed = Look([check("test", "success")])
        api.works_for(emulator, Work({"src/scenario: push-refused": "a"}, checks=passed))
        inputs = {"require": "change", "protected-paths": "src/"}
        step = step_of(tmp_path, api, emulator, **inputs)
        ended = step.run()
        first, _ = emulator.runs
    advice = (
        f"Another run is working on {first.request.working_branch}. Cancel it, then re-run the job."
    )
    (error,) = [each.text for each in read_log(ended.out).annotations if each.level == "error"]
    assert (ended.code, step.outputs["rounds"]) == (1, "1")
    assert error.endswith(advice)
