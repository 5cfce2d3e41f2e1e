"""Cancelled jobs: the signals that reach PID 1, and the post step that follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.images import docker
from tests.container.step import Step
from tests.waits import wait_until

pytestmark = pytest.mark.container


@contextmanager
def running(step: Step) -> Iterator[str]:
    """Start the step, wait until it has written the run's id, and yield the container, which is removed at the end."""
    container = step.start()
    try:
        wait_until(lambda: "run-id" in step.files.outputs)
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


@pytest.mark.parametrize(("signal", "exit_code"), [("INT", "130"), ("QUIT", "131"), ("TERM", "143")])
def test_a_signal_cancels_the_run(step: Step, emulator: Emulator, signal: str, exit_code: str) -> None:
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
