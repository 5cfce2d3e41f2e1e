"""World files: users with their tokens, repositories, agents and skills."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from tests.emulator.documents import Document, load

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
class Agent:
    """An agent of the roster, in the terms of ``GET /agents``."""

    id: str
    name: str
    slug: str | None
    model: str
    description: str | None
    category: str | None
    preset: bool


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill, in the terms of ``GET /skills``."""

    slug: str
    name: str
    description: str | None
    tags: tuple[str, ...]
    source: str
    """``library``, or ``repo`` for those of one repository."""
    content: str
    repo_id: str | None


@dataclass(frozen=True, slots=True)
class User:
    """An account. Idempotency keys and runs belong to it, not to its tokens."""

    name: str
    repos: tuple[Repo, ...]
    agents: tuple[Agent, ...] = ()
    """Presets first, then the user's own by name."""
    skills: tuple[Skill, ...] = ()

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent with this id, such as ``preset:Reviewer``."""
        return next((agent for agent in self.agents if agent.id == agent_id), None)

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
    """Read a world file; without one, the default world.

    Raises:
        DocumentError: the file is wrong.
    """
    if path is None:
        return _default()
    return _read(path)


@cache
def _default() -> World:
    return _read(DEFAULT_WORLD)


def _read(path: Path) -> World:
    document = load(path, "world")
    tokens: dict[str, Token] = {}
    repo_ids: set[str] = set()
    for index, entry in enumerate(document.value["users"]):
        if any(entry["name"] == token.user.name for token in tokens.values()):
            raise document.error(("users", index, "name"), "another user has this name")
        repos = []
        for position, fields in enumerate(entry["repos"]):
            repo = _repo(fields)
            if repo.id in repo_ids:
                raise document.error(
                    ("users", index, "repos", position, "id"), "another repo has this id"
                )
            repo_ids.add(repo.id)
            repos.append(repo)
        agents = sorted(
            map(_agent, entry.get("agents", ())), key=lambda agent: (not agent.preset, agent.name)
        )
        skills = sorted(map(_skill, entry.get("skills", ())), key=lambda skill: skill.slug)
        user = User(entry["name"], tuple(repos), tuple(agents), tuple(skills))
        for position, fields in enumerate(entry["tokens"]):
            where = ("users", index, "tokens", position)
            if fields["token"] in tokens:
                raise document.error((*where, "token"), "this token is given twice")
            tokens[fields["token"]] = _token(document, where, fields, user)
    return World(
        tokens, document.value.get("limits", True), Api(document.value.get("api", Api.NEWEST))
    )


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


def _agent(fields: dict[str, Any]) -> Agent:
    return Agent(
        id=fields["id"],
        name=fields["name"],
        slug=fields.get("slug"),
        model=fields.get("model", "openai/gpt-5"),
        description=fields.get("description"),
        category=fields.get("category"),
        preset=fields["id"].startswith("preset:"),
    )


def _skill(fields: dict[str, Any]) -> Skill:
    return Skill(
        slug=fields["slug"],
        name=fields["name"],
        description=fields.get("description"),
        tags=tuple(fields.get("tags", ())),
        source="repo" if "repo_id" in fields else "library",
        content=fields.get("content", ""),
        repo_id=fields["repo_id"].lower() if "repo_id" in fields else None,
    )


def _token(
    document: Document, where: tuple[str | int, ...], fields: dict[str, Any], user: User
) -> Token:
    expires = None
    if fields.get("expires") is not None:
        try:
            expires = datetime.fromisoformat(fields["expires"])
        except ValueError:
            message = f"{fields['expires']!r} is not a time: write it as 2030-01-31T12:00:00Z"
            raise document.error((*where, "expires"), message) from None
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
    scopes = frozenset(fields.get("scopes", ("read", "write")))
    return Token(
        fields["token"],
        user,
        scopes,
        expires,
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
