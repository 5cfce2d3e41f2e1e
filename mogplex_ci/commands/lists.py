"""``mogplex repos``, ``agents`` and ``skills``: list what a run can use."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Final, LiteralString, NamedTuple

from mogplex_ci.commands.common import Console, Session, choose, in_session
from mogplex_ci.inputs.declared import kinds
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.models import LIST_LIMIT
from mogplex_ci.sanitize import CleanText, Part, Sanitizer
from mogplex_ci.untrusted import Untrusted

CELL_LIMIT: Final = 100
"""Characters in a cell of a table that has others behind it."""


class Row(NamedTuple):
    """A row of a table."""

    id: str
    cells: tuple[Untrusted | None, ...]
    """The others; the last one may be long."""
    data: Untrusted
    """The API's object."""
    hidden: bool = False
    """Whether a repository was taken off Mogplex's dashboard."""


def parsers() -> Mapping[str, Mapping[str, Parser]]:
    """Return the parsers of each command's subcommands."""
    repos = Parser(
        "repos list",
        "List the repositories that the token can see.",
        example="repos list --q acme/",
    )
    repos.take("--q", "only those whose full name contains TEXT", metavar="TEXT")
    shape = repos.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON, one repository a line")
    matrix = "print the full names as one line of JSON, for strategy.matrix on GitHub"
    shape.add_argument("--matrix", action="store_true", help=matrix)
    agents = Parser("agents list", "List the agents that a run can use.", example="agents list")
    agents.switch("--json", "print JSON, one agent a line")
    skills = Parser(
        "skills list",
        "List the skills that a prompt can invoke.",
        example="skills list --repo acme/web",
    )
    skills.take("--q", "only those that match TEXT", metavar="TEXT")
    skills.take("--repo", "also those of this repository", kinds()["repo"], metavar="ID|NAME")
    skills.switch("--json", "print JSON, one skill a line")
    return {"repos": {"list": repos}, "agents": {"list": agents}, "skills": {"list": skills}}


def _repos(session: Session, options: argparse.Namespace) -> Iterator[Row]:
    query = options.q.strip()
    repos = session.call(lambda client, timeout: client.repos(query=query, timeout=timeout))
    for repo in repos:
        cells = [repo.full_name, repo.default_branch]
        if repo.root_directory:
            cells.append(Untrusted(f"root={repo.root_directory.text}"))
        if repo.hidden:
            cells.append(Untrusted("hidden"))
        yield Row(repo.id, tuple(cells), repo.data, repo.hidden)


def _agents(session: Session, _options: argparse.Namespace) -> Iterator[Row]:
    for agent in session.call(lambda client, timeout: client.agents(timeout=timeout)):
        yield Row(agent.id.text, (agent.name, agent.model, agent.description), agent.data)


def _skills(session: Session, options: argparse.Namespace) -> Iterator[Row]:
    query = options.q.strip()
    repo_id = session.repo_id(options.repo)
    skills = session.call(
        lambda client, timeout: client.skills(query=query, repo_id=repo_id, timeout=timeout)
    )
    for skill in skills:
        yield Row(skill.slug.text, (skill.source, skill.name, skill.description), skill.data)


_FETCH: Final = {"repos": _repos, "agents": _agents, "skills": _skills}


def _print_list(command: str, session: Session, argv: Sequence[str]) -> int:
    """Print what can be listed, and return the exit code."""
    _, options = choose(command, parsers()[command], argv)
    rows = list(_FETCH[command](session, options))
    narrowing: LiteralString = "; narrow them with --q" if "q" in options else ""
    print_rows(rows, options, session.console, narrowing)
    return 0


def print_rows(
    rows: Sequence[Row], options: argparse.Namespace, console: Console, narrowing: LiteralString
) -> None:
    """Print rows in the shape that ``options`` ask for. ``narrowing`` says how to list fewer."""
    if options.json:
        for row in rows:
            console.json(row.data)
    elif "matrix" in options and options.matrix:
        _print_matrix(rows, console)
    else:
        print_table([list(cells_of(row, console.safe)) for row in rows], console)
    if not rows:
        console.warn("nothing found")
    elif len(rows) >= LIST_LIMIT:
        console.warn("only the first {} are listed" + narrowing, LIST_LIMIT)


def cells_of(item: Row, safe: Sanitizer) -> Iterator[CleanText]:
    """Yield the cells of a row as they may be printed."""
    # Such as ``preset:Code Reviewer``. It begins a line, which a CI system might obey.
    yield safe.key(item.id) or safe.message(item.id)
    *cells, last = item.cells
    yield from (safe.clean(cell or "-", limit=CELL_LIMIT) for cell in cells)
    yield safe.clean(last or "-")


def print_table(rows: Sequence[Sequence[CleanText]], console: Console) -> None:
    """Print rows, their cells in columns; the last cell of a row may be of any length."""
    widths = [
        max(map(len, column)) for column in zip_longest(*(row[:-1] for row in rows), fillvalue="")
    ]
    for *cells, last in rows:
        parts: list[Part] = []
        for cell, width in zip(cells, widths, strict=False):
            parts += [cell.padded(width), "  "]
        console.lines([console.safe.sentence(*parts, last)])


def _print_matrix(repos: Sequence[Row], console: Console) -> None:
    """Print the names but those of hidden repositories. A workflow may put them into a command, so
    anything but a plain ``owner/name`` is left out.
    """
    visible = [repo for repo in repos if not repo.hidden]
    if len(visible) < len(repos):
        console.warn(
            "hidden repositories ({}) are left out: they were removed from Mogplex's dashboard",
            len(repos) - len(visible),
        )
    checked = [console.safe.repo(repo.cells[0]) for repo in visible]
    names = [name for name in checked if name is not None]
    if len(names) < len(visible):
        console.warn("{} repositories with unusual names are left out", len(visible) - len(names))
    console.json(Untrusted(names))


repos, agents, skills = (in_session(partial(_print_list, command)) for command in _FETCH)
