"""What is handed on is what was judged: outputs, files, summary, page and comment of real steps
whose runs' events say something else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.gates.story import says
from tests.github import TOKEN, GitHub, Work
from tests.program import GitHubStep
from tests.slow import slow

FIELDS = ("branch", "changed", "pull_request_url")
OWN = "https://github.com/acme/web/pull/42"


def step_of(folder: Path, emulator: Emulator, env: dict[str, str], **inputs: str) -> GitHubStep:
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    known = {"base-url": emulator.url, "api-key": emulator.token, "prompt": "Fix it"}
    return GitHubStep(folder, known | {"output-dir": "."} | given, env)


def emulator_of(folder: Path, **payload: object) -> Emulator:
    """A service whose runs' delivery events say this."""
    scenario = folder / "story.yaml"
    launch = {"after": "1s", "part": "launch"}
    scenario.write_text(json.dumps({"steps": [launch, *says(**payload)]}))
    return Emulator(scenario, speed=50)


def told(step: GitHubStep, name: str) -> list[Any]:
    """A fact of the run wherever programs read it: output and result file."""
    result = json.loads((step.workspace / "result.json").read_text())
    field = {"commit-sha": "commit"}.get(name, name.replace("-", "_"))
    return [step.outputs[name], str(result[field] or "")]


@pytest.mark.parametrize(
    "claimed",
    ["https://github.com/evil/web/pull/42", *slow(["https://github.com/acme/web/pull/666"])],
)
def test_the_judged_pull_request_is_handed_on_and_not_the_one_that_an_event_names(
    tmp_path: Path, claimed: str
) -> None:
    with GitHub() as github, emulator_of(tmp_path, pull_request_url=claimed) as emulator:
        github.works_for(emulator, Work())
        inputs = {"require": "change, pull-request", "comment_on": "7", "github_token": TOKEN}
        step = step_of(tmp_path / "step", emulator, {"GITHUB_API_URL": github.url}, **inputs)
        ended = step.run()
        (run,) = emulator.runs
    assert ended.code == 0, ended.out
    assert told(step, "pull-request-url") == [OWN] * 2
    assert told(step, "commit-sha") == [run.commit_sha] * 2
    page = (step.workspace / "report.html").read_text()
    for text in (step.summary, github.comments[0]["body"], page):
        assert OWN in text
        assert f'href="{claimed}"' not in text
        assert f"]({claimed})" not in text
    assert claimed not in step.summary + github.comments[0]["body"]


@pytest.mark.parametrize(
    ("claimed", "server", "is_handed_on"),
    [
        (OWN, "https://github.com", True),
        ("https://github.com/evil/web/pull/42", "https://github.com", False),
        *slow(
            [
                ("https://ghe.example/acme/web/pull/42", "https://ghe.example", True),
                ("https://ghe.example/acme/web/pull/42", "https://github.com", False),
                ("https://github.com@evil.example/acme/web/pull/42", "https://github.com", False),
                ("https://github.com/acme/web/pull/42/../../../evil", "https://github.com", False),
            ]
        ),
    ],
)
def test_without_githubs_word_a_pull_request_must_be_one_of_the_runs_own_repository(
    tmp_path: Path, claimed: str, server: str, is_handed_on: bool
) -> None:
    with emulator_of(tmp_path, pull_request_url=claimed) as emulator:
        env = {"GITHUB_SERVER_URL": server}
        require = "pull-request" if is_handed_on else ""
        step = step_of(tmp_path / "step", emulator, env, require=require)
        ended = step.run()
    assert ended.code == 0, ended.out
    assert told(step, "pull-request-url") == [claimed if is_handed_on else ""] * 2
    assert is_handed_on or claimed not in step.summary


def test_a_branch_that_an_event_names_is_not_handed_on(tmp_path: Path) -> None:
    with emulator_of(tmp_path, working_branch="main-2") as emulator:
        step = step_of(tmp_path / "step", emulator, {})
        assert step.run().code == 0
        (run,) = emulator.runs
    assert told(step, "branch") == [run.request.working_branch] * 2
