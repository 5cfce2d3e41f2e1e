"""``mogplex repos``: list the repositories that the token can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.commands.common import Parser, choose, perform
from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mogplex_ci.commands.common import Console, Session
    from mogplex_ci.models import Repo
    from mogplex_ci.sanitize import SafeText, Sanitizer


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """List the repositories and return the exit code."""
    return perform(env, lambda session: _repos(session, argv))


def parsers() -> Mapping[str, Parser]:
    """Return the parser of each subcommand."""
    listing = Parser("repos list", "List the repositories that the token can see.", example="repos list --q acme/")
    listing.add_argument("--q", default="", metavar="TEXT", help="only those whose full name contains TEXT")
    shape = listing.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON, one repository a line")
    shape.add_argument(
        "--matrix", action="store_true", help="print the full names as one line of JSON, for strategy.matrix on GitHub"
    )
    return {"list": listing}


def _repos(session: Session, argv: Sequence[str]) -> int:
    _, options = choose("repos", parsers(), argv)
    repos = session.call(lambda timeout: session.client.repos(query=options.q.strip(), timeout=timeout))
    from mogplex_ci.api.client import LIST_LIMIT

    console = session.console
    if options.matrix:
        _print_matrix(repos, console)
    elif options.json:
        for repo in repos:
            console.json(repo.data)
    else:
        for line in _table(repos, console.safe):
            console.line(line)
    if not repos:
        console.warn("no repository found")
    elif len(repos) >= LIST_LIMIT:
        console.warn("only the first {} repositories are listed; narrow them with --q", LIST_LIMIT)
    return 0


def _table(repos: Sequence[Repo], safe: Sanitizer) -> Iterator[SafeText]:
    """Yield a line for each repository: id, full name, default branch, root directory."""
    names = [safe.clean(repo.full_name, limit=100) for repo in repos]
    width = max(map(len, names), default=0)
    for repo, name in zip(repos, names, strict=True):
        yield safe.sentence(
            safe.identifier(repo.id) or "***",
            "  ",
            name.padded(width),
            "  ",
            repo.default_branch or "-",
            *(("  root=", repo.root_directory) if repo.root_directory else ()),
        )


def _print_matrix(repos: Sequence[Repo], console: Console) -> None:
    """Print the names. A workflow may put them into a command, so anything but a plain ``owner/name`` is left out."""
    names = [name for repo in repos if (name := console.safe.repo(repo.full_name)) is not None]
    if len(names) < len(repos):
        console.warn("{} repositories with unusual names are left out", len(repos) - len(names))
    console.json(Untrusted(names))
