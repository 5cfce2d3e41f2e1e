"""The examples of the pages, run unchanged by a shell or by Python. The container tests run what
needs an engine.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import Block, claim
from tests.emulator import Emulator
from tests.program import ENTRY, ROOT, executable
from tests.require import require
from tests.slow import mostly_slow

DEMO = claim("README.md", "make demo")
LOOP = claim("CONTRIBUTING.md", "git clone")
FIRST_CALL = claim("CONTRIBUTING.md", "--instructions")
FIRST_LINE = claim("CONTRIBUTING.md", '"instructions"')
CURL_LOOP = ROOT / "benchmarks" / "peers" / "curl-loop.sh"


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
