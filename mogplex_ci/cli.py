"""From argv to a command."""

import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from mogplex_ci.commands import COMMANDS, call
from mogplex_ci.errors import InternalError
from mogplex_ci.waiting import stop_of_process

# As a shell reports a program that SIGPIPE has ended.
EXIT_BROKEN_PIPE: Final = 141
_HELP: Final = ("help", "--help", "-h", "--version", "-V")


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run the command that ``argv`` names and return its exit code. No error leaves this
    function.
    """
    _prepare()
    if argv is None:
        argv = sys.argv[1:]
    if env is None:
        env = os.environ
    try:
        try:
            return _run(argv, env)
        finally:
            # An error here still changes the exit code; Python's own flush at exit would only print
            # it.
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output is gone.
        _drop_output()
        return EXIT_BROKEN_PIPE
    except Exception as error:  # a user never sees a traceback
        if isinstance(error, OSError):  # a full disk behind stdout fails again at exit
            _drop_output()
        internal = InternalError.of(error)
        sys.stderr.write(f"error: {internal.cause}. {internal.remedy}\n")
        return internal.exit_code


def _prepare() -> None:
    """Set up what no command changes: the collector of garbage, and the standard streams."""
    # More than loading makes: to look for garbage among it takes a tenth of the start.
    gc.set_threshold(100_000)
    for name in ("stdout", "stderr"):
        # It was closed: the next file that is opened would get its descriptor.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as we run
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        # A character that the terminal cannot show must not stop a run.
        if stream.isatty():
            stream.reconfigure(errors="replace")
        else:  # for CI systems, also on Windows
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")


def _drop_output() -> None:
    """Discard what stdout still holds: Python would fail again when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    stop_of_process()  # before the rest is loaded: a signal for which PID 1 has no handler is lost
    word, *rest = argv or [_without_arguments(env)]
    if word == "help" and rest and rest[0] in COMMANDS:
        command, *rest = rest
        return call(command, [*rest, "--help"], env)
    if word in COMMANDS:
        return call(word, rest, env)
    if word.startswith("-") and word not in _HELP:  # a flag of a step
        return call("action", argv, env)
    return call("help", [word, *rest], env)


def _without_arguments(env: Mapping[str, str]) -> str:
    """Return the command for no arguments: a step, unless only a person at a terminal can have
    called it.
    """
    is_set_up = any(env.get(name) for name in env if name.startswith(("MOGPLEX_", "INPUT_")))
    if sys.stdout.isatty() and not env.get("CI") and not is_set_up:
        return "help"
    return "action"
