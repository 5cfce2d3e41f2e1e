"""The examples of the pages, run unchanged by a shell or by Python. The container tests run what
needs an engine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import Block, claim
from tests.emulator import Emulator
from tests.program import ENTRY, ROOT, executable, start_program
from tests.require import require
from tests.slow import mostly_slow
from tests.waits import LONG

DEMO = claim("README.md", "make demo")
LOG = claim("README.md", "Started run")
LOOP = claim("CONTRIBUTING.md", "git clone")
FIRST_CALL = claim("CONTRIBUTING.md", "--instructions")
FIRST_LINE = claim("CONTRIBUTING.md", '"instructions"')
CURL_LOOP = ROOT / "benchmarks" / "peers" / "curl-loop.sh"
PAGE = "docs/emulator.md"
WORLDS_PAGE = "docs/maintaining/worlds.md"
SERVES = claim(PAGE, "$ mogplex-ci emulator")
USES = claim(PAGE, "export MOGPLEX_URL")
ARMS = claim(WORLDS_PAGE, "curl http")
PYTHON = claim(WORLDS_PAGE, "from tests.emulator import Emulator")
OWN_SCENARIO = claim(WORLDS_PAGE, "description: Two rounds")
FAULTS = claim(WORLDS_PAGE, "faults:\n")
PORT = "8787"


def shell(script: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with `mogplex-ci` of this work tree on PATH."""
    (folder / "bin").mkdir(exist_ok=True)
    executable(folder / "bin" / "mogplex-ci", f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n')
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("block", mostly_slow([DEMO, LOOP], every=2), ids=str)
def test_the_targets_that_the_pages_name_are_there(block: Block, tmp_path: Path) -> None:
    """`make` only says what it would do: tests would run these tests, and setting up takes
    minutes.
    """
    for program in ("git", "make"):
        require(program)
    clone = {
        "KEY": f"url.file://{ROOT}.insteadOf",
        "VALUE": "https://github.com/mogplex/run-action",
    }
    script = (
        block.code if "git clone" in block.code else f"cd {shlex.quote(str(ROOT))}\n{block.code}"
    )
    env = {
        "MAKEFLAGS": "--dry-run",
        "GIT_CONFIG_COUNT": "1",
        **{f"GIT_CONFIG_{key}_0": clone[key] for key in clone},
    }
    done = shell(script, tmp_path, env)
    assert done.returncode == 0, done.stderr
    assert "-m tests.demo" in done.stdout


def test_the_first_change_does_what_the_page_says(tmp_path: Path) -> None:
    """In a copy of the package, from which the change is taken if it is made already."""
    _, command = FIRST_CALL.code.splitlines()
    page = (ROOT / FIRST_CALL.page).read_text(encoding="utf-8")
    schema = tmp_path / "mogplex_ci" / "schemas" / "inputs.schema.json"
    shutil.copytree(ROOT / "mogplex_ci", tmp_path / "mogplex_ci")

    def said() -> str:
        arguments = shlex.split(command)[1:]
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    document = json.loads(schema.read_text(encoding="utf-8"))
    document["x-instead"].pop("instructions", None)
    text = json.dumps(document, indent=2)
    schema.write_text(text, encoding="utf-8")
    before = said()
    start = '"x-instead": {\n'
    assert start in text
    schema.write_text(text.replace(start, start + FIRST_LINE.code), encoding="utf-8")
    after = said()
    for words, shown in (
        ("flag --instructions does not exist. Did you mean --run-options?", before),
        ("Use --prompt instead.", after),
    ):
        assert words in page
        assert words in shown


def test_the_loop_around_curl(tmp_path: Path) -> None:
    for program in ("curl", "jq"):
        require(program)
    with Emulator("failed", speed=20) as emulator:
        env = {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url, "PROMPT": "Fix it"}
        env["MOGPLEX_REPO"] = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
        done = shell(CURL_LOOP.read_text(encoding="utf-8"), tmp_path, env)
        (run,) = emulator.runs
    assert (done.returncode, run.status) == (1, "failed"), done.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[int]:
    """The port on which the page's first command serves; it prints what the page shows."""
    command, *shown = SERVES.code.splitlines()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = command.replace(PORT, str(port)).removeprefix("$ mogplex-ci ").split()
    with start_program(*arguments, env={}, cwd=tmp_path) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline().rstrip("\n") for _ in shown]
        assert printed == [line.replace(PORT, str(port)) for line in shown]
        yield port
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=LONG) == 0


def test_a_step_uses_the_emulator_of_another_terminal(served: int, tmp_path: Path) -> None:
    done = shell(USES.code.replace(PORT, str(served)), tmp_path, {})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Pull request: https://github.com/acme/web/pull/42" in done.stdout


def test_the_log_of_the_first_page_is_one_that_is_printed(tmp_path: Path) -> None:
    """But for ids and times; the page leaves lines out."""
    task = LOG.code.splitlines()[0].removeprefix("Task: ")
    with Emulator("success", speed=20) as emulator:
        env = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        done = shell(f"mogplex-ci --repo acme/web --prompt {shlex.quote(task)}", tmp_path, env)
    printed = iter(without_numbers(done.stdout))
    assert [line for line in without_numbers(LOG.code) if line not in printed] == []


def without_numbers(log: str) -> list[str]:
    """Return the lines of a log, with one text in place of each id, time and count."""
    return [re.sub(r"\b[0-9a-f-]*\d[0-9a-f.:-]*", "N", line) for line in log.splitlines()]


def test_a_fault_is_armed_by_curl(served: int, tmp_path: Path) -> None:
    require("curl")
    armed = shell(ARMS.code.replace(PORT, str(served)), tmp_path, {})
    assert armed.returncode == 0, armed.stderr
    (url, token) = re.findall(r"=(\S+)", USES.code.splitlines()[0])
    service = {"MOGPLEX_URL": url.replace(PORT, str(served)), "MOGPLEX_API_KEY": token}
    listed = shell(f"curl --silent {service['MOGPLEX_URL']}/_emulator/faults", tmp_path, {})
    assert '"cancel"' in listed.stdout


def test_the_python_of_the_page(tmp_path: Path) -> None:
    """The client of its comment is a step."""
    client = (
        f"import subprocess; subprocess.run({ENTRY} + ['--repo', 'acme/web', '--prompt', 'Fix it'],"
        " env={'MOGPLEX_URL': emulator.url, 'MOGPLEX_API_KEY': emulator.token}, check=True)"
    )
    (tmp_path / "script.py").write_text(
        re.sub(r"\.\.\.  # point the client.*", client, PYTHON.code)
    )
    done = shell(f"{shlex.quote(sys.executable)} script.py", tmp_path, {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr


def test_a_step_plays_the_scenario_of_the_page_with_its_faults(tmp_path: Path) -> None:
    """It survives them: a lost answer, bad gateways, slow answers, a stream that breaks and two
    that bring nothing.
    """
    (tmp_path / "scenario.yaml").write_text(OWN_SCENARIO.code + FAULTS.code)
    with Emulator(tmp_path / "scenario.yaml", speed=20) as emulator:
        env = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        done = shell("mogplex-ci --repo acme/web --prompt 'Fix it'", tmp_path, env)
        (run,) = emulator.runs
    assert done.returncode == 0, done.stdout
    assert "Round 2 on" in done.stdout
    assert run.status == "success"
