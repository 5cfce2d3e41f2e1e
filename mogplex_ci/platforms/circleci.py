"""CircleCI: plain lines in the log, and variables for later steps of the job."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TextIO

from mogplex_ci.platforms.base import FORK_BUILD, Identity, Platform, joined, replace_block, variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import CleanText


class CircleCI(Platform):
    """CircleCI."""

    name: ClassVar[str] = "circleci"
    job_url_variable = "CIRCLE_BUILD_URL"
    parallel_jobs_variable = "CIRCLE_NODE_TOTAL"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._exports = ""

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """CircleCI sets ``CIRCLECI``."""
        return env.get("CIRCLECI") == "true"

    def identity(self) -> Identity | None:
        """Return the job within the workflow and its re-runs.

        A re-run is a workflow with a new id; only the id of the workspace is the same in all of them.
        """
        workflow, workspace = self._values("CIRCLE_WORKFLOW_ID", "CIRCLE_WORKFLOW_WORKSPACE_ID")
        if not workflow:
            return None
        first, job = workspace or workflow, self.env.get("CIRCLE_JOB", "")
        parts = (first, job, *self._values("CIRCLE_NODE_INDEX"))
        attempt = self.env.get("CIRCLE_WORKFLOW_JOB_ID") or workflow
        return Identity(parts, joined(self.repository() or "", first, job), attempt, later_attempt=first != workflow)

    def repository(self) -> str | None:
        """Return the repository of the project."""
        names = self._values("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME")
        return "/".join(names) if all(names) else None

    def untrusted_trigger(self) -> str | None:
        """Return that this job builds a fork's pull request: CircleCI sets these variables for no other."""
        return FORK_BUILD if any(self._values("CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME")) else None

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Write the dotenv file, and the shell file that every later step of the job sources first."""
        super().set_outputs(outputs)
        if path := self.env.get("BASH_ENV"):
            lines = (f"export {name}={shlex.quote(value)}\n" for name, value in variables(outputs).items())
            before, self._exports = self._exports, "".join(lines)
            replace_block(Path(path), before, self._exports)
