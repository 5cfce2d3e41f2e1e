"""A step's results for other programs: one table for the outputs, their variables and the result
file.
"""

from typing import Final, NamedTuple


class Told(NamedTuple):
    """A value that is told."""

    fact: str
    """Where it comes from: a field of ``report.facts.Facts``; empty for what is made of several
    runs.
    """
    output: str = ""
    """Name of the output on GitHub; empty when it is in the result file only."""
    file: str = ""
    """Where it is in the result file: a name, or ``object.name``; empty when it is an output
    only.
    """
    variable: bool = True
    """Whether it is a variable on other systems: no free text, and at most the 20 variables that
    GitLab accepts.
    """
    early: bool = False
    """Whether it is set as soon as the run is started."""
    of_step: bool = False
    """Whether it is about the step, also when it has several runs; else it is about its one run."""
    of_each: bool = False
    """Whether it is told of each run of several, in ``results``."""


_TABLE: Final = (
    Told("result", "result", "result", of_step=True, of_each=True),
    Told("exit_code", file="exit_code"),
    Told("cause", file="error.cause"),
    Told("status", "status", "run.status", early=True, of_each=True),
    Told("run_id", "run-id", "run.id", early=True, of_each=True),
    Told("repo_id", "repo-id", "run.repo_id", early=True),
    Told("repo", "repo", "repo"),
    Told("harness", "harness", "run.harness", early=True),
    Told("branch", "branch", "branch", early=True, of_each=True),
    Told("base_branch", "base-branch", "base_branch"),
    Told("pull_request_url", "pull-request-url", "pull_request_url", of_each=True),
    Told("compare_url", "compare-url", "compare_url"),
    Told("preview_url", "preview-url", "preview_url", variable=False),
    Told("commit", "commit-sha", "commit", of_each=True),
    Told("changed", "changed", "changed", of_each=True),
    Told("joined", "replayed", "run.joined", early=True),
    Told("key", "idempotency-key", "run.idempotency_key", early=True),
    Told("cancelled_by_step", file="run.cancelled_by_step"),
    Told("message", "message", "last_words", variable=False),
    Told("error", "error", variable=False, of_step=True),
    Told("error_code", "error-code", "error.code", of_step=True, of_each=True),
    Told("detail", file="error.detail"),
    Told("remedy", file="error.remedy"),
    Told("problems", file="error.problems"),
    Told("sandbox_id", file="run.sandbox_id"),
    Told("events", file="events.count"),
    Told("events_missing", "events-truncated", "events.truncated"),
    Told("duration", "duration-seconds", "duration_seconds", of_step=True, of_each=True),
    Told("requests", file="requests"),
    Told("spans", file="phases"),
    Told("tools", file="tools"),
    Told("gates", file="gates"),
    Told("rounds", "rounds", file="rounds"),
    Told("event_sha256", file="event_sha256"),
    Told("output_dir", "output-dir", variable=False, of_step=True),
    Told("artifact_file", file="artifact_file"),
    Told("artifact", "artifact", variable=False),
    Told("", "results", variable=False, of_step=True),
)
OUTPUTS: Final = {told.output: told for told in _TABLE if told.output}
"""By the name on GitHub, in the order of ``action.yml``."""
IN_FILE: Final = {told.file: told for told in _TABLE if told.file}
"""By the place in the result file."""


EVENTS_FILE: Final = "events.ndjson"
RESULT_FILE: Final = "result.json"
PAGE_FILE: Final = "report.html"
JUNIT_FILE: Final = "junit.xml"
ARTIFACT_FILE: Final = "artifact.json"
DIAGNOSTICS_FILE: Final = "diagnostics.jsonl"
WRITTEN_BIT_BY_BIT: Final = (EVENTS_FILE, DIAGNOSTICS_FILE)
"""Files of ``output-dir`` that grow while the step runs; the others appear when they are whole."""


def output_variable(name: str) -> str:
    """Return the variable of the output ``name`` on systems other than GitHub, such as
    ``MOGPLEX_RUN_ID``.
    """
    return "MOGPLEX_" + name.upper().replace("-", "_")
