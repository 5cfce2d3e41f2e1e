"""A step in the built image, started the way GitHub's runner starts container actions."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.container.images import ROOT, docker

FILE_COMMANDS = ("output", "state", "step_summary")
_RUNS = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]


class Step:
    """One step of a job: its workspace, its file commands, and the containers started for it.

    Containers share the host's network, so that they reach an emulator on its loopback interface.
    """

    def __init__(self, image: str, folder: Path, inputs: Mapping[str, str]) -> None:
        """Make the step's files below ``folder``, which is empty; ``inputs`` are those that a workflow gives."""
        self._image = image
        self._folder = folder
        self._env = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "agent",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_JOB": "build",
            "GITHUB_REPOSITORY": "acme/web",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "9876543210",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKFLOW_REF": "acme/web/.github/workflows/test.yml@refs/heads/main",
            "GITHUB_WORKSPACE": "/github/workspace",
            "HOME": "/github/home",
            **{f"GITHUB_{name.upper()}": f"/github/file_commands/{name}" for name in FILE_COMMANDS},
            "INPUT_POST-STEP": "true",  # as action.yml has it
            **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
        }
        for name in ("workspace", "home", "file_commands"):
            (folder / name).mkdir()
        for name in FILE_COMMANDS:
            (folder / "file_commands" / name).touch()

    def start(self) -> str:
        """Start the step and return its container's id."""
        return docker("run", "--detach", f"--entrypoint={_RUNS['entrypoint']}", *self._options(self._env), self._image)

    def post(self) -> subprocess.CompletedProcess[str]:
        """Run the post step to its end: a new container with the inputs again and the saved state."""
        state = {f"STATE_{name}": value for name, value in self.file_command("state").items()}
        options = self._options({**self._env, **state})
        return subprocess.run(
            ["docker", "run", "--rm", f"--entrypoint={_RUNS['post-entrypoint']}", *options, self._image],
            capture_output=True,
            text=True,
            check=False,
        )

    def file_command(self, name: str) -> dict[str, str]:
        """Return the values in one of FILE_COMMANDS that are written whole so far."""
        text = (self._folder / "file_commands" / name).read_text()
        return {key: value for key, _, value in re.findall(r"^(\S+?)<<(.+)\n(?s:(.*?))\n\2$", text, re.MULTILINE)}

    def _options(self, env: Mapping[str, str]) -> list[str]:
        mounts = [f"--volume={self._folder / name}:/github/{name}" for name in ("workspace", "home", "file_commands")]
        variables = [f"--env={name}={value}" for name, value in env.items()]
        return ["--network=host", "--workdir=/github/workspace", *mounts, *variables]
