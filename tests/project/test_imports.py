"""What is loaded before it is needed: wrong inputs and help must not wait for libraries that they do not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = {"jinja2", "jsonschema", "pathspec", "requests", "ssl", "structlog", "urllib3", "yaml"}


@pytest.mark.parametrize(
    "module", ["step.action", *(f"commands.{name}" for name in ("common", "lists", "post", "run", "runs"))]
)
def test_a_command_loads_no_slow_library_before_it_needs_one(module: str) -> None:
    code = f"import sys, mogplex_ci.{module}; print(*sorted({SLOW} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
