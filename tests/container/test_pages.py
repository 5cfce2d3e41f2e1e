"""The examples in the README and the page of recipes, run as it stands: workflows by act, commands
in the image.

Workflows that need an event of their own are run by test_examples.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.act import act, workspace
from tests.documents import Block, as_workflow, claim, claim_all
from tests.emulator import Emulator
from tests.github import GitHub
from tests.https_proxy import HttpsProxy, certificate
from tests.slow import mostly_slow, slow

pytestmark = pytest.mark.container

PUBLISHED = "ghcr.io/mogplex/run-action:1"
EVENTS = ("on: push", "on: workflow_dispatch", "on:\n  workflow_dispatch:")
WORLD = """
users:
  - name: ada
    tokens: [{token: mog_EmulatorTokenOpensNothingReal000, scopes: [read, write]}]
    repos:
      - {id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001, full_name: acme/web, installation_id: 40001}
      - {id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002, full_name: other/tools, installation_id: 40001}
"""
SCENARIO = """
description: A run that opens a pull request.
steps:
  - {after: 500ms, launch: true}
  - {after: 500ms, deliver: true}
"""


def is_workflow_without_needs(block: Block) -> bool:
    """Whether it uses the action, without an event of its own and without an engine in the job's
    container.
    """
    workflow = (
        (as_workflow(block.code) or "") if block.page in ("README.md", "docs/recipes.md") else ""
    )
    uses_action = "uses: mogplex/run-action@v1" in workflow and "dry-run:" not in workflow
    return (
        uses_action and "docker run" not in workflow and any(event in workflow for event in EVENTS)
    )


WORKFLOWS = claim_all(is_workflow_without_needs)
COMMANDS = claim_all(lambda block: block.language == "sh" and block.code.startswith("docker run"))
CONTAINER_JOB = claim("docs/operate.md", "\n    container: ghcr.io/")
PROXY = claim("docs/operate.md", "HTTPS_PROXY: http://proxy.example.com:3128")


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    (tmp_path / "world.yaml").write_text(WORLD)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    with Emulator(tmp_path / "scenario.yaml", world=tmp_path / "world.yaml", speed=20) as emulator:
        yield emulator


@pytest.mark.parametrize("block", [WORKFLOWS[0], *slow(WORKFLOWS[1:])], ids=str)
def test_a_workflow_runs_as_it_stands(
    image: str, emulator: Emulator, api: GitHub, tmp_path: Path, block: Block
) -> None:
    workflow = as_workflow(block.code) or ""
    repository = workspace(tmp_path / "repository", workflow, image)
    has_jq = f"--platform=ubuntu-latest={image}"  # as GitHub's own machines have
    event = next(event.split()[-1].rstrip(":") for event in EVENTS if event in workflow)
    done = act(repository, has_jq, emulator=emulator, api=api, event=event)
    assert done.exit_code == 0, done.log
    assert {run.status for run in emulator.runs} == {"success"}


@pytest.mark.slow
def test_the_job_in_a_container_runs_as_it_stands(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    workflow = as_workflow(CONTAINER_JOB.code.replace(PUBLISHED, image)) or ""
    repository = workspace(tmp_path / "repository", workflow, image)
    done = act(repository, f"--platform=self-hosted={image}", emulator=emulator)
    assert done.exit_code == 0, done.log
    assert "Please review https://github.com/acme/web/pull/42" in done.lines()


@pytest.mark.parametrize("block", mostly_slow(COMMANDS, every=len(COMMANDS)), ids=str)
def test_a_command_runs_as_it_stands(
    image: str, emulator: Emulator, tmp_path: Path, block: Block
) -> None:
    """Except for the address of the service, which is here and not at mogplex.com."""
    command = block.code
    (tmp_path / "run-agent.sh").write_text('mogplex run --repo "$MOGPLEX_REPO" "Fix it"\n')
    if "--network" not in command:
        command = command.replace(
            "docker run", f"docker run --network=host --env=MOGPLEX_URL={emulator.url}"
        )
    done = subprocess.run(
        ["bash", "-c", command.replace(PUBLISHED, image)],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_REPO": "acme/web",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    is_start = "--dry-run" not in command
    assert len(emulator.runs) == is_start


@pytest.mark.slow
def test_the_step_behind_a_proxy_reaches_mogplex_com(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    """Without an address of the service: it is what the proxy makes of mogplex.com."""
    public = certificate(tmp_path, "mogplex.com")
    repository = tmp_path / "repository"
    (repository / "ci").mkdir(parents=True)
    shutil.copy(public, repository / "ci" / "certificates.pem")
    with HttpsProxy(emulator.url, public).serving() as proxy:
        step = PROXY.code.replace("proxy.example.com:3128", f"127.0.0.1:{proxy.server_port}")
        step = step.replace(
            "/github/workspace", str(repository)
        )  # act mounts the workspace at its own path
        key = f"--secret=MOGPLEX_API_KEY={emulator.token}"
        done = act(workspace(repository, as_workflow(step) or "", image), key)
    assert done.exit_code == 0, done.log
    assert [run.status for run in emulator.runs] == ["success"]
    assert set(proxy.connected) == {"mogplex.com:443"}
