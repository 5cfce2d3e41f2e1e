"""`mogplex runs events --follow` on today's service: the stream, the agent's words, pauses, and
`--exit-status`.
"""

from __future__ import annotations

import json
import re

import pytest

from mogplex_ci.sanitize.sanitizer import PREFIX
from tests.e2e.cli.terminal import Terminal

WORDS = """\
steps:
  - {launch: true}
  - text: ["I look at the ", "failing test.\\n\\nIt is", " flaky:\\n- it sleeps\\n"]
  - {after: 300ms, tool_started: Command, call: exec-1}
  - {tool_finished: Command, call: exec-1}
  - text: "The last words, "
  - {after: 4s, text: "and the very last."}
  - {after: 300ms, deliver: true}
"""
TWO_WORDS = """\
steps:
  - {launch: true}
  - text: I look at the repository
  - {tool_started: Command, call: exec-1}
  - {after: 4s, text: " first."}
  - {deliver: true}
"""
PAUSE = """\
steps:
  - {launch: true}
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
    assert lines[start + 1 : start + 6] == [
        f"log             {PREFIX}",
        f"log             {PREFIX}It is flaky:",
        f"log             {PREFIX}- it sleeps",
        "tool_started    tool=Command  Command started",
        "tool_finished   tool=Command  Command finished",
    ]
    words = "".join(line.partition(PREFIX)[2] for line in lines[start + 6 :])
    assert words == "The last words, and the very last."
    assert f"{PREFIX}The last words, and the very last.\n" in listed.out


def test_no_half_of_a_secret_is_printed(terminal: Terminal) -> None:
    halves = ["The token is gh", "p_" + "0aA1bB2cC" * 4, " and", " that is it.\n\n"]
    scenario = (
        f"steps:\n  - {{launch: true}}\n  - text: {json.dumps(halves)}\n  - {{deliver: true}}\n"
    )
    with terminal.run(scenario, speed=10) as (run_id, emulator):
        shown = [
            terminal.mogplex("runs", "events", run_id, *flags)
            for flags in (
                ["--follow"],
                [],
                ["--json"],
                ["--follow", "--json"],
            )  # the first one waits for the end
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
    with terminal.run(TWO_WORDS) as (run_id, emulator):
        ended = terminal.mogplex("runs", "events", run_id, "--follow", "--json")
        ids = {event["id"] for event in emulator.runs[0].events}
    *events, _ = [json.loads(line) for line in ended.out.splitlines()]
    words = [
        at
        for at, event in enumerate(events)
        if (event["payload"] or {}).get("kind") == "assistant_delta"
    ]
    assert "".join(events[at]["message"] for at in words) == "I look at the repository first."
    assert words[0] < [event["type"] for event in events].index("tool_started") < words[-1]
    assert {event["id"] for event in events} == ids


@pytest.mark.parametrize("as_json", [False, True])
def test_a_paused_run_ends_the_following(terminal: Terminal, as_json: bool) -> None:
    with terminal.run(PAUSE, speed=2) as (run_id, _):
        ended = terminal.mogplex(
            "runs", "events", run_id, "--follow", *(["--json"] if as_json else [])
        )
        seen = terminal.mogplex("runs", "get", run_id)
    last = ended.out.splitlines()[-1]
    if as_json:
        assert json.loads(last) == {"runId": run_id, "status": "awaiting_input"}
    else:
        assert last == f"--- run {run_id} awaiting_input ---"
        assert "CHECKPOINT" not in ended.out
    assert ended.err.splitlines() == [
        "warning: the run is paused and is waiting for an answer: Which of the two?",
        "hint: The run stays paused and keeps its sandbox until it is cancelled. "
        "Put the answer into the prompt, and start a new run.",
        "warning: preview: https://preview.example/7",
    ]
    assert ended.code == 0
    assert "status  awaiting_input" in seen.out


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("success", 0), ("failed", 1), ("cancelled", 1), ("paused", 1), ("mogplex", 0)],
)
def test_the_exit_status_of_the_run(terminal: Terminal, scenario: str, code: int) -> None:
    with terminal.run(scenario, speed=20) as (run_id, _):
        assert terminal.mogplex("runs", "events", run_id, "--follow", "--exit-status").code == code
