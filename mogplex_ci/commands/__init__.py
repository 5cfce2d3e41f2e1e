"""The program's commands. A module has the name of its command; what can be listed shares the
module ``lists``.

``action`` is in ``step``.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

COMMANDS: Final = {
    "action": "Start a run, follow it, and exit with its result. The default.",
    "post": "Cancel runs that a killed step left behind.",
    "run": "Start a run.",
    "runs": "Show a run, follow its events, fetch its artifacts, cancel it.",
    "repos": "List the repositories that the token can see.",
    "agents": "List the agents that a run can use.",
    "skills": "List the skills that a prompt can invoke.",
    "sandboxes": "List the sandboxes of runs, and show why one could not be set up.",
    "emulator": "Serve a local Mogplex for tests.",
}
"""Each command and what it does."""
_PLACES: Final = {"action": ("step.action", "main")} | {
    name: ("commands.lists", name) for name in ("repos", "agents", "skills")
}
"""Module and function of the commands that have no module of their name."""


def call(command: str, argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command with its arguments and return its exit code. Only its own module is
    imported.
    """
    module, function = _PLACES.get(command, (f"commands.{command}", "main"))
    exit_code: int = getattr(import_module(f"mogplex_ci.{module}"), function)(list(argv), env)
    return exit_code
