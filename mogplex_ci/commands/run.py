"""``mogplex run``: start a run."""

import argparse
import uuid
from collections.abc import Sequence

from mogplex_ci.commands.common import RETRY_SECONDS, Session, in_session
from mogplex_ci.commands.runs import started_lines
from mogplex_ci.errors import AdvisedError, MogplexError, UsageError
from mogplex_ci.inputs.declared import inputs, kinds
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.inputs.read import start_body
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.run.repositories import look_up
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
        UsageError: the token sees no such repository.
        MogplexError: the API refuses, or gives no usable answer.
        StopRequested: a stop signal came.
    """
    service = session.service
    repo = look_up(service, options.repo, service.now + RETRY_SECONDS)
    if repo is not None and repo.hidden:
        session.console.warn("{} is hidden: it was removed from Mogplex's dashboard", options.repo)
    given = {name: value or None for name, value in vars(options).items()}
    request = start_body(options.repo if repo is None else repo.id, given)
    base = options.idempotency_key or str(uuid.uuid4())
    key = Key(base, explicit=True, attempt="", later_attempt=False)
    starter = Starter(service, request, key, "auto", knows_repo=repo is not None)
    try:
        return starter.start_once(service.now + RETRY_SECONDS)
    except StopRequested:
        if starter.unanswered is not None:
            session.console.fail(
                "stopped by {}; a run may have been started: run this again with --idempotency-key {}",
                session.stop.name,
                key.base,
            )
        raise
    except MogplexError as error:
        if starter.unanswered is None:
            raise
        remedy = (
            f"It may have started all the same: run this again with --idempotency-key {key.base}"
        )
        raise AdvisedError(error, remedy) from error
