"""The names under which a step hands on its results: variables on other systems than GitHub, and
files. ``report/outputs.py`` has the outputs themselves.
"""

from typing import Final

ALSO_VARIABLES: Final = frozenset(
    {
        "result",
        "status",
        "run-id",
        "repo-id",
        "repo",
        "harness",
        "branch",
        "base-branch",
        "pull-request-url",
        "compare-url",
        "commit-sha",
        "changed",
        "replayed",
        "idempotency-key",
        "error-code",
        "events-truncated",
        "duration-seconds",
        "rounds",
    }
)
"""Outputs that are variables, too: those that a later job acts on, no free text, and at most the 20
that GitLab accepts.
"""

EVENTS_FILE: Final = "events.ndjson"
RESULT_FILE: Final = "result.json"
PAGE_FILE: Final = "report.html"
JUNIT_FILE: Final = "junit.xml"
ARTIFACT_FILE: Final = "artifact.json"
DIAGNOSTICS_FILE: Final = "diagnostics.jsonl"
LOGS_FOLDER: Final = "run-logs"
"""Of several runs: the logs of those that succeeded."""
WRITTEN_BIT_BY_BIT: Final = (EVENTS_FILE, DIAGNOSTICS_FILE)
"""Files of ``output-dir`` that grow while the step runs; the others appear when they are whole."""


def output_variable(name: str) -> str:
    """Return the variable of the output ``name`` on systems other than GitHub, such as
    ``MOGPLEX_RUN_ID``.
    """
    return "MOGPLEX_" + name.upper().replace("-", "_")
