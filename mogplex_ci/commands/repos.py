"""``mogplex repos``: list the repositories that the token can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.commands import pretty
from mogplex_ci.commands.arguments import Parser, choose
from mogplex_ci.commands.session import perform
from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mogplex_ci.commands.console import Console
    from mogplex_ci.commands.session import Session
    from mogplex_ci.models import Repo


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """List the repositories and return the exit code."""
    return perform(env, lambda session: _repos(session, argv))


def parsers() -> Mapping[str, Parser]:
    """Return the parser of each command."""
    listing = Parser("repos list", "List the repositories that the token can see.", example="repos list --q acme/")
    listing.add_argument("--q", default="", metavar="TEXT", help="only those whose full name holds TEXT")
    shape = listing.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON, one repository a line")
    shape.add_argument(
        "--matrix", action="store_true", help="print the full names as one line of JSON, for strategy.matrix on GitHub"
    )
    return {"list": listing}


def _repos(session: Session, argv: Sequence[str]) -> int:
    _, options = choose("repos", parsers(), argv)
    repos = session.ask(lambda timeout: session.client.repos(query=options.q.strip(), timeout=timeout))
    from mogplex_ci.api.client import REPOS_LIMIT

    console = session.console
    if options.matrix:
        _print_matrix(repos, console)
    elif options.json:
        for repo in repos:
            console.json(repo.data)
    else:
        for line in pretty.repo_lines(repos, console.safe):
            console.line(line)
    if not repos:
        console.warn("no repository found")
    elif len(repos) >= REPOS_LIMIT:
        console.warn("only the first {} repositories are listed; narrow them with --q", str(REPOS_LIMIT))
    return 0


def _print_matrix(repos: Sequence[Repo], console: Console) -> None:
    """Print the names that a workflow may put into a command: what is no plain ``owner/name`` stays out."""
    names = [name for repo in repos if (name := console.safe.repo(repo.full_name)) is not None]
    if len(names) < len(repos):
        console.warn("{} repositories with unusual names are left out", str(len(repos) - len(names)))
    console.json(Untrusted(names))
