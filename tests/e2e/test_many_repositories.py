"""The examples with a job for each repository: their scripts, run by a shell, and their steps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci_environments import environment
from tests.documents import claim
from tests.emulator import Emulator
from tests.program import ENTRY, GitHubStep, executable
from tests.require import require, unavailable

REPOS = ["acme/api", "acme/web"]
MATRIX = yaml.safe_load(claim("examples/workflows/matrix.yml").code)
CHILD = yaml.safe_load(claim("examples/gitlab/repositories.gitlab-ci.yml").code)
PROMPT = "Add a CODEOWNERS file if there is none"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """A service whose token sees two repositories."""
    listed = [
        {"id": f"5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d000{at}", "full_name": name}
        for at, name in enumerate(REPOS)
    ]
    tokens = [{"token": "mog_" + "0" * 32, "scopes": ["read", "write"]}]
    world = tmp_path / "world.yaml"
    world.write_text(
        yaml.safe_dump({"users": [{"name": "ada", "tokens": tokens, "repos": listed}]})
    )
    with Emulator("success", world=world, speed=50) as emulator:
        yield emulator


def shell(script: str, folder: Path, emulator: Emulator, **env: str) -> None:
    """Run a script as a runner does. In it ``docker run … IMAGE`` and ``mogplex-ci`` are this
    program.
    """
    folder.mkdir(exist_ok=True)
    program = " ".join(ENTRY)
    docker = f'#!/bin/sh\nwhile [ "$1" != repos ]; do shift; done\nexec {program} "$@"\n'
    executable(folder / "bin" / "docker", docker)
    executable(folder / "bin" / "mogplex-ci", f'#!/bin/sh\nexec {program} "$@"\n')
    known = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=known | env | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_matrix_of_github_has_a_run_in_each_repository_and_a_table_of_all(
    tmp_path: Path, emulator: Emulator
) -> None:
    require("jq")
    jobs: dict[str, Any] = MATRIX["jobs"]
    output, summary = tmp_path / "list" / "output", tmp_path / "table" / "summary.md"
    (listing,) = jobs["list"]["steps"]
    shell(listing["run"], tmp_path / "list", emulator, GITHUB_OUTPUT=str(output))
    repos = json.loads(output.read_text().removeprefix("repos="))
    assert repos == REPOS

    results = tmp_path / "table" / "results"
    for index, repo in enumerate(repos):
        given = jobs["agent"]["steps"][0]["with"]
        known = {"api-key": emulator.token, "base-url": emulator.url, "repo": repo}
        context = {"matrix": {"repo": repo}, "index": index, "total": 2, "max-parallel": 4}
        step = GitHubStep(tmp_path / f"job-{index}", given | known)
        step.inputs["job-context"] = json.dumps(context)
        ended = step.run()
        assert ended.code == 0, ended.out
        results.mkdir(parents=True, exist_ok=True)
        (step.workspace / given["output-dir"]).rename(results / f"mogplex-{index}")
    assert [(run.repo.full_name, run.prompt) for run in emulator.runs] == [
        (repo, PROMPT) for repo in REPOS
    ]
    assert len({run.key for run in emulator.runs}) == 2

    (_, writing) = jobs["table"]["steps"]
    shell(writing["run"], tmp_path / "table", emulator, GITHUB_STEP_SUMMARY=str(summary))
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["| Repository | Result | Pull request |", "| --- | --- | --- |"]
    assert sorted(lines[2:]) == [
        f"| {repo} | success | https://github.com/{repo}/pull/42 |" for repo in REPOS
    ]


def test_the_child_pipeline_of_gitlab_has_a_run_in_each_repository(
    tmp_path: Path, emulator: Emulator
) -> None:
    checker = Path(sys.executable).parent / "check-jsonschema"
    if not checker.exists():
        unavailable("check-jsonschema", "no check-jsonschema: `make check` installs it")
    folder = tmp_path / "list"
    shell("\n".join(CHILD["list"]["script"]), folder, emulator)
    child = folder / "child.gitlab-ci.yml"
    checked = subprocess.run(
        [
            checker,
            "--builtin-schema",
            "vendor.gitlab-ci",
            child,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    agent = yaml.safe_load(child.read_text(encoding="utf-8"))["agent"]
    (matrix,) = agent["parallel"]["matrix"]
    for number, repo in enumerate(matrix["MOGPLEX_REPO"], 1):
        job = tmp_path / f"job-{number}"
        job.mkdir()
        name = {
            "CI_JOB_NAME": f"agent: [{repo}]",
            "CI_NODE_INDEX": str(number),
            "CI_NODE_TOTAL": "2",
        }
        env = environment("gitlab", job) | name | agent["variables"] | {"MOGPLEX_REPO": repo}
        shell("\n".join(agent["script"]), job, emulator, **env)
    assert [(run.repo.full_name, run.prompt) for run in emulator.runs] == [
        (repo, PROMPT) for repo in REPOS
    ]
    assert len({run.key for run in emulator.runs}) == 2
