"""CircleCI: plain lines, and variables for the job's later steps."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mogplex_ci.platforms.dotenv import replace_ours, variables
from mogplex_ci.platforms.interface import Identity, Platform, readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import SafeText


class CircleCI(Platform):
    """CircleCI."""

    name: ClassVar[str] = "circleci"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """CircleCI sets ``CIRCLECI``."""
        return env.get("CIRCLECI") == "true"

    def identity(self) -> Identity | None:
        """Name the job in its series of re-runs.

        A re-run is a workflow with a new id; only the id of the workspace stays the same in all of them.
        """
        workflow, series = self._values("CIRCLE_WORKFLOW_ID", "CIRCLE_WORKFLOW_WORKSPACE_ID")
        if not workflow:
            return None
        series, job = series or workflow, self.env.get("CIRCLE_JOB", "")
        parts = (series, job, *self._values("CIRCLE_NODE_INDEX"))
        attempt = self.env.get("CIRCLE_WORKFLOW_JOB_ID") or workflow
        return Identity(
            parts, readable(self.repository() or "", series, job), attempt, later_attempt=series != workflow
        )

    def repository(self) -> str | None:
        """Return the repository of the pipeline."""
        names = self._values("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME")
        return "/".join(names) if all(names) else None

    @property
    def parallel_jobs(self) -> int:
        """The nodes of ``parallelism``."""
        return self._count("CIRCLE_NODE_TOTAL")

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Export to the shell file that each later step of the job sources first."""
        super().set_outputs(outputs)
        if path := self.env.get("BASH_ENV"):
            lines = (f"export {name}={shlex.quote(value)}" for name, value in variables(outputs).items())
            replace_ours(Path(path), "export MOGPLEX_", lines)
