"""The job log: one story outside the groups, details inside them, and no group left open."""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.errors import UnreachableError
from mogplex_ci.models import Untrusted
from mogplex_ci.run.happenings import CancelFailed, Cancelling, FeedFull, Heartbeat, Started, Trouble
from mogplex_ci.run.outcome import Result, Verdict
from tests.github_log import GitHubLog
from tests.unit.report.events import RUN_ID, SUCCESS, SUCCESSFUL, arrived, event, log_of, outcome, run, starting

STARTED = Started(run("pending"), "key-1", joined=False, owned=True)
FAILURE = Verdict(Result.FAILED, 1, "the run failed", "Read the log.", Untrusted("Tests fail"), "RUN_FAILED")


def levels(log: GitHubLog) -> list[str]:
    return [annotation.level for annotation in log.annotations]


def test_a_whole_run_is_one_story() -> None:
    log = log_of(
        starting(),
        STARTED,
        arrived(*SUCCESSFUL[:6]),
        arrived(*SUCCESSFUL[6:]),
        ended=outcome(SUCCESS, *SUCCESSFUL),
    )
    assert log.story == [
        "Starting a run on acme/web under the key github-acme/web-1-build-0123456789abcdef",
        f"Started run {RUN_ID} (pending)",
        "Works from main with codex",
        f"To follow it elsewhere: mogplex runs events {RUN_ID} --follow",
        "[00:00] ● sandbox: External Mogplex run accepted",
        "[00:14] ● sandbox: ready after 14s: Harness run started: codex",
        "[00:17] ● git: Synchronized mogplex/agent-1 (3s)",
        "[00:20]   Harness run streaming",
        "[00:20] ● install: Installed @openai/codex (3s)",
        "[00:20] ● agent: at work",
        "[03:20] ● agent: done after 3m 00s, 1 tool call",
        "[03:20] ● delivery: Pull request ready: https://github.com/acme/web/pull/42",
        "[03:20]   finished: Harness run finished (exit code 0)",
        "✔ success after 12m 07s, 9 events, 31 requests",
        "Notice: https://github.com/acme/web/pull/42",
        "To look at the work: git fetch origin mogplex/agent-1",
        f"To read the run's events again: mogplex runs events {RUN_ID}",
    ]


def test_a_tool_call_is_one_group_with_its_duration_and_payload() -> None:
    log = log_of(arrived(*SUCCESSFUL[:6]), arrived(*SUCCESSFUL[6:]))
    install, shell = log.groups
    assert install.title == "Details of install"
    assert install.lines == ["│ logs:", "│   added 142 packages in 9s", "│ ", "│   no funding"]
    assert shell.title == "[01:05]   shell: Running npm test → Tests finished (2m 12s)"
    assert shell.lines == ["│ input.command: npm test", "│ output: Tests: 24 passed"]


def test_the_documented_vocabulary_reads_as_well() -> None:
    log = log_of(
        arrived(
            event("stream_started", "Agent started", 2),
            event("tool_call", "Editing src/auth.ts", 5, tool="edit_file"),
            event("tool_result", "3 lines changed", 7, tool="edit_file"),
            event("assistant_message", "Switching to bearer-token middleware", 9),
        )
    )
    assert log.story[:5] == [
        "[00:00] ● sandbox: ready after 0s: Agent started",
        "[00:03] ● agent: at work",
        "[00:03]   edit_file: Editing src/auth.ts → 3 lines changed (2s)",
        "[00:07]   agent says: Switching to bearer-token middleware",
        "✔ success after 12m 07s, 0 events, 31 requests",
    ]


def test_what_it_does_not_know_is_told_as_it_is() -> None:
    log = log_of(
        arrived(
            event("telemetry", None, 1, cpu=93),
            event("plan", "1. look 2. fix", 2),
            event("log", None, 3),
            event("log", "MCP configured", 4, stage="mcp_config"),
        )
    )
    assert log.shown[:5] == [
        "▸ [00:00]   telemetry",
        "    │ cpu: 93",
        "[00:01]   plan: 1. look 2. fix",
        "[00:02]   log",
        "[00:03]   MCP configured",
    ]


def test_calls_that_overlap_are_told_by_both_ends() -> None:
    log = log_of(
        arrived(
            event("tool_started", "Building", 0, tool="shell"),
            event("tool_started", "Reading a", 1, tool="read_file"),
            event("tool_finished", "Read a", 2, tool="read_file"),
            event("tool_finished", "Built", 9, tool="shell", exit_code=2),
        )
    )
    assert log.shown[1:5] == [
        "[00:00]   shell: Building",
        "[00:01]   read_file: Reading a → Read a (1s)",
        "▸ [00:09] ✘ shell: Built (9s)",
        "    │ exit_code: 2",
    ]


def test_an_unfinished_call_is_not_swallowed() -> None:
    log = log_of(
        arrived(event("tool_started", "Running npm test", 3, tool="shell")),
        Heartbeat(run(), elapsed=190, silence=61),
        Cancelling(run()),
        ended=outcome(Verdict(Result.INTERRUPTED, 143, "stopped by SIGTERM"), run=run("cancelled")),
    )
    assert log.story[1:5] == [
        "Still streaming after 3m 10s, 1m 01s since the last event (shell: Running npm test)",
        "[00:00]   shell: Running npm test (unfinished)",
        "Cancelling the run",
        "✘ interrupted after 12m 07s, 0 events, 31 requests",
    ]


def test_long_messages_are_cut_in_their_line_and_whole_in_a_group() -> None:
    log = log_of(arrived(event("assistant_message", "word " * 200), event("assistant_message", "one\n::error::two")))
    long, lines = log.groups
    assert len(long.title) < 400
    assert long.lines == ["│ " + "word " * 200]
    assert lines.title == "[00:00]   agent says: one ::error::two"
    assert lines.lines == ["│ one", "│ ::error::two"]
    assert levels(log) == []


def test_a_failure_is_one_error_although_the_service_tells_it_twice() -> None:
    twice = (
        event("failed", "Harness run failed", 1, exit_code=1, failure_code="command_failed"),
        event("failed", "External Mogplex run failed", 2, error="Tests fail"),
    )
    log = log_of(arrived(*twice), ended=outcome(FAILURE, *twice))
    assert levels(log) == ["error"]
    assert "Error: The run failed: Tests fail" in log.story
    assert "[00:00] ✘ failed: Harness run failed (exit code 1, command_failed)" in log.story


def test_a_long_error_is_one_annotation_and_whole_in_a_group() -> None:
    log = log_of(ended=outcome(Verdict(Result.FAILED, 1, "the run failed", detail=Untrusted("one\n::error::two"))))
    assert [annotation.text for annotation in log.annotations] == ["The run failed: one ::error::two"]
    assert [(group.title, group.lines) for group in log.groups] == [("The whole error", ["│ one", "│ ::error::two"])]


def test_what_needs_attention_is_a_warning() -> None:
    joined = Started(run(), "key-1", joined=True, owned=True)
    delivery = event("log", "Nothing to deliver", 4, stage="git_delivery", changed=False)
    log = log_of(starting(), joined, FeedFull(run()), arrived(delivery), ended=outcome(SUCCESS, delivery))
    assert levels(log) == ["warning"] * 3
    assert [annotation.properties["title"] for annotation in log.annotations] == [
        "Joined run",
        "Events truncated",
        "No change",
    ]


def test_a_timeout_says_how_to_follow_on() -> None:
    timeout = Verdict(Result.TIMEOUT, 1, "the timeout passed while the run was streaming", "Raise timeout.")
    log = log_of(ended=outcome(timeout, run=run()))
    assert levels(log) == ["error", "warning"]
    assert log.annotations[1].text == f"The run goes on; to follow it: mogplex runs events {RUN_ID} --follow"
    assert f"To cancel the run: mogplex runs cancel {RUN_ID}" in log.story


def test_a_cancelled_run_that_goes_on_is_said() -> None:
    failed = CancelFailed(run(), UnreachableError("the API did not answer"))
    log = log_of(failed, ended=outcome(Verdict(Result.INTERRUPTED, 130, "stopped by SIGINT"), run=run()))
    assert f"Warning: It may go on. The API did not answer; to cancel it: mogplex runs cancel {RUN_ID}" in log.story


@pytest.mark.parametrize(("wanted", "made"), [("all", ["error", "warning"]), ("errors", ["error"]), ("none", [])])
def test_annotations_are_wanted_or_lines(wanted: str, made: list[str]) -> None:
    timeout = Verdict(Result.TIMEOUT, 1, "the timeout passed", "Raise timeout.")
    log = log_of(ended=outcome(timeout, run=run()), annotations=wanted)
    assert levels(log) == made
    assert any("The timeout passed" in line for line in log.story)
    assert any("The run goes on" in line for line in log.story)


def test_never_more_than_ten_annotations_of_a_level() -> None:
    trouble = [Started(run(), "key-1", joined=True, owned=True)] * 15
    assert levels(log_of(*trouble)) == ["warning"] * 10


def finding(**payload: Any) -> dict[str, Any]:
    return event("log", "Unused variable", **payload)


def test_a_place_in_a_file_is_annotated() -> None:
    log = log_of(starting(), arrived(finding(path="src/a.ts", line=7, level="warning")))
    (annotation,) = log.annotations
    assert annotation.level == "warning"
    assert annotation.text == "Agent: Unused variable"
    assert annotation.properties == {"title": "Agent", "file": "src/a.ts", "line": "7"}


@pytest.mark.parametrize(
    "payload",
    [
        {"path": "../secret", "line": 7},
        {"path": "src/../../secret", "line": 7},
        {"path": "/etc/passwd", "line": 7},
        {"path": "src/a.ts"},
        {"path": "src/a.ts", "line": 0},
        {"path": "src/a.ts", "line": "7"},
        {"path": "a\n::error::b", "line": 7},
        {"path": ["src/a.ts"], "line": 7},
    ],
)
def test_no_place_no_annotation(payload: dict[str, Any]) -> None:
    assert levels(log_of(starting(), arrived(finding(**payload)))) == []


def test_places_in_another_repository_are_not_annotated() -> None:
    assert levels(log_of(starting("acme/api"), arrived(finding(path="src/a.ts", line=7)))) == []


def test_places_leave_room_for_how_the_step_went() -> None:
    delivery = SUCCESSFUL[7]
    findings = [finding(path="src/a.ts", line=line) for line in range(1, 40)]
    log = log_of(starting(), arrived(*findings), ended=outcome(SUCCESS, delivery))
    assert levels(log) == ["notice"] * 6
    assert log.annotations[-1].properties["title"] == "Pull request"


def test_trouble_is_said() -> None:
    log = log_of(Trouble(UnreachableError("the API did not answer", detail=Untrusted("::error::x"))))
    assert log.story[0] == "Trouble with the API: The API did not answer: ::error::x"
    assert levels(log) == []


def test_details_stop_before_they_drown_the_outcome() -> None:
    floods = [event("log", f"flood {number}", number, logs=("x" * 99 + "\n") * 190) for number in range(150)]
    log = log_of(arrived(*floods), ended=outcome(FAILURE, run=run("failed")))
    assert sum(len(line) for line in log.shown) < 2_100_000
    assert sum("The log is long" in line for line in log.story) == 1
    assert "[02:29]   flood 149" in log.story
    assert "Error: The run failed: Tests fail" in log.story
