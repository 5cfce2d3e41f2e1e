"""Which repository the input ``repo`` stands for: a name or an id.

The API starts runs by a repository's id, and answers an id that it does not know like an outage:
hence the look-up.

A repository that was taken off Mogplex's dashboard is *hidden*. Older services do not list it,
newer ones list it with ``hidden: true``; both start runs on it.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from math import inf
from typing import Final

from mogplex_ci.api.client import Client
from mogplex_ci.errors import UsageError
from mogplex_ci.models import Repo, is_uuid
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.run.service import Service
from mogplex_ci.untrusted import Untrusted

FIND_REPO: Final = (
    f"Use one from '{program()} repos list'. To add one, install the Mogplex GitHub App on it: "
    "https://docs.mogplex.com/integrations/github."
)
_GIVE_ID: Final = "If you removed it from Mogplex's dashboard, use its id."
_CLOSEST: Final = 3
"""Repository names that an error lists."""


def repos_named(full_name: str, repos: Sequence[Repo]) -> list[Repo]:
    """Return those of ``repos`` whose full name is ``full_name``.

    Case matters only between names that differ in it alone. If a name comes twice, it means the
    repository that is not hidden.
    """
    found = [repo for repo in repos if repo.full_name.text == full_name]
    if not found:
        found = [repo for repo in repos if repo.full_name.text.lower() == full_name.lower()]
    visible = [repo for repo in found if not repo.hidden]
    return visible or found


def find_repo(client: "Client", full_name: str, *, timeout: float) -> Repo:
    """Return the repository whose full name is ``full_name``; see ``repos_named``.

    Raises:
        UsageError: this token sees no such repository; the error lists the closest names it does
            see.
        MogplexError: the API could not be asked.
    """
    found = repos_named(full_name, client.repos(query=full_name, timeout=timeout))
    if len(found) == 1:
        return found[0]
    # The query has listed only names that hold it, and the error suggests similar ones.
    visible = client.repos(timeout=timeout)
    raise UsageError(_no_such_repo(full_name, visible, several=bool(found)))


def look_up(service: "Service", name: str, deadline: float = inf) -> Repo | None:
    """Return the repository of a name or an id; None for an id that the token does not list. See
    ``find_repo``, and for ``deadline`` ``Service.answer_to``.

    Raises:
        UsageError: this token sees no repository of the name.
        MogplexError: the API could not be asked.
        StopRequested: a stop signal came.
    """
    client = service.client
    if not is_uuid(name):
        return service.answer_to(lambda timeout: find_repo(client, name, timeout=timeout), deadline)
    listed = service.answer_to(
        lambda timeout: client.repos(repo_id=name, timeout=timeout), deadline
    )
    return next(iter(listed), None)


def _no_such_repo(name: str, listed: Sequence[Repo], *, several: bool) -> Problem:
    """Return that ``name`` stands for none of the ``listed`` repositories, or for ``several``, and
    which are close.
    """
    names = [repo.full_name.text for repo in listed]
    near = tuple(map(Untrusted, get_close_matches(name, names, n=_CLOSEST, cutoff=0.0)))
    if several:
        remedy = f"Give the id of the one, from '{program()} repos list'."
        fault = "is the name of several repositories"
        return Problem("repo", fault, remedy, Untrusted(name), near)
    remedy = f"{FIND_REPO} {_GIVE_ID}"
    fault = "is not a repository that this token can see"
    return Problem("repo", fault, remedy, Untrusted(name), near)
