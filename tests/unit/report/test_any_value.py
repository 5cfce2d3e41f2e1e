"""With any value in any field of a run or an event, every report says how the step ended."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mogplex_ci.api import answers
from mogplex_ci.inputs.declared import load_schema
from mogplex_ci.run.endings import ending_of_run
from mogplex_ci.run.result import Result, RunDetails, RunResult
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.run.updates import Ended, EventsArrived, Started
from tests.github_log import read_log
from tests.unit.report.events import RUN_ID, OneRun, starting, written
from tests.unit.sanitize.hostile_text import hostile

TEXTS = hostile | st.sampled_from(
    [
        "",
        "main",
        "::endgroup::",
        "]]>",
        "```",
        "</pre>",
        "\ud800",
        "\x00",
        "a/b",
        "…",
        "---",
        "x" * 100_000,
        "https://github.com/a/b/pull/1",
        "javascript:alert(1)",
    ]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**4000, -(10**4000)])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    "today",
    "",
    "9999-12-31T23:59:59-23:59",
    "2026-11-24T13:45:40Z",
    "2026-11-24T13:45:41.123456789+00:00",
]
TYPES = [
    "started",
    "log",
    "tool_started",
    "tool_finished",
    "status_changed",
    "finished",
    "failed",
    "cancelled",
    "cancel_requested",
    "stream_started",
    "tool_call",
    "tool_result",
    "assistant_message",
]
KNOWN = {
    "kind": st.sampled_from(["assistant_delta", "tool"]),
    "stage": st.sampled_from(["git_sync", "git_delivery", "install", "mcp_config"]),
    "toolCallId": st.sampled_from(["1", "2"]),
    "state": st.sampled_from(["running", "done", "error", "denied"]),
}
"""Values that give an event a meaning; any other may stand in their place."""
KEYS = (
    "external_run_id",
    "heartbeat",
    "to",
    "exit_code",
    "failure_code",
    "error",
    "duration_ms",
    "working_branch",
    "base_branch",
    "pull_request_url",
    "changed",
    "path",
    "line",
    "level",
    "input",
    "output",
    "logs",
)
PAYLOADS = VALUES | st.fixed_dictionaries(
    {},
    optional={
        **{key: values | VALUES for key, values in KNOWN.items()},
        **dict.fromkeys(KEYS, VALUES),
    },
)
CREATED = st.sampled_from(TIMES) | st.datetimes().map(lambda time: time.isoformat() + "Z") | VALUES
EVENTS = st.fixed_dictionaries(
    {"id": TEXTS, "type": st.sampled_from(TYPES) | VALUES},
    optional={
        "toolName": st.sampled_from(["Bash", "Edit"]) | VALUES,
        "message": VALUES,
        "payload": PAYLOADS,
    }
    | {"createdAt": CREATED},
)
STATUSES = ["success", "failed", "cancelled", "awaiting_input", "streaming", "dreaming"]
FIELDS = ("repoId", "harness", "sandboxId", "error", "runtime", "terminalCommitSha", "agentId")
BRANCH = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("base", "working", "createBranch"), VALUES)
)
RUNS = st.fixed_dictionaries(
    {"runId": st.just(RUN_ID), "status": st.sampled_from(STATUSES)},
    optional={**dict.fromkeys(FIELDS, VALUES), "branch": VALUES | BRANCH, "createdAt": CREATED},
)
BATCHES = st.lists(st.lists(EVENTS, max_size=5), max_size=3)


def told(run_data: dict[str, Any], batches: list[list[dict[str, Any]]]) -> OneRun:
    """Return a run with these events."""
    run, timeline = answers.run(run_data), Timeline()
    updates: list[Any] = [starting(), Started(run, "key", joined=False, owned=True)]
    for batch in batches:
        events = answers.events(list(batch))
        additions = tuple(addition for event in events for addition in timeline.add(event))
        updates.append(EventsArrived(run, events, additions, 1.0))
    updates.append(Ended(run, None, tuple(timeline.end()), message_is_complete=True))
    return OneRun(
        RunResult(ending_of_run(run, timeline), RunDetails(run=run, timeline=timeline)),
        updates,
    )


def check_files(folder: Path, result: Result) -> None:
    """Check the files of a run that ended like this."""
    file = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    Draft202012Validator(load_schema("result")).validate(file)
    assert file["result"] == result
    lines = (folder / "events.ndjson").read_text(encoding="utf-8").split("\n")[:-1]
    events = [line for line in map(json.loads, lines) if "status" not in line]
    assert len(events) == file["events"]["count"]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(RUNS, BATCHES)
def test_every_report_says_how_the_run_ended(
    run: dict[str, Any], batches: list[list[dict[str, Any]]]
) -> None:
    one = told(run, batches)
    result = one.ended.ending.result
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder).resolve()
        text, outputs = written(workspace, one)
        summary, page = (
            (workspace / file).read_text(encoding="utf-8") for file in ("summary.md", "report.html")
        )
        check_files(workspace, result)
    log, said = read_log(text), f"{result.mark} {result.headline}"
    assert len([line for line in log.timeline if re.match(rf"{said}\b", line)]) == 1
    assert f"**{result.headline}** after " in summary
    errors = [
        annotation
        for annotation in log.annotations
        if annotation.properties.get("title") == "Mogplex"
    ]
    assert len(errors) == (result is not Result.SUCCESS)
    times = [line[1:].split("]")[0] for line in log.shown if line.startswith("[")]
    assert times == sorted(times, key=lambda time: (time.count(":"), len(time), time))
    assert f"<h1>{result.headline}</h1>" in page
    assert outputs["result"] == result.value


def unshowable() -> list[list[dict[str, Any]]]:
    """Return events, one of which cannot be shown."""

    class Broken(dict[str, Any]):
        def items(self) -> Any:
            raise ValueError

    return [
        [
            {"id": "1", "type": "log", "message": "before", "payload": {}},
            {"id": "2", "type": "odd", "message": "broken", "payload": {"value": Broken(a=1)}},
            {"id": "3", "type": "log", "message": "behind", "payload": {}},
        ]
    ]


def test_an_entry_that_cannot_be_shown_does_not_hide_the_others(tmp_path: Path) -> None:
    run = told({"runId": "r-1", "status": "success"}, unshowable())
    log, _ = written(tmp_path.resolve(), run)
    lines = [line.strip().partition(";")[0] for line in read_log(log).shown]
    assert [line for line in lines if re.search("before|behind|cannot", line)] == [
        "[00:00]   before",
        "An event cannot be shown here",
        "[00:00]   behind",
    ]
    assert (tmp_path / "report.html").read_text().count("An event cannot be shown here") == 1
    events = [json.loads(line) for line in (tmp_path / "events.ndjson").read_text().splitlines()]
    assert [event["id"] for event in events if "id" in event] == ["1", "2", "3"]
