"""The CI systems. ``detect`` returns the one that this process runs under; ``base`` says what each can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from mogplex_ci.platforms.azure import Azure
from mogplex_ci.platforms.buildkite import Buildkite
from mogplex_ci.platforms.github import Forgejo, GitHubActions
from mogplex_ci.platforms.gitlab import GitLab
from mogplex_ci.platforms.small_systems import (
    AppVeyor,
    Bitbucket,
    CircleCI,
    CodeBuild,
    Codefresh,
    Drone,
    Harness,
    Jenkins,
    Plain,
    Semaphore,
    TeamCity,
    Travis,
    Woodpecker,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.platforms.base import Platform

PLATFORMS: Final[tuple[type[Platform], ...]] = (
    Forgejo,
    GitHubActions,
    GitLab,
    Azure,
    Buildkite,
    CircleCI,
    Bitbucket,
    TeamCity,
    Woodpecker,
    Harness,
    Drone,
    CodeBuild,
    Semaphore,
    Codefresh,
    AppVeyor,
    Travis,
    Jenkins,
    Plain,
)
"""In the order of detection: a system that sets another one's variables comes before it, and ``Plain`` is last."""


def detect(env: Mapping[str, str], stream: TextIO) -> Platform:
    """Return the CI system whose environment ``env`` is, with ``stream`` as its job log."""
    return next(kind for kind in PLATFORMS if kind.matches(env))(env, stream)
