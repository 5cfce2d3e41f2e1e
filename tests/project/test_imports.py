"""What few steps use is not loaded at the start: it would take longer than all else."""

from __future__ import annotations

import subprocess
import sys

SLOW = {"jsonschema", "markdown_it", "structlog"}
MODULES = ["cli", "step.action", *(f"commands.{name}" for name in ("post", "repos", "run", "runs"))]


def test_no_command_loads_at_the_start_what_few_steps_use() -> None:
    imports = "".join(
        f"import mogplex_ci.{name}; print({name!r}, *sorted({SLOW} & {{*sys.modules}}))\n"
        for name in MODULES
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{imports}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == MODULES
