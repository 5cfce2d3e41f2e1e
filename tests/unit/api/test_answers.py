"""How the API's answers are read: what an event means, which answers are refused, and which JSON
costs too much. ``answers.yaml`` has the tables.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest

from mogplex_ci.api import answers
from mogplex_ci.api.answers import MAX_VALUES, read_json
from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import Event, EventKind, Repo
from mogplex_ci.untrusted import Untrusted
from tests.data import read_yaml
from tests.unit.report.events import RUN_ID, event

TABLE = read_yaml(__file__, "answers.yaml")
RUN = {"runId": RUN_ID, "status": "running"}
PART = {
    "tool_started": "tool",
    "tool_finished": "tool",
    "git_sync": "git",
    "delivery": "git",
    "finished": "end",
    "failed": "end",
    "cancelled": "end",
}
"""The part of an event that is read, by its meaning; no other is."""


def read(word: str, message: str | None, tool: str | None = None, /, **payload: Any) -> Event:
    (found,) = answers.events([event(word, message, 0.0, tool, **payload)])
    return found


def plain(value: Any) -> Any:
    return value.inspect(lambda raw: raw) if isinstance(value, Untrusted) else value


@pytest.mark.parametrize(("word", "message", "payload", "kind"), TABLE["meanings"])
def test_the_meaning_of_an_event_and_which_part_of_it_is_read(
    word: str, message: str | None, payload: dict[str, Any], kind: str
) -> None:
    found = read(word, message, **payload)
    assert found.kind.name.lower() == kind
    parts = [name for name in ("tool", "git", "end") if getattr(found, name) is not None]
    assert parts == ([PART[kind]] if kind in PART else [])


@pytest.mark.parametrize(("word", "message", "payload", "field", "value"), TABLE["fields"])
def test_what_an_event_says(
    word: str, message: str | None, payload: dict[str, Any], field: str, value: Any
) -> None:
    found: Any = read(word, message, "shell", **payload)
    for name in field.split("."):
        found = getattr(found, name)
    assert plain(found) == value
    assert isinstance(found, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"id": "e1", "type": "log"}, "log"),
        ({"id": "e1"}, "event"),
        ({"id": "e1", "type": 7}, "event"),
    ],
)
def test_an_event_needs_an_id_and_no_type(data: dict[str, Any], words: str) -> None:
    (found,) = answers.events([data, {"type": "log"}, {"id": 7}, None, "log"])
    assert (found.type, found.kind) == (Untrusted(words), EventKind.OTHER)


@pytest.mark.parametrize(("text", "time"), TABLE["times"])
def test_a_time_needs_its_zone(text: object, time: str | None) -> None:
    (found,) = answers.events([event("log", "text") | {"createdAt": text}])
    assert (found.created_at and found.created_at.isoformat()) == time


@pytest.mark.parametrize("run_id", [None, 7, "", "../runs", "a b", "é", "x" * 300])
def test_a_run_whose_id_is_no_word_is_refused(run_id: object) -> None:
    with pytest.raises(UnreachableError, match="no usable runId"):
        answers.run({"runId": run_id, "status": "pending"})


def test_a_code_is_a_word_in_upper_case() -> None:
    assert [answers.error_code(code) for code in ("RATE_LIMITED", "A1")] == ["RATE_LIMITED", "A1"]
    for odd in (None, 7, "", "a code", "::error::", ["RATE_LIMITED"]):
        assert answers.error_code(odd) is None


@pytest.mark.parametrize(("call", "fields", "said"), TABLE["answers"])
def test_most_of_an_answer_may_be_missing_or_odd(
    call: str, fields: dict[str, Any], said: dict[str, Any]
) -> None:
    found: Any
    if call == "cancelled":
        found = answers.cancelled({"run": RUN} | fields, RUN_ID)
    elif call == "started":
        found = answers.started(RUN | fields)
    else:
        found = answers.run(RUN | fields)
    for name, value in said.items():
        assert plain(getattr(found, name)) == value
        assert isinstance(getattr(found, name), bool) == isinstance(value, bool)


@pytest.mark.parametrize("content", [None, 0, {"passed": 12}, []])
def test_an_artifact_may_hold_any_json(content: object) -> None:
    found = answers.artifact({"artifact": {"path": "report.json", "content": content}})
    assert found == Untrusted(content)
    with pytest.raises(UnreachableError, match="lacks content"):
        answers.artifact({"artifact": {"path": "report.json"}})


@pytest.mark.parametrize("data", TABLE["unusable_lists"])
def test_a_list_of_repositories_without_what_is_needed_is_refused(data: object) -> None:
    with pytest.raises(UnreachableError, match="the API's response"):
        answers.listed(Repo, data, "repos")


@pytest.mark.parametrize(
    "text",
    [
        "[" + "[]," * MAX_VALUES + "[]]",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
    ],
    ids=["many values", "deep lists", "deep objects"],
)
def test_a_flood_is_refused_before_it_becomes_objects(text: str) -> None:
    with pytest.raises(ValueError, match=r"too many values|nested too deeply"):
        read_json(text.encode())


def test_a_document_may_have_a_million_brackets_and_commas() -> None:
    for text in ("[" + "1," * (MAX_VALUES - 1) + "1]", "[" + "{}," * (MAX_VALUES // 2 - 1) + "[]]"):
        assert read_json(text.encode())
        with pytest.raises(ValueError, match="too many values"):
            read_json(f"[{text}]".encode())


@pytest.mark.parametrize(("digits", "number"), [(400, int("9" * 400)), (401, math.inf)])
def test_a_whole_number_may_have_400_digits(digits: int, number: float) -> None:
    assert read_json(b"9" * digits) == number


def test_a_long_text_with_many_commas_is_no_flood() -> None:
    for words in ("a, ", '"[{,', "\\", '\\"{,', "\u2028,"):
        text = words * (MAX_VALUES + 1)
        assert read_json(json.dumps([text, text]).encode()) == [text, text]


@pytest.mark.parametrize("unit", ['"', '\\"', '"\\', "\\"])
def test_a_text_that_does_not_end_takes_no_longer_than_one_that_does(unit: str) -> None:
    flood = "[" + "," * (MAX_VALUES + 1) + '"' + unit * MAX_VALUES
    began = time.process_time()
    with pytest.raises(ValueError, match=r"too many values|Expecting|Invalid|Unterminated"):
        read_json(flood.encode())
    assert time.process_time() - began < 2.0
