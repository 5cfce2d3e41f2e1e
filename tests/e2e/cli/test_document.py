"""The commands as Mogplex's document on headless runs shows them: script, lines, messages, exit
codes.
"""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator
from tests.program import ROOT
from tests.require import require
from tests.slow import slow
from tests.waits import LONG, asked

SPEED = 20
LIVE = ("pending", "streaming")
WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
SCRIPT = ROOT / "benchmarks" / "peers" / "cli-script.sh"
"""The document's end-to-end sketch, unchanged."""

STARTED = """\
started run run-uuid (pending)
repo    5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001
harness codex
branch  mogplex/run/2026-05-17/refactor-auth (base main, created)
tail events: mogplex runs events run-uuid --follow
"""
STATE = """\
run     run-uuid
status  streaming
harness codex
repo    5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001
branch  feat/x (base main, created)
sandbox vsb_abc
events  /api/v1/mogplex/runs/run-uuid/events
cancel  /api/v1/mogplex/runs/run-uuid/cancel
created 2026-05-17T10:14:00.000Z
updated 2026-05-17T10:14:00.000Z
"""
EVENTS = """\
2026-05-17T10:14:00.000Z  stream_started  Agent started
2026-05-17T10:14:00.000Z  tool_call       tool=edit_file  Editing src/auth.ts
2026-05-17T10:14:00.000Z  tool_result     tool=edit_file  3 lines changed
2026-05-17T10:14:00.000Z  assistant_message  Switching to bearer-token middleware
2026-05-17T10:14:00.000Z  finished        Agent finished
--- run run-uuid success ---
"""
FINISHED = "2026-05-17T10:14:00.000Z  finished        Agent finished"
"""The document leaves it out."""
EVENTS_OF_THE_DOCUMENT = """\
steps:
  - status: streaming
  - {event: stream_started, message: Agent started}
  - {event: tool_call, tool: edit_file, message: Editing src/auth.ts}
  - {event: tool_result, tool: edit_file, message: 3 lines changed}
  - {event: assistant_message, message: Switching to bearer-token middleware}
  - {event: finished, message: Agent finished}
  - status: success
"""


DOCUMENT = (Path(__file__).with_name("document.txt")).read_text(encoding="utf-8")
"""Mogplex's page on headless runs."""
REQUIRED = "error: run: --repo <id> is required (find IDs via `mogplex repos list`)"


def as_documented(text: str, run_id: str) -> str:
    """Return ``text`` with the id and the times of the document in place of this run's."""
    text = re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-05-17T10:14:00.000Z", text)
    return re.sub(
        r"^sandbox \S+$", "sandbox vsb_abc", text.replace(run_id, "run-uuid"), flags=re.MULTILINE
    )


def test_the_examples_are_the_documents() -> None:
    """With one time and one repository, which the document has several of."""
    page = as_documented(re.sub(r"8f3a2b1c-[-0-9a-f.]+", WEB, DOCUMENT), "run-uuid")
    page = page.replace("bearer-token middleware\n...", f"bearer-token middleware\n{FINISHED}")
    for example in (STARTED, STATE, EVENTS, REQUIRED, SCRIPT.read_text(encoding="utf-8")[-400:]):
        assert example in page
    assert "cancellation requested for run run-uuid\nstatus: " in page


def test_the_message_without_a_repository_is_the_documents(terminal: Terminal) -> None:
    ended = terminal.mogplex("run", "Fix it")
    assert (ended.code, ended.err) == (2, f"{REQUIRED}\n")


@pytest.mark.parametrize(
    ("scenario", "last_line", "code"),
    [
        ("failed", "✗ failed", 1),
        *slow([("success", "✓ run succeeded", 0), ("cancelled", "✗ cancelled", 1)]),
    ],
)
def test_its_script(terminal: Terminal, scenario: str, last_line: str, code: int) -> None:
    require("jq")
    terminal.env["MOGPLEX_REPO"] = WEB
    with Emulator(scenario, speed=SPEED) as emulator:
        ended = terminal.against(emulator).bash(str(SCRIPT))
        (run,) = emulator.runs
    assert ended.err == ""
    lines = ended.out.splitlines()
    assert lines[0] == f"started run {run.id}"
    assert lines[-2:] == [f"--- run {run.id} {scenario} ---", last_line]
    assert ended.code == code
    assert run.prompt == "Apply the linter autofixes and commit them"


def test_a_started_run(terminal: Terminal) -> None:
    with Emulator("slow") as emulator:
        terminal.against(emulator)
        branch = ["--create-branch", "--branch", "mogplex/run/2026-05-17/refactor-auth"]
        ended = terminal.mogplex(
            "run", "--repo", WEB, *branch, "Refactor the auth module to use bearer tokens."
        )
        (run,) = emulator.runs
    assert (ended.code, ended.err) == (0, "")
    assert as_documented(ended.out, run.id) == STARTED
    assert run.prompt == "Refactor the auth module to use bearer tokens."


def test_a_key_stands_for_one_run_of_one_request(terminal: Terminal) -> None:
    with terminal.run("slow", "--idempotency-key", "k") as (run_id, emulator):
        again, other = (
            terminal.mogplex("run", "--repo", WEB, "--idempotency-key", "k", prompt)
            for prompt in ("Fix the flaky tests", "Fix something else")
        )
        assert len(emulator.runs) == 1
        assert terminal.started() != terminal.started(), "without a key every run is a new one"
    assert again.code == 0
    assert re.fullmatch(
        rf"matched existing run {run_id} \((pending|streaming)\)", again.out.splitlines()[0]
    )
    assert (other.code, other.out) == (1, "")
    assert "IDEMPOTENCY_CONFLICT" in other.err
    assert "hint: Use another --idempotency-key for this request" in other.err


def test_run_and_get_print_the_apis_object_without_its_envelope(terminal: Terminal) -> None:
    with Emulator("slow") as emulator:
        terminal.against(emulator)
        started = json.loads(terminal.mogplex("run", "--repo", WEB, "--json", "Fix it").out)
        seen = json.loads(terminal.mogplex("runs", "get", started["runId"], "--json").out)
    assert started["status"] == "pending"
    assert seen["status"] in LIVE
    assert started["repoId"] == WEB
    assert started["branch"] == {"base": "main", "working": "main", "createBranch": False}
    assert started["replayed"] is False
    assert seen["runId"] == started["runId"]
    assert "ok" not in started | seen


def test_the_state_of_a_run(terminal: Terminal) -> None:
    scenario = "steps:\n  - status: streaming\n  - {after: 1h, status: success}\n"
    with terminal.run(scenario, "--create-branch", "--branch", "feat/x") as (run_id, _):
        ended = terminal.mogplex("runs", "get", run_id)
    assert (ended.code, ended.err) == (0, "")
    assert as_documented(ended.out, run_id) == STATE


def test_a_followed_run(terminal: Terminal) -> None:
    with terminal.run(EVENTS_OF_THE_DOCUMENT) as (run_id, _):
        followed = terminal.mogplex("runs", "events", run_id, "--follow")
        listed = terminal.mogplex("runs", "events", run_id)
    assert (followed.code, followed.err) == (0, "")
    first, rest = as_documented(followed.out, run_id).split("\n", 1)
    assert first == "2026-05-17T10:14:00.000Z  started         External Mogplex run accepted"
    assert rest == EVENTS
    assert listed.out.splitlines() == followed.out.splitlines()[:-1]


def test_the_timeout(terminal: Terminal) -> None:
    with terminal.run("slow") as (run_id, emulator):
        ended = terminal.run_past(
            lambda _: asked(emulator, "stream")(), "runs", "events", run_id, "--follow"
        )
        (run,) = emulator.runs
        assert run.status in LIVE
    assert ended.err == "error: --follow timed out after 1800s waiting for terminal status\n"
    assert ended.code == 1
    assert "---" not in ended.out


def test_cancelling(terminal: Terminal) -> None:
    with terminal.run("slow") as (run_id, _):
        first = terminal.mogplex("runs", "cancel", run_id)
        second = terminal.mogplex("runs", "cancel", run_id)
        third = terminal.mogplex("runs", "cancel", run_id, "--json")
    assert (first.code, first.out) == (
        0,
        f"cancellation requested for run {run_id}\nstatus: cancelled\n",
    )
    assert (second.code, second.out) == (0, f"run {run_id} has already ended\nstatus: cancelled\n")
    answer = json.loads(third.out)
    assert (answer["status"], answer["alreadyTerminal"], answer["run"]["runId"]) == (
        "cancelled",
        True,
        run_id,
    )


def test_cancelling_several_runs(terminal: Terminal) -> None:
    """The others are cancelled, too, if one cannot be."""
    unknown = "00000000-0000-4000-8000-000000000000"
    with terminal.run("slow") as (run_id, emulator):
        both = terminal.mogplex("runs", "cancel", run_id, run_id)
        mixed = terminal.mogplex("runs", "cancel", unknown, run_id)
    assert (both.code, both.out) == (
        0,
        f"cancellation requested for run {run_id}\nstatus: cancelled\n",
    )
    assert (mixed.code, mixed.out) == (1, f"run {run_id} has already ended\nstatus: cancelled\n")
    assert f"error: run {unknown} was not cancelled\nerror: " in mixed.err
    assert [run.status for run in emulator.runs] == ["cancelled"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_signal_ends_following_and_leaves_the_run(
    terminal: Terminal, number: signal.Signals, code: int
) -> None:
    with terminal.run("slow") as (run_id, emulator):
        with terminal.start("runs", "events", run_id, "--follow") as process:
            assert process.stdout is not None
            assert "accepted" in process.stdout.readline()
            process.send_signal(number)
            _, errors = process.communicate(timeout=LONG)
        assert process.returncode == code
        (run,) = emulator.runs
        assert run.status in LIVE
        assert not [request for request in emulator.requests if request.route == "cancel"]
    assert errors == f"error: stopped by {number.name}; the run keeps going\n"
