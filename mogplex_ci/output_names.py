"""The names of a step's outputs: variables on other systems than GitHub, and
files. ``report/outputs.py`` has the outputs themselves.
"""

from typing import Final

ALSO_VARIABLES: Final = frozenset(
    {
        "result",
        "status",
        "run-id",
        "repo",
        "harness",
        "branch",
        "base-branch",
        "pull-request-url",
        "commit-sha",
        "changed",
        "replayed",
        "idempotency-key",
        "error-code",
        "rounds",
    }
)
"""Outputs that are variables, too: those that a later job acts on, no free text, and at most the 20
that GitLab accepts.
"""

EVENTS_FILE: Final = "events.ndjson"
RESULT_FILE: Final = "result.json"
PAGE_FILE: Final = "report.html"
ARTIFACT_FILE: Final = "artifact.json"
DIAGNOSTICS_FILE: Final = "diagnostics.jsonl"
WRITTEN_BIT_BY_BIT: Final = (EVENTS_FILE, DIAGNOSTICS_FILE)
"""Files of ``output-dir`` that grow while the step runs; the others appear when they are whole."""


def output_variable(name: str) -> str:
    """Return the variable of the output ``name`` on systems other than GitHub, such as
    ``MOGPLEX_OUT_RUN_ID``.

    No input has such a name: GitLab loads the dotenv file of each earlier stage into every later
    job, where ``MOGPLEX_BRANCH`` would be taken for the input ``branch``.
    """
    return "MOGPLEX_OUT_" + name.upper().replace("-", "_")


OUTPUT_VARIABLES: Final = frozenset(map(output_variable, ALSO_VARIABLES))
"""As an earlier job may hand them to this one. They are not inputs, and no mistake."""
