"""A job on GitLab as its runner starts it, in whole processes: variables of type File, secrets in
the prompt, and the job's own end.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ci_environments import environment
from tests.emulator import Emulator
from tests.program import MOVABLE_CLOCK, Ended, let_an_hour_pass, run_program, start_program
from tests.waits import asked, wait_until

PASSWORD = "qW7-kd93LmXz2"
PROMPT = f"Fix the production database {PASSWORD} on main"
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

    def _env(self, emulator: Emulator, variables: Mapping[str, str]) -> dict[str, str]:
        given = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        return {**self.env, **given, **variables}

    def run(self, emulator: Emulator, **variables: str) -> Ended:
        return run_program(env=self._env(emulator, variables), cwd=self.workspace)

    def start(
        self, emulator: Emulator, through: Sequence[str] = (), **variables: str
    ) -> subprocess.Popen[str]:
        env = self._env(emulator, {"MOGPLEX_PROMPT": "Fix it", **variables})
        return start_program(env=env, cwd=self.workspace, through=through)


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


@pytest.mark.parametrize("is_link", [False, True])
def test_no_other_file_of_the_runner_is_sent(job: Job, emulator: Emulator, is_link: bool) -> None:
    deploy = prompt = job.set_file("DEPLOY_KEY", PASSWORD)
    if is_link:
        prompt = job.runner_files / "MOGPLEX_PROMPT_FILE"
        prompt.symlink_to(deploy)
    ended = job.run(emulator, MOGPLEX_PROMPT_FILE=str(prompt))
    assert (ended.code, prompts(emulator), PASSWORD in ended.out) == (2, [], False)
    assert is_link or "prompt-file is outside the workspace" in ended.out


@pytest.mark.parametrize(
    ("content", "secret"), [(f"{PASSWORD}\n", PASSWORD), (CONNECTION, CONNECTION)]
)
def test_what_variables_of_type_file_hold_is_not_shown(
    job: Job, content: str, secret: str, tmp_path: Path
) -> None:
    job.set_file("SETTINGS", content)
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        f"steps:\n- launch: true\n- text: 'I found {secret} here.'\n- deliver: false\n",
        encoding="utf-8",
    )
    with Emulator(scenario, speed=1e9) as emulator:
        ended = job.run(emulator, MOGPLEX_PROMPT="Fix it")
    assert ended.code == 0, ended.out
    assert "I found *** here." in ended.out


@pytest.mark.parametrize("name", ["prompt", "api-key", "github-token"])
def test_a_path_in_place_of_its_content_is_not_sent(
    job: Job, name: str, emulator: Emulator
) -> None:
    variable = f"MOGPLEX_{name.upper().replace('-', '_')}"
    path = job.set_file(variable, "mog_00000000000000000000000000000000")
    ended = job.run(emulator, **({"MOGPLEX_PROMPT": "Fix it"} | {variable: str(path)}))
    assert ended.code == 2
    assert f"{name} is a path; on GitLab set the variable's type to Variable." in ended.out
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("variables", "prompt", "named"),
    [
        ({"DEPLOY_PASSWORD": PASSWORD}, f"Log in with {PASSWORD}.", "DEPLOY_PASSWORD"),
        ({"DATABASE_URL": f"postgres://ci:{PASSWORD}@db"}, f"It is {PASSWORD}", "DATABASE_URL"),
        ({"CI_NOTE": f"not {PASSWORD}", "PASSWORD": PASSWORD}, f"Use {PASSWORD}", "PASSWORD"),
        ({}, "Use {token}", "MOGPLEX_API_KEY"),
    ],
)
def test_a_prompt_with_a_secret_is_not_sent(
    job: Job, emulator: Emulator, variables: dict[str, str], prompt: str, named: str
) -> None:
    """GitLab has expanded `$DEPLOY_PASSWORD` in the prompt, though the variable is masked."""
    prompt = prompt.format(token=emulator.token)
    ended = job.run(emulator, MOGPLEX_PROMPT=prompt, **variables)
    assert ended.code == 2
    assert f"prompt contains the complete value of the secret {named}. If it" in ended.out
    assert PASSWORD not in ended.out
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        ({}, {"DB_PASSWORD": "production"}),  # a word
        ({}, {"DB_PASSWORD": "the production database"}),
        ({}, {"DB_PASSWORD": f"{PASSWORD}-and-more"}),
        ({}, {"BUILD_LABEL": PASSWORD}),  # not a secret, by its name
        ({"DEPLOY_BRANCH": "main\n"}, {}),
        ({"CI_SERVER_TLS_CA_FILE": PROMPT, "GITLAB_ENV": PROMPT}, {}),  # the runner's own
    ],
)
def test_words_of_a_prompt_are_not_secrets(
    job: Job, emulator: Emulator, files: dict[str, str], variables: dict[str, str]
) -> None:
    for name, content in files.items():
        job.set_file(name, content)
    given = {"MOGPLEX_PROMPT": PROMPT, "MOGPLEX_BASE_BRANCH": "main", **variables}
    ended = job.run(emulator, **given)
    assert (ended.code, prompts(emulator)) == (0, [PROMPT]), ended.out
    outputs = (job.workspace / "mogplex.env").read_text(encoding="utf-8")
    assert "MOGPLEX_OUT_BASE_BRANCH=main\n" in outputs


@pytest.mark.parametrize(
    ("limits", "line"),
    [
        (
            {"CI_JOB_TIMEOUT": "3600", "RUNNER_SCRIPT_TIMEOUT": "0s"},  # which the runner ignores
            "The step ends in 59m 30s, before the job's timeout ends the job",
        ),
        (
            {"CI_JOB_TIMEOUT": "3600", "RUNNER_SCRIPT_TIMEOUT": "50m"},
            "The step ends in 49m 30s, before RUNNER_SCRIPT_TIMEOUT ends the job",
        ),
        ({"CI_JOB_TIMEOUT": "7200", "CI_JOB_STARTED_AT": "yesterday"}, None),
    ],
)
def test_the_first_lines_say_that_the_job_ends_before_the_timeout(
    job: Job, emulator: Emulator, limits: dict[str, str], line: str | None
) -> None:
    ended = job.run(emulator, MOGPLEX_PROMPT="Fix it", MOGPLEX_TIMEOUT="1h", **limits)
    assert ended.code == 0, ended.out
    said = [each for each in ended.out.splitlines()[:3] if each.startswith("The step ends")]
    assert said == ([] if line is None else [line])


def test_the_time_that_the_job_has_taken_counts(job: Job, emulator: Emulator) -> None:
    began = (datetime.now(UTC) - timedelta(minutes=20)).isoformat(timespec="seconds")
    limits = {"CI_JOB_TIMEOUT": "3600", "CI_JOB_STARTED_AT": began.replace("+00:00", "Z")}
    ended = job.run(emulator, MOGPLEX_PROMPT="Fix it", MOGPLEX_TIMEOUT="1h", **limits)
    assert re.search(r"^The step ends in 39m \d+s,", ended.out, re.MULTILINE), ended.out


def test_the_run_goes_on_if_the_job_ends_before_it(job: Job) -> None:
    """The step ends by itself, and `on-timeout` decides, before GitLab kills the job."""
    with Emulator("slow", speed=1) as emulator:
        limits = {"MOGPLEX_TIMEOUT": "3h", "RUNNER_SCRIPT_TIMEOUT": "1h"}
        program = job.start(emulator, through=MOVABLE_CLOCK, **limits)
        ended = let_an_hour_pass(program, when=asked(emulator, "stream"))
        assert (ended.code, emulator.runs[0].status) == (1, "pending"), ended.out
    assert "The timeout passed before the run got a sandbox. It still waits" in ended.out
    outputs = (job.workspace / "mogplex.env").read_text(encoding="utf-8")
    assert "MOGPLEX_OUT_RESULT=timeout\n" in outputs


def test_a_report_of_an_earlier_job_is_emptied(job: Job) -> None:
    """With `GIT_STRATEGY: none` nothing cleans the folder, and a job that is killed uploads it."""
    report = job.workspace / "mogplex-annotations.json"
    report.write_text('{"Mogplex": [{"external_link": {"label": "old", "url": "https://a"}}]}')
    with Emulator("slow", speed=1) as emulator, job.start(emulator) as process:
        wait_until(asked(emulator, "stream"), process)
        process.kill()
    assert report.read_text(encoding="utf-8") == "{}\n"


@pytest.mark.parametrize(("folder", "path"), [(".", ""), ("out put/mogplex", "out%20put/mogplex/")])
def test_the_report_is_a_link_beside_the_job(
    job: Job, emulator: Emulator, folder: str, path: str
) -> None:
    page = "https://gitlab.example/acme/web/-/jobs/7"
    ended = job.run(emulator, MOGPLEX_PROMPT="Fix it", MOGPLEX_OUTPUT_DIR=folder, CI_JOB_URL=page)
    assert ended.code == 0, ended.out
    links = json.loads((job.workspace / "mogplex-annotations.json").read_text(encoding="utf-8"))
    report = {"label": "Report", "url": f"{page}/artifacts/file/{path}report.html"}
    assert {"external_link": report} in links["Mogplex"]
