"""Woodpecker: plain lines; the dotenv file stays in the workspace for later steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mogplex_ci.platforms.interface import Identity, Platform, readable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Woodpecker(Platform):
    """Woodpecker."""

    name: ClassVar[str] = "woodpecker"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Woodpecker says so in ``CI``."""
        return env.get("CI") == "woodpecker"

    def identity(self) -> Identity | None:
        """Name the step. Restarting makes a new pipeline: there is no second attempt at one.

        Each entry of a matrix is a workflow with a number of its own.
        """
        repository, number, step = self._values("CI_REPO", "CI_PIPELINE_NUMBER", "CI_STEP_NAME")
        if not number:
            return None
        workflow = self._values("CI_WORKFLOW_NAME", "CI_WORKFLOW_NUMBER")
        parts = (*self._values("CI_SYSTEM_URL"), repository, number, *workflow, step)
        return Identity(parts, readable(repository, number, step), "1", later_attempt=False)

    def repository(self) -> str | None:
        """Return the repository of the pipeline."""
        return self.env.get("CI_REPO") or None

    @property
    def workspace(self) -> Path:
        """The workspace that all steps share."""
        return self._folder("CI_WORKSPACE")
