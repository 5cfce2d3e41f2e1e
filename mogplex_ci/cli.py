"""From argv to a command; and the completion of commands and flags in a shell."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING, Final

from mogplex_ci.commands import COMMANDS, call

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from mogplex_ci.commands.common import Parser

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141
API: Final = "Mogplex API v1, of services from 2026-08 to 2026-11"


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run the command that ``argv`` names and return its exit code. No error leaves this function."""
    gc.set_threshold(100_000)  # more than loading makes: to look for garbage among it takes a tenth of the start
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal cannot show must not stop a run
            if not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="\n")  # what CI systems read, also on Windows
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv, os.environ if env is None else env)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone. Python would fail again when it flushes stdout at exit.
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
    return _print_completion(rest, env) if word == "completion" else call(word, rest, env)


def _print_help() -> int:
    from mogplex_ci.commands.common import overview, program

    sys.stdout.write(overview(program(), COMMANDS, example='run --repo acme/web "Fix the flaky tests"'))
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


def _print_completion(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Print a completion script for a shell."""
    import shtab

    from mogplex_ci.commands.common import Parser, one_of, perform

    parser = Parser("completion", COMMANDS["completion"], example="completion bash >> ~/.bashrc")
    shells = shtab.SUPPORTED_SHELLS
    parser.add_argument("shell", type=one_of("SHELL", *shells), choices=shells, help="shell to complete for")

    def print_script() -> int:
        shell = parser.read(argv).shell
        sys.stdout.write(shtab.complete(_all_commands(parser), shell=shell) + "\n")
        return 0

    return perform(env, lambda _: print_script())


def _all_commands(completion: Parser) -> argparse.ArgumentParser:
    """Return one parser with all commands as subcommands; without a command, the flags are those of ``action``."""
    import argparse

    from mogplex_ci.commands import doctor, emulator, lists, post, run, runs
    from mogplex_ci.commands.common import program
    from mogplex_ci.inputs.sources import flag_parser

    action = _with_files(flag_parser(program()))
    leaves: dict[str, argparse.ArgumentParser] = {
        "action": action,
        "post": _with_files(post.parser()),
        "run": _with_files(run.parser()),
        "doctor": _with_files(doctor.parser()),
        "emulator": _with_files(emulator.parser()),
        "completion": completion,
    }
    branches = {"runs": runs.parsers(), **lists.parsers()}
    root = argparse.ArgumentParser(prog=program(), parents=[action], add_help=False)
    words = root.add_subparsers()
    for name, summary in COMMANDS.items():
        if name in leaves:
            words.add_parser(name, parents=[leaves[name]], add_help=False, help=summary)
        elif name in branches:
            subcommands = words.add_parser(name, help=summary).add_subparsers()
            for subcommand, below in branches[name].items():
                subcommands.add_parser(subcommand, parents=[below], add_help=False, help=below.description)
    return root


def _with_files(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Complete file names after the flags that take a file: shtab looks for the attribute ``complete``."""
    import shtab

    for action in parser._actions:
        if "file" in action.dest or action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # argparse does not know it
    return parser
