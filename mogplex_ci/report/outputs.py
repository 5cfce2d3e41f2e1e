"""A step's results for other programs: a row for each output, and for each value of the result
file.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Final, NamedTuple

from mogplex_ci.report.delivered import GateFacts, RoundFacts
from mogplex_ci.report.facts import RunFacts, StepFacts
from mogplex_ci.report.text import NAME_LIMIT
from mogplex_ci.run.timeline import PhaseSpan, ToolUse
from mogplex_ci.sanitize import CleanText, Sanitizer
from mogplex_ci.untrusted import Untrusted

FILE_VERSION: Final = 1
"""Of ``schemas/result.schema.json``. Fields may be added within a version; none is removed or
changes its meaning.
"""
OutputValue = CleanText | str | bool | int | float | None
_Part = PhaseSpan | ToolUse | GateFacts | RoundFacts | CleanText
FileValue = OutputValue | tuple[_Part, ...]


class OutputSpec(NamedTuple):
    """An output: a value that is handed on about a run."""

    name: str
    """Its name on GitHub."""
    value: Callable[[RunFacts], OutputValue]
    """Reads it from the facts of a run."""
    file: str = ""
    """Its place in the result file: a name, or ``object.name``; empty when it is an output only."""
    early: bool = False
    """Whether it is set as soon as the run is started."""
    of_several: bool = False
    """Whether it is set, too, if the inputs name several runs: then it is about the step."""
    in_results: bool = False
    """Whether the output ``results`` has it of each run."""


class FileSpec(NamedTuple):
    """A value about a run that is in the result file only."""

    file: str
    """Its place: a name, or ``object.name``."""
    value: Callable[[RunFacts], FileValue]
    """Reads it from the facts of a run."""


_ROWS: Final[tuple[OutputSpec | FileSpec, ...]] = (
    OutputSpec(
        "result", lambda run: run.ending.result.value, "result", of_several=True, in_results=True
    ),
    FileSpec("exit_code", lambda run: run.ending.exit_code),
    FileSpec("error.cause", lambda run: run.ending.cause),
    OutputSpec("status", lambda run: run.work.status, "run.status", early=True, in_results=True),
    OutputSpec("run-id", lambda run: run.work.run_id, "run.id", early=True, in_results=True),
    OutputSpec("repo-id", lambda run: run.work.repo_id, "run.repo_id", early=True),
    OutputSpec("repo", lambda run: run.task.repo, "repo"),
    OutputSpec("harness", lambda run: run.work.harness, "run.harness", early=True),
    OutputSpec("branch", lambda run: run.delivered.branch, "branch", early=True, in_results=True),
    OutputSpec("base-branch", lambda run: run.delivered.base_branch, "base_branch"),
    OutputSpec(
        "pull-request-url",
        lambda run: run.delivered.pull_request_url,
        "pull_request_url",
        in_results=True,
    ),
    OutputSpec("compare-url", lambda run: run.delivered.compare_url, "compare_url"),
    OutputSpec("preview-url", lambda run: run.work.preview_url, "preview_url"),
    OutputSpec("commit-sha", lambda run: run.delivered.commit, "commit", in_results=True),
    OutputSpec("changed", lambda run: run.delivered.changed, "changed", in_results=True),
    OutputSpec("replayed", lambda run: run.work.joined, "run.joined", early=True),
    OutputSpec("idempotency-key", lambda run: run.work.key, "run.idempotency_key", early=True),
    FileSpec("run.cancelled_by_step", lambda run: run.work.cancelled_by_step),
    OutputSpec("message", lambda run: run.work.message, "last_words"),
    FileSpec("doubted_claims", lambda run: run.work.doubted_claims),
    OutputSpec("error", lambda run: run.ending.error, of_several=True),
    OutputSpec(
        "error-code",
        lambda run: run.ending.error_code,
        "error.code",
        of_several=True,
        in_results=True,
    ),
    FileSpec("error.help_url", lambda run: run.ending.help_url),
    FileSpec("error.detail", lambda run: run.ending.detail),
    FileSpec("error.remedy", lambda run: run.ending.remedy),
    FileSpec("error.problems", lambda run: run.ending.problems),
    FileSpec("run.sandbox_id", lambda run: run.work.sandbox_id),
    FileSpec("events.count", lambda run: run.times.events),
    OutputSpec("events-truncated", lambda run: run.times.events_missing, "events.truncated"),
    OutputSpec(
        "duration-seconds",
        lambda run: run.ending.duration,
        "duration_seconds",
        of_several=True,
        in_results=True,
    ),
    FileSpec("requests", lambda run: run.ending.requests),
    FileSpec("phases", lambda run: run.times.spans),
    FileSpec("tools", lambda run: run.times.tools),
    FileSpec("gates", lambda run: run.delivered.gates),
    OutputSpec("rounds", lambda run: len(run.delivered.rounds) or None),
    FileSpec("rounds", lambda run: run.delivered.rounds),
    FileSpec("event_sha256", lambda run: run.work.event_sha256),
    OutputSpec("output-dir", lambda run: run.task.output_dir, of_several=True),
    FileSpec("artifact_file", lambda run: run.artifact_file),
    OutputSpec("artifact", lambda run: run.delivered.artifact_output),
)
RESULTS: Final = "results"
"""The output that has every run of the step."""
OUTPUTS: Final = {spec.name: spec for spec in _ROWS if isinstance(spec, OutputSpec)}
"""The outputs about a run, by the name on GitHub, in the order of ``action.yml``."""
OUTPUT_NAMES: Final = (*OUTPUTS, RESULTS)
IN_FILE: Final = {spec.file: spec for spec in _ROWS if spec.file}
"""By the place in the result file."""


def early_outputs(run: RunFacts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return the outputs that are known once the run is started, for later steps that always
    run.
    """
    return {name: _as_text(spec.value(run), safe) for name, spec in OUTPUTS.items() if spec.early}


def outputs_of(step: StepFacts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return every output; unknown is None. Only ``message`` may have several lines.

    If the inputs name several runs, each run's are in ``results`` only.
    """
    outputs: dict[str, CleanText | None] = {}
    for name, spec in OUTPUTS.items():
        outputs[name] = None
        if spec.of_several or step.names_one_run:
            outputs[name] = _as_text(spec.value(step.whole), safe)
    outputs[RESULTS] = safe.json(Untrusted([_row(run) for run in step.runs]))
    return outputs


def _as_text(value: OutputValue, safe: Sanitizer) -> CleanText | None:
    """Return a value as the text that an output is."""
    match value:
        case CleanText():
            return value
        case bool(flag):
            return safe.identifier(str(flag).lower())
        case int() | float():
            return safe.identifier(str(round(value)))
        case word:
            return safe.identifier(word)


def _row(run: RunFacts) -> dict[str, object]:
    """Return a run as an object of the output ``results``."""
    row: dict[str, object] = {"repo": run.task.repo, "task": run.task.name}
    for name, spec in OUTPUTS.items():
        if spec.in_results:
            value = spec.value(run)
            if isinstance(value, float):
                value = round(value)
            row[name] = value
    return row


def result_of_run(run: RunFacts, safe: Sanitizer) -> dict[str, object]:
    """Return a run as the result file has it. Unknown values are null."""
    content: dict[str, object] = {"version": FILE_VERSION}
    objects: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for place, spec in IN_FILE.items():
        value = _as_json(spec.value(run), safe)
        object_name, dot, name = place.partition(".")
        if dot:
            objects[object_name][name] = value
        else:
            content[place] = value
    content |= objects
    if run.ending.cause is None:
        content["error"] = None
    elif run.ending.error_code is None:
        content["error"] = objects["error"] | {"code": "ERROR"}
    if run.work.run_id is None:
        content["run"] = None
    return content | {"task": run.task.name, "record": run.record, "runs": []}


def _as_json(value: object, safe: Sanitizer) -> object:
    """Return a value as the result file has it."""
    match value:
        case PhaseSpan(phase, started, ended):
            return {
                "name": phase.value,
                "began_seconds": round(started, 3),
                "seconds": round(ended - started, 3),
            }
        case ToolUse(name, calls):
            return {
                "name": safe.clean(name, limit=NAME_LIMIT),
                "calls": len(calls),
                "failed": value.failed,
                "seconds": round(value.seconds, 3),
            }
        case GateFacts() | RoundFacts():
            return {name: _as_json(part, safe) for name, part in value._asdict().items()}
        case tuple():
            return [_as_json(item, safe) for item in value]
        case _:
            return value
