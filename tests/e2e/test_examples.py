"""The examples for systems that nothing here can play: their commands as they stand, in the
system's environment.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci_environments import ENVIRONMENTS, environment
from tests.documents import claim_all
from tests.e2e.test_platforms import AT_ONCE, DOCKER, SCENARIOS
from tests.emulator import Emulator
from tests.program import ENTRY, executable, run_client
from tests.slow import mostly_slow
from tests.waits import LONG, asked, wait_until

COMMAND_KEYS = {"after-script", "command", "commands", "finally", "script", "test_script", "sh"}
OWN = "examples/(?!forgejo/|gitlab/|workflows/|zizmor.yml|buildkite/pre-exit)"
"""Other tests play the others."""
EXAMPLES = {
    block.page.split("/")[1]: block
    for block in claim_all(lambda block: bool(re.match(OWN, block.page)))
}
OUTPUTS_BY_THE_SYSTEM = {"azure", "bitbucket", "jenkins"}
"""These hand outputs on by themselves; tests/e2e/golden has what most of them get."""
ARTIFACTS = """#!/bin/sh
[ "$*" = "artifact download mogplex.env . --step agent" ] && test -f mogplex.env
"""
"""Buildkite's agent: the file that an earlier step uploaded is in this workspace already."""
ANY_CI = {"BUILD_ID": "7", "CI": "true"}
PULL_REQUEST = "https://github.com/acme/web/pull/42"


def scripts(node: object) -> Iterator[str]:
    """Yield each script of a pipeline in YAML, in order; a list of commands runs in one shell."""
    entries: list[tuple[object, Any]] = list(node.items()) if isinstance(node, dict) else []
    for key, value in entries or enumerate(node if isinstance(node, list) else []):
        if key in COMMAND_KEYS and not isinstance(value, dict):
            lines = [value] if isinstance(value, str) else value
            yield "\n".join(line["sh"] if isinstance(line, dict) else line for line in lines)
        else:
            yield from scripts(value)


def commands(name: str, folder: Path) -> Iterator[Sequence[str]]:
    """Yield the commands of an example, as the system starts them."""
    if EXAMPLES[name].language == "sh":
        yield ["bash", "-c", EXAMPLES[name].code]
        return
    if EXAMPLES[name].language not in ("yml", "yaml"):
        found = re.findall(r"""(?:\bsh |scriptContent = )(['"])(.+)\1""", EXAMPLES[name].code)
        yield from (["bash", "-e", "-c", script] for _, script in found)
        return
    example = yaml.safe_load(EXAMPLES[name].code)
    match name:
        # its docker plugin hands the agent's own command on to the image, and it reads `$$` as `$`
        case "buildkite":
            agent, _, ask = example["steps"]
            yield [*ENTRY, *agent["plugins"][0].popitem()[1]["command"]]
            yield ["bash", "-e", "-c", ask["command"].replace("$$", "$")]
        case _:
            yield from (["bash", "-e", "-c", script] for script in scripts(example))


def job_of(folder: Path, emulator: Emulator) -> dict[str, str]:
    """Return the variables with which a job finds the service, and the programs in ``folder``."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token, "PATH": path}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SCENARIOS / "pull-request.yaml", speed=AT_ONCE) as emulator:
        yield emulator
        assert [(run.status, run.prompt) for run in emulator.runs] == [
            ("success", "Fix the failing test.")
        ]


@pytest.mark.parametrize("name", mostly_slow(sorted(EXAMPLES), every=6))
def test_the_commands_of_an_example(name: str, tmp_path: Path, emulator: Emulator) -> None:
    for part in ("workspace", "bin"):
        (tmp_path / part).mkdir()
    executable(tmp_path / "bin" / "docker", DOCKER)
    executable(tmp_path / "bin" / "mogplex-ci", f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n')
    executable(tmp_path / "bin" / "buildkite-agent", ARTIFACTS)
    job = {"MOGPLEX_REPO": "acme/web", "MOGPLEX_IDEMPOTENCY_KEY": f"{name}-1-agent"}
    if name == "any-ci":
        job = ANY_CI
    env = environment(name, tmp_path) if name in ENVIRONMENTS else job
    env |= job_of(tmp_path, emulator)
    shown = ""
    for command in commands(name, tmp_path):
        code, out = run_client(command, tmp_path / "workspace", env)
        assert code == 0, out
        shown += out
    assert PULL_REQUEST in shown
    assert (f"\nPlease review {PULL_REQUEST}\n" in shown) is (name not in OUTPUTS_BY_THE_SYSTEM)
    if name == "azure":
        set_variable = "##vso[task.setvariable variable=MOGPLEX_OUT_PULL_REQUEST_URL;isOutput=true]"
        assert set_variable + PULL_REQUEST in shown
    if name == "any-ci":
        assert [run.key for run in emulator.runs] == ["ci-7-agent"]


@pytest.mark.parametrize("is_group", [False, True], ids=["shell", "group"])
def test_a_shell_between_the_system_and_the_program_passes_the_signal_on(
    tmp_path: Path, *, is_group: bool
) -> None:
    """Also where the system stops all processes of the job at once."""
    executable(tmp_path / "bin" / "docker", DOCKER)
    script = EXAMPLES["any-ci"].code
    with Emulator("slow") as emulator:
        shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=ANY_CI | job_of(tmp_path, emulator),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            wait_until(asked(emulator, "stream"), shell)
            (os.killpg if is_group else os.kill)(shell.pid, signal.SIGTERM)
            out, _ = shell.communicate(timeout=LONG)
        finally:
            shell.kill()
        assert [run.status for run in emulator.runs] == ["cancelled"], out
    assert shell.returncode == 128 + signal.SIGTERM
    assert "Please review" not in out
