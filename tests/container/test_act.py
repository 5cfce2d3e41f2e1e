"""Workflows that use the action, run by act against an emulator on the host."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.container.act import MATRIX, WORKFLOW, ActResult, act, workspace
from tests.container.images import docker
from tests.emulator import Emulator
from tests.waits import wait_until

pytestmark = [pytest.mark.container, pytest.mark.slow]


def run(repository: Path, emulator: Emulator) -> ActResult:
    return act(repository, f"--var=MOGPLEX_URL={emulator.url}", emulator=emulator)


def test_a_step_runs_an_agent_and_a_later_step_uses_its_outputs(
    base_image: str, emulator: Emulator, tmp_path: Path
) -> None:
    """The whole way of `uses: ./`: act builds the Dockerfile, under one tag for the whole
    machine.
    """
    repository = workspace(tmp_path, WORKFLOW)
    result = run(repository, emulator)
    assert result.exit_code == 0, result.log
    assert "later step has <success> <https://github.com/acme/web/pull/42>" in result.lines()
    assert [(run.status, run.repo.full_name, run.prompt) for run in emulator.runs] == [
        ("success", "acme/web", "Fix the build")
    ]


def test_each_job_of_a_matrix_and_each_try_has_its_own_run(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    """For act the id of every workflow run is 1."""
    repository = workspace(tmp_path, MATRIX, image)
    for _ in range(2):
        result = run(repository, emulator)
        assert result.exit_code == 0, result.log
        assert "This is a local runner, which cannot identify attempts" in result.log
    assert len({run.key for run in emulator.runs}) == len(emulator.runs) == 4
    assert {run.status for run in emulator.runs} == {"success"}


@pytest.mark.parametrize("emulator", ["failed"], indirect=True)
def test_a_failed_run_fails_the_job_and_still_has_outputs(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    result = run(workspace(tmp_path, WORKFLOW, image), emulator)
    assert result.exit_code == 1
    assert "later step has <failed> <>" in result.lines()


@pytest.mark.parametrize("emulator", ["slow"], indirect=True)
def test_post_cancels_what_a_killed_container_left_running(
    image: str, emulator: Emulator, tmp_path: Path
) -> None:
    """Under act a post step gets no state from a container action: it finds the run in a file."""
    repository = workspace(tmp_path, WORKFLOW, image)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, repository, emulator)
        wait_until(lambda: job.done() or any(run.status == "streaming" for run in emulator.runs))
        containers = docker("ps", "--quiet", f"--filter=ancestor={image}").split()
        (step,) = [
            each
            for each in containers
            if emulator.url in docker("inspect", "--format={{.Config.Env}}", each)
        ]
        docker("kill", "--signal=KILL", step)
        result = job.result()
    assert result.exit_code == 1, result.log
    assert "later step has <> <>" in result.lines()
    assert [run.status for run in emulator.runs] == ["cancelled"], result.log
