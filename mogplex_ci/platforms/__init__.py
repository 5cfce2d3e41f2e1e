"""The CI systems. ``detect`` returns the one that this process runs under; ``base`` says what each
can do.
"""

from collections.abc import Mapping
from typing import Final, TextIO

from mogplex_ci.platforms.base import PLAIN, Plain, Platform
from mogplex_ci.platforms.github import FORGEJO, GITHUB, Forgejo, GitHubActions
from mogplex_ci.platforms.gitlab import GITLAB, GitLab
from mogplex_ci.platforms.small_systems import SMALL_SYSTEMS
from mogplex_ci.platforms.system import System
from mogplex_ci.sanitize import secrets_of

PLATFORMS: Final[tuple[tuple[System, type[Platform]], ...]] = (
    (FORGEJO, Forgejo),
    (GITHUB, GitHubActions),
    (GITLAB, GitLab),
    *((system, Platform) for system in SMALL_SYSTEMS),
    (PLAIN, Plain),
)
"""In the order of detection: a system that sets another one's variables comes before it, and
``PLAIN``, which matches every environment, is last.
"""


def secrets_of_job(env: Mapping[str, str]) -> set[str]:
    """Return the secrets in ``env``, and in the files in which the CI system keeps variables."""
    system = next(system for system, _ in PLATFORMS if system.matches(env))
    return secrets_of(env, system.file_variables(env).values())


def detect(env: Mapping[str, str], stream: TextIO) -> Platform:
    """Return the CI system whose environment ``env`` is, with ``stream`` as its job log."""
    return next(kind(system, env, stream) for system, kind in PLATFORMS if system.matches(env))
