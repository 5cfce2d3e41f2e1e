"""Fixtures of the container tests: an engine, the base image, the built image and a stand-in of GitHub's API."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.images import BASE, built_image
from tests.github_api import GitHubApi
from tests.require import require, unavailable


@pytest.fixture(scope="session")
def base_image() -> str:
    """The Dockerfile's base: pulled before, or a stand-in made from Debian packages."""
    require("docker")
    made = subprocess.run([Path(__file__).parent / "base-image.sh", BASE], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        unavailable("docker", f"no base image: {made.stderr.strip()}")
    return BASE


@pytest.fixture(scope="session")
def image(base_image: str) -> str:
    """The image of this work tree, as a tag."""
    return built_image()


@pytest.fixture
def api() -> Iterator[GitHubApi]:
    """A pull request #42 whose one check has passed."""
    with GitHubApi() as api:
        api.add_pull_request(42)
        api.files = [{"filename": "package.json"}]
        api.check_runs = [[{"name": "test", "status": "completed", "conclusion": "success"}]]
        yield api
