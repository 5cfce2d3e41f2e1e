"""Smaller CI systems. Outputs are in the dotenv file, for some also in a file or in messages of the system's.

The log has plain lines only, but on TeamCity, which recognizes service messages anywhere in a line.

What a class knows of its system is in the system's documents, or in its source for Woodpecker, Drone and Jenkins;
``docs/platforms.md`` says which.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TextIO

from mogplex_ci.platforms.base import (
    FORK_BUILD,
    Identity,
    Level,
    Platform,
    annotation_text,
    dotenv,
    joined,
    replace_block,
    repository_of,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import CleanText, SafeText


class CircleCI(Platform):
    """CircleCI."""

    name: ClassVar[str] = "circleci"
    marker_variable = "CIRCLECI"
    marker_value = "true"
    job_url_variable = "CIRCLE_BUILD_URL"
    parallel_jobs_variable = "CIRCLE_NODE_TOTAL"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._exports = ""

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
            from shlex import quote

            lines = (f"export {name}={quote(value)}\n" for name, value in variables(outputs).items())
            before, self._exports = self._exports, "".join(lines)
            replace_block(Path(path), before, self._exports)


class Bitbucket(Platform):
    """Bitbucket Pipelines.

    It names no repository: the pipeline's own is on Bitbucket, and Mogplex works on GitHub repositories.
    """

    name: ClassVar[str] = "bitbucket"
    marker_variable = "BITBUCKET_BUILD_NUMBER"
    workspace_variable = "BITBUCKET_CLONE_DIR"
    parallel_jobs_variable = "BITBUCKET_PARALLEL_STEP_COUNT"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._variables = ""

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


class Woodpecker(Platform):
    """Woodpecker. All steps of a workflow share the workspace, and so the dotenv file."""

    name: ClassVar[str] = "woodpecker"
    marker_variable = "CI"
    marker_value = "woodpecker"
    job_url_variable = "CI_PIPELINE_URL"
    repository_variable = "CI_REPO"
    workspace_variable = "CI_WORKSPACE"

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


class Harness(Platform):
    """Harness CI. It sets Drone's variables as well, and its build numbers repeat from pipeline to pipeline."""

    name: ClassVar[str] = "harness"
    marker_variable = "HARNESS_EXECUTION_ID"
    repository_variable = "DRONE_REPO"
    workspace_variable = "HARNESS_WORKSPACE"
    parallel_jobs_variable = "HARNESS_NODE_TOTAL"

    def identity(self) -> Identity | None:
        """Return the step of the execution; the tries of a failure strategy cannot be told apart."""
        pipeline, build, step = self._values("HARNESS_PIPELINE_ID", "HARNESS_BUILD_ID", "DRONE_STEP_NAME")
        if not pipeline:
            return None
        owner = self._values("HARNESS_ACCOUNT_ID", "HARNESS_ORG_ID", "HARNESS_PROJECT_ID")
        indexes = self._values("HARNESS_NODE_INDEX", "HARNESS_STAGE_INDEX", "HARNESS_STEP_INDEX")
        execution, stage = self._values("HARNESS_EXECUTION_ID", "HARNESS_STAGE_ID")
        parts = (*owner, pipeline, execution, stage, step, *indexes)
        return Identity(parts, joined(pipeline, build, stage), attempt=None, later_attempt=True)


class Drone(Platform):
    """Drone. All steps of a stage share the workspace, and so the dotenv file."""

    name: ClassVar[str] = "drone"
    marker_variable = "DRONE"
    marker_value = "true"
    job_url_variable = "DRONE_BUILD_LINK"
    repository_variable = "DRONE_REPO"
    workspace_variable = "DRONE_WORKSPACE"

    def identity(self) -> Identity | None:
        """Return the step. A restart is a new build, so there is no second try of one."""
        repository, number, step = self._values("DRONE_REPO", "DRONE_BUILD_NUMBER", "DRONE_STEP_NAME")
        if not number:
            return None
        stage = self._values("DRONE_STAGE_NAME", "DRONE_STAGE_NUMBER")
        parts = (*self._values("DRONE_SYSTEM_HOST"), repository, number, *stage, step)
        return Identity(parts, joined(repository, number, step), "1", later_attempt=False)


class CodeBuild(Platform):
    """AWS CodeBuild."""

    name: ClassVar[str] = "codebuild"
    marker_variable = "CODEBUILD_BUILD_ARN"
    workspace_variable = "CODEBUILD_SRC_DIR"

    def identity(self) -> Identity | None:
        """Return the build, also one of a batch. A retry is a new build, so there is no second try of one."""
        arn, build = self._values("CODEBUILD_BUILD_ARN", "CODEBUILD_BUILD_ID")
        return Identity((arn,), build, "1", later_attempt=False) if build else None

    def repository(self) -> str | None:
        """Return the repository of the build's source."""
        return repository_of(self.env.get("CODEBUILD_SOURCE_REPO_URL", ""))


class Semaphore(Platform):
    """Semaphore."""

    name: ClassVar[str] = "semaphore"
    marker_variable = "SEMAPHORE"
    marker_value = "true"
    repository_variable = "SEMAPHORE_GIT_REPO_SLUG"
    pull_request_variable = "SEMAPHORE_GIT_PR_SLUG"
    parallel_jobs_variable = "SEMAPHORE_JOB_COUNT"

    def identity(self) -> Identity | None:
        """Return the job of the workflow: a re-run of its pipeline is a new pipeline in the same workflow.

        A promoted pipeline is named by its own id, for the same promotion may be started twice.
        """
        workflow, pipeline, job = self._values("SEMAPHORE_WORKFLOW_ID", "SEMAPHORE_PIPELINE_ID", "SEMAPHORE_JOB_NAME")
        if not workflow:
            return None
        promoted = pipeline if self.env.get("SEMAPHORE_PIPELINE_PROMOTION") == "true" else ""
        place = self._values("SEMAPHORE_BLOCK_NAME", "SEMAPHORE_JOB_NAME", "SEMAPHORE_JOB_INDEX")
        parts = (*self._values("SEMAPHORE_ORGANIZATION_URL", "SEMAPHORE_PROJECT_ID"), workflow, promoted, *place)
        again = self.env.get("SEMAPHORE_PIPELINE_RERUN") == "true"
        return Identity(parts, joined(self.repository() or "", workflow, job), pipeline or None, later_attempt=again)


class Codefresh(Platform):
    """Codefresh."""

    name: ClassVar[str] = "codefresh"
    marker_variable = "CF_BUILD_ID"

    def identity(self) -> Identity | None:
        """Return the step of the build; its ``retry`` counts the attempts."""
        pipeline, build, step = self._values("CF_PIPELINE_NAME", "CF_BUILD_ID", "CF_STEP_NAME")
        if not pipeline:
            return None
        attempt = self.env.get("CF_CURRENT_ATTEMPT", "1")
        parts = (*self._values("CF_URL", "CF_ACCOUNT"), pipeline, build, step)
        return Identity(parts, joined(pipeline, build, step), attempt, later_attempt=attempt != "1")

    def repository(self) -> str | None:
        """Return the repository of the build."""
        names = self._values("CF_REPO_OWNER", "CF_REPO_NAME")
        return "/".join(names) if all(names) else None

    def untrusted_trigger(self) -> str | None:
        """Return that this job builds a fork's pull request."""
        return FORK_BUILD if self.env.get("CF_PULL_REQUEST_IS_FORK") == "true" else None


class AppVeyor(Platform):
    """AppVeyor."""

    name: ClassVar[str] = "appveyor"
    marker_variable = "APPVEYOR"
    marker_value = "true"
    repository_variable = "APPVEYOR_REPO_NAME"
    pull_request_variable = "APPVEYOR_PULL_REQUEST_HEAD_REPO_NAME"
    workspace_variable = "APPVEYOR_BUILD_FOLDER"

    def identity(self) -> Identity | None:
        """Return the job of the build: "Re-run incomplete" runs it again there, "Re-build" makes a new build."""
        build, number, name = self._values("APPVEYOR_BUILD_ID", "APPVEYOR_JOB_NUMBER", "APPVEYOR_JOB_NAME")
        if not build:
            return None
        owner = self._values("APPVEYOR_URL", "APPVEYOR_ACCOUNT_NAME", "APPVEYOR_PROJECT_ID")
        again = self.env.get("APPVEYOR_RE_RUN_INCOMPLETE", "").lower() == "true"
        label = joined(self.repository() or "", build, number)
        return Identity((*owner, build, number, name), label, self.env.get("APPVEYOR_JOB_ID"), later_attempt=again)


class Travis(Platform):
    """Travis CI."""

    name: ClassVar[str] = "travis"
    marker_variable = "TRAVIS"
    marker_value = "true"
    job_url_variable = "TRAVIS_JOB_WEB_URL"
    repository_variable = "TRAVIS_REPO_SLUG"
    pull_request_variable = "TRAVIS_PULL_REQUEST_SLUG"
    workspace_variable = "TRAVIS_BUILD_DIR"

    def identity(self) -> Identity | None:
        """Return the job of the build; a restart keeps both, and the restarts are not counted."""
        build, job = self._values("TRAVIS_BUILD_ID", "TRAVIS_JOB_NUMBER")
        if not build:
            return None
        repository = self.repository() or ""
        parts = (*self._values("TRAVIS_BUILD_WEB_URL"), repository, build, job)
        again = self.env.get("TRAVIS_JOB_RESTARTED") == "true"
        return Identity(parts, joined(repository, job), attempt=None, later_attempt=again)


class Jenkins(Platform):
    """Jenkins, with pipelines or freestyle projects. ``readProperties`` reads the dotenv file."""

    name: ClassVar[str] = "jenkins"
    job_url_variable = "BUILD_URL"
    workspace_variable = "WORKSPACE"

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Jenkins sets ``BUILD_TAG``, and ``JENKINS_URL`` when its administrator has set its address."""
        return bool(env.get("JENKINS_URL")) or env.get("BUILD_TAG", "").startswith("jenkins-")

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


_TEAMCITY_ESCAPES: Final = str.maketrans(
    {"|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r", "\x85": "|x", "\u2028": "|l", "\u2029": "|p"}
)
_TEAMCITY_STATUS: Final = {Level.NOTICE: "NORMAL", Level.WARNING: "WARNING"}


class TeamCity(Platform):
    """TeamCity."""

    name: ClassVar[str] = "teamcity"
    marker_variable = "TEAMCITY_VERSION"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._block = ""

    def identity(self) -> Identity | None:
        """Return the build. Running it again makes a new build, so there is no second try of one.

        Build numbers may repeat, for their format can be changed; the build's address holds its id.
        """
        project, kind, number = self._values("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER")
        if not number:
            return None
        parts = (*self._values("BUILD_URL"), project, kind, number)
        return Identity(parts, joined(project, kind, number), "1", later_attempt=False)

    def open_group(self, title: SafeText) -> None:
        """Start a block."""
        self._block = title
        self._message("blockOpened", name=title)

    def close_group(self) -> None:
        """End the block."""
        self._message("blockClosed", name=self._block)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Report an error as a build problem, which fails the build, and anything else as a message."""
        shown = annotation_text(title, text, file, line)
        if level is Level.ERROR:
            self._message("buildProblem", description=shown)
        else:
            self._message("message", text=shown, status=_TEAMCITY_STATUS[level])

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Write the dotenv file, and set parameters of the build. A single ``%`` would refer to another parameter."""
        super().set_outputs(outputs)
        for name, value in variables(outputs).items():
            self._message("setParameter", name=name, value=value.replace("%", "%%"))

    def _message(self, kind: str, **properties: str) -> None:
        given = " ".join(f"{name}='{value.translate(_TEAMCITY_ESCAPES)}'" for name, value in properties.items())
        self._write(f"##teamcity[{kind} {given}]")


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
