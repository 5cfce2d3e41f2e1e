"""The action without Docker takes and gives what the container action does, and cleans up after a
killed step.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.native import ACTION, NATIVE, native_action
from tests.emulator import Emulator
from tests.program import ROOT, GitHubStep, Program
from tests.slow import mostly_slow
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


def test_no_module_of_the_workspace_is_loaded_to_find_python(tmp_path: Path) -> None:
    for name in ("pip", "venv"):
        (tmp_path / f"{name}.py").write_text(f"open('{name} ran', 'w')")
    find, *_ = yaml.safe_load(NATIVE.read_text())["runs"]["steps"]
    output = tmp_path / "output"
    env = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-e", "-c", find["run"]], cwd=tmp_path, env=env, check=True)
    assert [*tmp_path.glob("* ran")] == []
    assert output.read_text(encoding="utf-8").startswith("python=/")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Mogplex whose runs go on for half an hour."""
    with Emulator("slow") as emulator:
        yield emulator


@pytest.fixture
def step(emulator: Emulator, tmp_path: Path) -> GitHubStep:
    """A job whose steps find what the composite action hands to them."""
    inputs = {
        "api-key": emulator.token,
        "base-url": emulator.url,
        "prompt": "Fix the build",
        "timeout": "",
    }
    inputs |= {"job-context": '{"matrix": null}'}
    env = {
        "PATH": os.environ["PATH"],
        "INPUTS": json.dumps(inputs),
    }
    return GitHubStep(tmp_path, env=env)


def start(step: GitHubStep, part: str) -> subprocess.Popen[str]:
    return Program(
        [*STEP, part], env=step.environment, cwd=step.workspace, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", mostly_slow([signal.SIGTERM, signal.SIGKILL], every=2))
def test_a_step_that_is_stopped_or_killed_leaves_no_run(
    step: GitHubStep, emulator: Emulator, number: signal.Signals
) -> None:
    with start(step, "action") as process:
        wait_until(lambda: step.has_written("run-id<<"), process)
        process.send_signal(number)
        process.communicate(timeout=LONG)
    assert [run.status == "cancelled" for run in emulator.runs] == [number == signal.SIGTERM]
    with start(step, "post") as process:
        said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, said
    assert [run.status for run in emulator.runs] == ["cancelled"]


@pytest.mark.parametrize("has_file", [False, True])
def test_a_long_task_comes_through(step: GitHubStep, emulator: Emulator, has_file: bool) -> None:
    """One of 128 KiB or more only from a file: Linux takes no longer variable."""
    task = ("ü" if has_file else "u") * 100_000
    (step.workspace / "task.md").write_text(task, encoding="utf-8")
    given = {"prompt": "", "prompt-file": "task.md"} if has_file else {"prompt": task}
    given = json.loads(step.env["INPUTS"]) | given | {"wait": "false"}
    step.env["INPUTS"] = json.dumps(given, ensure_ascii=False)
    with start(step, "action") as process:
        said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, said
    assert [run.prompt for run in emulator.runs] == [task]
