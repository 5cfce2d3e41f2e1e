"""`mogplex runs events --follow` on today's service: the stream, the agent's words, pauses, and `--exit-status`."""

from __future__ import annotations

import json
import re

import pytest

from mogplex_ci.sanitize.sanitizer import PREFIX
from tests.contract.api import FakeClock
from tests.e2e.cli.terminal import Terminal
from tests.waits import asked, wait_until

WORDS = """\
steps:
  - {part: launch}
  - text: ["I look at the ", "failing test.\\n\\nIt is", " flaky:\\n- it sleeps\\n"]
  - {after: 300ms, tool_started: Command, call: exec-1}
  - {tool_finished: Command, call: exec-1}
  - text: "The last words, "
  - {after: 4s, text: "and the very last."}
  - {after: 300ms, part: deliver}
"""
TWO_WORDS = """\
steps:
  - {part: launch}
  - text: I look at the repository
  - {tool_started: Command, call: exec-1}
  - {after: 4s, text: " first."}
  - {part: deliver}
"""
CONFLICT = """\
cancel_conflicts: [changed]
steps: [{status: streaming}, {after: 1h, status: success}]
"""
PAUSE = """\
steps:
  - {part: launch}
  - text: |
      Shall I go on?
      <<<MOGPLEX_CHECKPOINT>>>
      {"summary": "Which of the two?", "previewUrl": "https://preview.example/7"}
      <<<END_MOGPLEX_CHECKPOINT>>>
  - {after: 200ms, event: finished, message: Harness run finished}
  - {status: awaiting_input}
"""


def test_the_agents_words_are_joined_to_paragraphs(terminal: Terminal) -> None:
    with terminal.run(WORDS) as (run_id, _):
        ended = terminal.mogplex("runs", "events", run_id, "--follow")
        listed = terminal.mogplex("runs", "events", run_id)
    lines = [re.sub(r"^\S+Z  ", "", line) for line in ended.out.splitlines()]
    start = lines.index(f"log             {PREFIX}I look at the failing test.")
    assert lines[start + 1 : start + 5] == [
        f"log             {PREFIX}It is flaky:",
        f"log             {PREFIX}- it sleeps",
        "tool_started    tool=Command  Command started",
        "tool_finished   tool=Command  Command finished",
    ]
    words = "".join(line.partition(PREFIX)[2] for line in lines[start + 5 :])
    assert words == "The last words, and the very last."
    assert f"{PREFIX}The last words, and the very last.\n" in listed.out


def test_no_half_of_a_secret_is_printed(terminal: Terminal) -> None:
    halves = ["The token is gh", "p_" + "0aA1bB2cC" * 4, " and", " that is it.\n\n"]
    scenario = f"steps:\n  - {{part: launch}}\n  - text: {json.dumps(halves)}\n  - {{part: deliver}}\n"
    with terminal.run(scenario, speed=10) as (run_id, emulator):
        shown = [
            terminal.mogplex("runs", "events", run_id, *flags)
            for flags in (["--follow"], [], ["--json"], ["--follow", "--json"])  # the first one waits for the end
        ]
        (run,) = emulator.runs
        ids = [event["id"] for event in run.events]
    for ended in shown:
        assert "The token is *** and that is it." in ended.out
        assert "0aA1bB2cC" not in ended.out
    for ended in shown[2:]:
        events = [json.loads(line) for line in ended.out.splitlines()]
        assert [event["id"] for event in events if "id" in event] == ids


def test_json_events_do_not_wait_for_the_agents_next_words(terminal: Terminal) -> None:
    clock = FakeClock()
    with terminal.run(TWO_WORDS, clock=clock) as (run_id, emulator):
        with terminal.start("runs", "events", run_id, "--follow", "--json") as process:
            assert process.stdout is not None
            wait_until(asked(emulator, "stream"), process)
            clock.seconds = 2.0
            out: list[str] = []
            while "tool_started" not in "".join(out):
                out.append(process.stdout.readline())
                assert out[-1]
            clock.seconds = 60.0
            out += process.stdout
        (run,) = emulator.runs
        ids = {event["id"] for event in run.events}
    lines = [json.loads(line) for line in out]
    types = [event.get("type") for event in lines]
    words = [event["message"] for event in lines if "repository" in str(event) or "first." in str(event)]
    assert "".join(words) == "I look at the repository first."
    assert types.index("tool_started") < lines.index(next(event for event in lines if "repository" in str(event)))
    assert {event["id"] for event in lines if "id" in event} == ids


@pytest.mark.parametrize("as_json", [False, True])
def test_a_paused_run_ends_the_following(terminal: Terminal, as_json: bool) -> None:
    with terminal.run(PAUSE, speed=2) as (run_id, _):
        ended = terminal.mogplex("runs", "events", run_id, "--follow", *(["--json"] if as_json else []))
        seen = terminal.mogplex("runs", "get", run_id)
    last = ended.out.splitlines()[-1]
    if as_json:
        assert json.loads(last) == {"runId": run_id, "status": "awaiting_input"}
    else:
        assert last == f"--- run {run_id} awaiting_input ---"
        assert "CHECKPOINT" not in ended.out
    assert ended.err.splitlines() == [
        "warning: the run waits for an answer in Mogplex: Which of the two?",
        "warning: preview: https://preview.example/7",
    ]
    assert ended.code == 0
    assert "status  awaiting_input" in seen.out


@pytest.mark.parametrize(
    ("scenario", "code"), [("success", 0), ("failed", 1), ("cancelled", 1), ("paused", 1), ("mogplex", 0)]
)
def test_the_exit_status_of_the_run(terminal: Terminal, scenario: str, code: int) -> None:
    with terminal.run(scenario, speed=20) as (run_id, _):
        with_status = terminal.mogplex("runs", "events", run_id, "--follow", "--exit-status")
        without = terminal.mogplex("runs", "events", run_id, "--follow")
    assert (with_status.code, without.code) == (code, 0)
    assert with_status.out.splitlines()[-1] == without.out.splitlines()[-1]


def test_what_newer_services_know_of_a_run_follows_the_documented_lines(terminal: Terminal) -> None:
    with terminal.run("success", "--create-branch", speed=20) as (run_id, emulator):
        terminal.mogplex("runs", "events", run_id, "--follow")
        (run,) = emulator.runs
        wait_until(lambda: run.state.commit is not None)
        seen = terminal.mogplex("runs", "get", run_id)
    names = [line.split()[0] for line in seen.out.splitlines()]
    assert names == [
        *["run", "status", "harness", "repo", "branch", "sandbox", "events", "cancel", "created", "updated"],
        "commit",
    ]
    assert re.fullmatch(r"commit  [0-9a-f]{40}", seen.out.splitlines()[-1])


def test_a_cancel_that_meets_a_change_is_sent_again(terminal: Terminal) -> None:
    with terminal.run(CONFLICT) as (run_id, emulator):
        ended = terminal.mogplex("runs", "cancel", run_id)
        (run,) = emulator.runs
        assert run.status == "cancelled"
    assert ended.code == 0
    assert ended.out.splitlines()[0] == f"cancellation requested for run {run_id}"
