"""The files of a step: NDJSON, JSON by its schema, and JUnit XML, each read back by a parser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import UnreachableError
from mogplex_ci.inputs.declared import load_schema
from mogplex_ci.report.diagnostics import Diagnostics
from mogplex_ci.report.facts import facts_of
from mogplex_ci.report.files import EventsFile, ResultFile
from mogplex_ci.report.junit import JUnitFile
from mogplex_ci.run.result import Gate, Result, RunResult
from mogplex_ci.run.updates import GateJudged
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import (
    SUCCESSFUL,
    Feed,
    alone,
    call,
    delta,
    event,
    facts,
    github,
    inputs,
    result,
)

SECRET = "hunter2-hunter2"
SAFE = Sanitizer([SECRET])


def junit(tmp_path: Path, ended: RunResult, **fields: Any) -> tuple[ElementTree.Element, ElementTree.Element]:
    """Return the suite and its test case."""
    path = tmp_path / "junit.xml"
    report = JUnitFile(path, SAFE)
    report.end(alone(facts_of(ended, SAFE, github(), inputs(**fields)), fields.get("task")))
    suite = ElementTree.parse(path).getroot()[0]  # noqa: S314 (our own file)
    return suite, suite[0]


@pytest.mark.parametrize(
    ("kind", "element"),
    [
        (Result.SUCCESS, None),
        (Result.DETACHED, None),
        (Result.DRY_RUN, None),
        (Result.SKIPPED, "skipped"),
        (Result.FAILED, "failure"),
        (Result.CANCELLED, "failure"),
        (Result.PAUSED, "failure"),
        (Result.TIMEOUT, "failure"),
        (Result.ERROR, "error"),
        (Result.INTERRUPTED, "error"),
    ],
)
def test_each_result_is_one_test_that_passes_or_not(kind: Result, element: str | None, tmp_path: Path) -> None:
    suite, test = junit(tmp_path, result(kind, cause="why", run=None, duration=12.5))
    assert [child.tag for child in test] == ([element] if element else [])
    counts = {"failure": suite.get("failures"), "error": suite.get("errors"), "skipped": suite.get("skipped")}
    assert suite.get("tests") == "1"
    assert counts == {tag: str(int(tag == element)) for tag in counts}
    assert (test.get("classname"), test.get("name")) == ("acme/web", "Fix the failing login test")
    assert test.get("time") == "12.500"


def test_text_from_outside_is_data_and_holds_no_secret(tmp_path: Path) -> None:
    detail = Untrusted(f"]]> <failure/> &amp; \x1b[31mred\x1b[0m \ufffe {SECRET}")
    failed = result(Result.FAILED, cause="the run failed", detail=detail, error_code="RUN_FAILED")
    _, test = junit(tmp_path, failed)
    failure = test[0]
    assert failure.get("message") == "The run failed"
    assert failure.get("type") == "RUN_FAILED"
    assert failure.text is not None
    assert failure.text.startswith("]]> <failure/> &amp; red")
    assert "hunter2" not in failure.text


def test_a_test_is_named_by_the_first_line_of_the_prompt(tmp_path: Path) -> None:
    _, test = junit(tmp_path, result(), prompt="\n# Fix the login\nform, and " + "more " * 100)
    assert test.get("name") == "Fix the login"
    _, test = junit(tmp_path, result(), prompt="x" * 500)
    assert len(test.get("name") or "") < 150


@pytest.mark.parametrize("kind", Result)
@pytest.mark.parametrize("has_run", [True, False])
def test_the_result_file_is_as_its_schema_says(kind: Result, has_run: bool, tmp_path: Path) -> None:
    items = SUCCESSFUL if has_run else ()
    known: dict[str, Any] = {"artifact": Untrusted([1])} if has_run else {"run": None}
    ended = result(kind, *items, cause="" if kind is Result.SUCCESS else "why", **known)
    ResultFile(tmp_path / "result.json", SAFE).end(alone(facts(ended, output_dir=Path.cwd() / "out")))
    schema = load_schema("result")
    Draft202012Validator.check_schema(schema)
    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(written)
    assert written["result"] == kind.value
    assert set(written) == set(schema["properties"]), "the schema describes every field, and every field is written"
    assert written["artifact_file"] == ("out/artifact.json" if has_run else None)
    assert [(phase["name"], phase["began_seconds"], phase["seconds"]) for phase in written["phases"]] == (
        [("sandbox", 0, 14), ("git", 14, 3), ("install", 17, 3), ("agent", 20, 180), ("delivery", 200, 0)]
        if has_run
        else []
    )
    assert written["tools"] == [{"name": "Command", "calls": 1, "failed": 0, "seconds": 132}] * has_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An earlier step's events file."""
    path = tmp_path / "events.ndjson"
    path.write_text("earlier\n")
    return path


@pytest.fixture
def report(path: Path) -> EventsFile:
    report = EventsFile(path, SAFE)
    report.begin()
    return report


def test_events_are_written_as_they_come_one_a_line(path: Path, report: EventsFile) -> None:
    feed = Feed()
    report.on(None, feed.arrived(event("log", f"one\n{SECRET}\u2028", 1, number=float("nan"))))
    first = path.read_text(encoding="utf-8")
    report.on(None, feed.arrived(event("log", "two", 2), event("log", "six", 3)))
    report.end_run(alone(facts()).runs[0])
    lines = path.read_text(encoding="utf-8").split("\n")
    assert first == lines[0] + "\n"
    assert [json.loads(line)["message"][:3] for line in lines[:-1]] == ["one", "two", "six"]
    assert lines[-1] == ""
    assert SECRET not in first
    assert json.loads(lines[0], parse_constant=pytest.fail)["payload"]["number"] == "nan"


def messages(path: Path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_secret_that_is_split_over_deltas_is_hidden(path: Path, report: EventsFile) -> None:
    feed = Feed()
    token = "ghp_" + "a1B2" * 9
    scraps = ("The token is ", token[:12], f"{token[12:]}, and it", " works.\n\n", "Now the ", "tests.")
    for words in scraps:
        report.on(None, feed.arrived(delta(words)))
    assert messages(path) == ["The token is ***, and it works.\n\n", "", "", ""]
    report.on(None, feed.arrived(*call("Bash", 1, 2)))
    report.end_run(alone(facts()).runs[0])
    assert messages(path)[4:] == ["Now the ", "tests.", "Bash started", "Bash finished"]


def test_events_behind_words_that_are_not_complete_wait_for_them(path: Path, report: EventsFile) -> None:
    feed = Feed()
    report.on(None, feed.arrived(delta("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B"), *call("Bash", 1, 2)))
    assert messages(path) == []
    report.on(None, feed.arrived(delta("AQEFAASC\n-----END PRIVATE KEY-----\n\n", 3)))
    assert messages(path) == ["***\n\n", "Bash started", "Bash finished", ""]


@pytest.mark.parametrize(
    ("begun", "rest"),
    [
        ("I look at the repository", " first.\n\n"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN", "AQEFAASC\n-----END PRIVATE KEY-----\n\n"),
    ],
)
def test_events_behind_them_do_not_wait_for_longer_than_a_silence(
    begun: str, rest: str, path: Path, report: EventsFile
) -> None:
    feed = Feed()
    started, finished = call("Bash", 1, 200)
    report.on(None, feed.arrived(delta(begun), started))
    report.on(None, feed.quiet())
    assert messages(path) == ["Bash started"]
    report.on(None, feed.arrived(finished))
    report.on(None, feed.quiet())
    assert messages(path) == ["Bash started", "Bash finished"]
    report.on(None, feed.arrived(delta(rest, 201)))
    assert "".join(messages(path)[2:]) == ("***\n\n" if "KEY" in begun else begun + rest)


def test_diagnostics_hold_plain_values(tmp_path: Path) -> None:
    path, shown = tmp_path / "diagnostics.jsonl", list[str]()
    report = Diagnostics(SAFE, path, shown.append)
    report.begin()
    report.request("GET", "/repos", status=None, milliseconds=1.26)
    report.on(None, Waiting(UnreachableError("no answer"), 3.0))
    report.on(SAFE.line("[a]"), Feed().arrived(event("log", "one")))
    report.on(None, GateJudged(Gate("change", False, "a change", "none", items=(Untrusted(SECRET),))))
    report.end(alone(facts()))
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [json.loads(line) for line in shown] == entries
    times = [entry.pop("time") for entry in entries]
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{6}Z", time) for time in times)
    *others, judged, end = entries
    assert others == [
        {"event": "request", "method": "GET", "path": "/repos", "status": None, "milliseconds": 1.3},
        {"event": "Waiting", "error": {"type": "UnreachableError", "cause": "no answer"}, "seconds": 3.0},
        {"event": "EventsArrived", "name": "[a]", "elapsed": 1.0, "status": "streaming", "count": 1},
    ]
    assert (judged["gate"]["name"], judged["gate"]["items"]) == ("change", ["***"])
    assert end == {"event": "end", "result": "success"}
