"""``mogplex run``: start a run."""

import argparse
import uuid
from collections.abc import Sequence

from mogplex_ci.commands.common import RETRY_SECONDS, Session, in_session
from mogplex_ci.commands.runs import started_lines
from mogplex_ci.errors import (
    AdvisedError,
    MogplexError,
    UnavailableError,
    UnknownRepoError,
    UsageError,
)
from mogplex_ci.inputs.declared import inputs, kinds
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.inputs.read import start_body
from mogplex_ci.models import is_uuid
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.run.repositories import find_repo
from mogplex_ci.run.start import Key, Starter
from mogplex_ci.run.updates import Started
from mogplex_ci.waiting import StopRequested


def parser() -> Parser:
    """Return the parser of the command."""
    parser = Parser(
        "run", "Start a run.", example='run --repo acme/web --create-branch "Fix the flaky tests"'
    )
    kind = {name: spec.kind for name, spec in inputs().items()}
    parser.take("prompt", "the task", nargs="?", metavar="PROMPT")
    parser.take("--repo", "repository: its id, or owner/name", kinds()["repo"], metavar="ID|NAME")
    parser.take("--harness", "what runs the agent (default: the service chooses)", kind["harness"])
    base = "branch to start from (default: the repository's default branch)"
    parser.take("--base-branch", base, kind["branch"], metavar="NAME")
    parser.take(
        "--branch", "branch to work on (default: the base branch)", kind["branch"], metavar="NAME"
    )
    parser.switch("--create-branch", "create the working branch from the base branch")
    parser.take(
        "--root",
        "folder of a monorepo",
        kind["root-directory"],
        metavar="DIR",
        dest="root_directory",
    )
    key = "the same key and request give the same run (default: a new UUID)"
    parser.take("--idempotency-key", key, kind["idempotency-key"], metavar="KEY", default=None)
    parser.switch("--json", "print the run as one line of JSON")
    return parser


@in_session
def main(session: Session, argv: Sequence[str]) -> int:
    """Start a run and return the exit code: 0 once the API has it, however it may end."""
    options = parser().read(argv)
    if not options.repo:
        # Word for word what Mogplex's documented command prints: scripts for it work here, too.
        fault = f"is required (find IDs via `{program()} repos list`)"
        raise UsageError(Problem("run: --repo <id>", fault))
    if options.idempotency_key == "":
        raise UsageError(Problem("--idempotency-key", "is empty", "Leave it out for a new one."))
    if not options.prompt:
        raise UsageError(Problem("run", "needs a prompt", "Give it as the last argument."))
    problem = inputs()["prompt"].kind.problem("the prompt", options.prompt)
    if problem is not None:
        raise UsageError(problem)
    started = _start(session, options)
    if options.json:
        session.console.json(started.run.data)
    else:
        session.console.lines(
            started_lines(
                started.run,
                joined=started.joined,
                safe=session.console.safe,
                base_url=session.base_url,
            )
        )
    return 0


def _start(session: Session, options: argparse.Namespace) -> Started:
    """Start the run. A lost answer is asked for again under the same key, so that one run is
    started.

    Raises:
        MogplexError: the API refuses, or gives no usable answer.
        StopRequested: a stop signal came.
    """
    given = {name: value or None for name, value in vars(options).items()}
    request = start_body(_repo_id(session, options.repo), given)
    base = options.idempotency_key or str(uuid.uuid4())
    key = Key(base, explicit=True, attempt="", later_attempt=False)
    starter = Starter(session.service, request, key, "auto")
    try:
        return starter.start_once(session.service.now + RETRY_SECONDS)
    except StopRequested:
        if starter.unanswered is not None:
            session.console.fail(
                "stopped by {}; a run may have been started: run this again with --idempotency-key {}",
                session.stop.name,
                key.base,
            )
        raise
    except MogplexError as error:
        if isinstance(error, UnavailableError) and _is_unknown(session, options.repo, error):
            raise UnknownRepoError(error) from error
        if starter.unanswered is not None:
            remedy = f"It may have started all the same: run this again with --idempotency-key {key.base}"
            raise AdvisedError(error, remedy) from error
        raise


def _repo_id(session: Session, repo: str) -> str:
    """Return the id of ``repo``, an id or ``owner/name``; names are looked up.

    Raises:
        UsageError: the token sees no such repository.
        MogplexError: the API could not be asked.
    """
    if is_uuid(repo):
        return repo
    found = session.call(lambda client, timeout: find_repo(client, repo, timeout=timeout))
    if found.hidden:
        session.console.warn("{} is hidden: it was removed from Mogplex's dashboard", repo)
    return found.id


def _is_unknown(session: Session, repo: str, error: UnavailableError) -> bool:
    """Whether the API means an id that it does not know: it answers one like an outage. A name was
    looked up before.
    """
    if error.may_have_worked or not is_uuid(repo):
        return False
    found = session.call(lambda client, timeout: client.repos(repo_id=repo, timeout=timeout))
    return not found
