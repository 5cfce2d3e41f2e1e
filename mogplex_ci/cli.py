"""From argv to a command."""

import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from mogplex_ci.commands import COMMANDS, call
from mogplex_ci.waiting import stop_of_process

EXIT_BROKEN_PIPE: Final = 141
_HELP: Final = ("help", "--help", "-h", "--version", "-V")


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run the command that ``argv`` names and return its exit code. No error leaves this
    function.
    """
    gc.set_threshold(
        100_000
    )  # more than loading makes: to look for garbage among it takes a tenth of the start
    for name in ("stdout", "stderr"):
        if (
            getattr(sys, name) is None
        ):  # it was closed: the next file that is opened would get its descriptor
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as we run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a character that the terminal cannot show must not stop a run
            if not stream.isatty():
                stream.reconfigure(
                    encoding="utf-8", newline="\n"
                )  # for CI systems, also on Windows
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv, os.environ if env is None else env)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output is gone. Python would fail again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # a user never sees a traceback
        from mogplex_ci.errors import (
            InternalError,
        )  # its 7 ms would come before a step notices a signal

        internal = InternalError.of(error)
        sys.stderr.write(f"error: {internal.cause}. {internal.remedy}\n")
        return internal.exit_code


def _run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    word, *rest = argv or ["action"]
    if word == "help" and rest and rest[0] in COMMANDS:
        word, rest = rest[0], [*rest[1:], "--help"]
    if word.startswith("-") and word not in _HELP:
        word, rest = "action", list(argv)
    stop_of_process()  # before the rest is loaded: a signal for which PID 1 has no handler is lost
    return call(word, rest, env) if word in COMMANDS else call("help", argv, env)
