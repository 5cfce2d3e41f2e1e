"""The names of the outputs."""

from __future__ import annotations

from typing import Final

OUTPUTS: Final = (
    "result",
    "status",
    "run-id",
    "repo-id",
    "repo",
    "harness",
    "branch",
    "base-branch",
    "pull-request-url",
    "changed",
    "replayed",
    "idempotency-key",
    "error",
    "error-code",
    "sandbox-id",
    "events-count",
    "events-truncated",
    "duration-seconds",
    "result-file",
    "events-file",
    "report-file",
)
"""Every output, by its GitHub name."""


def output_variable(name: str) -> str:
    """Return the variable that carries the output ``name`` on systems other than GitHub."""
    return "MOGPLEX_" + name.upper().replace("-", "_")
