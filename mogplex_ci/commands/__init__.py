"""The program's commands. A module has the name of its command; ``action`` is in ``step``."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

COMMANDS: Final = {
    "action": "Start a run, follow it, and exit with its result. The default.",
    "post": "Cancel runs that a killed step left behind.",
    "run": "Start a run.",
    "runs": "Show a run, follow its events, cancel it.",
    "repos": "List the repositories that the token can see.",
}
"""Each command and what it does."""


def call(command: str, argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command with its arguments and return its exit code. Only its own module is
    imported.
    """
    module = "step.action" if command == "action" else f"commands.{command}"
    exit_code: int = import_module(f"mogplex_ci.{module}").main(list(argv), env)
    return exit_code
