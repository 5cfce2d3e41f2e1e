"""Forgejo and Gitea Actions: GitHub's workflow commands and files, spoken by another runner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from mogplex_ci.platforms.github import GitHub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.platforms.interface import Identity


class Forgejo(GitHub):
    """Forgejo Actions, and Gitea Actions, which it comes from."""

    name: ClassVar[str] = "forgejo"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Both set ``GITHUB_ACTIONS`` as well."""
        return "true" in (env.get("FORGEJO_ACTIONS"), env.get("GITEA_ACTIONS"))

    def identity(self) -> Identity | None:
        """Name the step as on GitHub. A server that does not count attempts leaves a later one to be feared."""
        identity = super().identity()
        if identity is None or self.env.get("GITHUB_RUN_ATTEMPT"):
            return identity
        return replace(identity, attempt=None, later_attempt=True)
