"""Bitbucket Pipelines: plain lines in the log, and a file of variables for later steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TextIO

from mogplex_ci.platforms.base import Identity, Platform, dotenv, joined, replace_block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import CleanText


class Bitbucket(Platform):
    """Bitbucket Pipelines.

    It names no repository: the pipeline's own is on Bitbucket, and Mogplex works on GitHub repositories.
    """

    name: ClassVar[str] = "bitbucket"
    workspace_variable = "BITBUCKET_CLONE_DIR"
    parallel_jobs_variable = "BITBUCKET_PARALLEL_STEP_COUNT"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._variables = ""

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Bitbucket sets ``BITBUCKET_BUILD_NUMBER``."""
        return bool(env.get("BITBUCKET_BUILD_NUMBER"))

    def identity(self) -> Identity | None:
        """Return the step: a re-run keeps its id and raises its run number."""
        repository, build, step = self._values("BITBUCKET_REPO_UUID", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_UUID")
        name, parallel = self._values("BITBUCKET_REPO_FULL_NAME", "BITBUCKET_PARALLEL_STEP")
        attempt = self.env.get("BITBUCKET_STEP_RUN_NUMBER", "1")
        return Identity((repository, build, step, parallel), joined(name, build), attempt, later_attempt=attempt != "1")

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Write the dotenv file, and the file that a step's ``output-variables`` are read from."""
        super().set_outputs(outputs)
        if path := self.env.get("BITBUCKET_PIPELINES_VARIABLES_PATH"):
            before, self._variables = self._variables, dotenv(outputs)
            replace_block(Path(path), before, self._variables)
