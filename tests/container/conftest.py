"""Fixtures of the container tests: an engine, the base image, the built image and a stand-in of
GitHub's API.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import machine
from tests.container.images import BASE, built_image, docker
from tests.container.registry import Layout, Registry, serving
from tests.emulator import Emulator
from tests.github import GitHub
from tests.require import require, unavailable


@pytest.fixture(scope="session")
def base_image() -> str:
    """The Dockerfile's base: pulled before, or a stand-in made from Debian packages."""
    require("docker")
    made = subprocess.run(
        [Path(__file__).parent / "base-image.sh", BASE],
        env=machine.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        unavailable("docker", f"no base image: {made.stderr.strip()}")
    return BASE


@pytest.fixture(scope="session")
def image(base_image: str) -> str:
    """The image of this work tree, as a tag."""
    return built_image()


@pytest.fixture
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A Mogplex on the host; the test's parameter is the scenario."""
    with Emulator(getattr(request, "param", "success"), speed=5) as emulator:
        yield emulator


@pytest.fixture
def api() -> Iterator[GitHub]:
    """A GitHub in which the runs work."""
    with GitHub() as api:
        yield api


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(tmp_path) as registry:
        yield registry


@pytest.fixture(scope="session")
def archives(image: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The built image as buildx exports it: an index of one image and its attestation, for each
    architecture.

    The second is the first under another architecture's name: its files do not matter here.
    """
    require("skopeo")
    folder = tmp_path_factory.mktemp("archives")
    docker("save", "--output", str(folder / "saved.tar"), image)
    for architecture in ("amd64", "arm64"):
        layout = folder / architecture
        subprocess.run(
            [
                "skopeo",
                "copy",
                "--quiet",
                f"docker-archive:{folder}/saved.tar",
                f"oci:{layout}:built",
            ],
            check=True,
        )
        Layout(layout).wrap(architecture)
        subprocess.run(
            [
                "tar",
                "--create",
                f"--file={folder}/{architecture}.tar",
                f"--directory={layout}",
                ".",
            ],
            check=True,
        )
    return [str(folder / "amd64.tar"), str(folder / "arm64.tar")]
