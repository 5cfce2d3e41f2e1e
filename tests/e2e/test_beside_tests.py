"""The example with an agent beside the tests of a job, played as GitHub's runner plays it: act does
not know steps in the background.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from tests.documents import claim
from tests.emulator import Emulator
from tests.program import GitHubStep, executable, run_client
from tests.waits import LONG, asked, wait_until

STEPS: Final[list[dict[str, Any]]] = yaml.safe_load(
    claim("examples/workflows/beside-tests.yml").code
)["jobs"]["test"]["steps"]
AGENT: Final = next(step for step in STEPS if step.get("background"))


class Job:
    """Plays the steps of the example."""

    def __init__(self, folder: Path, emulator: Emulator, *, tests_pass: bool) -> None:
        self._emulator = emulator
        given = {"base-url": emulator.url, "api-key": emulator.token, "poll-interval": "100ms"}
        self.agent = GitHubStep(folder, AGENT["with"] | given, {"GITHUB_ACTION": "agent"})
        executable(folder / "bin" / "make", f"#!/bin/sh\nexit {0 if tests_pass else 1}\n")
        self._env = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        self._tests_failed = not tests_pass
        self._running: subprocess.Popen[str] | None = None
        self.log = ""
        self.failed = False

    def run(self) -> None:
        """Run every step. ``cancel`` takes no condition."""
        for step in STEPS:
            if step.get("background"):
                self._running = self.agent.start()
                wait_until(asked(self._emulator, "stream"), self._running)
            elif "cancel" in step:
                self._cancel()
            elif "run" in step and self._is_wanted(step):
                self._script(step)

    def _is_wanted(self, step: dict[str, Any]) -> bool:
        """Whether the step's condition holds, which joins known parts."""
        holds = {
            "always()": True,
            "steps.tests.outcome == 'failure'": self._tests_failed,
            "steps.agent.outputs.result == 'success'": self._agent_has("success"),
        }
        return all(holds[part] for part in step.get("if", "always()").split(" && "))

    def _agent_has(self, result: str) -> bool:
        return self.agent.outputs.get("result") == result

    def _script(self, step: dict[str, Any]) -> None:
        values = {
            name: self.agent.outputs[str(value).split(".outputs.")[1].removesuffix(" }}")]
            for name, value in step.get("env", {}).items()
        }
        command = ["bash", "-e", "-c", step["run"]]
        code, out = run_client(command, self.agent.workspace, self._env | values)
        self.log += out
        self.failed = self.failed or (code != 0 and not step.get("continue-on-error"))

    def _cancel(self) -> None:
        """Send what the runner sends first; a step that has ended stays as it is."""
        assert self._running is not None
        self._running.send_signal(signal.SIGINT)
        self._running.communicate(timeout=LONG)


def test_the_agent_is_cancelled_when_the_tests_pass(tmp_path: Path) -> None:
    with Emulator("slow") as emulator:
        job = Job(tmp_path, emulator, tests_pass=True)
        job.run()
        assert [run.status for run in emulator.runs] == ["cancelled"]
    assert (job.failed, job.log) == (False, "")
    assert job.agent.outputs["result"] == "interrupted"


def test_the_agent_is_waited_for_when_the_tests_fail(tmp_path: Path) -> None:
    with Emulator("success", speed=5) as emulator:
        job = Job(tmp_path, emulator, tests_pass=False)
        job.run()
        assert [run.status for run in emulator.runs] == ["success"]
    assert job.failed, "the tests failed"
    address = "https://github.com/acme/web/pull/42"
    assert job.log == f"The agent's fix is {address}\n"
