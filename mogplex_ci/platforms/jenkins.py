"""Jenkins: plain lines, and the dotenv file for ``readProperties``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mogplex_ci.platforms.interface import Identity, Platform, readable, repository_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Jenkins(Platform):
    """Jenkins, pipeline or freestyle."""

    name: ClassVar[str] = "jenkins"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Jenkins sets ``JENKINS_URL``."""
        return bool(env.get("JENKINS_URL"))

    def identity(self) -> Identity | None:
        """Name the stage of the build. A try of ``retry`` within the stage cannot be told from the one before.

        Nothing tells the cells of a ``matrix`` apart: they need a ``key-suffix`` made of their axes.
        """
        tag, stage = self._values("BUILD_TAG", "STAGE_NAME")
        if not tag:
            return None
        parts = (*self._values("JENKINS_URL", "JOB_NAME", "BUILD_NUMBER"), tag, stage)
        return Identity(parts, readable(tag.removeprefix("jenkins-"), stage), attempt=None, later_attempt=True)

    def repository(self) -> str | None:
        """Return the repository that was checked out."""
        return repository_of(self.env.get("GIT_URL", ""))

    @property
    def workspace(self) -> Path:
        """The build's workspace."""
        return self._folder("WORKSPACE")
