"""The action without Docker: under act in a plain container with Python, from source and from a
wheel.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mogplex_ci import __version__
from scripts.pin_release import wheel_requirement
from tests.container.act import MATRIX, act, workspace
from tests.container.images import BASE, ROOT
from tests.documents import as_workflow, claim
from tests.emulator import Emulator

pytestmark = pytest.mark.container

SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97"
SHOWN = claim("native/README.md", "uses: mogplex/run-action/native@v1")
PROMPT = 'Fix the "build":\n`make` needs $HOME'
WORKFLOW = MATRIX.replace("uses: ./", "uses: ./native").replace("Fix the build", json.dumps(PROMPT))


@pytest.fixture
def setup_python(tmp_path: Path) -> Path:
    """A stand-in that only fails: the Python that is there already must do."""
    folder = tmp_path / "setup-python"
    folder.mkdir()
    steps = "[{run: exit 1, shell: bash}]"
    (folder / "action.yml").write_text(
        f"{{name: Stub, runs: {{using: composite, steps: {steps}}}}}\n"
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("emulator", "exit_code", "seen"),
    [
        ("success", 0, "later step has <success> <https://github.com/acme/web/pull/42>"),
        ("failed", 1, "later step has <failed> <>"),
    ],
    indirect=["emulator"],
)
def test_it_gives_what_the_container_action_gives(
    base_image: str,
    emulator: Emulator,
    tmp_path: Path,
    setup_python: Path,
    exit_code: int,
    seen: str,
) -> None:
    repository = workspace(tmp_path / "web", WORKFLOW)
    url, stand_in = (
        f"--var=MOGPLEX_URL={emulator.url}",
        f"--local-repository={SETUP_PYTHON}={setup_python}",
    )
    result = act(repository, url, stand_in, emulator=emulator)
    assert result.exit_code == exit_code, result.log
    assert seen in result.lines()
    assert [run.prompt for run in emulator.runs] == [PROMPT] * 2
    first, second = (run.key for run in emulator.runs)
    assert first != second  # the matrix tells the jobs apart


@pytest.mark.slow
def test_the_job_of_its_page(
    base_image: str, emulator: Emulator, tmp_path: Path, setup_python: Path
) -> None:
    """On Linux: its macOS runner is CI's."""
    repository = workspace(tmp_path / "web", as_workflow(SHOWN.code) or "")
    stand_in = f"--local-repository={SETUP_PYTHON}={setup_python}"
    result = act(repository, f"--platform=macos-15={BASE}", stand_in, emulator=emulator)
    assert result.exit_code == 0, result.log
    assert "Please review https://github.com/acme/web/pull/42" in result.lines()


@pytest.fixture(scope="session")
def release(base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout as a release leaves it: without sources, and with the wheel's hash in
    native/wheel.txt.
    """
    folder = tmp_path_factory.mktemp("release")
    (folder / "checkout").mkdir()
    script = """
      python -m venv --without-pip /build
      pip --python /build/bin/python install --quiet --require-hashes --requirement /source/requirements/build.txt
      cp -r /source/LICENSE /source/README.md /source/pyproject.toml /source/mogplex_ci /tmp
      pip --python /build/bin/python wheel --quiet --no-deps --no-build-isolation --wheel-dir /release/dist /tmp
      cp -r /source/native /source/requirements /release/checkout/
    """
    volumes = [f"--volume={ROOT}:/source:ro", f"--volume={folder}:/release"]
    subprocess.run(
        ["docker", "run", "--rm", "--network=host", *volumes, base_image, "sh", "-ec", script],
        check=True,
    )
    return folder


def install(base_image: str, release: Path, requirement: str) -> subprocess.CompletedProcess[str]:
    """Run native/install.py on the release with a requirement in wheel.txt, then the program that
    it installed.
    """
    (release / "checkout/native/wheel.txt").write_text(requirement)
    script = """
      python -I /release/checkout/native/install.py
      . "$GITHUB_OUTPUT"
      "$(dirname "$python")/mogplex-ci" --version
    """
    options = [
        f"--volume={release}:/release:ro",
        "--env=GITHUB_OUTPUT=/tmp/output",
        "--env=PIP_FIND_LINKS=/release/dist",
    ]
    return subprocess.run(
        ["docker", "run", "--rm", "--network=host", *options, base_image, "sh", "-ec", script],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("is_published", [True, False])
def test_a_release_installs_the_wheel_that_was_published_and_no_other(
    base_image: str, release: Path, is_published: bool
) -> None:
    (wheel,) = (release / "dist").iterdir()
    requirement = wheel_requirement(wheel)
    digest = requirement.rpartition("sha256:")[2].strip()
    done = install(
        base_image, release, requirement if is_published else requirement.replace(digest, "0" * 64)
    )
    assert done.returncode == (0 if is_published else 1), done.stdout + done.stderr
    version, fault = (
        f"mogplex-ci {__version__}\n",
        "::error title=Mogplex::pip could not install the program",
    )
    assert (version if is_published else fault) in done.stdout + done.stderr
