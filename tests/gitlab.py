"""GitLab pipelines under gitlab-ci-local."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.npm import node_environment
from tests.program import ROOT, run_client
from tests.require import unavailable

_SERVER = "https://gitlab.com"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that has ended."""

    code: int
    log: str

    def lines(self, job: str) -> list[str]:
        """Return the output of the job's commands."""
        return re.findall(rf"^{re.escape(job)} +> (.*)$", self.log, re.MULTILINE)


class Project:
    """The project `acme/web` on a GitLab server, with a pipeline."""

    def __init__(self, folder: Path, pipeline: str) -> None:
        """Lay it out in an empty folder; `pipeline` is the text of its `.gitlab-ci.yml`."""
        self.folder = folder / "web"
        self._home = folder / "home"
        self._remotes = folder / "remotes"
        _commit(self.folder / ".gitlab-ci.yml", pipeline, self.folder)
        _git(self.folder, "remote", "add", "origin", f"{_SERVER}/acme/web.git")
        _git(self.folder, "update-ref", "refs/remotes/origin/main", "HEAD")
        _git(self.folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")

    def serve_components(self) -> None:
        """Let the server have this repository's component, as version 1.0.0 of
        `mogplex/run-action`.
        """
        source, template = self._remotes / "run-action.git", "templates/run/template.yml"
        _commit(source / template, (ROOT / template).read_text(encoding="utf-8"), source)
        _git(source, "tag", "1.0.0")

    def run(self, *options: str, shell: bool = True, **variables: str) -> Pipeline:
        """Run the pipeline: its jobs in a shell, with this work tree's program on PATH, or in
        containers.
        """
        if shutil.which("rsync") is None:
            unavailable("node", "no `rsync` on PATH, which gitlab-ci-local copies artifacts with")
        given = [f"--variable={name}={value}" for name, value in variables.items()]
        executor = ["--force-shell-executor"] if shell else []
        command = ["gitlab-ci-local", "--no-color", *executor, *given, *options]
        return Pipeline(*run_client(command, self.folder, self._environment()))

    def _environment(self) -> dict[str, str]:
        # Nothing else of this machine's environment: it may be another CI system's.
        env = {
            "PATH": f"{Path(sys.executable).parent}:{node_environment()['PATH']}",
            "HOME": str(self._home),
        }
        env |= {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        # Components come from the server by git: here, from folders.
        rewrites = (f"{_SERVER}/mogplex/", f"{_SERVER}:443/mogplex/")
        settings = [(f"url.file://{self._remotes}/.insteadOf", address) for address in rewrites]
        settings.append(("uploadpack.allowFilter", "true"))
        env["GIT_CONFIG_COUNT"] = str(len(settings))
        for number, (key, value) in enumerate(settings):
            env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return env


def _commit(path: Path, text: str, repository: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    for arguments in (
        ["init", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--message=Test"],
    ):
        _git(repository, *arguments)


def _git(repository: Path, *arguments: str) -> None:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(
        ["git", *author, *arguments], cwd=repository, check=True, stdout=subprocess.DEVNULL
    )
