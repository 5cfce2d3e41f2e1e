"""The commands inside the image: the document's script, and a fleet of repositories under act."""

import subprocess
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import act, workspace
from tests.container.images import ROOT
from tests.documents import claim

pytestmark = pytest.mark.container

SCRIPT = ROOT / "benchmarks" / "peers" / "cli-script.sh"
FLEET = claim("examples/workflows/fleet.yml").code
WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"


def test_the_documents_script_runs_in_the_image(image: str) -> None:
    with Emulator("failed", speed=20) as emulator:
        variables = {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url, "MOGPLEX_REPO": WEB}
        done = subprocess.run(
            ["docker", "run", "--rm", "--network=host", f"--volume={SCRIPT}:/script.sh:ro"]
            + [f"--env={name}={value}" for name, value in variables.items()]
            + [image, "bash", "/script.sh"],
            capture_output=True,
            text=True,
            check=False,
        )
        (run,) = emulator.runs
    assert done.stderr == ""
    assert done.stdout.splitlines()[-2:] == [f"--- run {run.id} failed ---", "✗ failed"]
    assert done.returncode == 1


def test_the_example_of_a_fleet_runs_an_agent_on_each_repository(image: str, tmp_path: Path) -> None:
    repository = workspace(tmp_path, FLEET, image)
    inputs = ["--input=repositories=acme/*", "--input=prompt=Update the licence"]
    has_jq = f"--platform=ubuntu-latest={image}"  # as GitHub's own machines have
    with Emulator("success", speed=10) as emulator:
        key = f"--env=MOGPLEX_API_KEY={emulator.token}"
        result = act(repository, key, has_jq, *inputs, emulator=emulator, event="workflow_dispatch")
        runs = {run.repo.full_name: (run.status, run.prompt) for run in emulator.runs}
    assert result.exit_code == 0, result.log
    assert runs == dict.fromkeys(("acme/api", "acme/mono", "acme/web"), ("success", "Update the licence"))
