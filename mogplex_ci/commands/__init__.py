"""One module for each command of the program, and what they share."""

from typing import Final

COMMANDS: Final = {
    "action": "Perform one CI step: start a run, follow it, exit by how it ended. The default.",
    "post": "Cancel what a killed step left running.",
    "run": "Start a run.",
    "runs": "Look at a run, follow its events, cancel it.",
    "repos": "List the repositories that the token can see.",
    "doctor": "Check what a step needs, without starting anything.",
    "emulator": "Serve a local Mogplex for tests.",
    "completion": "Print a completion script for a shell.",
}
"""Each command, a module of this name, and what it does."""
