"""The image as a service container: a Mogplex beside the step, as docs/emulator.md shows it."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest

from tests.container.images import docker
from tests.waits import wait_until

pytestmark = pytest.mark.container


@pytest.fixture
def network(image: str) -> Iterator[str]:
    """A job's network, in which the image serves as ``emulator``."""
    name = f"job-{uuid.uuid4().hex[:12]}"
    docker("network", "create", name)
    service = docker(
        *("run", "--detach", "--network", name, "--network-alias", "emulator"),
        *(image, "emulator", "--host", "0.0.0.0", "--port", "8787", "--speed", "20"),  # noqa: S104  (inside the network)
    )
    wait_until(lambda: "mogplex emulator on" in docker("logs", service))
    yield name
    docker("rm", "--force", service)
    docker("network", "rm", name)


def test_a_step_runs_against_the_service(image: str, network: str) -> None:
    variables = {
        "MOGPLEX_API_KEY": "mog_EmulatorTokenOpensNothingReal000",
        "MOGPLEX_URL": "http://emulator:8787",
        "MOGPLEX_REPO": "acme/web",
        "MOGPLEX_PROMPT": "Fix the build. scenario: no-change",
        "MOGPLEX_POLL_INTERVAL": "200ms",
    }
    options = [f"--env={name}={value}" for name, value in variables.items()]
    step = subprocess.run(
        ["docker", "run", "--rm", "--network", network, *options, image], capture_output=True, text=True, check=False
    )
    assert step.returncode == 0, step.stdout + step.stderr
    assert "No code changes to deliver" in step.stdout
