"""From argv to a command."""

import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from mogplex_ci.commands import COMMANDS, call

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141
API: Final = "Mogplex API v1, of services from 2026-08 to 2026-11"


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run the command that ``argv`` names and return its exit code. No error leaves this function."""
    gc.set_threshold(100_000)  # more than loading makes: to look for garbage among it takes a tenth of the start
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed: the next file that is opened would get its descriptor
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as we run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal cannot show must not stop a run
            if not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="\n")  # for CI systems, also on Windows
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv, os.environ if env is None else env)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output is gone. Python would fail again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # a user never sees a traceback
        return _fail(error)


def _run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    word, *rest = argv or ["action"]
    if word in ("--help", "-h") or (word == "help" and not rest):
        return _print_help()
    if word in ("--version", "-V"):
        return _print_version()
    if word == "help":
        return _run([*rest, "--help"], env)
    if word.startswith("-"):
        word, rest = "action", list(argv)
    if word not in COMMANDS:
        return _refuse(word)
    if word == "action":
        from mogplex_ci.waiting import stop_of_process

        stop_of_process()  # before the rest is loaded: a signal for which PID 1 has no handler is lost
    return call(word, rest, env)


def _print_help() -> int:
    from mogplex_ci.commands.common import overview, program
    from mogplex_ci.errors import EXIT_CODES

    example = f'example:\n  {program()} run --repo acme/web "Fix the flaky tests"'
    sys.stdout.write(overview(program(), COMMANDS, f"{example}\n\n{EXIT_CODES}"))
    return 0


def _print_version() -> int:
    from mogplex_ci import __version__
    from mogplex_ci.report.files import VERSION

    sys.stdout.write(f"mogplex-ci {__version__}\n{API}\nresult file version {VERSION}\n")
    return 0


def _refuse(word: str) -> int:
    from mogplex_ci.errors import Problem
    from mogplex_ci.inputs.declared import nearest
    from mogplex_ci.sanitize import Sanitizer
    from mogplex_ci.untrusted import Untrusted

    near = tuple(map(Untrusted, nearest(word, COMMANDS)))
    problem = Problem("command", "is not a command", "See --help.", Untrusted(word), near)
    template, values = problem.line()
    sys.stderr.write(Sanitizer().line("error: " + template, *values) + "\n")
    return EXIT_USAGE


def _fail(error: Exception) -> int:
    from mogplex_ci.errors import InternalError

    internal = InternalError.of(error)
    sys.stderr.write(f"error: {internal.cause}. {internal.remedy}\n")
    return EXIT_FAILED
