"""Systems that are only told apart by their environment: plain lines in the log, outputs in the dotenv file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TextIO

from mogplex_ci.platforms.base import FORK_BUILD, Identity, Platform, joined, repository_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class Woodpecker(Platform):
    """Woodpecker. All steps of a workflow share the workspace, and so the dotenv file."""

    name: ClassVar[str] = "woodpecker"
    repository_variable = "CI_REPO"
    workspace_variable = "CI_WORKSPACE"

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Woodpecker sets ``CI`` to its name."""
        return env.get("CI") == "woodpecker"

    def identity(self) -> Identity | None:
        """Return the step. A restart is a new pipeline, so there is no second try of one.

        Each entry of a matrix is a workflow with its own number.
        """
        repository, number, step = self._values("CI_REPO", "CI_PIPELINE_NUMBER", "CI_STEP_NAME")
        if not number:
            return None
        workflow = self._values("CI_WORKFLOW_NAME", "CI_WORKFLOW_NUMBER")
        parts = (*self._values("CI_SYSTEM_URL"), repository, number, *workflow, step)
        return Identity(parts, joined(repository, number, step), "1", later_attempt=False)


class Drone(Platform):
    """Drone. All steps of a stage share the workspace, and so the dotenv file."""

    name: ClassVar[str] = "drone"
    repository_variable = "DRONE_REPO"
    workspace_variable = "DRONE_WORKSPACE"

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Drone sets ``DRONE``."""
        return env.get("DRONE") == "true"

    def identity(self) -> Identity | None:
        """Return the step. A restart is a new build, so there is no second try of one."""
        repository, number, step = self._values("DRONE_REPO", "DRONE_BUILD_NUMBER", "DRONE_STEP_NAME")
        if not number:
            return None
        stage = self._values("DRONE_STAGE_NAME", "DRONE_STAGE_NUMBER")
        parts = (*self._values("DRONE_SYSTEM_HOST"), repository, number, *stage, step)
        return Identity(parts, joined(repository, number, step), "1", later_attempt=False)


class Jenkins(Platform):
    """Jenkins, with pipelines or freestyle projects. ``readProperties`` reads the dotenv file."""

    name: ClassVar[str] = "jenkins"
    workspace_variable = "WORKSPACE"

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Jenkins sets ``JENKINS_URL``."""
        return bool(env.get("JENKINS_URL"))

    def identity(self) -> Identity | None:
        """Return the stage of the build. The tries of a ``retry`` in the stage cannot be told apart.

        Nor can the cells of a ``matrix``: they need a ``key-suffix`` made of their axes.
        """
        tag, stage = self._values("BUILD_TAG", "STAGE_NAME")
        if not tag:
            return None
        parts = (*self._values("JENKINS_URL", "JOB_NAME", "BUILD_NUMBER"), tag, stage)
        return Identity(parts, joined(tag.removeprefix("jenkins-"), stage), attempt=None, later_attempt=True)

    def repository(self) -> str | None:
        """Return the repository that the Git plugin checked out."""
        return repository_of(self.env.get("GIT_URL", ""))

    def untrusted_trigger(self) -> str | None:
        """Return that a multibranch project builds a fork: the Branch API plugin sets the variable then."""
        return FORK_BUILD if self.env.get("CHANGE_FORK") else None


class Plain(Platform):
    """No known CI system: a terminal, ``docker run``, or a CI system of the user's own."""

    name: ClassVar[str] = "plain"

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Match every environment."""
        return True

    @property
    def terminal(self) -> TextIO | None:
        """The log's stream when it is a terminal that can redraw lines, and no CI system's."""
        watched = self._stream.isatty() and self.env.get("TERM", "dumb") != "dumb" and not self.env.get("CI")
        return self._stream if watched else None
