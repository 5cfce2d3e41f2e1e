"""The examples for systems that nothing here can play: their commands as they stand, in the system's environment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci.emulator import Emulator
from tests.ci_environments import environment
from tests.documents import Block, claim
from tests.e2e.test_platforms import AT_ONCE, DOCKER, SCENARIOS
from tests.program import ENTRY, executable
from tests.slow import mostly_slow

COMMAND_KEYS = {"after-script", "command", "commands", "finally", "script", "test_script", "sh"}
FILES = {
    "appveyor": "appveyor.yml",
    "azure": "azure-pipelines.yml",
    "bitbucket": "bitbucket-pipelines.yml",
    "circleci": "config.yml",
    "codebuild": "buildspec.yml",
    "codefresh": "codefresh.yml",
    "drone": "drone.yml",
    "harness": "pipeline.yaml",
    "jenkins": "Jenkinsfile",
    "semaphore": "semaphore.yml",
    "teamcity": "settings.kts",
    "travis": "travis.yml",
    "woodpecker": "woodpecker.yml",
}
EXAMPLES = {name: claim(f"examples/{name}/{file}") for name, file in FILES.items()}
BUILDKITE = claim("examples/buildkite/pipeline.yml")
CLOUD_BUILD = claim("examples/cloudbuild/cloudbuild.yaml")
ARGO = claim("examples/argo/workflow.yaml")
TEKTON = claim("examples/tekton/pipeline.yaml")
OUTPUTS_BY_THE_SYSTEM = {"azure", "bitbucket", "jenkins", "teamcity"}
"""These hand outputs on by themselves; tests/e2e/golden has what they get."""
META_DATA = """#!/bin/sh
[ "$1" = meta-data ] || exit 0
case $2 in set) cat >"{folder}/$3" ;; get) cat "{folder}/$3" ;; esac
"""
"""Buildkite's agent, as far as it keeps values for later steps."""
PLEASE = "\nPlease review https://github.com/acme/web/pull/42\n"


def scripts(node: object) -> Iterator[str]:
    """Yield each script of a pipeline in YAML, in order; a list of commands runs in one shell."""
    entries: list[tuple[object, Any]] = list(node.items()) if isinstance(node, dict) else []
    for key, value in entries or enumerate(node if isinstance(node, list) else []):
        if key in COMMAND_KEYS and not isinstance(value, dict):
            lines = [value] if isinstance(value, str) else value
            yield "\n".join(line["sh"] if isinstance(line, dict) else line for line in lines)
        else:
            yield from scripts(value)


def scripts_of(example: Block) -> list[str]:
    if example.language in ("yml", "yaml"):
        return list(scripts(yaml.safe_load(example.code)))
    return [script for _, script in re.findall(r"""(?:\bsh |scriptContent = )(['"])(.+)\1""", example.code)]


class Job:
    """A folder in which scripts are run as a job's steps, with the program and `docker` on PATH."""

    def __init__(self, folder: Path, emulator: Emulator, env: Mapping[str, str]) -> None:
        self.workspace = folder / "workspace"
        for part in ("workspace", "agent-temp", "bin"):
            (folder / part).mkdir()
        executable(folder / "bin" / "docker", DOCKER)
        executable(folder / "bin" / "mogplex-ci", f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n')
        service = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        self._env = {**env, **service, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}

    def run(self, *command: str) -> str:
        """Run a step that must succeed and return its log."""
        done = subprocess.run(
            command,
            cwd=self.workspace,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SCENARIOS / "pull-request.yaml", speed=AT_ONCE) as emulator:
        yield emulator
        assert [(run.status, run.prompt) for run in emulator.runs] == [("success", "Fix the failing test.")]


@pytest.mark.parametrize("name", mostly_slow(sorted(EXAMPLES), every=3))
def test_the_commands_of_an_example(name: str, tmp_path: Path, emulator: Emulator) -> None:
    job = Job(tmp_path, emulator, environment(name, tmp_path))
    shown = "".join(job.run("bash", "-e", "-c", script) for script in scripts_of(EXAMPLES[name]))
    assert (PLEASE in shown) is (name not in OUTPUTS_BY_THE_SYSTEM)


def test_the_commands_of_buildkite(tmp_path: Path, emulator: Emulator) -> None:
    """The docker plugin hands the agent's own command on to the image, and Buildkite reads `$$` as `$`."""
    job = Job(tmp_path, emulator, environment("buildkite", tmp_path))
    executable(tmp_path / "bin" / "buildkite-agent", META_DATA.format(folder=tmp_path))
    agent, _, ask = yaml.safe_load(BUILDKITE.code)["steps"]
    ((plugin,),) = [step.values() for step in agent["plugins"]]
    job.run(*ENTRY, *plugin["command"])
    assert job.run("bash", "-e", "-c", ask["command"].replace("$$", "$")) == PLEASE.lstrip("\n")


def test_the_commands_of_cloud_build(tmp_path: Path, emulator: Emulator) -> None:
    job = Job(tmp_path, emulator, {"MOGPLEX_REPO": "acme/web", "MOGPLEX_IDEMPOTENCY_KEY": "cloudbuild-web-1-agent"})
    steps = yaml.safe_load(CLOUD_BUILD.code)["steps"]
    shown = "".join(job.run(*ENTRY, *(word.replace("$$", "$") for word in step["args"])) for step in steps)
    assert PLEASE in shown


def test_the_command_of_argo_workflows(tmp_path: Path, emulator: Emulator) -> None:
    job = Job(tmp_path, emulator, {"MOGPLEX_REPO": "acme/web", "MOGPLEX_IDEMPOTENCY_KEY": "argo-1-agent"})
    container = yaml.safe_load(ARGO.code)["spec"]["templates"][0]["container"]
    assert "https://github.com/acme/web/pull/42" in job.run(*container["command"], *container["args"])


def test_the_script_of_tekton(tmp_path: Path, emulator: Emulator) -> None:
    job = Job(tmp_path, emulator, {"MOGPLEX_REPO": "acme/web", "MOGPLEX_IDEMPOTENCY_KEY": "tekton-1-agent"})
    (script,) = scripts(yaml.safe_load(TEKTON.code))
    executable(tmp_path / "script", script.replace("$(results.pull-request-url.path)", str(tmp_path / "result")))
    job.run(str(tmp_path / "script"))
    assert (tmp_path / "result").read_text() == "https://github.com/acme/web/pull/42"
