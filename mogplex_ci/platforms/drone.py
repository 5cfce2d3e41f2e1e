"""Drone: plain lines; the dotenv file stays in the workspace for later steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mogplex_ci.platforms.interface import Identity, Platform, readable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Drone(Platform):
    """Drone."""

    name: ClassVar[str] = "drone"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Drone sets ``DRONE``."""
        return env.get("DRONE") == "true"

    def identity(self) -> Identity | None:
        """Name the step. Restarting makes a new build: there is no second attempt at one."""
        repository, number, step = self._values("DRONE_REPO", "DRONE_BUILD_NUMBER", "DRONE_STEP_NAME")
        if not number:
            return None
        stage = self._values("DRONE_STAGE_NAME", "DRONE_STAGE_NUMBER")
        parts = (*self._values("DRONE_SYSTEM_HOST"), repository, number, *stage, step)
        return Identity(parts, readable(repository, number, step), "1", later_attempt=False)

    def repository(self) -> str | None:
        """Return the repository of the build."""
        return self.env.get("DRONE_REPO") or None

    @property
    def workspace(self) -> Path:
        """The workspace that all steps share."""
        return self._folder("DRONE_WORKSPACE")
