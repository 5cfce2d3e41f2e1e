"""``mogplex repos list``: the repositories on which the token can start runs."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final

from mogplex_ci.commands.common import Console, Session, choose, in_session
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.models import LIST_LIMIT, Repo
from mogplex_ci.sanitize import CleanText, Part, Sanitizer
from mogplex_ci.untrusted import Untrusted

CELL_LIMIT: Final = 100
"""Characters in a cell of the table."""


def parsers() -> Mapping[str, Parser]:
    """Return the parser of the only subcommand."""
    listed = Parser(
        "repos list",
        "List the repositories that the token can see.",
        example="repos list --matrix",
    )
    shape = listed.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON, one repository a line")
    matrix = "print the full names as one line of JSON, for strategy.matrix on GitHub"
    shape.add_argument("--matrix", action="store_true", help=matrix)
    return {"list": listed}


@in_session
def main(session: Session, argv: Sequence[str]) -> int:
    """Print the repositories, and return the exit code."""
    _, options = choose("repos", parsers(), argv)
    console = session.console
    repos = session.call(lambda client, timeout: client.repos(timeout=timeout))
    if options.json:
        for repo in repos:
            console.json(repo.data)
    elif options.matrix:
        _print_matrix(repos, console)
    else:
        _print_table(repos, console)
    if not repos:
        console.warn("nothing found")
    elif len(repos) >= LIST_LIMIT:
        console.warn(
            "only the first {} are listed; owner/name is enough to use any other", LIST_LIMIT
        )
    return 0


def _print_table(repos: Sequence[Repo], console: Console) -> None:
    """Print a line for each repository, its cells in columns."""
    rows = [_cells(repo, console.safe) for repo in repos]
    widths = [
        max(map(len, column)) for column in zip_longest(*(row[:-1] for row in rows), fillvalue="")
    ]
    for *cells, last in rows:
        parts: list[Part] = []
        for cell, width in zip(cells, widths, strict=False):
            parts += [cell.padded(width), "  "]
        console.lines([console.safe.sentence(*parts, last)])


def _cells(repo: Repo, safe: Sanitizer) -> Sequence[CleanText]:
    """Return id, full name, default branch, and what only some repositories have."""
    cells = [repo.full_name, repo.default_branch]
    if repo.root_directory:
        cells.append(Untrusted(f"root={repo.root_directory.text}"))
    if repo.hidden:
        cells.append(Untrusted("hidden"))
    shown = [safe.clean(cell or "-", limit=CELL_LIMIT) for cell in cells]
    return [safe.message(repo.id), *shown]


def _print_matrix(repos: Sequence[Repo], console: Console) -> None:
    """Print the names but those of hidden repositories. A workflow may put them into a command, so
    anything but a plain ``owner/name`` is left out.
    """
    visible = [repo for repo in repos if not repo.hidden]
    if len(visible) < len(repos):
        console.warn(
            "hidden repositories ({}) are left out: they were removed from Mogplex's dashboard",
            len(repos) - len(visible),
        )
    checked = [console.safe.repo(repo.full_name) for repo in visible]
    names = [name for name in checked if name is not None]
    if len(names) < len(visible):
        console.warn("{} repositories with unusual names are left out", len(visible) - len(names))
    console.json(Untrusted(names))
