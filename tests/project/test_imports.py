"""Nothing is loaded before it is needed: wrong inputs and help must not wait for libraries that
they do not use.
"""

from __future__ import annotations

import subprocess
import sys

SLOW = {"jsonschema", "markdown_it", "pathspec", "requests", "ssl", "structlog"}
SLOW |= {"urllib3", "yaml"}
MODULES = [
    "step.action",
    *(f"commands.{name}" for name in ("common", "post", "repos", "run", "runs")),
]


def test_no_command_loads_a_slow_library_before_it_needs_one() -> None:
    imports = "".join(
        f"import mogplex_ci.{name}; print({name!r}, *sorted({SLOW} & {{*sys.modules}}))\n"
        for name in MODULES
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{imports}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == MODULES
