"""The files of a step that are written bit by bit. Golden texts show the others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import UnreachableError
from mogplex_ci.report.diagnostics import Diagnostics
from mogplex_ci.report.files import EventsFile
from mogplex_ci.run.updates import GateJudged
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import Feed, call, delta, event, facts, gate, item

SECRET = "hunter2-hunter2"
SAFE = Sanitizer([SECRET])


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
    report.on(feed.arrived(event("log", f"one\n{SECRET}\u2028", 1, number=float("nan"))))
    first = path.read_text(encoding="utf-8")
    report.on(feed.arrived(event("log", "two", 2), event("log", "six", 3)))
    report.end(facts())
    lines = path.read_text(encoding="utf-8").split("\n")
    assert first == lines[0] + "\n"
    assert [json.loads(line)["message"][:3] for line in lines[:-1]] == ["one", "two", "six"]
    assert lines[-1] == ""
    assert SECRET not in first
    assert json.loads(lines[0], parse_constant=pytest.fail)["payload"]["number"] == "nan"


TOKEN = "ghp_" + "a1B2" * 9
NOTE = event("log", "A note", 1)
BASH = call("Bash", 1, 200)


@pytest.mark.parametrize(
    ("arriving", "messages"),
    [
        ([BASH[0], "I look ", "at it.", NOTE, " Now."], ["Bash started"]),
        (
            ["I look ", NOTE, "at it.", *BASH],
            ["I look ", "A note", "at it.", "Bash started", "Bash finished"],
        ),
        (
            ["The token is ", TOKEN[:12], NOTE, f"{TOKEN[12:]}.", BASH[0]],
            ["The token is ***.", "", "A note", "", "Bash started"],
        ),
    ],
    ids=["they wait for the end of the message", "in order", "a split secret is hidden"],
)
def test_events_of_a_message(
    arriving: list[Any], messages: list[str], path: Path, report: EventsFile
) -> None:
    events = [delta(item) if isinstance(item, str) else item for item in arriving]
    report.on(Feed().arrived(*events))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["message"] for line in lines] == messages


def test_of_a_message_without_an_end_or_a_beginning_the_words_are_left_out(
    path: Path, report: EventsFile
) -> None:
    feed = Feed()
    report.on(feed.arrived(delta("half a mess"))._replace(after_gap=True))
    report.on(feed.arrived(BASH[0], delta("another")))
    report.on(feed.ended()._replace(message_is_complete=False))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["", "Bash started", ""]


def test_diagnostics_hold_plain_values(tmp_path: Path) -> None:
    path, shown = tmp_path / "diagnostics.jsonl", list[str]()
    report = Diagnostics(SAFE, path, shown.append, warn=Mock(side_effect=AssertionError))
    report.begin()
    report.request("GET", "/repos", status=None, milliseconds=1.26)
    report.on(Waiting(UnreachableError("no answer"), 3.0))
    report.on(Feed().arrived(event("log", "one")))
    report.on(GateJudged(gate("change", "none", item("src/a.ts"))))
    report.end(facts())
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [json.loads(line) for line in shown] == entries
    times = [entry.pop("time") for entry in entries]
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{6}Z", time) for time in times)
    *others, judged, end = entries
    assert others == [
        {
            "event": "request",
            "method": "GET",
            "path": "/repos",
            "status": None,
            "milliseconds": 1.3,
        },
        {
            "event": "Waiting",
            "error": {"type": "UnreachableError", "cause": "no answer"},
            "seconds": 3.0,
        },
    ]
    assert (judged["gate"]["name"], judged["gate"]["found"]) == ("change", "None")
    assert end == {"event": "end", "result": "success"}
