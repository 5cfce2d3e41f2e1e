"""The job log: each event once and in order, details in groups, no group left open, and times that
never go back.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest

from mogplex_ci.platforms.base import PLAIN, Plain
from mogplex_ci.platforms.gitlab import GITLAB, GitLab
from mogplex_ci.platforms.job_log import size_in_log
from mogplex_ci.report.log import WRITERS, Log
from mogplex_ci.run.agent_text import Checkpoint
from mogplex_ci.run.endings import rejected_by
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.timeline import Entry
from mogplex_ci.run.updates import (
    Heartbeat,
    Said,
    Started,
    StatusChanged,
    Update,
)
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.github_log import GitHubLog
from tests.slow import mostly_slow
from tests.unit.report.events import (
    BRANCH,
    PULL_REQUEST,
    SUCCESSFUL,
    Feed,
    call,
    delivery,
    delta,
    event,
    facts,
    gate,
    log_of,
    log_of_each,
    planned,
    result,
    run,
)

FAILURE: dict[str, Any] = {
    "cause": "the run failed",
    "remedy": "Read the agent's last actions.",
    "detail": Untrusted("Tests fail"),
    "error_code": "RUN_FAILED",
}


def levels(log: GitHubLog) -> list[str]:
    return [annotation.level for annotation in log.annotations]


def before_the_end(log: GitHubLog) -> list[str]:
    """The lines before the one that says how the step ended, details indented."""
    end = next(number for number, line in enumerate(log.shown) if re.match(r"[✔→⏸✘] ", line))
    return log.shown[:end]


BASH, EDIT = call("Bash", 0, 9, state="error"), call("Bash", 1, 2)
"""Two calls at the same time."""
COMMANDS = [
    call("Command", at, at + 3, state="error" if at in (9, 30) else "done")
    for at in range(0, 36, 3)
]
STARTED, DONE = call("Bash", 0, 2, key="c")
_, FAILED = call("Bash", 0, 5, key="c", state="error")
TESTING = event("tool_started", "Testing", 3, "shell")
AT_WORK = "[00:00] ● agent: started"


def command(at: float, output: dict[str, Any]) -> list[dict[str, Any]]:
    """A shell command of the harness ``mogplex``: its end is a success, whatever it returned."""
    key = f"call-{at}"
    return [
        event("tool_started", "bash started", at - 1, "bash", toolCallId=key),
        event(
            "tool_finished",
            "bash finished",
            at,
            "bash",
            toolCallId=key,
            state="success",
            output=output,
        ),
    ]


LINES: dict[str, tuple[Sequence[Any], list[str]]] = {
    "the documented vocabulary reads as well": (
        (
            event("stream_started", "Agent started", 2),
            event("tool_call", "Editing src/auth.ts", 5, "edit_file"),
            event("tool_result", "3 lines changed", 7, "edit_file"),
            event("assistant_message", "Switching to bearer-token middleware", 9),
        ),
        [
            "[00:00] ● sandbox: ready: Agent started (0s)",
            "[00:03] ● agent: started",
            "[00:05]   edit_file: Editing src/auth.ts → 3 lines changed (2s)",
            "[00:07]   agent: Switching to bearer-token middleware",
        ],
    ),
    "unknown events are shown as they are": (
        (
            event("telemetry", None, 1, cpu=93),
            event("plan", "1. look 2. fix", 2),
            event("log", None, 3),
            event("log", "MCP configured", 4, stage="mcp_config"),
        ),
        [
            "[00:00]   telemetry │ cpu: 93",
            "[00:01]   plan: 1. look 2. fix",
            "[00:02]   log",
            "[00:03]   MCP configured",
        ],
    ),
    "a long detail is folded": (
        (event("telemetry", None, 1, words="ab" * 80),),
        ["▸ [00:00]   telemetry", f"    │ words: {'ab' * 80}"],
    ),
    "a denied call is marked": (
        tuple(call("Bash", 1, 4, state="denied")),
        [AT_WORK, "[00:03] ✘ Bash (denied, 3s)"],
    ),
    "a command of the harness mogplex is judged by what it returned": (
        (
            *command(1, {"exitCode": 2, "stdout": "1 failed"}),
            *command(3, {"exitCode": 0, "outputCheck": "The output suggests a failure."}),
            *command(5, {"reason": "command_risk", "error": "This command was not run."}),
            *command(7, {"exitCode": 0, "reason": "x", "stdout": "fine"}),
            *command(9, {"exitCode": None, "error": "x"}),
        ),
        [
            AT_WORK,
            "▸ [00:01] ✘ bash (failed, exit code 2, 1s)",
            "    │ output.exitCode: 2",
            "    │ output.stdout: 1 failed",
            "▸ [00:03] ✘ bash: The output suggests a failure. (failed, 1s)",
            "    │ output.exitCode: 0",
            "    │ output.outputCheck: The output suggests a failure.",
            "▸ [00:05] ✘ bash: This command was not run. (denied, 1s)",
            "    │ output.reason: command_risk",
            "    │ output.error: This command was not run.",
            "▸ [00:07]   bash (1s)",
            "    │ output.exitCode: 0",
            "    │ output.reason: x",
            "    │ output.stdout: fine",
            "▸ [00:09]   bash (1s)",
            "    │ output.exitCode: null",
            "    │ output.error: x",
        ],
    ),
    "the note of an agent's end is not the agent's": (
        (delta("The lock file is old."), delta("\nThe agent exited before the turn finished (1)")),
        [
            AT_WORK,
            "[00:00]   The agent exited before the turn finished (1)",
            "[00:00]   agent: The lock file is old.",
        ],
    ),
    "calls at the same time are paired by id and listed by their ends": (
        (BASH[0], *EDIT, delta("So far so good.\n\n", 5), BASH[1]),
        [
            AT_WORK,
            "[00:02]   Bash (1s)",
            "[00:09] ✘ Bash (failed, 9s)",
            "[00:09]   agent: So far so good.",
        ],
    ),
    "without ids a call ends the oldest of its tool": (
        (
            event("tool_started", "Building", 0, "shell"),
            event("tool_started", "Reading a", 1, "read_file"),
            event("tool_finished", "Read a", 2, "read_file"),
            event("tool_finished", "Built", 9, "shell", exit_code=2),
        ),
        [
            AT_WORK,
            "[00:02]   read_file: Reading a → Read a (1s)",
            "[00:09] ✘ shell: Building → Built (failed, 9s) │ exit_code: 2",
        ],
    ),
    "a late event does not turn the clock back": (
        (*call("Bash", 10, 30), event("log", "Late", 12)),
        [AT_WORK, "[00:20]   Bash (20s)", "[00:20]   Late"],
    ),
    "a failure of the agent is never called done": (
        (*call("Bash", 0, 1), event("failed", "Harness run failed", 2, exit_code=1)),
        [
            AT_WORK,
            "[00:01]   Bash (1s)",
            "[00:02] ✘ agent: stopped after 2s, 1 tool call",
            "[00:02] ✘ failed: Harness run failed (exit code 1)",
        ],
    ),
    "a call that ends twice has the end that counts": (
        [[STARTED, DONE], [FAILED]],
        [AT_WORK, "[00:02]   Bash (2s)", "[00:05] ✘ Bash (failed, 5s)"],
    ),
    "a call that has not ended is named when the step ends": (
        [[TESTING]],
        [AT_WORK, "[00:00]   shell: Testing (unfinished)"],
    ),
    "a message is shown when a call follows it": (
        [[delta("I look. At the tes")], [delta("ts now.")], [*call("Bash", 3, 4)]],
        [AT_WORK, "[00:00]   agent: I look. At the tests now.", "[00:04]   Bash (1s)"],
    ),
    "words before and behind another event are one message": (
        (delta("First.\n\n", 1), event("telemetry", None, 2, cpu=93), delta("Second.\n\n", 3)),
        [
            AT_WORK,
            "[00:01]   telemetry │ cpu: 93",
            "[00:02]   agent:",
            "│ First.",
            "│ ",
            "│ Second.",
        ],
    ),
    "words of several lines stand below the agent's name": (
        (delta("One\n\n- and two\n\n", 5), *call("Bash", 6, 7), delta("```\na\n```\n\n", 8)),
        [
            AT_WORK,
            "[00:00]   agent:",
            "│ One",
            "│ ",
            "│ - and two",
            "[00:02]   Bash (1s)",
            "[00:03]   agent:",
            "│ ```",
            "│ a",
            "│ ```",
        ],
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_events_are_lines_of_the_log(name: str) -> None:
    """Those of a tuple arrive together; a list has what arrives one after another."""
    feed, (arriving, lines) = Feed(), LINES[name]

    def updates() -> Iterator[Update]:
        for step in arriving if isinstance(arriving, list) else [arriving]:
            yield feed.arrived(*step)
        yield feed.ended()

    assert before_the_end(log_of_each(updates())) == lines


def test_a_heartbeat_in_an_outage_does_not_say_that_the_run_works() -> None:
    unread = Heartbeat(run("streaming"), elapsed=100, silence=70, unread_for=65)
    assert before_the_end(log_of(Feed().arrived(*SUCCESSFUL[:6]), unread))[-1] == (
        "No usable response from the API for 1m 05s; the run's last known state: working"
    )


def test_a_heartbeat_tells_what_the_events_say_although_the_status_is_older() -> None:
    feed = Feed()
    beat = Heartbeat(run("pending"), elapsed=30, silence=30)
    paused = Heartbeat(run("awaiting_input"), elapsed=30, silence=30)
    log = log_of(
        beat,
        feed.arrived(*SUCCESSFUL[:2]),
        beat,
        feed.arrived(*SUCCESSFUL[2:6]),
        beat,
        feed.arrived(event("tool_started", None, 3, "Bash")),
        beat,
        paused,
    )
    assert [
        re.sub(" after .*event", "", line)
        for line in before_the_end(log)
        if line.startswith(("Still", "Not"))
    ] == [
        "Not started yet",
        "Still checking out the repository",
        "Still working",
        "Still working (Bash)",
        "Still paused (Bash)",
    ]


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        (
            Result.FAILED,
            "I look.\n\nnpm ci answers E401\n```\n",
            "The agent's last line: npm ci answers E401. Read",
        ),
        (Result.FAILED, "Why does it fail?", "The agent's last line: Why does it fail? Read"),
        (
            Result.FAILED,
            "npm ci answers E401.|\n\nThe agent exited before the turn finished (1).",
            "The agent's last line: npm ci answers E401. Read",
        ),
        (Result.CANCELLED, "I look.", "Read"),
    ],
)
def test_the_error_has_the_agents_last_line_where_that_may_tell_why(
    kind: Result, words: str, said: str
) -> None:
    deltas = [delta(part) for part in words.split("|")]
    log = log_of(ended=result(kind, *deltas, **FAILURE))
    assert [found.text for found in log.annotations] == [
        f"The run failed: Tests fail. {said} the agent's last actions."
    ]


def test_a_timeout_of_checks_is_said_once() -> None:
    late = gate("checks", "the checks had not finished", code="TIMEOUT")
    ended = RunResult(rejected_by(late), result(gates=(late,)).details)
    (error,) = log_of(ended=ended).texts("error")
    assert error == "checks: The checks had not finished. Look."


def test_a_pause_tells_the_preview_once() -> None:
    words = '<<<MOGPLEX_CHECKPOINT>>>{"previewUrl":"https://preview.example"}<<<END_MOGPLEX_CHECKPOINT>>>'
    ended = result(Result.PAUSED, delta(words))
    paused = StatusChanged(
        run("awaiting_input"), Checkpoint(None, Untrusted("https://preview.example"))
    )
    for asks in (paused.asks, None):  # the words that ask may come after the status
        log = log_of(paused._replace(asks=asks), ended=ended).timeline
        assert log[0] == "The run is paused"
        assert log.count("Preview: https://preview.example") == 1


@pytest.mark.parametrize(
    ("wanted", "made"), [("all", ["warning", "error"]), ("errors", ["error"]), ("none", [])]
)
def test_annotations_that_are_not_wanted_are_lines(wanted: str, made: list[str]) -> None:
    ended = result(Result.TIMEOUT, cause="the timeout passed")
    log = log_of(
        Said("This version does not know it", title="Unknown status"),
        ended=ended,
        annotations=wanted,
    )
    assert levels(log) == made
    assert any("does not know it" in line for line in log.timeline)
    assert any("The timeout passed. " in line for line in log.timeline)


@pytest.mark.parametrize(
    ("events", "is_unread", "told"),
    [
        (SUCCESSFUL, True, "events say that it has finished"),
        (SUCCESSFUL[:6], True, "may still be running"),
        (SUCCESSFUL[:6], False, "is still running"),
    ],
)
def test_a_run_that_is_left_is_called_what_is_known_of_it(
    events: Sequence[Any], is_unread: bool, told: str
) -> None:
    ended = result(Result.TIMEOUT, *events, cause="the timeout passed", is_unread=is_unread)
    errors = [each.text for each in log_of(ended=ended).annotations if each.level == "error"]
    assert told in errors[0]


def test_every_update_and_every_entry_has_its_writer() -> None:
    assert WRITERS.keys() == {*get_args(Update), *get_args(Entry)}


def test_never_more_than_ten_annotations_of_a_level() -> None:
    many = [Started(run(), "key-1", joined=True, owned=True)] * 15
    assert levels(log_of(*many)) == ["warning"] * 10


SHORT_WORDS = [event("assistant_message", "y\n" * 490, 1) for _ in range(500)]
FLOODS = {
    "240,000 short lines": (GITLAB, SHORT_WORDS),
    "18,000 lines of 268 characters": (
        PLAIN,
        [event("assistant_message", (("y" * 267) + "\n") * 60, 1) for _ in range(300)],
    ),
    "folded details": (
        GITLAB,
        [event("log", f"flood {at}", 1, logs=("x" * 99 + "\n") * 190) for at in range(250)],
    ),
}


@pytest.mark.parametrize("name", mostly_slow(FLOODS, every=len(FLOODS)))
def test_a_flood_leaves_room_for_how_the_step_ended(name: str) -> None:
    """GitLab's runner cuts a log at 4 MiB; its time stamps take 32 bytes of each line."""
    system, flood = FLOODS[name]
    stream = io.StringIO()
    platform = {PLAIN: Plain, GITLAB: GitLab}[system](system, {}, stream)
    log = Log(platform, Sanitizer())
    only = planned()
    log.begin_run(only)
    log.on(Feed().arrived(*flood, delivery(2)))
    log.on(Heartbeat(run(), 600.0, 60.0))
    log.end(facts(result(Result.FAILED, *SUCCESSFUL, **FAILURE)))
    lines = stream.getvalue().splitlines()
    assert 3_000_000 < sum(map(size_in_log, lines)) < 3_200_000
    assert sum("The log is long" in line for line in lines) == 1
    after = lines[next(at for at, line in enumerate(lines) if "The log is long" in line) + 1 :]
    assert len(after) < 20
    for said in (
        "● delivery: Pull request",
        "Still finishing",
        "The run failed: Tests fail",
        PULL_REQUEST,
    ):
        assert any(said in line for line in after), said


COMPARE = f"https://github.com/acme/web/compare/main...{BRANCH}"


def test_missing_events_leave_the_pull_request_unknown() -> None:
    ended = result(Result.SUCCESS, *SUCCESSFUL[:7])
    ended.details.timeline.is_incomplete = True
    log = log_of(Said("Some are missing", title="Events missing"), ended=ended)
    assert levels(log) == ["warning"]
    assert "Pull request and change: unknown (events are missing)" in log.timeline
    assert f"Compare: {COMPARE}" in log.timeline


def test_an_option_that_the_service_does_not_repeat_is_not_called_ignored() -> None:
    """A newer service may use one without repeating it."""
    started = Started(
        run(), "key-1", joined=False, owned=True, unused_options=(Untrusted("modelTier"),)
    )
    (warning,) = log_of(started).annotations
    assert warning.text.endswith("The run does not have modelTier: this service may not support it")
