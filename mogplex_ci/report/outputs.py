"""A step's results for other programs: a row for each output, and for each value of the result
file.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from mogplex_ci.report.delivered import GateFacts, RoundFacts
from mogplex_ci.report.facts import EndingFacts, RunFacts, StepFacts
from mogplex_ci.report.text import NAME_LIMIT
from mogplex_ci.run.timeline import PhaseSpan, ToolUse
from mogplex_ci.sanitize import CleanText, Sanitizer

FILE_VERSION: Final = 1
"""Of ``schemas/result.schema.json``. Fields may be added within a version; none is removed or
changes its meaning.
"""
OutputValue = CleanText | str | bool | int | float | None
_Part = PhaseSpan | ToolUse | GateFacts | RoundFacts | CleanText
FileValue = OutputValue | tuple[_Part, ...]


class StepRow(NamedTuple):
    """A value about how a step ended."""

    value: Callable[[StepFacts | RunFacts], FileValue]
    output: str = ""
    """Name of the output on GitHub; empty if there is none."""
    file: str = ""
    """Its place in the result file: a name, or ``object.name``; empty when it is an output only."""


class RunRow(NamedTuple):
    """A value about a run."""

    value: Callable[[RunFacts], FileValue]
    output: str = ""
    file: str = ""
    """These as in ``StepRow``."""
    early: bool = False
    """Whether the output is set as soon as the run is started."""
    without: FileValue = None
    """The result file's fields for a step without a run."""


_ROWS: Final[tuple[StepRow | RunRow, ...]] = (
    StepRow(lambda ended: ended.ending.result.value, "result", "result"),
    StepRow(lambda ended: ended.ending.exit_code, file="exit_code"),
    StepRow(lambda ended: ended.ending.cause, file="error.cause"),
    RunRow(lambda run: run.work and run.work.status, "status", "run.status", early=True),
    RunRow(lambda run: run.work and run.work.run_id, "run-id", "run.id", early=True),
    RunRow(lambda run: run.work and run.work.repo_id, file="run.repo_id"),
    RunRow(lambda run: run.task.repo, "repo", "repo"),
    RunRow(lambda run: run.work and run.work.harness, "harness", "run.harness", early=True),
    RunRow(lambda run: run.delivered.branch, "branch", "branch", early=True),
    RunRow(lambda run: run.delivered.base_branch, "base-branch", "base_branch"),
    RunRow(lambda run: run.delivered.pull_request_url, "pull-request-url", "pull_request_url"),
    RunRow(lambda run: run.delivered.compare_url, file="compare_url"),
    RunRow(lambda run: run.work and run.work.preview_url, file="preview_url"),
    RunRow(lambda run: run.delivered.commit, "commit-sha", "commit"),
    RunRow(lambda run: run.delivered.changed, "changed", "changed"),
    RunRow(lambda run: run.work and run.work.joined, "replayed", "run.joined", early=True),
    RunRow(lambda run: run.key, "idempotency-key", "run.idempotency_key", early=True),
    RunRow(lambda run: run.work and run.work.cancelled_by_step, file="run.cancelled_by_step"),
    RunRow(lambda run: run.work and run.work.message, "message", "last_words"),
    StepRow(lambda ended: ended.ending.error, "error"),
    StepRow(lambda ended: ended.ending.error_code, "error-code", "error.code"),
    StepRow(lambda ended: ended.ending.help_url, file="error.help_url"),
    StepRow(lambda ended: ended.ending.detail, file="error.detail"),
    StepRow(lambda ended: ended.ending.remedy, file="error.remedy"),
    StepRow(lambda ended: ended.ending.problems, file="error.problems"),
    RunRow(lambda run: run.work and run.work.sandbox_id, file="run.sandbox_id"),
    RunRow(lambda run: run.times.events, file="events.count", without=0),
    RunRow(lambda run: run.times.events_missing, file="events.truncated", without=False),
    StepRow(lambda ended: ended.ending.duration, file="duration_seconds"),
    StepRow(lambda ended: ended.ending.requests, file="requests"),
    RunRow(lambda run: run.times.spans, file="phases", without=()),
    RunRow(lambda run: run.times.tools, file="tools", without=()),
    RunRow(lambda run: run.delivered.gates, file="gates", without=()),
    RunRow(lambda run: len(run.delivered.rounds) or None, "rounds"),
    RunRow(lambda run: run.delivered.rounds, file="rounds", without=()),
    RunRow(lambda run: run.work and run.work.event_sha256, file="event_sha256"),
    StepRow(lambda ended: ended.task.image, file="image"),
    RunRow(lambda run: run.artifact_file, file="artifact_file"),
    RunRow(lambda run: run.delivered.artifact_output, "artifact"),
)
OUTPUTS: Final = {row.output: row for row in _ROWS if row.output}
"""By the name on GitHub, in the order of ``action.yml``."""
OUTPUT_NAMES: Final = tuple(OUTPUTS)
IN_FILE: Final = {row.file: row for row in _ROWS if row.file}
"""By the place in the result file."""


def early_outputs(run: RunFacts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return the outputs that are known once the run is started, for later steps that always
    run.
    """
    return {
        name: _as_text(row.value(run), safe)
        for name, row in OUTPUTS.items()
        if isinstance(row, RunRow) and row.early
    }


def outputs_of(step: StepFacts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return every output; unknown is None. Only ``message`` may have several lines."""
    outputs: dict[str, CleanText | None] = {}
    for name, row in OUTPUTS.items():
        outputs[name] = None
        if isinstance(row, StepRow):
            outputs[name] = _as_text(row.value(step), safe)
        elif step.run is not None:
            outputs[name] = _as_text(row.value(step.run), safe)
    return outputs


def _as_text(value: FileValue, safe: Sanitizer) -> CleanText | None:
    """Return a value as the text that an output is."""
    match value:
        case CleanText():
            return value
        case bool(flag):
            return safe.identifier(str(flag).lower())
        case int() | float():
            return safe.identifier(str(round(value)))
        case str() | None:
            return safe.identifier(value)
        case _:
            raise TypeError("an output is one value")


def result_of_run(run: RunFacts, safe: Sanitizer) -> dict[str, object]:
    """Return the result file's content for a run. Unknown values are null."""
    values = {place: row.value(run) for place, row in IN_FILE.items()}
    content = _content(values, run.ending, safe)
    if run.work is None:
        content["run"] = None
    return content


def result_of_step(step: StepFacts, safe: Sanitizer) -> dict[str, object]:
    """Return the result file's content for a step without a run."""
    values = {
        place: row.value(step) if isinstance(row, StepRow) else row.without
        for place, row in IN_FILE.items()
    }
    content = _content(values, step.ending, safe)
    return content | {"run": None}


def _content(
    values: Mapping[str, FileValue], ending: EndingFacts, safe: Sanitizer
) -> dict[str, object]:
    """Return values, by their place, as objects of the result file."""
    content: dict[str, object] = {"version": FILE_VERSION}
    objects: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for place, value in values.items():
        object_name, dot, name = place.partition(".")
        if dot:
            objects[object_name][name] = _as_json(value, safe)
        else:
            content[place] = _as_json(value, safe)
    content |= objects
    if ending.cause is None:
        content["error"] = None
    elif ending.error_code is None:
        content["error"] = objects["error"] | {"code": "ERROR"}
    return content


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
