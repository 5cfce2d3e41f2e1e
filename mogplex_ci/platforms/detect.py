"""Picks the CI system that this process runs under."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.platforms.interface import Platform

PLATFORMS: Final = (
    ("forgejo", "Forgejo"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("azure", "Azure"),
    ("buildkite", "Buildkite"),
    ("circleci", "CircleCI"),
    ("bitbucket", "Bitbucket"),
    ("teamcity", "TeamCity"),
    ("woodpecker", "Woodpecker"),
    ("drone", "Drone"),
    ("jenkins", "Jenkins"),
    ("plain", "Plain"),
)
"""Module and class of each system, in the order of asking: one that imitates another comes before it."""


def detect(env: Mapping[str, str], stream: TextIO) -> Platform:
    """Return the system whose environment ``env`` is, printing to ``stream``."""
    for module, name in PLATFORMS:
        kind: type[Platform] = getattr(import_module(f"mogplex_ci.platforms.{module}"), name)
        if kind.detect(env):
            return kind(env, stream)
    raise AssertionError("the plain platform takes every environment")
