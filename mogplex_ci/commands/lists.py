"""``mogplex repos``, ``agents`` and ``skills``: list what a run can use."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final, LiteralString

from mogplex_ci.commands.common import Console, Parser, Session, checked_as, choose, perform
from mogplex_ci.models import LIST_LIMIT, Repo
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer

CELL_LIMIT: Final = 100
"""Characters in a cell of a table that has others behind it."""


def repos(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """List the repositories that the token can see, and return the exit code."""
    return perform(env, lambda session: _repos(session, argv))


def agents(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """List the agents that runs of the token can use, and return the exit code."""
    return perform(env, lambda session: _agents(session, argv))


def skills(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """List the skills that prompts can invoke, and return the exit code."""
    return perform(env, lambda session: _skills(session, argv))


def parsers() -> Mapping[str, Mapping[str, Parser]]:
    """Return the parsers of each command's subcommands."""
    repos = Parser("repos list", "List the repositories that the token can see.", example="repos list --q acme/")
    repos.add_argument("--q", default="", metavar="TEXT", help="only those whose full name contains TEXT")
    shape = repos.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON, one repository a line")
    shape.add_argument(
        "--matrix", action="store_true", help="print the full names as one line of JSON, for strategy.matrix on GitHub"
    )
    agents = Parser("agents list", "List the agents that a run can use.", example="agents list")
    agents.add_argument("--json", action="store_true", help="print JSON, one agent a line")
    skills = Parser("skills list", "List the skills that a prompt can invoke.", example="skills list --repo acme/web")
    skills.add_argument("--q", default="", metavar="TEXT", help="only those that match TEXT")
    skills.add_argument(
        "--repo", type=checked_as("repo", "--repo"), default="", metavar="ID|NAME", help="also those of this repository"
    )
    skills.add_argument("--json", action="store_true", help="print JSON, one skill a line")
    return {"repos": {"list": repos}, "agents": {"list": agents}, "skills": {"list": skills}}


def _repos(session: Session, argv: Sequence[str]) -> int:
    _, options = choose("repos", parsers()["repos"], argv)
    repos = session.call(lambda timeout: session.client.repos(query=options.q.strip(), timeout=timeout))
    console, safe = session.console, session.console.safe
    if options.matrix:
        _print_matrix(repos, console)
    else:
        rows = [
            [
                _id(repo.id, safe),
                safe.clean(repo.full_name, limit=CELL_LIMIT),
                safe.clean(repo.default_branch or "-", limit=CELL_LIMIT),
                *([safe.line("root={}", repo.root_directory)] if repo.root_directory else []),
            ]
            for repo in repos
        ]
        _print([repo.data for repo in repos], rows, console, as_json=options.json)
    _warn_of_length(len(repos), "repository", "repositories", console, remedy="; narrow them with --q")
    return 0


def _agents(session: Session, argv: Sequence[str]) -> int:
    _, options = choose("agents", parsers()["agents"], argv)
    agents = session.call(lambda timeout: session.client.agents(timeout=timeout))
    safe = session.console.safe
    rows = [
        [
            _id(agent.id.text, safe),
            safe.clean(agent.name, limit=CELL_LIMIT),
            safe.clean(agent.model or "-", limit=CELL_LIMIT),
            safe.clean(agent.description or "-"),
        ]
        for agent in agents
    ]
    _print([agent.data for agent in agents], rows, session.console, as_json=options.json)
    _warn_of_length(len(agents), "agent", "agents", session.console)
    return 0


def _skills(session: Session, argv: Sequence[str]) -> int:
    _, options = choose("skills", parsers()["skills"], argv)
    repo_id = session.repo_id(options.repo) if options.repo else ""
    skills = session.call(
        lambda timeout: session.client.skills(query=options.q.strip(), repo_id=repo_id, timeout=timeout)
    )
    safe = session.console.safe
    rows = [
        [
            _id(skill.slug.text, safe),
            safe.clean(skill.source or "-", limit=CELL_LIMIT),
            safe.clean(skill.name, limit=CELL_LIMIT),
            safe.clean(skill.description or "-"),
        ]
        for skill in skills
    ]
    _print([skill.data for skill in skills], rows, session.console, as_json=options.json)
    _warn_of_length(len(skills), "skill", "skills", session.console, remedy="; narrow them with --q")
    return 0


def _id(text: str, safe: Sanitizer) -> SafeText:
    """Return an id, which begins a line: ids such as ``preset:Code Reviewer`` have the characters of keys."""
    return safe.key(text) or safe.message(text)


def _print(
    objects: Sequence[Untrusted], rows: Sequence[Sequence[CleanText]], console: Console, *, as_json: bool
) -> None:
    """Print ``objects`` as JSON, one a line, or ``rows`` as a table. The first cell of a row is ``SafeText``."""
    if as_json:
        for item in objects:
            console.json(item)
        return
    columns = zip_longest(*(row[:-1] for row in rows), fillvalue="")
    widths = [max(map(len, column)) for column in columns]
    for *cells, last in rows:
        parts: list[Part] = []
        for cell, width in zip(cells, widths, strict=False):
            parts += [cell.padded(width), "  "]
        console.line(console.safe.sentence(*parts, last))


def _print_matrix(repos: Sequence[Repo], console: Console) -> None:
    """Print the names. A workflow may put them into a command, so anything but a plain ``owner/name`` is left out."""
    names = [name for repo in repos if (name := console.safe.repo(repo.full_name)) is not None]
    if len(names) < len(repos):
        console.warn("{} repositories with unusual names are left out", len(repos) - len(names))
    console.json(Untrusted(names))


def _warn_of_length(
    count: int, one: LiteralString, many: LiteralString, console: Console, *, remedy: LiteralString = ""
) -> None:
    """Warn when a list is empty, or as long as one answer of the API can be."""
    if not count:
        console.warn("no " + one + " found")
    elif count >= LIST_LIMIT:
        console.warn("only the first {} " + many + " are listed" + remedy, LIST_LIMIT)
