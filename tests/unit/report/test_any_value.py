"""Whatever the service writes into any field of a run or an event, every report says how the step ended."""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mogplex_ci.api import answers
from mogplex_ci.inputs.declared import load_schema
from mogplex_ci.platforms.github import GITHUB, GitHubActions
from mogplex_ci.report.facts import RunFacts, StepFacts, facts_of, outputs_of
from mogplex_ci.report.log import Log
from mogplex_ci.run.many import result_of_fleet
from mogplex_ci.run.result import Result, RunResult, result_of_run
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.run.updates import Ended, EventsArrived, Started
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.recorder import reports_for
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.github_log import read_log
from tests.unit.report.events import alone, inputs, starting

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            *("", "main", "::error::x", "::endgroup::", "##[endgroup]", "]]>", "```", "</pre>", "\x1b[31m", "\ud800"),
            *("\x00", "https://github.com/a/b/pull/1", "javascript:alert(1)", "a/b", "…", "---", "x" * 100_000),
        ]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**30, 10**4000, -(10**4000), 1e308, -1e308, float("nan"), float("inf")]),
    st.floats(),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
TIMES = st.one_of(
    st.sampled_from(
        [
            *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59"),
            *("9999-12-31T23:59:59-23:59", "2026-11-24T13:45:40Z", "2026-11-24T13:45:41.123456789+00:00", "today", ""),
        ]
    ),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    VALUES,
)
TYPES = st.one_of(
    st.sampled_from(
        [
            *("started", "log", "tool_started", "tool_finished", "status_changed", "finished", "failed", "cancelled"),
            *("cancel_requested", "stream_started", "tool_call", "tool_result", "assistant_message"),
        ]
    ),
    VALUES,
)
KNOWN = {
    "kind": st.sampled_from(["assistant_delta", "tool"]),
    "stage": st.sampled_from(["git_sync", "git_delivery", "install", "mcp_config"]),
    "toolCallId": st.sampled_from(["1", "2"]),
    "state": st.sampled_from(["running", "done", "error", "denied"]),
}
"""Values that give an event a meaning; any other may stand in their place."""
KEYS = (
    *("external_run_id", "heartbeat", "to", "exit_code", "failure_code", "error", "duration_ms", "working_branch"),
    *("base_branch", "pull_request_url", "changed", "path", "line", "level", "input", "output", "logs"),
)
PAYLOADS = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {}, optional={**{key: values | VALUES for key, values in KNOWN.items()}, **dict.fromkeys(KEYS, VALUES)}
    ),
)
EVENTS = st.fixed_dictionaries(
    {"id": TEXTS, "type": TYPES},
    optional={"toolName": st.sampled_from(["Bash", "Edit"]) | VALUES, "message": TEXTS | VALUES, "payload": PAYLOADS}
    | {"createdAt": TIMES},
)
RUNS = st.fixed_dictionaries(
    {
        "runId": st.just("895937ba-4403-486b-9411-d8de17aeeea1"),
        "status": st.sampled_from(["success", "failed", "cancelled", "awaiting_input", "streaming", "dreaming"]),
    },
    optional={
        **dict.fromkeys(("repoId", "harness", "sandboxId", "error", "runtime", "terminalCommitSha", "agentId"), VALUES),
        "branch": VALUES
        | st.fixed_dictionaries({}, optional={"base": VALUES, "working": VALUES, "createBranch": VALUES}),
        "createdAt": TIMES,
    },
)
BATCHES = st.lists(st.lists(EVENTS, max_size=5), max_size=3)


def happened(run_data: dict[str, Any], batches: list[list[dict[str, Any]]]) -> tuple[list[Any], RunResult]:
    """Return the updates of a run with these events, and its result."""
    run, timeline = answers.run(run_data), Timeline()
    updates: list[Any] = [starting(), Started(run, "key", joined=False, owned=True)]
    for batch in batches:
        events = answers.events(list(batch))
        additions = tuple(addition for event in events for addition in timeline.add(event))
        updates.append(EventsArrived(run, events, additions, 1.0))
    updates.append(Ended(run, None, tuple(timeline.end())))
    return updates, result_of_run(run, timeline)


def github(workspace: Path) -> tuple[GitHubActions, io.StringIO]:
    stream = io.StringIO()
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/web", "GITHUB_WORKSPACE": str(workspace)}
    return GitHubActions(GITHUB, env | {"GITHUB_STEP_SUMMARY": str(workspace / "summary.md")}, stream), stream


def written(workspace: Path, run_data: dict[str, Any], batches: list[list[dict[str, Any]]]) -> tuple[str, RunResult]:
    """Write every report of a run with these events, and return the log and the result."""
    (platform, stream), safe = github(workspace), Sanitizer()
    given_inputs = inputs(output_dir=workspace)
    log = Log(platform, safe, lambda: 0.0)
    log.start(given_inputs)
    reports = [log, *reports_for(given_inputs, platform, safe)]
    updates, result = happened(run_data, batches)
    for report in reports:
        report.begin()
        for update in updates:
            report.on(None, update)
    step = alone(facts_of(result, safe, platform, given_inputs))
    for report in reports:
        report.end_run(step.runs[0])
        report.end(step)
    assert outputs_of(step, safe)["result"] == result.result.value
    return stream.getvalue(), result


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(RUNS, BATCHES)
def test_every_report_says_how_the_step_ended(run_data: dict[str, Any], batches: list[list[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder).resolve()
        text, result = written(workspace, run_data, batches)
        log = read_log(text)
        (ending,) = [line for line in log.timeline if line[:2] in ("✔ ", "✘ ", "→ ")]
        headline = ending[2:].split(" after ")[0]
        errors = [annotation for annotation in log.annotations if annotation.properties.get("title") == "Mogplex"]
        assert len(errors) == (result.result is not Result.SUCCESS)
        times = [line[1:].split("]")[0] for line in log.shown if line.startswith("[")]
        assert times == sorted(times, key=lambda time: (time.count(":"), len(time), time))
        assert f"**{headline}** after " in (workspace / "summary.md").read_text(encoding="utf-8")
        assert f"<h1>{headline}</h1>" in (workspace / "report.html").read_text(encoding="utf-8")
        file = json.loads((workspace / "result.json").read_text(encoding="utf-8"))
        Draft202012Validator(load_schema("result")).validate(file)
        assert file["result"] == result.result.value
        case = ElementTree.parse(workspace / "junit.xml").getroot()[0][0]  # noqa: S314 - ours
        assert (len(case.findall("failure")) + len(case.findall("error"))) == len(errors)
        lines = (workspace / "events.ndjson").read_text(encoding="utf-8").split("\n")[:-1]
        assert len([line for line in map(json.loads, lines) if "status" not in line]) == file["events"]["count"]


FleetData = list[tuple[str, dict[str, Any], list[list[dict[str, Any]]]]]
"""Repository, run and events of each run."""


def fleet_written(workspace: Path, fleet: FleetData) -> tuple[str, StepFacts]:
    """Write every report of a step with these runs, and return the log and the facts."""
    (platform, stream), safe = github(workspace), Sanitizer()
    given_inputs = inputs(output_dir=workspace)
    names = [safe.sentence("[", number, " ", Untrusted(repo), "]") for number, (repo, *_) in enumerate(fleet)]
    log = Log(platform, safe, lambda: 0.0)
    log.begin_runs(dict.fromkeys(names, given_inputs), 2)
    reports = [log, *reports_for(given_inputs, platform, safe)]
    for report in reports:
        report.begin()
    runs: list[RunFacts] = []
    for name, (repo, run_data, batches) in zip(names, fleet, strict=True):
        updates, result = happened(run_data, batches)
        for report in reports:
            for update in updates:
                report.on(name, update)
        facts = facts_of(result, safe, platform, given_inputs)
        runs.append(RunFacts(name, Untrusted(repo), None, facts, 1.0, 2.0, of=len(fleet)))
        for report in reports:
            report.end_run(runs[-1])
    step = StepFacts(facts_of(result_of_fleet([result], Stop()), safe, platform, given_inputs), runs)
    for report in reports:
        report.end(step)
    results = [run.facts.result.value for run in runs]
    assert [row["result"] for row in json.loads(outputs_of(step, safe)["results"] or "")] == results
    return stream.getvalue(), step


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.tuples(TEXTS, RUNS, BATCHES), min_size=1, max_size=3))
def test_every_report_of_a_fleet_says_how_each_run_ended(fleet: FleetData) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder).resolve()
        text, step = fleet_written(workspace, fleet)
        runs = step.runs
        lines = read_log(text).timeline
        for run in runs:
            ending = f"{run.name} {run.facts.mark} {run.facts.headline}"
            assert [line.startswith(ending) for line in lines].count(True) == 1
        folded = re.findall(
            "^<summary>[✔✘→] <code>", (workspace / "summary.md").read_text(encoding="utf-8"), re.MULTILINE
        )
        assert len(folded) == len(runs)
        assert (workspace / "report.html").read_text(encoding="utf-8").count('<details class="card"') == len(runs)
        file = json.loads((workspace / "result.json").read_text(encoding="utf-8"))
        Draft202012Validator(load_schema("result")).validate(file)
        assert [run["result"] for run in file["runs"]] == [run.facts.result.value for run in runs]
        assert len(ElementTree.parse(workspace / "junit.xml").getroot()[0]) == len(runs)  # noqa: S314 - ours
        events = (workspace / "events.ndjson").read_text(encoding="utf-8").split("\n")[:-1]
        counts = [run["events"]["count"] for run in file["runs"]]
        assert len([line for line in map(json.loads, events) if "status" not in line]) == sum(counts)


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


def check_the_others_are_shown(folder: Path, log: str, runs: int) -> None:
    """Check that log, page and events file of so many runs show what stands around the event that cannot be shown."""
    shown = ["[00:00]   before", "An event cannot be shown here; the events file would have it", "[00:00]   behind"]
    lines = [line.strip() for line in read_log(log).shown if re.search("before|behind|cannot", line)]
    assert lines == shown * runs
    assert (folder / "report.html").read_text(encoding="utf-8").count("An event cannot be shown here") == runs
    events = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    assert [event["id"] for event in events if "id" in event] == ["1", "2", "3"] * runs


def test_an_entry_that_cannot_be_shown_does_not_hide_the_others(tmp_path: Path) -> None:
    text, _ = written(tmp_path.resolve(), {"runId": "r-1", "status": "success"}, unshowable())
    check_the_others_are_shown(tmp_path, text, 1)


def test_an_entry_of_a_fleet_that_cannot_be_shown_does_not_hide_the_others(tmp_path: Path) -> None:
    fleet = [(repo, {"runId": "r-1", "status": "success"}, unshowable()) for repo in ("acme/web", "acme/api")]
    text, _ = fleet_written(tmp_path.resolve(), fleet)
    check_the_others_are_shown(tmp_path, text, 2)
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").count("<summary>✔ <code>") == 2
