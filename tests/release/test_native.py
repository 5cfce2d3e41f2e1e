"""The action without Docker takes and gives what the container action does, and cleans up after a killed step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from mogplex_ci.emulator import Emulator
from scripts.native import ACTION, NATIVE, native_action
from tests.program import ROOT
from tests.waits import LONG, wait_until

STEP = [sys.executable, "-X", "utf8", "-Iu", str(ROOT / "native/step.py")]


def test_inputs_and_outputs_are_those_of_the_container_action() -> None:
    """When it fails: make docs."""
    action, native = yaml.safe_load(ACTION.read_text()), yaml.safe_load(NATIVE.read_text())
    assert native["inputs"] == action["inputs"]
    assert {name: output["description"] for name, output in native["outputs"].items()} == {
        name: output["description"] for name, output in action["outputs"].items()
    }
    assert {name: output["value"] for name, output in native["outputs"].items()} == {
        name: f"${{{{ steps.agent.outputs.{name} }}}}" for name in action["outputs"]
    }
    assert native_action(ACTION.read_text(), NATIVE.read_text()) == NATIVE.read_text()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Mogplex whose runs go on for half an hour."""
    with Emulator("slow") as emulator:
        yield emulator


@pytest.fixture
def env(emulator: Emulator, tmp_path: Path) -> dict[str, str]:
    """What the composite action's steps find in their environment."""
    inputs = {
        "api-key": emulator.token,
        "base-url": emulator.url,
        "prompt": "Fix the build",
        "timeout": "",
        "matrix": "null",
        "post-step": "true",
    }
    for name in ("output", "state", "summary"):
        (tmp_path / name).touch()
    return {
        "PATH": os.environ["PATH"],
        "INPUTS": json.dumps(inputs),
        "STATE_FILE": str(tmp_path / "state"),
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION": "agent",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_JOB": "build",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_REPOSITORY": "acme/web",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_RUN_ID": "9876543210",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STATE": "/no/such/file",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_WORKFLOW_REF": "acme/web/.github/workflows/test.yml@refs/heads/main",
        "GITHUB_WORKSPACE": str(tmp_path),
    }


def start(env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start the main step and wait until its run is started."""
    step = subprocess.Popen([*STEP, "action"], env=env, cwd=env["GITHUB_WORKSPACE"], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: "run-id" in Path(env["GITHUB_OUTPUT"]).read_text(), step)
    return step


def clean_up(env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STEP, "post"], env=env, cwd=env["GITHUB_WORKSPACE"], capture_output=True, text=True, check=False
    )


def test_a_cancelled_step_cancels_its_run(env: dict[str, str], emulator: Emulator) -> None:
    step = start(env)
    step.terminate()
    step.communicate(timeout=LONG)
    assert [run.status for run in emulator.runs] == ["cancelled"]
    assert clean_up(env).returncode == 0


def test_the_step_after_a_killed_one_cancels_its_run(env: dict[str, str], emulator: Emulator) -> None:
    step = start(env)
    step.kill()
    step.communicate(timeout=LONG)
    assert [run.status == "cancelled" for run in emulator.runs] == [False]
    done = clean_up(env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [run.status for run in emulator.runs] == ["cancelled"]


@pytest.mark.parametrize("has_file", [False, True])
def test_a_long_task_comes_through(env: dict[str, str], emulator: Emulator, has_file: bool) -> None:
    """One of 128 KiB or more only from a file: Linux takes no longer variable."""
    task = ("ü" if has_file else "u") * 100_000
    Path(env["GITHUB_WORKSPACE"], "task.md").write_text(task, encoding="utf-8")
    given = {"prompt": "", "prompt-file": "task.md"} if has_file else {"prompt": task}
    env["INPUTS"] = json.dumps(json.loads(env["INPUTS"]) | given | {"wait": "false"}, ensure_ascii=False)
    done = subprocess.run(
        [*STEP, "action"], env=env, cwd=env["GITHUB_WORKSPACE"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [run.prompt for run in emulator.runs] == [task]
