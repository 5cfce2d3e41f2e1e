"""What the README and the page of recipes show, run as it stands: workflows by act, commands in the image.

Workflows that need an event of their own are run by test_examples.py.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import act, workspace
from tests.container.test_examples import UPLOAD_STAND_IN
from tests.github_api import TOKEN, GitHubApi
from tests.project.test_snippets import as_workflow, blocks

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

RECIPES = "docs/recipes.md"
PUBLISHED = "ghcr.io/mogplex/run-action:1"
EVENTS = ("on: push", "on: workflow_dispatch", "on:\n  issues")
WORLD = """
users:
  - name: ada
    tokens: [{token: mog_EmulatorTokenOpensNothingReal000, scopes: [read, write]}]
    repos:
      - {id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001, full_name: acme/web, installation_id: 40001}
      - {id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002, full_name: other/tools, installation_id: 40001}
"""
SCENARIO = """
description: A run that opens a pull request, and answers with a JSON document.
artifacts:
  licences: {json: {licences: [MIT]}}
steps:
  - {after: 500ms, part: launch}
  - {after: 500ms, part: deliver}
"""
LABELED = {
    "action": "labeled",
    "label": {"name": "agent"},
    "issue": {"number": 12, "title": "Login", "body": "It fails.", "author_association": "NONE", "user": {"id": 2}},
    "sender": {"id": 1, "login": "maria", "type": "User"},
}


def workflows() -> list[Any]:
    """Every workflow that uses the action and runs here, completed where the page shows its steps only."""
    pages = [block for block in blocks("yaml") if block.id.startswith(("README.md", RECIPES))]
    complete = [(as_workflow(block.values[0]) or "", block.id) for block in pages]
    return [
        pytest.param(workflow, id=place, marks=() if place.startswith("README.md") else pytest.mark.slow)
        for workflow, place in complete
        if runs_here(workflow)
    ]


def runs_here(workflow: str) -> bool:
    """Whether it starts runs, without an event of its own and without an engine in the job's container."""
    uses_action = "uses: mogplex/run-action@v1" in workflow and "dry-run:" not in workflow
    return uses_action and "docker run" not in workflow and any(event in workflow for event in EVENTS)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    (tmp_path / "world.yaml").write_text(WORLD)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    with Emulator(tmp_path / "scenario.yaml", world=tmp_path / "world.yaml", speed=20) as emulator:
        yield emulator


@pytest.mark.parametrize("workflow", workflows())
def test_a_workflow_runs_as_it_stands(
    image: str, emulator: Emulator, api: GitHubApi, tmp_path: Path, workflow: str
) -> None:
    repository = tmp_path / "repository"
    (repository / ".mogplex").mkdir(parents=True)
    (run_file,) = [code for (code,) in (block.values for block in blocks("yaml")) if "# .mogplex/tasks.yaml" in code]
    (repository / ".mogplex" / "tasks.yaml").write_text(run_file)
    (repository / "ci").mkdir()
    (repository / "ci" / "licences.schema.json").write_text('{"required": ["licences"]}')
    workspace(repository, workflow, image)
    upload = tmp_path / "upload"
    upload.mkdir()
    (upload / "action.yml").write_text(UPLOAD_STAND_IN)
    (tmp_path / "event.json").write_text(json.dumps(LABELED))
    done = act(
        repository,
        f"--local-repository=mogplex/run-action@v1={repository}",
        f"--local-repository=actions/upload-artifact@v6={upload}",
        f"--eventpath={tmp_path / 'event.json'}",
        f"--platform=ubuntu-latest={image}",  # it has jq, as GitHub's own machines do
        f"--env=MOGPLEX_URL={emulator.url}",
        f"--env=GITHUB_API_URL={api.url}",
        f"--secret=MOGPLEX_API_KEY={emulator.token}",
        f"--secret=GITHUB_TOKEN={TOKEN}",
        event=next(event.split()[-1] for event in EVENTS if event in workflow),
    )
    assert done.exit_code == 0, done.log
    assert {run.status for run in emulator.runs} == {"success"}


def test_the_job_in_a_container_runs_as_it_stands(image: str, emulator: Emulator, tmp_path: Path) -> None:
    (job,) = [block.values[0] for block in blocks("yaml") if "\n    container: ghcr.io/" in block.values[0]]
    workflow = as_workflow(job.replace(PUBLISHED, image))
    assert workflow is not None
    (tmp_path / "repository").mkdir()
    done = act(
        workspace(tmp_path / "repository", workflow, image),
        f"--platform=self-hosted={image}",
        f"--env=MOGPLEX_URL={emulator.url}",
        f"--secret=MOGPLEX_API_KEY={emulator.token}",
    )
    assert done.exit_code == 0, done.log
    assert "Please review https://github.com/acme/web/pull/42" in done.lines()


@pytest.mark.parametrize("command", [block for block in blocks("sh") if block.values[0].startswith("docker run")])
def test_a_command_runs_as_it_stands(image: str, emulator: Emulator, tmp_path: Path, command: str) -> None:
    """Except for the address of the service, which is here and not at mogplex.com."""
    (tmp_path / "run-agent.sh").write_text('mogplex run --repo "$MOGPLEX_REPO" "Fix it"\n')
    if "--network" not in command:
        command = command.replace("docker run", f"docker run --network=host --env=MOGPLEX_URL={emulator.url}")
    done = subprocess.run(
        ["bash", "-c", command.replace(PUBLISHED, image)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "MOGPLEX_API_KEY": emulator.token, "MOGPLEX_REPO": "acme/web"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    is_start = "--dry-run" not in command and "doctor" not in command
    assert len(emulator.runs) == is_start
