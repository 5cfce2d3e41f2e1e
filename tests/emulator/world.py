"""World files: users with their tokens, repositories and agents."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from tests.emulator.documents import load

DEFAULT_WORLD: Final = Path(__file__).with_name("world.yaml")


class Api(StrEnum):
    """The generations of the service that the emulator knows."""

    OLD = "2026-08"
    NEWEST = "2026-11"


@dataclass(frozen=True, slots=True)
class Worktree:
    """A checkout that runs can be sent to."""

    id: str
    base_branch: str
    working_branch: str
    root_directory: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository connected to Mogplex, in the terms of ``GET /repos``."""

    id: str
    full_name: str
    installation_id: int
    default_branch: str | None
    root_directory: str | None
    hidden: bool
    """A hidden repository is off the dashboard, yet runs can be started on it. 2026-11 lists it as
    hidden, 2026-08 does not list it.
    """
    api_keys: str = "full"
    """The rights that its team gives to API keys: ``full``, ``automations`` only, or ``unknown`` if
    unreadable.
    """
    worktrees: tuple[Worktree, ...] = ()

    def worktree(self, worktree_id: str) -> Worktree | None:
        """Return the active worktree with this id."""
        return next(
            (tree for tree in self.worktrees if tree.active and tree.id == worktree_id.lower()),
            None,
        )


@dataclass(frozen=True, slots=True)
class User:
    """An account. Idempotency keys and runs belong to it, not to its tokens."""

    name: str
    repos: tuple[Repo, ...]
    agents: frozenset[str] = frozenset()
    """Ids of the agents that its runs can use."""

    def repo(self, repo_id: str) -> Repo | None:
        """Return the repository with this id (case does not matter)."""
        return next((repo for repo in self.repos if repo.id == repo_id.lower()), None)

    def search(
        self, query: str | None, repo_id: str | None, limit: int, *, with_hidden: bool
    ) -> list[Repo]:
        """Return the listed repositories by name; ``repo_id`` wins over ``query``, a SQL ``ILIKE``
        pattern.
        """
        listed = [repo for repo in self.repos if with_hidden or not repo.hidden]
        listed.sort(key=lambda repo: repo.full_name)
        if repo_id is not None:
            listed = [repo for repo in listed if repo.id == repo_id.lower()]
        elif query is not None:
            pattern = _like(query)
            listed = [repo for repo in listed if pattern.search(repo.full_name)]
        return listed[:limit]


@dataclass(frozen=True, slots=True)
class Token:
    """A personal access token."""

    text: str
    user: User
    scopes: frozenset[str]
    expires: datetime | None
    revoked: bool
    automations_only: bool
    """Whether it may start runs through automations only."""

    def valid(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired at ``now``."""
        return not self.revoked and (self.expires is None or now <= self.expires)


@dataclass(frozen=True, slots=True)
class World:
    """All users, by token."""

    tokens: dict[str, Token]
    limited: bool
    """Whether rate limits apply."""
    api: Api

    @property
    def default_token(self) -> str:
        """The first token that may start runs, else the first one."""
        usable = [
            token.text
            for token in self.tokens.values()
            if "write" in token.scopes and not token.revoked
        ]
        return (usable or list(self.tokens))[0]

    @property
    def repo_ids(self) -> frozenset[str]:
        """Ids of all users' repositories."""
        return frozenset(repo.id for token in self.tokens.values() for repo in token.user.repos)

    def key_policy(self, repo_id: str) -> str:
        """Return the rights that a repository's team gives to API keys; ``full`` if it has no
        owner.
        """
        repos = (repo for token in self.tokens.values() for repo in token.user.repos)
        return next((repo.api_keys for repo in repos if repo.id == repo_id.lower()), "full")

    def with_repo(self, name: str) -> "World":
        """Return a world in which every user also has the repository ``name`` (a full name or an
        id).
        """
        known = {
            repo.full_name for token in self.tokens.values() for repo in token.user.repos
        } | self.repo_ids
        if name.lower() in known or name in known:
            return self
        fields = {"id": name, "full_name": "acme/app"}
        if "/" in name:
            fields = {"id": str(uuid5(NAMESPACE_URL, name)), "full_name": name}
        new = _repo(fields)
        tokens = {
            text: replace(token, user=replace(token.user, repos=(*token.user.repos, new)))
            for text, token in self.tokens.items()
        }
        return replace(self, tokens=tokens)


def load_world(path: Path | None = None) -> World:
    """Read a world file; without one, the default world."""
    if path is None:
        return _default()
    return _read(path)


@cache
def _default() -> World:
    return _read(DEFAULT_WORLD)


def _read(path: Path) -> World:
    fields = load(path)
    tokens: dict[str, Token] = {}
    for entry in fields["users"]:
        agents = frozenset(agent["id"] for agent in entry.get("agents", ()))
        user = User(entry["name"], tuple(map(_repo, entry["repos"])), agents)
        tokens |= {each["token"]: _token(each, user) for each in entry["tokens"]}
    return World(tokens, fields.get("limits", True), Api(fields.get("api", Api.NEWEST)))


def _repo(fields: dict[str, Any]) -> Repo:
    return Repo(
        id=fields["id"].lower(),
        full_name=fields["full_name"],
        installation_id=fields.get("installation_id", 1),
        default_branch=fields.get("default_branch", "main"),
        root_directory=fields.get("root_directory"),
        hidden=fields.get("hidden", False),
        api_keys=fields.get("api_keys", "full"),
        worktrees=tuple(map(_worktree, fields.get("worktrees", ()))),
    )


def _worktree(fields: dict[str, Any]) -> Worktree:
    return Worktree(
        id=fields["id"].lower(),
        base_branch=fields.get("base_branch", "main"),
        working_branch=fields["working_branch"],
        root_directory=fields.get("root_directory"),
        active=fields.get("active", True),
    )


def _token(fields: dict[str, Any], user: User) -> Token:
    return Token(
        fields["token"],
        user,
        frozenset(fields.get("scopes", ("read", "write"))),
        fields.get("expires"),  # YAML reads a time
        revoked=fields.get("revoked", False),
        automations_only=fields.get("access") == "automations",
    )


def _like(query: str) -> re.Pattern[str]:
    r"""Compile a SQL ``ILIKE '%query%'``: ``_`` is any character, ``%`` any text, ``\`` takes both
    literally.
    """
    parts = []
    for piece in re.findall(r"\\.|.", query, re.DOTALL):
        if piece == "%":
            parts.append(".*")
        elif piece == "_":
            parts.append(".")
        else:
            parts.append(re.escape(piece[-1]))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
