"""World files: users with their tokens and repositories."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.emulator.documents import load

_DEFAULT: Final = Path(__file__).with_name("world.yaml")


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository connected to Mogplex, in the terms of ``GET /repos``."""

    id: str
    full_name: str
    installation_id: int
    default_branch: str
    root_directory: str | None
    hidden: bool
    """A hidden repository is off the dashboard, yet runs can be started on it. 2026-11 lists it as
    hidden, 2026-08 does not list it.
    """


@dataclass(frozen=True, slots=True)
class User:
    """An account. Idempotency keys and runs belong to it, not to its tokens."""

    name: str
    repos: tuple[Repo, ...]

    def repo(self, repo_id: str) -> Repo | None:
        """Return the repository with this id (case does not matter)."""
        return next((repo for repo in self.repos if repo.id == repo_id.lower()), None)

    def search(self, query: str, repo_id: str, limit: int, *, with_hidden: bool) -> list[Repo]:
        """Return the repositories with ``query`` in their names, or the one with ``repo_id``."""
        listed = [repo for repo in self.repos if with_hidden or not repo.hidden]
        listed.sort(key=lambda repo: repo.full_name)
        if repo_id:
            listed = [repo for repo in listed if repo.id == repo_id.lower()]
        else:
            listed = [repo for repo in listed if query.lower() in repo.full_name.lower()]
        return listed[:limit]


@dataclass(frozen=True, slots=True)
class Token:
    """A personal access token."""

    text: str
    user: User
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class World:
    """All users, by token."""

    tokens: dict[str, Token]

    @property
    def default_token(self) -> str:
        """The first token."""
        return next(iter(self.tokens))

    @property
    def repo_ids(self) -> frozenset[str]:
        """Ids of all users' repositories."""
        return frozenset(repo.id for token in self.tokens.values() for repo in token.user.repos)


@cache
def load_world(path: Path = _DEFAULT) -> World:
    """Read a world file; without one, the default world."""
    tokens: dict[str, Token] = {}
    for entry in load(path)["users"]:
        user = User(entry["name"], tuple(map(_repo, entry["repos"])))
        for each in entry["tokens"]:
            scopes = frozenset(each.get("scopes", ("read", "write")))
            tokens[each["token"]] = Token(each["token"], user, scopes)
    return World(tokens)


def _repo(fields: dict[str, Any]) -> Repo:
    return Repo(
        id=fields["id"].lower(),
        full_name=fields["full_name"],
        installation_id=fields.get("installation_id", 1),
        default_branch=fields.get("default_branch", "main"),
        root_directory=fields.get("root_directory"),
        hidden=fields.get("hidden", False),
    )
