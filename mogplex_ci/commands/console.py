"""What the commands for people print: results to stdout, errors and warnings to stderr, colours on a terminal only."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TextIO

from mogplex_ci.errors import ConflictError, MogplexError, NotAuthorizedError, UsageError
from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import Sanitizer, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.errors import Problem
    from mogplex_ci.models import Run
    from mogplex_ci.sanitize import SafeText


class Style(Enum):
    """How a line looks on a terminal, as the parameter of ANSI's SGR sequence."""

    PLAIN = ""
    GOOD = "32"
    CAREFUL = "33"
    BAD = "31"


STATUS_STYLES = {"success": Style.GOOD, "failed": Style.BAD, "cancelled": Style.CAREFUL}
"""Style of a line that tells a run's status; plain for the others."""


class Console:
    """The terminal or pipe of one command."""

    def __init__(self, env: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        """Take the process environment; ``out`` and ``err`` are this process's own unless given."""
        self.safe = Sanitizer(secrets_of(env))
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._is_dumb = env.get("TERM", "dumb") == "dumb"
        self._is_ci = bool(env.get("CI"))
        self._colours = not env.get("NO_COLOR") and env.get("TERM") != "dumb"

    @property
    def terminal(self) -> TextIO | None:
        """Where results go when that is a terminal that a person watches, and that can do more than print."""
        return self._out if self._out.isatty() and not (self._is_dumb or self._is_ci) else None

    def line(self, text: SafeText, style: Style = Style.PLAIN) -> None:
        """Print one line of the result."""
        self._write(self._out, text, style)

    def json(self, value: Untrusted) -> None:
        """Print ``value`` as one line of JSON, every string in it clean."""
        self._write(self._out, self.safe.json(value), Style.PLAIN)

    def ended(self, run: Run) -> None:
        """Print the line that ends a followed run, as the documented commands do.

        Buildkite folds at lines that begin like this one, so that no other line may; it holds nothing but two words.
        """
        words = [self.safe.identifier(word) or "***" for word in (run.id, run.status)]
        self._write(self._out, f"--- run {words[0]} {words[1]} ---", STATUS_STYLES.get(run.status, Style.PLAIN))

    def warn(self, template: str, *values: Untrusted | str) -> None:
        """Say what deserves attention but is no error; ``template`` is filled as by ``Sanitizer.line``."""
        self._write(self._err, self.safe.line("warning: " + template, *values), Style.CAREFUL)

    def fail(self, template: str, *values: Untrusted | str) -> None:
        """Say why the command fails; ``template`` is filled as by ``Sanitizer.line``."""
        self._write(self._err, self.safe.line("error: " + template, *values), Style.BAD)

    def error(self, error: MogplexError) -> None:
        """Say what went wrong, and on a line of its own what to do about it."""
        if isinstance(error, UsageError):
            for phrase in map(problem_phrase, error.problems):
                self.fail(phrase.template, *phrase.values)
            return
        phrase = error_phrase(error)
        self.fail(phrase.template, *phrase.values)
        remedy = remedy_of(error)
        if remedy:
            self._write(self._err, self.safe.line("hint: {}", remedy), Style.PLAIN)

    def _write(self, stream: TextIO, text: str, style: Style) -> None:
        if style is not Style.PLAIN and self._colours and stream.isatty():
            text = f"\x1b[{style.value}m{text}\x1b[0m"
        stream.write(text + "\n")
        stream.flush()


class Phrase(NamedTuple):
    """Part of a line: a template for ``Sanitizer.line``, and what is filled in."""

    template: str
    values: tuple[Untrusted | str, ...]


def error_phrase(error: MogplexError) -> Phrase:
    """Return the cause, the code by which scripts know it, and what the server wrote about it."""
    if error.detail is None:
        return Phrase("{} ({})", (error.cause, error.code))
    return Phrase("{} ({}): {}", (error.cause, error.code, error.detail))


def problem_phrase(problem: Problem) -> Phrase:
    """Return what is wrong with an argument or input, what it got, and what is allowed."""
    parts: list[tuple[str, tuple[Untrusted | str, ...]]] = [("{}: {}", (problem.input, problem.fault))]
    if problem.got is not None:
        parts.append((", got '{}'", (problem.got,)))
    if problem.allowed:
        parts.append(("; allowed: {}", (problem.allowed,)))
    if problem.near:
        parts.append(("; closest: " + ", ".join("{}" for _ in problem.near), problem.near))
    return Phrase("".join(part for part, _ in parts), tuple(value for _, values in parts for value in values))


def remedy_of(error: MogplexError) -> str:
    """Return what to do, in the words of a command line: some remedies name the action's inputs."""
    if isinstance(error, NotAuthorizedError):
        return "Set MOGPLEX_API_KEY to a current token (mog_…); issue one at mogplex.com/settings/api-keys."
    if isinstance(error, ConflictError):
        return "Use another --idempotency-key for this request, or leave it out."
    return error.remedy
