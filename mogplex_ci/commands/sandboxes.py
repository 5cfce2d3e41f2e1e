"""``mogplex sandboxes``: list the machines in which runs work, and show why a set-up failed."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, LiteralString

from mogplex_ci.commands.common import Session, choose, in_session
from mogplex_ci.commands.lists import Row, print_rows
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import kinds
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.models import is_uuid
from mogplex_ci.problems import Problem
from mogplex_ci.sanitize import SafeText
from mogplex_ci.untrusted import Untrusted

TAIL_LINES: Final = 50
"""Lines of each log that are shown without ``--full``: the fault is near the end."""


def parsers() -> Mapping[str, Parser]:
    """Return the parser of each subcommand."""
    listed = Parser(
        "sandboxes list",
        "List the sandboxes of runs, the one with the newest activity first.",
        example="sandboxes list --repo acme/web",
    )
    listed.take("--repo", "only those of this repository", kinds()["repo"], metavar="ID|NAME")
    listed.switch("--json", "print JSON, one sandbox a line")
    logs = Parser(
        "sandboxes logs",
        "Show the output of a sandbox's installation and development server.",
        example="sandboxes logs b8f3b1de-2f42-4b6a-9b57-0f5d9a7e4c61",
    )
    logs.take("sandbox_id", "id of a sandbox, from 'sandboxes list'", metavar="ID")
    logs.switch("--full", f"all lines, not only the last {TAIL_LINES} of each log")
    return {"list": listed, "logs": logs}


@in_session
def main(session: Session, argv: Sequence[str]) -> int:
    """Run a subcommand and return the exit code."""
    subcommand, options = choose("sandboxes", parsers(), argv)
    if subcommand == "list":
        return _list(session, options)
    return _logs(session, options)


def _list(session: Session, options: argparse.Namespace) -> int:
    repo_id = session.repo_id(options.repo)
    found = session.call(lambda client, timeout: client.sandboxes(repo_id=repo_id, timeout=timeout))
    rows = [
        Row(sandbox.id, (sandbox.status, sandbox.working_branch, sandbox.error), sandbox.data)
        for sandbox in found
    ]
    print_rows(rows, options, session.console, "; narrow them with --repo")
    return 0


def _logs(session: Session, options: argparse.Namespace) -> int:
    """Show what commands in a sandbox have printed: cleaned, since the service does not redact it,
    and the last lines alone unless all are asked for.
    """
    sandbox_id = options.sandbox_id
    if not is_uuid(sandbox_id):
        fault = "is not the id of a sandbox"
        remedy = "Take one from 'sandboxes list'."
        raise UsageError(Problem("ID", fault, remedy, Untrusted(sandbox_id)))
    logs = session.call(lambda client, timeout: client.sandbox_logs(sandbox_id, timeout=timeout))
    shown: dict[LiteralString, Untrusted | None] = {
        "install log": logs.install_log,
        "log of the development server": logs.dev_log,
    }
    for title, log in shown.items():
        session.console.quote(_log_lines(session, title, log, full=options.full))
    return 0


def _log_lines(
    session: Session, title: LiteralString, log: Untrusted | None, *, full: bool
) -> Iterator[SafeText]:
    """Yield a log under its title; most sandboxes have no development server, and so no log of
    one.
    """
    safe = session.console.safe
    if log is None or not log.text.strip():
        yield safe.line(title + ": empty")
        return
    most = TAIL_LINES
    if full:
        most = len(log.text)  # there are no more lines than characters
    lines, left_out = safe.last_lines(log, most)
    if left_out:
        yield safe.line(title + ", the last {} lines of {}:", len(lines), len(lines) + left_out)
    else:
        yield safe.line(title + ":")
    yield from lines
