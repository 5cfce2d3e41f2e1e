"""Which repositories the input ``repo`` stands for: a name, an id, several, or patterns.

The API starts runs by a repository's id, and answers an id that it does not know like an outage:
hence the look-up.

A repository that was taken off Mogplex's dashboard is *hidden*. Older services do not list it,
newer ones list it with ``hidden: true``; both start runs on it.
"""

import re
from collections.abc import Generator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.read import is_pattern
from mogplex_ci.models import LIST_LIMIT, Repo, is_uuid
from mogplex_ci.problems import Problem
from mogplex_ci.run.plan import FaultOf, no_fault
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client
    from mogplex_ci.run.service import Service

FIND_REPO: Final = (
    "Use one from 'mogplex-ci repos list'. To add one, install the Mogplex GitHub App on it: "
    "https://docs.mogplex.com/integrations/github."
)
_GIVE_ID: Final = "If you removed it from Mogplex's dashboard, use its id."
_CLOSEST: Final = 3
"""Repository names that an error lists."""


class Match(NamedTuple):
    """The repositories that a name, an id or a pattern stands for."""

    repos: tuple[Repo, ...]
    """By name."""
    left_out: int = 0
    """Hidden repositories that a pattern matches, too: it stands for the others."""


def match_repos(word: str, repos: Sequence[Repo]) -> Match:
    """Return those of ``repos`` whose full name or id is ``word``, or whose name matches it as a
    pattern (``acme/*``).

    Case matters only between names that differ in it alone. If a name comes twice, it means the
    repository that is not hidden.
    """
    found = [
        repo
        for repo in repos
        if repo.full_name == Untrusted(word) or repo.id.lower() == word.lower()
    ]
    if not found:
        found = [repo for repo in repos if fnmatchcase(repo.full_name.text.lower(), word.lower())]
    found.sort(key=lambda repo: repo.full_name.text.lower())
    visible = tuple(repo for repo in found if not repo.hidden)
    if is_pattern(word):
        return Match(visible, left_out=len(found) - len(visible))
    return Match(visible or tuple(found))


def find_repo(
    client: "Client", full_name: str, *, timeout: float, fault_of: FaultOf = no_fault
) -> Repo:
    """Return the repository whose full name is ``full_name``; see ``match_repos``. ``fault_of``
    returns more about a name that is unknown.

    Raises:
        UsageError: this token sees no such repository; the error lists the closest names it does
            see.
        MogplexError: the API could not be asked.
    """
    found = match_repos(full_name, client.repos(query=full_name, timeout=timeout)).repos
    if len(found) == 1:
        return found[0]
    visible = client.repos(timeout=timeout)
    raise UsageError(_no_such_repo(full_name, visible, fault_of, several=bool(found)))


def look_up(
    service: "Service", name: str, fault_of: FaultOf = no_fault
) -> Generator[Waiting, None, Repo | None]:
    """Return the repository of a name or an id; None for an id that the token does not list. See
    ``find_repo``.

    Raises:
        UsageError: this token sees no repository of the name.
        MogplexError: the API could not be asked.
        StopRequested: a stop signal came.
    """
    client = service.client
    if not is_uuid(name):
        return (
            yield from service.answer_to(
                lambda timeout: find_repo(client, name, timeout=timeout, fault_of=fault_of)
            )
        )
    listed = yield from service.answer_to(
        lambda timeout: client.repos(repo_id=name, timeout=timeout)
    )
    return next(iter(listed), None)


def find_repos(
    client: "Client", wanted: Sequence[str], timeout: float, *, fault_of: FaultOf = no_fault
) -> dict[str, Match]:
    """Return the repositories that each of ``wanted``, full names, ids or patterns such as
    ``acme/*``, stands for. See ``find_repo``.

    Raises:
        UsageError: with everything in ``wanted`` that stands for none, and the names that are
            close.
        MogplexError: the API could not be asked.
    """
    listed = client.repos(timeout=timeout)
    is_complete = len(listed) < LIST_LIMIT
    found: dict[str, Match] = {}
    problems: list[Problem] = []
    for word in dict.fromkeys(wanted):
        known = listed
        if not is_complete and is_uuid(word):
            known = client.repos(repo_id=word, timeout=timeout)
        elif not is_complete:  # the API searches for text, not for patterns
            known = client.repos(query=max(re.split(r"[*?]", word), key=len), timeout=timeout)
        found[word] = match_repos(word, known)
        problems += _faults(word, found[word], known, listed, fault_of)
    if problems:
        raise UsageError(*problems)
    return found


def _faults(
    word: str, found: Match, known: Sequence[Repo], listed: Sequence[Repo], fault_of: FaultOf
) -> list[Problem]:
    """Return why ``word`` cannot be used, if so. It was looked up among the ``known``; the
    ``listed`` are those that the token sees.
    """
    if not is_pattern(word):
        has_one = len(found.repos) == 1
        if has_one:
            return []
        return [_no_such_repo(word, listed, fault_of, several=bool(found.repos))]
    if len(known) >= LIST_LIMIT:
        fault = f"is looked up among {LIST_LIMIT} repositories, and there may be more"
        return [Problem("repo", fault, "Use narrower patterns.", Untrusted(word))]
    if found.repos:
        return []
    if found.left_out:
        fault = "matches only repositories removed from Mogplex's dashboard"
        remedy = "Patterns leave those out: give their full names."
        return [Problem("repo", fault, remedy, Untrusted(word))]
    fault = "matches no repository that this token can see"
    return [Problem("repo", fault, FIND_REPO, Untrusted(word))]


def _no_such_repo(
    name: str, listed: Sequence[Repo], fault_of: FaultOf, *, several: bool
) -> Problem:
    """Return that ``name`` stands for none of the ``listed`` repositories, or for ``several``, and
    which are close.
    """
    from difflib import SequenceMatcher  # slow to import, needed only for this message

    def similarity(repo: Repo) -> float:
        return SequenceMatcher(None, repo.full_name.text.lower(), name.lower()).ratio()

    near = sorted(listed, key=similarity, reverse=True)[:_CLOSEST]
    names = tuple(repo.full_name for repo in near)
    fault = "is not a repository that this token can see"
    remedy = f"{FIND_REPO} {_GIVE_ID}"
    told = fault_of(name)
    if told is not None:
        fault, remedy = told, "Name the repository on GitHub."
    if several:
        fault = "is the name of several repositories"
        remedy = "Give the id of the one, from 'mogplex-ci repos list'."
    return Problem("repo", fault, remedy, Untrusted(name), names)
