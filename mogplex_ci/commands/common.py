"""Shared parts of the commands for people: argument parsing, output, and one session with the
API.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial, wraps
from typing import Final, LiteralString, TextIO, TypeVar

from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import (
    TOKENS_PAGE,
    KeyConflictError,
    MogplexError,
    NotAuthorizedError,
    RateLimitedError,
    TokenLostError,
    UsageError,
)
from mogplex_ci.inputs.declared import enumeration, nearest
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.inputs.read import read_connection
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.base import printable
from mogplex_ci.platforms.job_log import for_terminal
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import Sanitizer, Value, duration
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, StopRequested, stop_of_process

T = TypeVar("T")
RETRY_SECONDS: Final = 30.0
"""How long a failed request is retried. A rate limit asks for a longer wait, and so ends the
command at once.
"""


def choose(
    command: str, parsers: Mapping[str, Parser], argv: Sequence[str]
) -> tuple[str, argparse.Namespace]:
    """Return the subcommand that ``argv`` begins with, and what its parser reads from the rest.

    Raises:
        UsageError: the subcommand is missing or unknown, or one of its arguments is wrong.
    """
    word = next(iter(argv), "")
    if word in ("-h", "--help"):
        summaries = {name: parser.description or "" for name, parser in parsers.items()}
        end = next(iter(parsers.values())).epilog or ""
        sys.stdout.write(overview(f"{program()} {command}", summaries, end))
        raise SystemExit(0)
    remedy = f"Use {enumeration(list(parsers))}."
    if not word:
        raise UsageError(Problem(command, "needs a subcommand", remedy))
    if word not in parsers:
        near = nearest(word, parsers)
        raise UsageError(Problem(command, "is not a subcommand", remedy, Untrusted(word), near))
    return word, parsers[word].read(argv[1:])


def overview(prog: str, commands: Mapping[str, str], end: str) -> str:
    """Return the help of what has subcommands; ``commands`` has a summary of each, ``end`` is the
    last part.
    """
    width = max(map(len, commands))
    lines = "".join(f"  {name:<{width}}  {summary}\n" for name, summary in commands.items())
    return (
        f"usage: {prog} COMMAND ...\n\ncommands:\n{lines}\nSee '{prog} COMMAND --help'.\n\n{end}\n"
    )


class Console:
    """Prints results to stdout, errors and warnings to stderr; in colour on a terminal."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """``env`` is the process environment."""
        self.safe = Sanitizer(secrets_of_job(env))
        self._platform = detect(env, sys.stdout)
        self._colours = not env.get("NO_COLOR") and env.get("TERM") != "dumb"

    def json(self, value: Untrusted) -> None:
        """Print ``value`` as one line of JSON with every string in it sanitized."""
        self.lines([self.safe.json(value)])

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines of the result that are sanitized already."""
        for line in lines:
            self._write(sys.stdout, line)

    def quote(self, lines: Iterable[str]) -> None:
        """Print lines for people that hold words of others."""
        self.lines(printable(line, self._platform.system) for line in lines)

    def warn(self, template: LiteralString, *values: Value) -> None:
        """Print a warning; ``template`` and ``values`` are those of ``Sanitizer.line``."""
        self._write(sys.stderr, self.safe.line("warning: " + template, *values))

    def fail(self, template: LiteralString, *values: Value) -> None:
        """Print why the command fails; ``template`` and ``values`` are those of
        ``Sanitizer.line``.
        """
        self._write(sys.stderr, self.safe.line("error: " + template, *values))

    def error(self, error: MogplexError) -> None:
        """Print what went wrong, and on the next line what to do about it."""
        for template, values in error_lines(error):
            self.fail(template, *values)
        remedy = remedy_of(error)
        if remedy:
            self.hint(remedy)

    def hint(self, remedy: str) -> None:
        """Print what to do."""
        self._write(sys.stderr, self.safe.line("hint: {}", remedy))

    def _write(self, stream: TextIO, text: str) -> None:
        if self._colours and stream.isatty():
            text = for_terminal(text)
        stream.write(text + "\n")
        stream.flush()


def error_lines(error: MogplexError) -> Sequence[tuple[LiteralString, tuple[Value, ...]]]:
    """Return the lines that report an error, each as a template for ``Sanitizer.line`` and its
    values.

    It is one for each wrong input, or the cause, the code by which scripts know it, and what the
    server wrote about it.
    """
    if isinstance(error, UsageError):
        return [problem.line() for problem in error.problems]
    if error.detail is None:
        return [("{} ({})", (error.cause, error.code))]
    return [("{} ({}): {}", (error.cause, error.code, error.detail))]


def remedy_of(error: MogplexError) -> str:
    """Return what to do at a command line; the errors' own remedies are for steps."""
    if isinstance(error, NotAuthorizedError) and not isinstance(error, TokenLostError):
        return f"Set MOGPLEX_API_KEY to a current token (mog_…); issue one at {TOKENS_PAGE}."
    if isinstance(error, KeyConflictError):
        return "Use another --idempotency-key for this request, or leave it out."
    if isinstance(error, RateLimitedError):
        return "Wait, or use another token."
    return error.remedy


class Session:
    """The tools of one command: the console, the stop signal, and the service."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """The token and the service's address come from ``env``, the process environment."""
        self.env = env
        self.console = Console(env)
        self.stop = stop_of_process()
        self.base_url = ""
        """The service's address, once it is used."""

    @cached_property
    def service(self) -> Service:
        """The service, created on first use, because wrong arguments do not need it.

        Raises:
            NotAuthorizedError: there is no token.
            UsageError: the token or the address is malformed.
        """
        self.base_url, token = read_connection(self.env)
        if token is None:
            raise NotAuthorizedError("MOGPLEX_API_KEY is not set")

        return Service(Client(self.base_url, token), Clock(), self.stop, say=self._warn)

    def call(self, request: Callable[["Client", float], T], *, seconds: float = RETRY_SECONDS) -> T:
        """Return what ``request(client, seconds it may take)`` returns, retrying for ``seconds``.

        Raises:
            MogplexError: an error that a retry cannot fix, or the last one.
            StopRequested: a stop signal came.
        """
        service = self.service
        return service.answer_to(partial(request, service.client), service.now + seconds)

    def _warn(self, update: Update) -> None:
        """Print a warning for each wait."""
        if isinstance(update, Waiting):
            self.console.warn(
                "{}; trying again in {}", update.error.cause, duration(update.seconds)
            )

    def close(self) -> None:
        """Close the client's connections."""
        # Not self.service, which would make one.
        if "service" in self.__dict__:
            self.service.client.close()


def in_session(
    command: Callable[[Session, Sequence[str]], int],
) -> Callable[[Sequence[str], Mapping[str, str]], int]:
    """Let ``command`` run in a session of its own; an error or a signal that ends it has its exit
    code.
    """

    @wraps(command)
    def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
        session = Session(env)
        try:
            return command(session, argv)
        except MogplexError as error:
            session.console.error(error)
            return error.exit_code
        except StopRequested:
            return session.stop.exit_code
        finally:
            session.close()

    return main
