"""How the API's answers are read: what an event means, and which answers are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mogplex_ci.api import answers
from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import Event, EventKind, Untrusted
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
        ("finished", None, {}, EventKind.FINISHED),
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
        ("2026-11-24T13:45:40Z" + " " * 60, None),
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
