"""Run one command of the program with what a container action would find in its environment.

A composite action gets its inputs as one JSON object, and nothing keeps state from one of its steps
to the next: inputs become INPUT_ variables, the state file is ours, and its values become STATE_
variables.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from mogplex_ci.cli import main

_STATE = re.compile(
    r"^(?P<name>[^\n<=]+)<<(?P<delimiter>.+)\n(?P<value>(?s:.*?))\n(?P=delimiter)$", re.MULTILINE
)


def set_environment(inputs: str, state: Path) -> None:
    """Set INPUT_ variables from the JSON object ``inputs``, and STATE_ variables from what
    ``state`` holds so far.
    """
    for name, value in json.loads(inputs).items():
        os.environ[f"INPUT_{name.replace(' ', '_').upper()}"] = value
    for entry in _STATE.finditer(state.read_text(encoding="utf-8")):
        os.environ[f"STATE_{entry['name']}"] = entry["value"]
    os.environ["GITHUB_STATE"] = str(state)


if __name__ == "__main__":
    set_environment(os.environ.pop("INPUTS"), Path(os.environ.pop("STATE_FILE")))
    sys.exit(main(sys.argv[1:]))
