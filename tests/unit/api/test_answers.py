"""How the API's answers are read: what an event means, which answers are refused, and which JSON
costs too much.
"""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from mogplex_ci.api import answers
from mogplex_ci.api.answers import MAX_VALUES, read_json
from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import Event, EventKind, Repo
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import RUN_ID, event

DELIVERED = "Delivered tracked changes in an automatic commit."
FAILED = "The agent finished, but GitHub delivery failed"
NONE: dict[str, Any] = {}


def read(
    word: str, message: str | None = None, tool: str | None = None, /, **payload: Any
) -> Event:
    (found,) = answers.events([event(word, message, 0.0, tool, **payload)])
    return found


def plain(value: Any) -> Any:
    return value.inspect(lambda raw: raw) if isinstance(value, Untrusted) else value


@pytest.mark.parametrize(
    ("word", "message", "payload", "kind"),
    [
        ("started", "accepted", {"external_run_id": RUN_ID}, "accepted"),
        ("started", "codex", {"harness_id": "codex"}, "sandbox_ready"),
        ("log", "I look.", {"kind": "assistant_delta"}, "text_delta"),
        ("log", f"\n{DELIVERED}", {"kind": "assistant_delta"}, "other"),
        ("log", f"I have {DELIVERED}", {"kind": "assistant_delta"}, "text_delta"),
        ("log", None, {"kind": "assistant_delta"}, "text_delta"),
        ("quantum_leap", "x", {"kind": "assistant_delta"}, "other"),
        ("log", "Synchronized", {"stage": "git_sync"}, "git_sync"),
        ("log", "Installed", {"stage": "install"}, "install"),
        ("log", "Ready", {"stage": "git_delivery"}, "delivery"),
        ("log", "Configured", {"stage": "mcp_config"}, "other"),
        ("log", "Plain", {}, "other"),
        ("log", "Shown", {"check": "claim_verification"}, "other"),
        ("log", "Odd", {"stage": ["git_sync"]}, "other"),
        ("status_changed", "Running", {"stage": "install"}, "other"),
        ("finished", None, {}, "finished"),
        ("failed", None, {}, "failed"),
        ("cancelled", None, {}, "cancelled"),
        ("tool_started", None, {}, "tool_started"),
        ("tool_finished", None, {}, "tool_finished"),
        ("tool_call", None, {}, "tool_started"),
        ("tool_result", None, {}, "tool_finished"),
        ("assistant_message", "Hello", {}, "message"),
        ("stream_started", None, {}, "sandbox_ready"),
        ("quantum_leap", None, {}, "other"),
    ],
)
def test_the_meaning_of_an_event_and_which_part_of_it_is_read(
    word: str, message: str | None, payload: dict[str, Any], kind: str
) -> None:
    found = read(word, message, **payload)
    part = {
        "tool": "tool",
        "git": "git",
        "delivery": "git",
        "finished": "end",
        "failed": "end",
        "cancelled": "end",
    }
    parts = {name for name in ("tool", "git", "end") if getattr(found, name) is not None}
    expected = {part[key] for key in (kind, kind.split("_")[0]) if key in part}
    assert (found.kind.name.lower(), parts) == (kind, expected)


TOOL, LOG, END, SYNC = "tool_finished", "log", "failed", "git_sync"


@pytest.mark.parametrize(
    ("word", "message", "payload", "field", "value"),
    [
        # The name of an event without words of its own.
        (LOG, "Configured", {"stage": "mcp_config"}, "label", None),
        (LOG, None, {"stage": "mcp_config"}, "label", "mcp_config"),
        (LOG, None, {}, "label", "log"),
        ("quantum_leap", "Leaped", {}, "label", "quantum_leap"),
        ("quantum_leap", "Leaped", {"stage": "far"}, "label", "far"),
        # What the service writes as if the agent had said it; the agent's own words are joined.
        (LOG, f"\n{DELIVERED}\n", {"kind": "assistant_delta"}, "message", DELIVERED),
        (LOG, " words\n", {"kind": "assistant_delta"}, "message", " words\n"),
        # The fields that nothing else carries.
        (LOG, "words", {"stage": "install", "extra": 1}, "details", {"extra": 1}),
        (LOG, "words", {"stage": "install"}, "details", None),
        (
            TOOL,
            "words",
            {"toolCallId": "c", "state": "done", "stage": "s"},
            "details",
            {"stage": "s"},
        ),
        ("quantum_leap", "words", {"stage": "install"}, "details", {"stage": "install"}),
        ("quantum_leap", "words", {}, "details", None),
        # A tool call: whether it failed, and how long it took; up to a month is believed.
        *(
            (TOOL, "done", payload, "tool.failed", failed)
            for payload, failed in [
                ({"state": "done"}, False),
                ({"state": "error"}, True),
                ({"state": "denied"}, True),
                (NONE, False),
                ({"error": "no such file"}, True),
                ({"error": ""}, False),
                ({"exit_code": 0}, False),
                ({"exit_code": 1}, True),
                ({"exit_code": True}, False),
                ({"exit_code": "1"}, False),
            ]
        ),
        (TOOL, "done", {"state": "denied"}, "tool.denied", True),
        (TOOL, "done", {"state": "error"}, "tool.denied", False),
        (TOOL, "done", {"toolCallId": "c"}, "tool.call_id", "c"),
        # What a command returned, where the call itself is a success; and what was not run.
        *(
            (TOOL, "done", {"state": "done", "output": output}, f"tool.{field}", value)
            for output, field, value in [
                ({"exitCode": 2, "outputCheck": "odd"}, "exit_code", 2),
                ({"exitCode": 2, "outputCheck": "odd"}, "note", "odd"),
                ({"exitCode": 2}, "failed", True),
                ({"exitCode": 2}, "denied", False),
                ({"exitCode": 0}, "failed", False),
                ({"exitCode": 0, "outputCheck": "odd"}, "failed", True),
                ({"reason": "command_risk", "error": "no"}, "denied", True),
                ({"reason": "command_risk", "error": "no"}, "failed", True),
                ({"reason": "command_risk", "error": "no"}, "note", "no"),
                ({"reason": "other", "error": "no"}, "denied", False),
                ({"reason": "other", "error": "no"}, "note", None),
                ("exitCode", "exit_code", None),
            ]
        ),
        *(
            (TOOL, "done", {"duration_ms": milliseconds}, "tool.seconds", seconds)
            for milliseconds, seconds in [(1500, 1.5), (0, 0.0), (2_592_000_000, 2_592_000.0)]
            + [(odd, None) for odd in (2_592_000_001, -1, "1500", None)]
        ),
        # An end: the exit code is a whole number below a billion.
        *(
            (END, None, {"exit_code": number}, "end.exit_code", number)
            for number in (0, 137, -9, 10**9 - 1, 1 - 10**9)
        ),
        *(
            (END, None, {"exit_code": odd}, "end.exit_code", None)
            for odd in (10**9, -(10**9), True, False, 1.0, "1", None, [1])
        ),
        (END, None, {"failure_code": "rate_limited", "error": "x"}, "end.code", "rate_limited"),
        (END, f"{FAILED}: 403", {}, "end.in_delivery", True),
        (END, "Failed", {"error": FAILED}, "end.in_delivery", True),
        (END, FAILED, {"error": "Exit code 1"}, "end.in_delivery", False),
        (END, f"So: {FAILED}", {}, "end.in_delivery", False),
        (END, None, {}, "end.in_delivery", False),
        # The work of git.
        *(
            (LOG, "Delivered", {"stage": "git_delivery", "changed": changed}, "git.changed", known)
            for changed, known in [
                (True, True),
                (False, False),
                (None, None),
                (1, None),
                ("true", None),
            ]
        ),
        (
            LOG,
            "Delivered",
            {"stage": SYNC, "working_branch": "a", "base_branch": "b"},
            "git.working_branch",
            "a",
        ),
        (
            LOG,
            "Delivered",
            {"stage": SYNC, "working_branch": "a", "base_branch": "b"},
            "git.base_branch",
            "b",
        ),
        (LOG, "Delivered", {"stage": SYNC, "pull_request_url": 7}, "git.pull_request_url", None),
    ],
)
def test_what_an_event_says(
    word: str, message: str | None, payload: dict[str, Any], field: str, value: Any
) -> None:
    found: Any = read(word, message, "shell", **payload)
    for name in field.split("."):
        found = getattr(found, name)
    assert (plain(found), isinstance(found, bool)) == (value, isinstance(value, bool))


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


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-24T13:45:40Z", datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)),
        ("2026-11-24T15:45:40.5+02:00", datetime(2026, 11, 24, 13, 45, 40, 500_000, tzinfo=UTC)),
        (
            f"2026-11-24T13:45:40.{'5' * 43}Z",
            datetime(2026, 11, 24, 13, 45, 40, 555_555, tzinfo=UTC),
        ),
        *(
            (odd, None)
            for odd in (
                f"2026-11-24T13:45:40.{'5' * 44}Z",
                "2026-11-24T13:45:40",
                "soon",
                1764000000,
            )
        ),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_needs_its_zone(text: object, time: datetime | None) -> None:
    (found,) = answers.events([event("log", "text") | {"createdAt": text}])
    assert found.created_at == time


@pytest.mark.parametrize("run_id", [None, 7, "", "../runs", "a b", "é", "x" * 300])
def test_a_run_whose_id_is_no_word_is_refused(run_id: object) -> None:
    with pytest.raises(UnreachableError, match="no usable runId"):
        answers.run({"runId": run_id, "status": "pending"})


@pytest.mark.parametrize(
    ("code", "is_code"),
    [("RATE_LIMITED", True), ("A1", True)]
    + [(odd, False) for odd in (None, 7, "", "a code", "::error::", ["RATE_LIMITED"])],
)
def test_a_code_is_a_word_in_upper_case(code: object, is_code: bool) -> None:
    assert answers.error_code(code) == (code if is_code else None)


RUN = {"runId": RUN_ID, "status": "running"}


BRANCH = {"branch": {"createBranch": True}, "runtime": {"runId": "r"}, "terminalCommitSha": None}
ENDED = {"status": "cancelled", "run": RUN, "alreadyTerminal": True}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            answers.run(RUN),
            {"creates_branch": False, "runtime_id": None},
        ),
        (
            answers.run(RUN | BRANCH),
            {"creates_branch": True, "runtime_id": "r"},
        ),
        (answers.run(RUN | {"branch": {"createBranch": "yes"}}), {"creates_branch": False}),
        (
            answers.run(RUN | {"branch": "main", "runtime": "r"}),
            {"creates_branch": False, "runtime_id": None},
        ),
        (
            answers.run(RUN | {"runtime": {"runId": 7}, "terminalCommitSha": "a1"}),
            {"runtime_id": None},
        ),
        (answers.cancelled(ENDED, RUN_ID), {"already_terminal": True, "run": answers.run(RUN)}),
        (
            answers.cancelled({"status": "cancelled", "run": "x"}, RUN_ID),
            {"already_terminal": False, "run": None},
        ),
        (
            answers.cancelled(ENDED | {"run": None, "alreadyTerminal": "yes"}, RUN_ID),
            {"already_terminal": False},
        ),
        *(
            (answers.started(RUN | {"replayed": odd}), {"replayed": False})
            for odd in (False, "true", 1)
        ),
        (answers.started(RUN | {"replayed": True}), {"replayed": True}),
    ],
)
def test_most_of_an_answer_may_be_missing_or_odd(answer: Any, said: dict[str, Any]) -> None:
    found = {name: plain(getattr(answer, name)) for name in said}
    assert (found, [type(each) for each in found.values()]) == (
        said,
        [type(each) for each in said.values()],
    )


@pytest.mark.parametrize("content", [None, 0, {"passed": 12}, []])
def test_an_artifact_may_hold_any_json(content: object) -> None:
    found = answers.artifact({"artifact": {"path": "report.json", "content": content}})
    assert found.content == Untrusted(content)
    with pytest.raises(UnreachableError, match="lacks content"):
        answers.artifact({"artifact": {"path": "report.json"}})


@pytest.mark.parametrize(
    "data",
    [None, [], {"repos": None}, {"repos": {}}]
    + [
        {"repos": [odd]}
        for odd in (None, {"id": "r"}, {"id": "r", "full_name": 7}, {"full_name": "acme/web"})
    ],
)
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
