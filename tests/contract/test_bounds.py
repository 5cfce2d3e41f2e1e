"""Sizes and numbers at which the emulator refuses or cuts something: the last that is taken, and
the first that is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tests.emulator import DocumentError
from tests.emulator.clock import Clock
from tests.emulator.events import sanitize_payload
from tests.emulator.faults import FaultPlan, control
from tests.emulator.resources import (
    _content,
    check_artifact_path,
    list_agents,
    list_skills,
)
from tests.emulator.routes import Answer, Refused
from tests.emulator.scenario import load_scenario
from tests.emulator.world import Agent, Skill, User, load_world

MEBIBYTE = 1024 * 1024
AGENT = Agent("a", "A", None, "m", None, None, preset=False)
SKILL = Skill("s", "S", None, (), "library", "", None)
USER = User("ada", (), (AGENT,) * 201, (SKILL,) * 201)


def asked(**query: str) -> Request:
    return Request(EnvironBuilder(query_string=query).get_environ())


def data_of(answer: Answer) -> Any:
    return json.loads(answer.body)["data"]


def test_two_hundred_agents_are_listed() -> None:
    assert len(data_of(list_agents(USER))["agents"]) == 200


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 50),
        ({"limit": "1"}, 1),
        ({"limit": "+200"}, 200),
        ({"q": "x" * 500}, 0),
        ({"q": " S "}, 50),
    ],
)
def test_fifty_skills_are_listed_unless_a_limit_is_given(query: dict[str, str], count: int) -> None:
    found = data_of(list_skills(USER, asked(**query)))
    assert (len(found["skills"]), found["total"]) == (count, 201)


def artifact_path(length: int) -> str:
    return f".mogplex/artifacts/{'x' * (length - 24)}.json"


REFUSED: list[tuple[Callable[[], object], str]] = [
    *(
        (lambda query=query: list_skills(USER, asked(**query)), "Invalid skill request")
        for query in (
            {"limit": "0"},
            {"limit": "201"},
            {"limit": "-1"},
            {"limit": "1.0"},
            {"limit": ""},
            {"q": "x" * 501},
            {"repoId": "x"},
        )
    ),
    *(
        (lambda path=path: check_artifact_path(asked(path=path)), "Use a JSON file in")
        for path in (artifact_path(241), "", "report.json", ".mogplex/artifacts/a/b.json")
    ),
    (lambda: _content(None), "Committed artifact not found"),
    (lambda: _content({"regular": False}), "Artifact must be a regular JSON file"),
    (lambda: _content({"text": f'"{"é" * (MEBIBYTE // 2)}"'}), "Artifact exceeds 1 MiB"),
    (lambda: _content({"text": "{"}), "Artifact is not valid JSON"),
    (lambda: _content({"text": "[" * 100_000}), "Artifact is not valid JSON"),
]


@pytest.mark.parametrize(("call", "says"), REFUSED)
def test_what_is_out_of_bounds_is_refused(call: Callable[[], object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        call()


def test_what_is_just_within_bounds_is_answered() -> None:
    path = artifact_path(240)
    assert len(path) == 240
    assert check_artifact_path(asked(path=path)) == path
    text = f'"{"é" * (MEBIBYTE // 2 - 1)}"'
    assert _content({"text": text}) == text.strip('"')
    assert _content({"json": None}) is None


def armed(data: bytes, plan: FaultPlan) -> int:
    environ = EnvironBuilder(method="POST", data=data).get_environ()
    environ["REMOTE_ADDR"] = "127.0.0.1"
    return control(Request(environ), plan).status


def test_a_thousand_faults_of_a_mebibyte_may_be_armed() -> None:
    fault = {"route": "run", "status": 500}
    plan = FaultPlan(Clock())
    assert armed(json.dumps([fault] * 999).encode().ljust(MEBIBYTE + 1), plan) == 413
    assert armed(json.dumps([fault] * 999).encode().ljust(MEBIBYTE), plan) == 201
    assert armed(json.dumps([fault] * 2).encode(), plan) == 400
    assert armed(json.dumps(fault).encode(), plan) == 201
    assert armed(json.dumps(fault).encode(), plan) == 400
    assert len(plan.describe()) == 1_000


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (0, r"yaml:1: \(top level\): is not YAML: special"),
        (1, "yaml: is larger than 4194304 bytes$"),
    ],
)
def test_a_file_may_have_four_mebibytes(tmp_path: Path, more: int, says: str) -> None:
    """Of what no parser takes long for."""
    path = tmp_path / "file.yaml"
    path.write_text("\0" * (4 * MEBIBYTE + more))
    for load in (load_scenario, load_world):
        with pytest.raises(DocumentError, match=says):
            load(path)


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(b"f\xfcr: 1\n")
    for load in (load_scenario, load_world):
        with pytest.raises(DocumentError, match=r"yaml: cannot be read: it is not UTF-8 text$"):
            load(path)


@pytest.mark.parametrize(("more", "is_refused"), [(0, False), (1, True)])
def test_a_script_may_have_twenty_thousand_steps(
    tmp_path: Path, more: int, *, is_refused: bool
) -> None:
    path = tmp_path / "file.yaml"
    loop = "- {repeat: 10000, steps: [{event: log}, {event: log}]}\n"
    path.write_text(f"steps:\n{loop}{'- {event: log}' * more}\n")
    if is_refused:
        with pytest.raises(DocumentError, match="steps: more than 20000 steps"):
            load_scenario(path)
    else:
        assert len(load_scenario(path).steps) == 20_000


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"a": "x" * 2_000}, {"a": "x" * 2_000}),
        ({"a": "x" * 2_001}, {"a": "x" * 2_000 + "\n...[truncated 1 chars]"}),
        ({"a": list(range(26))}, {"a": list(range(25))}),
        ({f"{n:02}": n for n in range(26)}, {f"{n:02}": n for n in range(25)}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}),
        ({"a": {"b": {"c": {}}}}, {"a": {"b": {"c": "[truncated]"}}}),
        ({"bbb": 1, "cc": 2, "a": 3}, {"a": 3, "cc": 2, "bbb": 1}),
        ({"a": [{"bb": 1, "a": 2}, 3]}, {"a": [{"a": 2, "bb": 1}, 3]}),
        ({"a": [[1, [2], {}]]}, {"a": [[1, "[truncated]", "[truncated]"]]}),
        ({"a": ' {"password": "x", "b": [1]}'}, {"a": '{"password":"[redacted]","b":[1]}'}),
        ({"a": '{"password": '}, {"a": '{"password": '}),
        ({"a": "[" * 1_999}, {"a": "[" * 1_999}),
        ({"api-key": 1, "Env": 2, "GH_TOKEN": 3, "x": "sk-12345678"}, {"x": "[redacted]"}),
        ({"x": "Bearer abc", "y": "https://x-access-token:abc@github.com"}, None),
    ],
)
def test_how_much_of_a_payload_is_shown(
    payload: dict[str, object], shown: dict[str, object] | None
) -> None:
    found = sanitize_payload(payload)
    if shown is None:
        shown = {"x": "Bearer [redacted]", "y": "https://x-access-token:[redacted]@github.com"}
    redacted = dict.fromkeys(payload.keys() - shown.keys(), "[redacted]")
    if len(payload) > 25:
        redacted = {}
    assert found == shown | redacted
    assert json.dumps({key: found[key] for key in found if key in shown}) == json.dumps(shown)


def test_a_payload_of_more_than_twenty_thousand_characters_is_shown_as_its_beginning() -> None:
    def payload(size: int) -> dict[str, object]:
        whole: dict[str, object] = {f"{n:02}": "x" * 2_000 for n in range(9)}
        overhead = len(json.dumps(whole | {"09": ""}, separators=(",", ":")))
        return whole | {"09": "y" * (size - overhead)}

    assert sanitize_payload(payload(20_000)) == payload(20_000)
    cut = sanitize_payload(payload(20_001))
    text = json.dumps(payload(20_001), separators=(",", ":"))
    assert cut == {"truncated": True, "payloadPreview": text[:20_000]}
