"""Run one command of the program with what a container action would find in its environment.

A composite action gets its inputs as one JSON object: they become INPUT_ variables.
"""

from __future__ import annotations

import json
import os
import sys

from mogplex_ci.cli import main


def set_environment(inputs: str) -> None:
    """Set INPUT_ variables from the JSON object ``inputs``."""
    for name, value in json.loads(inputs).items():
        os.environ[f"INPUT_{name.replace(' ', '_').upper()}"] = value


if __name__ == "__main__":
    set_environment(os.environ.pop("INPUTS"))
    sys.exit(main(sys.argv[1:]))
