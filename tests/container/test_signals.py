"""Cancelled jobs: the signals that reach PID 1, and the post step that follows, as GitHub's runner
starts them.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.ci_environments import environment
from tests.container.images import ROOT, docker
from tests.emulator import Emulator
from tests.program import GitHubStep
from tests.slow import slow
from tests.waits import wait_until

pytestmark = pytest.mark.container
_RUNS = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]


class Step:
    """One step of a job, and the containers started for it; they share the host's network and reach
    an emulator.
    """

    def __init__(self, image: str, folder: Path, inputs: Mapping[str, str]) -> None:
        """Make the step's files below ``folder``, which is empty; ``inputs`` are those that a
        workflow gives.
        """
        self.files = GitHubStep(folder)
        self._image = image
        self._env = environment("github", Path("/github")) | {"HOME": "/github/home"}
        self._env |= {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        (folder / "home").mkdir()

    def start(self) -> str:
        """Start the step and return its container's id."""
        return docker(
            "run", "--detach", f"--entrypoint={_RUNS['entrypoint']}", *self._options(), self._image
        )

    def post(self) -> subprocess.CompletedProcess[str]:
        """Run the post step to its end: a new container with the inputs again."""
        command = [
            "docker",
            "run",
            "--rm",
            f"--entrypoint={_RUNS['post-entrypoint']}",
            *self._options(),
        ]
        return subprocess.run([*command, self._image], capture_output=True, text=True, check=False)

    def _options(self) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in self._env.items()]
        return [
            "--network=host",
            "--workdir=/github/workspace",
            f"--volume={self.files.folder}:/github",
            *variables,
        ]


@contextmanager
def running(step: Step) -> Iterator[str]:
    """Start the step, wait until it has written the run's id, and yield the container, which is
    removed at the end.
    """
    container = step.start()
    try:
        wait_until(lambda: step.files.has_written("run-id<<"))
        yield container
    finally:
        docker("rm", "--force", container)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Mogplex on the host whose runs go on for half an hour."""
    with Emulator("slow") as emulator:
        yield emulator


@pytest.fixture
def step(image: str, emulator: Emulator, tmp_path: Path) -> Step:
    inputs = {"api-key": emulator.token, "base-url": emulator.url, "prompt": "Fix the build"}
    return Step(image, tmp_path, inputs)


@pytest.mark.parametrize(
    ("signal", "exit_code"), [("TERM", "143"), *slow([("INT", "130"), ("QUIT", "131")])]
)
def test_a_signal_cancels_the_run(
    step: Step, emulator: Emulator, signal: str, exit_code: str
) -> None:
    with running(step) as container:
        docker("kill", "--signal", signal, container)
        assert docker("wait", container) == exit_code
    assert [run.status for run in emulator.runs] == ["cancelled"]
    assert step.files.outputs["result"] == "interrupted"


def test_post_cancels_what_a_killed_step_left_running(step: Step, emulator: Emulator) -> None:
    with running(step) as container:
        docker("kill", "--signal", "KILL", container)
        assert docker("wait", container) == "137"
    assert [run.status == "cancelled" for run in emulator.runs] == [False]
    post = step.post()
    assert post.returncode == 0, post.stdout + post.stderr
    assert [run.status for run in emulator.runs] == ["cancelled"]
