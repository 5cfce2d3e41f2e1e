"""From argv to a command."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from mogplex_ci.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run the command that ``argv`` names and return its exit code; anything else on PATH is executed in our place."""
    argv = sys.argv[1:] if argv is None else argv
    env = os.environ if env is None else env
    try:
        try:
            return _run(argv, env)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output is gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # the last door: a user never sees a traceback
        return _failed(error)


def _run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    first = argv[0] if argv else "action"
    if first in COMMANDS:
        name, rest = first, argv[1:]
    elif first in ("--help", "-h", "help"):
        return _help()
    elif first == "--version":
        return _version()
    elif first.startswith("-") or not argv:
        name, rest = "action", argv
    elif shutil.which(first, path=env.get("PATH")):
        _execute(argv)
    else:
        return _unknown(first)
    if name == "action":
        from mogplex_ci.signals import stop_of_process

        stop_of_process()  # before the rest is loaded: PID 1 never gets a signal for which it has no handler
    return int(import_module(f"mogplex_ci.commands.{name}").main(list(rest), env))


def _help() -> int:
    from mogplex_ci.commands.common import overview, program

    sys.stdout.write(overview(program(), COMMANDS, example='run --repo acme/web "Fix the flaky tests"'))
    return 0


def _version() -> int:
    from mogplex_ci import __version__

    sys.stdout.write(f"mogplex-ci {__version__}\n")
    return 0


def _execute(argv: Sequence[str]) -> NoReturn:
    """Become the program that was asked for: CI runners start a shell through the image's entry point."""
    os.execvp(argv[0], list(argv))  # noqa: S606


def _unknown(word: str) -> int:
    from mogplex_ci.inputs.schema import did_you_mean
    from mogplex_ci.sanitize import Sanitizer

    near = did_you_mean(word, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
    sys.stderr.write(Sanitizer().line("error: {} is neither a command nor a program; {}", word, near) + "\n")
    return EXIT_USAGE


def _failed(error: Exception) -> int:
    from mogplex_ci.errors import InternalError

    said = InternalError.of(error)
    sys.stderr.write(f"error: {said.cause}. {said.remedy}\n")
    return EXIT_FAILED
