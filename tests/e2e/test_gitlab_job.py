"""A job on GitLab as its runner starts it, in whole processes: variables of type File, secrets in
the prompt, and the job's own end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.ci_environments import environment
from tests.program import Ended, run_program

PASSWORD = "qW7-kd93LmXz2"
CONNECTION = "host=db;Password=Zx81mLq9;user=ci"


class Job:
    """A job with its workspace, and with the folder beside it in which the runner keeps files."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.runner_files = folder / "workspace.tmp"
        for each in (self.workspace, self.runner_files):
            each.mkdir()
        self.env = environment("gitlab", folder) | {
            "RUNNER_TEMP_PROJECT_DIR": str(self.runner_files),
            "MOGPLEX_REPO": "acme/web",
        }

    def set_file(self, name: str, content: str) -> Path:
        """Set a variable of type File."""
        path = self.runner_files / name
        path.write_text(content, encoding="utf-8")
        self.env[name] = str(path)
        return path

    def run(self, emulator: Emulator, **variables: str) -> Ended:
        given = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        return run_program(env=self.env | given | variables, cwd=self.workspace)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("success", speed=1e9) as emulator:
        yield emulator


def prompts(emulator: Emulator) -> list[object]:
    """The prompts of the start requests."""
    bodies = [request.body for request in emulator.requests if request.route == "start"]
    return [body["prompt"] for body in bodies if isinstance(body, dict)]


def test_the_prompt_is_in_a_variable_of_type_file(job: Job, emulator: Emulator) -> None:
    job.set_file("MOGPLEX_PROMPT_FILE", "Lower it from $5 to $HOME.\n")
    ended = job.run(emulator)
    assert ended.code == 0, ended.out
    assert prompts(emulator) == ["Lower it from $5 to $HOME."]
    assert "Task: Lower it from $5 to $HOME." in ended.out, "it is not a secret"


def test_no_other_file_of_the_runner_is_sent(job: Job, emulator: Emulator) -> None:
    deploy = job.set_file("DEPLOY_KEY", PASSWORD)
    ended = job.run(emulator, MOGPLEX_PROMPT_FILE=str(deploy))
    assert (ended.code, prompts(emulator)) == (2, [])
    assert "MOGPLEX_PROMPT_FILE: is outside the workspace" in ended.out


def test_the_file_of_the_prompt_is_not_a_link(job: Job, emulator: Emulator) -> None:
    deploy = job.set_file("DEPLOY_KEY", PASSWORD)
    prompt = job.runner_files / "MOGPLEX_PROMPT_FILE"
    prompt.symlink_to(deploy)
    ended = job.run(emulator, MOGPLEX_PROMPT_FILE=str(prompt))
    assert (ended.code, prompts(emulator)) == (2, [])
    assert PASSWORD not in ended.out


@pytest.mark.parametrize(
    ("content", "secret"), [(f"{PASSWORD}\n", PASSWORD), (CONNECTION, CONNECTION)]
)
def test_what_variables_of_type_file_hold_is_not_shown(
    job: Job, content: str, secret: str, tmp_path: Path
) -> None:
    job.set_file("SETTINGS", content)
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        f"steps:\n- part: launch\n- text: 'I found {secret} here.'\n- part: deliver-nothing\n",
        encoding="utf-8",
    )
    with Emulator(scenario, speed=1e9) as emulator:
        ended = job.run(emulator, MOGPLEX_PROMPT="Fix it")
    assert ended.code == 0, ended.out
    assert "I found *** here." in ended.out


@pytest.mark.parametrize("variable", ["CI_SERVER_TLS_CA_FILE", "GITLAB_ENV"])
def test_the_runners_own_files_are_not_secrets(job: Job, variable: str, emulator: Emulator) -> None:
    job.set_file(variable, "Fix it, please")
    ended = job.run(emulator, MOGPLEX_PROMPT="Fix it, please")
    assert "Task: Fix it, please" in ended.out


@pytest.mark.parametrize("name", ["MOGPLEX_PROMPT", "MOGPLEX_API_KEY", "MOGPLEX_GITHUB_TOKEN"])
def test_a_path_in_place_of_its_content_is_not_sent(
    job: Job, name: str, emulator: Emulator
) -> None:
    path = job.set_file(name, "mog_00000000000000000000000000000000")
    ended = job.run(emulator, **({"MOGPLEX_PROMPT": "Fix it"} | {name: str(path)}))
    assert ended.code == 2
    assert f"{name}: is a path; on GitLab set the variable's type to Variable." in ended.out
    assert emulator.requests == []
