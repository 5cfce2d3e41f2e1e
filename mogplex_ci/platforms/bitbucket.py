"""Bitbucket Pipelines: plain lines, and variables for later steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mogplex_ci.platforms.dotenv import dotenv, replace_ours
from mogplex_ci.platforms.interface import Identity, Platform, readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import SafeText


class Bitbucket(Platform):
    """Bitbucket Pipelines."""

    name: ClassVar[str] = "bitbucket"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Bitbucket sets ``BITBUCKET_BUILD_NUMBER``."""
        return bool(env.get("BITBUCKET_BUILD_NUMBER"))

    def identity(self) -> Identity | None:
        """Name the step; running it again keeps its id and counts up its run number."""
        repository, build, step = self._values("BITBUCKET_REPO_UUID", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_UUID")
        parts = (repository, build, step, *self._values("BITBUCKET_PARALLEL_STEP"))
        attempt = self.env.get("BITBUCKET_STEP_RUN_NUMBER", "1")
        return Identity(parts, readable(self.repository() or "", build), attempt, later_attempt=attempt != "1")

    def repository(self) -> str | None:
        """Return the repository of the pipeline."""
        return self.env.get("BITBUCKET_REPO_FULL_NAME") or None

    @property
    def workspace(self) -> Path:
        """The folder of the clone."""
        return self._folder("BITBUCKET_CLONE_DIR")

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Write the file from which ``output-variables`` of the step are read."""
        super().set_outputs(outputs)
        if path := self.env.get("BITBUCKET_PIPELINES_VARIABLES_PATH"):
            replace_ours(Path(path), "MOGPLEX_", dotenv(outputs).splitlines())
