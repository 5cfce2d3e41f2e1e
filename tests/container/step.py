"""A step in the built image, started the way GitHub's runner starts container actions."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.ci_environments import environment
from tests.container.images import ROOT, docker
from tests.program import GitHubStep

_RUNS = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]


class Step:
    """One step of a job, and the containers started for it; they share the host's network and reach an emulator."""

    def __init__(self, image: str, folder: Path, inputs: Mapping[str, str]) -> None:
        """Make the step's files below ``folder``, which is empty; ``inputs`` are those that a workflow gives."""
        self.files = GitHubStep(folder)
        self._image = image
        self._env = environment("github", Path("/github")) | {"HOME": "/github/home"}
        self._env |= {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        (folder / "home").mkdir()

    def start(self) -> str:
        """Start the step and return its container's id."""
        return docker("run", "--detach", f"--entrypoint={_RUNS['entrypoint']}", *self._options(), self._image)

    def post(self) -> subprocess.CompletedProcess[str]:
        """Run the post step to its end: a new container with the inputs again and the saved state."""
        state = [f"--env=STATE_{name}={value}" for name, value in self.files.state.items()]
        command = ["docker", "run", "--rm", f"--entrypoint={_RUNS['post-entrypoint']}", *self._options(), *state]
        return subprocess.run([*command, self._image], capture_output=True, text=True, check=False)

    def _options(self) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in self._env.items()]
        return ["--network=host", "--workdir=/github/workspace", f"--volume={self.files.folder}:/github", *variables]
