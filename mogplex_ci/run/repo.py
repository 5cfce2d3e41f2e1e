"""Finds the repository's id: the API starts runs by id, and answers 503 for ever when it does not know one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client
    from mogplex_ci.models import Repo

CLOSEST: Final = 3
"""Names that the error lists."""


def find_repo(client: Client, full_name: str, *, timeout: float) -> Repo:
    """Return the repository whose full name is ``full_name``; case counts only between two that differ in nothing else.

    Raises:
        UsageError: this token sees no such repository; the error lists the closest names it does see.
        MogplexError: the API could not be asked.
    """
    found = client.repos(query=full_name, timeout=timeout)
    exact = [repo for repo in found if repo.full_name == Untrusted(full_name)]
    same = exact or [repo for repo in found if repo.full_name.likeness(full_name) == 1.0]
    if len(same) == 1:
        return same[0]
    visible = client.repos(timeout=timeout)
    near = sorted(visible, key=lambda repo: repo.full_name.likeness(full_name), reverse=True)[:CLOSEST]
    fault = "more than one repository has this name" if same else "this token sees no such repository"
    allowed = "a repository from 'mogplex repos list'; connect it to Mogplex if it is missing there"
    raise UsageError(Problem("repo", fault, allowed, Untrusted(full_name), tuple(repo.full_name for repo in near)))
