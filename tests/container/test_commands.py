"""The commands inside the image: the document's script, and a fleet of repositories under act."""

import subprocess
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import act, workspace
from tests.container.images import ROOT
from tests.documents import claim
from tests.slow import mostly_slow

pytestmark = pytest.mark.container

SCRIPT = ROOT / "benchmarks" / "peers" / "cli-script.sh"
FLEET = claim("examples/workflows/fleet.yml").code
WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"


@pytest.mark.parametrize(
    ("scenario", "last_line", "code"),
    mostly_slow(
        [("failed", "✗ failed", 1), ("success", "✓ run succeeded", 0), ("cancelled", "✗ cancelled", 1)], every=3
    ),
)
def test_the_documents_script_runs_in_the_image(image: str, scenario: str, last_line: str, code: int) -> None:
    with Emulator(scenario, speed=20) as emulator:
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
    assert done.stdout.splitlines()[-2:] == [f"--- run {run.id} {scenario} ---", last_line]
    assert done.returncode == code


def test_the_example_of_a_fleet_runs_an_agent_on_each_repository(image: str, tmp_path: Path) -> None:
    repository = workspace(tmp_path, FLEET, image)
    with Emulator("success", speed=10) as emulator:
        variables = {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url}
        result = act(
            repository,
            f"--local-repository=mogplex/run-action@v1={repository}",
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            *("--secret", f"MOGPLEX_API_KEY={emulator.token}"),
            *("--platform", f"ubuntu-latest={image}"),  # it has jq, as GitHub's own machines do
            *("--input", "repositories=acme/*", "--input", "prompt=Update the licence"),
            event="workflow_dispatch",
        )
        runs = {run.repo.full_name: (run.status, run.prompt) for run in emulator.runs}
    assert result.exit_code == 0, result.log
    assert runs == dict.fromkeys(("acme/api", "acme/mono", "acme/web"), ("success", "Update the licence"))
