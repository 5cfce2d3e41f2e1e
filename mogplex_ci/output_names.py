"""The names of a step's outputs: variables on other systems than GitHub, and
files. ``report/outputs.py`` has the outputs themselves.
"""

from typing import Final

FREE_TEXT: Final = frozenset({"message", "error", "artifact"})
"""Outputs that are not variables on other systems, where a later job's shell would get them. GitLab
accepts 20 of the others.
"""

EVENTS_FILE: Final = "events.ndjson"
RESULT_FILE: Final = "result.json"
PAGE_FILE: Final = "report.html"
ARTIFACT_FILE: Final = "artifact.json"
DIAGNOSTICS_FILE: Final = "diagnostics.jsonl"
WRITTEN_BIT_BY_BIT: Final = (EVENTS_FILE, DIAGNOSTICS_FILE)
"""Files of ``output-dir`` that grow while the step runs; the others appear when they are whole."""


OUTPUT_PREFIX: Final = "MOGPLEX_OUT_"
"""No input's variable begins so: GitLab loads the dotenv file of each earlier stage into every
later job, where ``MOGPLEX_BRANCH`` would be taken for the input ``branch``.
"""


def output_variable(name: str) -> str:
    """Return the variable of the output ``name`` on systems other than GitHub, such as
    ``MOGPLEX_OUT_RUN_ID``.
    """
    return OUTPUT_PREFIX + name.upper().replace("-", "_")
