"""The examples for systems that nothing here can play: their commands as they stand, in the system's environment."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci.emulator import Emulator
from tests.ci_environments import environment
from tests.e2e.test_platforms import AT_ONCE, DOCKER, SCENARIOS, executable
from tests.program import ENTRY, ROOT

COMMAND_KEYS = {"after-script", "command", "commands", "finally", "script", "test_script", "sh"}
EXAMPLES = {
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
OUTPUTS_BY_THE_SYSTEM = {"azure", "bitbucket", "jenkins", "teamcity"}
"""These hand outputs on by themselves; tests/e2e/golden has what they get."""


def scripts(node: object) -> Iterator[str]:
    """Yield each script of a pipeline in YAML, in order; a list of commands runs in one shell."""
    entries: list[tuple[object, Any]] = list(node.items()) if isinstance(node, dict) else []
    for key, value in entries or enumerate(node if isinstance(node, list) else []):
        if key in COMMAND_KEYS and not isinstance(value, dict):
            lines = [value] if isinstance(value, str) else value
            yield "\n".join(line["sh"] if isinstance(line, dict) else line for line in lines)
        else:
            yield from scripts(value)


def scripts_of(name: str) -> list[str]:
    text = (ROOT / "examples" / name / EXAMPLES[name]).read_text(encoding="utf-8")
    if EXAMPLES[name].endswith((".yml", ".yaml")):
        return list(scripts(yaml.safe_load(text)))
    return [script for _, script in re.findall(r"""(?:\bsh |scriptContent = )(['"])(.+)\1""", text)]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_commands_of_an_example(name: str, tmp_path: Path) -> None:
    for folder in ("workspace", "agent-temp", "bin"):
        (tmp_path / folder).mkdir()
    executable(tmp_path / "bin" / "docker", DOCKER)
    executable(tmp_path / "bin" / "mogplex-ci", f'#!/bin/sh\nexec {" ".join(ENTRY)} "$@"\n')
    shown = ""
    with Emulator(SCENARIOS / "pull-request.yaml", speed=AT_ONCE) as emulator:
        env = environment(name, tmp_path) | {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
        }
        for script in scripts_of(name):
            done = subprocess.run(
                ["bash", "-e", "-c", script],
                cwd=tmp_path / "workspace",
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            shown += done.stdout
        assert [(run.status, run.prompt) for run in emulator.runs] == [("success", "Fix the failing test.")]
    assert ("\nPlease review https://github.com/acme/web/pull/42\n" in shown) is (name not in OUTPUTS_BY_THE_SYSTEM)
