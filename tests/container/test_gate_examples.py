"""The examples that judge runs or answer on GitHub, run by act against an emulator and a stand-in of GitHub's API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import ActResult, act, workspace
from tests.documents import claim
from tests.github_api import TOKEN, FakeGitHub, Look, check

pytestmark = pytest.mark.container

NAMES = ("artifact", "dependencies", "issue", "start-and-wait", "until-green")
EXAMPLES = {name: claim(f"examples/workflows/{name}.yml").code for name in NAMES}
SCHEMA = {"type": "object", "required": ["version"], "properties": {"version": {"type": "string"}}}
ANSWERS = """
description: A run that answers with a JSON document.
artifacts:
  version: {json: {version: "1.4.0", breaking: false}}
steps:
  - {after: 500ms, part: launch}
  - {after: 500ms, part: deliver}
"""


def run_example(
    image: str, folder: Path, name: str, api: FakeGitHub, emulator: Emulator, event: str, payload: dict[str, Any]
) -> ActResult:
    """Run an example as it stands in a repository of its own; what its run pushes is on GitHub."""
    api.watch(emulator)
    repository = folder / "repository"
    repository.mkdir()
    workspace(repository, EXAMPLES[name], image)
    (repository / ".mogplex").mkdir()
    (repository / ".mogplex" / "version.schema.json").write_text(json.dumps(SCHEMA))
    (folder / "event.json").write_text(json.dumps(payload))
    return act(
        repository,
        f"--local-repository=mogplex/run-action@v1={repository}",
        f"--eventpath={folder / 'event.json'}",
        f"--env=MOGPLEX_URL={emulator.url}",
        f"--env=GITHUB_API_URL={api.url}",
        f"--secret=MOGPLEX_API_KEY={emulator.token}",
        f"--secret=GITHUB_TOKEN={TOKEN}",
        event=event,
    )


def labeled() -> dict[str, Any]:
    sender = {"id": 1, "login": "maria", "type": "User"}
    issue = {
        "number": 12,
        "title": "Login",
        "body": "It fails.",
        "node_id": "I",
        "author_association": "NONE",
        "user": {"id": 2, "login": "eve", "type": "User"},
    }
    return {"action": "labeled", "label": {"name": "agent"}, "issue": issue, "sender": sender}


def test_a_labeled_issue_gets_one_comment_with_the_pull_request(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    api.words = {"I": {"title": "Login", "body": "It fails."}}
    with Emulator("success", speed=20) as emulator:
        done = run_example(image, tmp_path, "issue", api, emulator, "issues", labeled())
        prompts = [run.prompt for run in emulator.runs]
    assert done.exit_code == 0, done.log
    assert len(prompts) == 1
    assert "issue #12" in prompts[0]
    (comment,) = api.comments
    assert comment["issue"] == 12
    assert "**Run succeeded**" in comment["body"]
    assert "https://github.com/acme/web/pull/42" in comment["body"]


@pytest.mark.slow
def test_an_update_that_changes_nothing_fails_the_job(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    api.files, api.ahead_by = [], 0
    with Emulator("no-change", speed=20) as emulator:
        done = run_example(image, tmp_path, "dependencies", api, emulator, "schedule", {})
    assert done.exit_code == 1
    assert "It changed nothing" in done.log


def test_an_update_that_touches_the_workflows_fails_the_job(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    api.files.append({"filename": ".github/workflows/ci.yml"})
    with Emulator("success", speed=20) as emulator:
        done = run_example(image, tmp_path, "dependencies", api, emulator, "schedule", {})
    assert done.exit_code == 1
    assert "It changed a protected path: .github/workflows/ci.yml" in done.log


@pytest.mark.slow
def test_a_task_is_worked_on_until_its_checks_are_green(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    api.rounds = [Look([check("test", "failure")]), Look([check("test", "success")])]
    with Emulator("success", speed=20) as emulator:
        done = run_example(
            image, tmp_path, "until-green", api, emulator, "workflow_dispatch", {"inputs": {"task": "Fix"}}
        )
        first, second = emulator.runs
    assert done.exit_code == 0, done.log
    assert second.request.working_branch == first.request.working_branch
    assert "Round 2 of 3: A check failed: test" in done.lines()


@pytest.mark.slow
def test_a_later_step_uses_the_answer(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    scenario = tmp_path / "answers.yaml"
    scenario.write_text(ANSWERS)
    with Emulator(scenario, speed=20) as emulator:
        done = run_example(image, tmp_path, "artifact", api, emulator, "workflow_dispatch", {})
    assert done.exit_code == 0, done.log
    assert "The next version is 1.4.0, breaking false" in done.lines()


@pytest.mark.slow
def test_a_run_is_started_in_one_job_and_waited_for_in_another(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    with Emulator("success", speed=5) as emulator:
        done = run_example(image, tmp_path, "start-and-wait", api, emulator, "workflow_dispatch", {})
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert any(line.startswith(f"Following run {run.id}") for line in done.lines())
    assert "Please review https://github.com/acme/web/pull/42" in done.lines()
