"""GitLab's examples in the built image, started by a Docker executor: a shell through the image's
entry point.
"""

import subprocess
from pathlib import Path

import pytest

from tests.container.images import docker, machine_lock
from tests.documents import claim
from tests.emulator import Emulator
from tests.gitlab import Project

pytestmark = [pytest.mark.container, pytest.mark.node, pytest.mark.slow]
DOWNSTREAM = claim("examples/gitlab/downstream.gitlab-ci.yml").code
PUBLISHED = "ghcr.io/mogplex/run-action:1"


@pytest.fixture(scope="session")
def helper_image(base_image: str) -> str:
    """An image with rsync, with which gitlab-ci-local copies artifacts."""
    tag = "run-action-test-helper"
    dockerfile = f"FROM {base_image}\nRUN apt-get update && apt-get install --yes --no-install-recommends rsync\n"
    with machine_lock("helper-image"):
        if not docker("images", "--quiet", tag):
            subprocess.run(
                ["docker", "build", "--quiet", "--tag", tag, "-"],
                input=dockerfile,
                text=True,
                check=True,
            )
    return tag


def test_scripts_run_in_the_image_with_no_entrypoint_override(
    image: str, helper_image: str, tmp_path: Path
) -> None:
    assert "entrypoint" not in DOWNSTREAM
    project = Project(tmp_path, DOWNSTREAM.replace(PUBLISHED, image))
    images = [
        "--pull-policy=if-not-present",
        f"--helper-image={helper_image}",
        f"--default-image={image}",
    ]
    with Emulator("success", speed=1e9) as emulator:
        variables = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "CI_PIPELINE_SOURCE": "web",
        }
        pipeline = project.run(*images, "--network=host", shell=False, **variables)
        assert pipeline.code == 0, pipeline.log
        first, second = emulator.runs
    assert first.key != second.key
    assert all(run.key.startswith("gitlab-acme/web-1000-") for run in (first, second))
    assert pipeline.lines("announce") == ["Please review https://github.com/acme/web/pull/42"]
