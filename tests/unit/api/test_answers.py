"""How the API's answers are read: what an event means, and which answers are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mogplex_ci.api import answers
from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import Event, EventKind, Repo
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import RUN_ID, event


def read(word: str, message: str | None = None, tool: str | None = None, /, **payload: Any) -> Event:
    (found,) = answers.events([event(word, message, 0.0, tool, **payload)])
    return found


@pytest.mark.parametrize(
    ("word", "message", "payload", "kind"),
    [
        ("started", "accepted", {"external_run_id": RUN_ID}, EventKind.ACCEPTED),
        ("started", "codex", {"harness_id": "codex"}, EventKind.SANDBOX_READY),
        ("log", "I look.", {"kind": "assistant_delta"}, EventKind.TEXT_DELTA),
        (
            "log",
            "\nDelivered tracked changes in an automatic commit.",
            {"kind": "assistant_delta"},
            EventKind.OTHER,
        ),
        ("log", None, {"kind": "assistant_delta"}, EventKind.TEXT_DELTA),
        ("log", "Synchronized", {"stage": "git_sync"}, EventKind.GIT_SYNC),
        ("log", "Installed", {"stage": "install"}, EventKind.INSTALL),
        ("log", "Ready", {"stage": "git_delivery"}, EventKind.DELIVERY),
        ("log", "Configured", {"stage": "mcp_config"}, EventKind.OTHER),
        ("log", "Plain", {}, EventKind.OTHER),
        ("log", "Odd", {"stage": ["git_sync"]}, EventKind.OTHER),
        ("log", "I have Delivered tracked changes", {"kind": "assistant_delta"}, EventKind.TEXT_DELTA),
        ("status_changed", "Running", {"stage": "install"}, EventKind.OTHER),
        ("finished", None, {}, EventKind.FINISHED),
        ("failed", None, {}, EventKind.FAILED),
        ("cancelled", None, {}, EventKind.CANCELLED),
        ("tool_call", None, {}, EventKind.TOOL_STARTED),
        ("tool_result", None, {}, EventKind.TOOL_FINISHED),
        ("assistant_message", "Hello", {}, EventKind.MESSAGE),
        ("stream_started", None, {}, EventKind.SANDBOX_READY),
        ("quantum_leap", None, {}, EventKind.OTHER),
    ],
)
def test_what_an_event_means(word: str, message: str | None, payload: dict[str, Any], kind: EventKind) -> None:
    assert read(word, message, **payload).kind is kind


@pytest.mark.parametrize(
    ("word", "message", "payload", "label"),
    [
        ("log", "Configured", {"stage": "mcp_config"}, None),
        ("log", None, {"stage": "mcp_config"}, "mcp_config"),
        ("log", None, {}, "log"),
        ("quantum_leap", "Leaped", {}, "quantum_leap"),
        ("quantum_leap", "Leaped", {"stage": "far"}, "far"),
    ],
)
def test_an_event_without_words_of_its_own_is_named(
    word: str, message: str | None, payload: dict[str, Any], label: str | None
) -> None:
    assert read(word, message, **payload).label == (Untrusted(label) if label is not None else None)


@pytest.mark.parametrize(
    ("payload", "failed", "denied"),
    [
        ({"state": "done"}, False, False),
        ({"state": "error"}, True, False),
        ({"state": "denied"}, True, True),
        ({"error": "no such file"}, True, False),
        ({"error": ""}, False, False),
        ({"exit_code": 0}, False, False),
        ({"exit_code": 1}, True, False),
        ({"exit_code": True}, False, False),
        ({"exit_code": "1"}, False, False),
        ({}, False, False),
    ],
)
def test_whether_a_tool_call_failed(payload: dict[str, Any], failed: bool, denied: bool) -> None:
    tool = read("tool_finished", "done", "shell", **payload).tool
    assert tool is not None
    assert (tool.failed, tool.denied) == (failed, denied)


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(1500, 1.5), (0, 0.0), (2_592_000_000, 2_592_000.0), (2_592_000_001, None), (-1, None), ("1500", None)],
)
def test_how_long_a_tool_call_took_is_believed_up_to_a_month(milliseconds: object, seconds: float | None) -> None:
    tool = read("tool_finished", "done", "shell", duration_ms=milliseconds).tool
    assert tool is not None
    assert tool.seconds == seconds


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"path": "src/a.ts", "line": 7}, ("src/a.ts", 7, False)),
        ({"file": "src/a.ts", "line": 1, "level": "warning"}, ("src/a.ts", 1, True)),
        ({"path": "src/a.ts", "line": 7, "severity": "error"}, ("src/a.ts", 7, True)),
        ({"path": "src/a.ts", "line": 7, "severity": "info"}, ("src/a.ts", 7, False)),
        ({"path": "src/a.ts", "line": 0}, None),
        ({"path": "src/a.ts"}, None),
        ({"line": 7}, None),
        ({"path": "src/a.ts", "line": 10**9}, None),
    ],
)
def test_where_in_a_file_an_event_points_to(payload: dict[str, Any], expected: tuple[str, int, bool] | None) -> None:
    location = read("log", "look", **payload).location
    found = (location.path.text, location.line, location.is_problem) if location is not None else None
    assert found == expected


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-24T13:45:40Z", datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)),
        ("2026-11-24T15:45:40.5+02:00", datetime(2026, 11, 24, 13, 45, 40, 500_000, tzinfo=UTC)),
        ("2026-11-24T13:45:40", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (f"2026-11-24T13:45:40.{'5' * 43}Z", datetime(2026, 11, 24, 13, 45, 40, 555_555, tzinfo=UTC)),
        (f"2026-11-24T13:45:40.{'5' * 44}Z", None),
        (1764000000, None),
    ],
)
def test_a_time_needs_its_zone(text: object, time: datetime | None) -> None:
    (found,) = answers.events([event("log", "text") | {"createdAt": text}])
    assert found.created_at == time


@pytest.mark.parametrize("run_id", [None, 7, "", "../runs", "a b", "é", "x" * 300])
def test_a_run_whose_id_is_no_word_is_refused(run_id: object) -> None:
    with pytest.raises(UnreachableError):
        answers.run({"runId": run_id, "status": "pending"})


@pytest.mark.parametrize("code", ["RATE_LIMITED", "A1"])
def test_a_code_is_a_word_in_upper_case(code: str) -> None:
    assert answers.error_code(code) == code


@pytest.mark.parametrize("code", [None, 7, "", "a code", "::error::", ["RATE_LIMITED"]])
def test_anything_else_is_no_code(code: object) -> None:
    assert answers.error_code(code) is None


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("log", set()),
        ("tool_started", {"tool"}),
        ("tool_finished", {"tool"}),
        ("finished", {"end"}),
        ("failed", {"end"}),
        ("cancelled", {"end"}),
        ("assistant_message", set()),
    ],
)
def test_only_what_an_event_is_about_is_read(word: str, parts: set[str]) -> None:
    found = read(word, "words")
    assert {name for name in ("tool", "git", "end") if getattr(found, name) is not None} == parts


@pytest.mark.parametrize(("stage", "is_git"), [("git_sync", True), ("git_delivery", True), ("install", False)])
def test_what_git_did_is_read_of_two_stages(stage: str, is_git: bool) -> None:
    assert (read("log", "words", stage=stage).git is not None) is is_git


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(0, 0), (137, 137), (-9, -9), (10**9 - 1, 10**9 - 1), (1 - 10**9, 1 - 10**9)]
    + [(odd, None) for odd in (10**9, -(10**9), True, False, 1.0, "1", None, [1])],
)
def test_an_exit_code_is_a_whole_number_below_a_billion(number: object, exit_code: int | None) -> None:
    end = read("failed", exit_code=number).end
    assert end is not None
    assert (end.exit_code, type(end.exit_code)) == (exit_code, type(exit_code))


@pytest.mark.parametrize(
    ("message", "error", "in_delivery"),
    [
        ("The agent finished, but GitHub delivery failed: 403", None, True),
        ("Failed", "The agent finished, but GitHub delivery failed", True),
        ("The agent finished, but GitHub delivery failed", "Exit code 1", False),
        ("So: The agent finished, but GitHub delivery failed", None, False),
        (None, None, False),
    ],
)
def test_whether_it_failed_in_the_delivery(message: str | None, error: str | None, in_delivery: bool) -> None:
    end = read("failed", message, **({"error": error} if error else {})).end
    assert end is not None
    assert end.in_delivery is in_delivery


@pytest.mark.parametrize(("changed", "known"), [(True, True), (False, False), (None, None), (1, None), ("true", None)])
def test_whether_a_run_changed_anything(changed: object, known: bool | None) -> None:
    git = read("log", "Delivered", stage="git_delivery", changed=changed).git
    assert git is not None
    assert git.changed is known


RUN = {"runId": RUN_ID, "status": "running"}


@pytest.mark.parametrize(
    ("fields", "creates", "queued", "has_commit"),
    [
        ({}, False, False, False),
        ({"branch": {"createBranch": True}, "runtime": {"runId": "r"}, "terminalCommitSha": None}, True, True, True),
        ({"branch": {"createBranch": "yes"}, "runtime": {"runId": 7}}, False, False, False),
        ({"branch": "main", "runtime": "r", "terminalCommitSha": "a1b2"}, False, False, True),
    ],
)
def test_what_a_run_may_lack(fields: dict[str, Any], creates: bool, queued: bool, has_commit: bool) -> None:
    run = answers.run(RUN | fields)
    assert (run.creates_branch, run.runtime_id is not None, run.has_terminal_commit) == (creates, queued, has_commit)


@pytest.mark.parametrize(
    ("fields", "has_run", "already"),
    [
        ({"run": RUN, "alreadyTerminal": True}, True, True),
        ({"run": None, "alreadyTerminal": "yes"}, False, False),
        ({"run": "gone"}, False, False),
        ({}, False, False),
    ],
)
def test_the_answer_to_a_cancel(fields: dict[str, Any], has_run: bool, already: bool) -> None:
    cancelled = answers.cancelled({"status": "cancelled"} | fields)
    assert (cancelled.run is not None, cancelled.already_terminal) == (has_run, already)


@pytest.mark.parametrize(("replayed", "known"), [(True, True), (False, False), ("true", False), (1, False)])
def test_whether_a_start_was_one_of_before(replayed: object, known: bool) -> None:
    assert answers.started(RUN | {"replayed": replayed}).replayed is known


@pytest.mark.parametrize("content", [None, 0, {"passed": 12}, []])
def test_an_artifact_may_hold_any_json(content: object) -> None:
    found = answers.artifact({"artifact": {"path": "report.json", "content": content}})
    assert found.content == Untrusted(content)
    with pytest.raises(UnreachableError, match="lacks content"):
        answers.artifact({"artifact": {"path": "report.json"}})


@pytest.mark.parametrize(
    ("word", "payload", "details"),
    [
        ("log", {"stage": "install", "extra": 1}, {"extra": 1}),
        ("log", {"stage": "install"}, None),
        ("tool_started", {"toolCallId": "c", "state": "done", "extra": 1, "stage": "s"}, {"extra": 1, "stage": "s"}),
        ("quantum_leap", {"stage": "install"}, {"stage": "install"}),
        ("quantum_leap", {}, None),
    ],
)
def test_what_else_an_event_holds(word: str, payload: dict[str, Any], details: object) -> None:
    expected = Untrusted(details) if details is not None else None
    assert read(word, "words", "shell", **payload).details == expected


def test_a_tool_without_a_name_is_called_tool() -> None:
    named, unnamed = read("tool_started", None, "shell").tool, read("tool_started").tool
    assert named is not None
    assert unnamed is not None
    assert (named.name, unnamed.name) == (Untrusted("shell"), Untrusted("tool"))


@pytest.mark.parametrize(
    ("data", "words"),
    [({"id": "e1", "type": "log"}, "log"), ({"id": "e1"}, "event"), ({"id": "e1", "type": 7}, "event")],
)
def test_an_event_without_a_type_is_called_event(data: dict[str, Any], words: str) -> None:
    (found,) = answers.events([data, {"type": "log"}, {"id": 7}, None, "log"])
    assert (found.type, found.kind) == (Untrusted(words), EventKind.OTHER)


@pytest.mark.parametrize(
    "data", [None, [], {"repos": None}, {"repos": {}}, {"repos": [None]}, {"repos": [{"id": "r"}]}]
)
def test_a_list_of_repositories_without_what_is_needed_is_refused(data: object) -> None:
    with pytest.raises(UnreachableError, match="the API's answer"):
        answers.listed(Repo, data, "repos")
