"""Output to a terminal or a pipe: colours, JSON, and text that would do harm."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.e2e.cli.terminal import Terminal
from tests.oracles import ci_logs
from tests.screen import show
from tests.slow import slow
from tests.waits import wait_until

SPEED = 20
CONTROLS = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def on_a_screen(terminal: Terminal, *argv: str) -> str:
    """Return what `mogplex` prints when its output is a terminal."""
    return show(*argv, command=["mogplex"], env=terminal.env, cwd=terminal.folder).raw


def test_an_error_is_red_on_a_terminal(terminal: Terminal) -> None:
    said = "error: run: --repo <id> is required"
    assert on_a_screen(terminal, "run").startswith(f"\x1b[31m{said}")
    for setting in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        terminal.env |= setting
        assert on_a_screen(terminal, "run").startswith(said)


def test_a_terminal_gets_what_it_can_show_and_a_pipe_utf_8(terminal: Terminal) -> None:
    terminal.env |= {
        "PYTHONIOENCODING": "ascii",
        "NO_COLOR": "1",
        "MOGPLEX_TIMEOUT": "soon",
    }
    shown = on_a_screen(terminal, "action").splitlines()
    assert any(line.startswith("? Step failed after ") for line in shown)
    piped = terminal.mogplex("action").out.splitlines()
    assert any(line.startswith("✘ Step failed after ") for line in piped)


@pytest.mark.parametrize("scenario", ["hostile", *slow(["leaky"])])
def test_what_an_agent_writes_does_no_harm(terminal: Terminal, scenario: str) -> None:
    with terminal.run(scenario, speed=SPEED) as (run_id, emulator):
        commands = (["events", run_id, "--follow"], ["get", run_id])
        followed, seen = (terminal.mogplex("runs", *command) for command in commands)
        followed_json, seen_json = (
            terminal.mogplex("runs", *command, "--json") for command in commands
        )
        (run,) = emulator.runs
        events = run.feed(200)
    assert len(set(secrets_in(events))) > (4 if scenario == "leaky" else -1)
    for ended in (followed, seen, followed_json, seen_json):
        assert ended.code == 0
        assert not CONTROLS.search(ended.out)
        assert [secret for secret in secrets_in(events) if secret in ended.out + ended.err] == []
        assert ci_logs.steering(ended.out + ended.err) == []
        assert [
            command for command in ci_logs.obeyed(ended.out) if command.system != "Buildkite"
        ] == []
    *lines, last = followed.out.splitlines()
    assert len(lines) >= len([event for event in events if not is_text(event)])
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  ", line) for line in lines)
    assert last == f"--- run {run_id} failed ---"
    assert all(re.match(r"[a-z]+ ", line) for line in seen.out.splitlines())
    *printed, end = map(json.loads, followed_json.out.splitlines())
    assert end == {"runId": run_id, "status": "failed"}
    assert sorted(event["id"] for event in printed) == sorted(event["id"] for event in events)
    assert [e["id"] for e in printed if not is_text(e)] == [
        e["id"] for e in events if not is_text(e)
    ]
    assert json.loads(seen_json.out)["status"] == "failed"


def test_a_secret_of_the_environment_is_never_printed(terminal: Terminal) -> None:
    secret = terminal.env["DEPLOY_PASSWORD"] = "correct horse battery"
    scenario = f"steps: [{{event: log, message: {secret}}}, {{status: failed, error: {secret}}}]\n"
    with terminal.run(scenario) as (run_id, emulator):
        wait_until(lambda: emulator.runs[0].status == "failed")
        for command in ("events", "events --json", "get", "get --json"):
            ended = terminal.mogplex("runs", *command.split(), run_id)
            assert (ended.code, "***" in ended.out, "battery" in ended.out) == (0, True, False)


def is_text(event: dict[str, Any]) -> bool:
    """Whether the event is a piece of the agent's words."""
    return bool(event["payload"] and event["payload"].get("kind") == "assistant_delta")


def secrets_in(events: object) -> list[str]:
    """Return the made-up secrets in what the API served."""
    known = r"ghp_\w{36}|glpat-[\w-]{20}|AKIA\w{16}|npm_\w{36}|sk_live_\w{24}|mog_\w{32}"
    return re.findall(known, json.dumps(events))


@pytest.mark.parametrize(
    ("api", "warning", "which"),
    [
        ("2026-08", "lists only the first 200 events: later ones", "first"),
        ("2026-11", "no longer lists some events: they", "newest"),
    ],
)
def test_more_events_than_can_be_read_once_a_run_has_ended(
    terminal: Terminal, api: str, warning: str, which: str
) -> None:
    with terminal.run("many-events", speed=100, api=api) as (run_id, emulator):
        (run,) = emulator.runs
        wait_until(lambda: run.status == "success")
        followed = terminal.mogplex("runs", "events", run_id, "--follow")
        listed = terminal.mogplex("runs", "events", run_id)
    assert followed.out.splitlines()[-1] == f"--- run {run_id} success ---"
    assert listed.out.splitlines() == followed.out.splitlines()[:-1]
    events = [line for line in listed.out.splitlines() if not line.startswith("pull request: ")]
    assert len(events) == 200
    assert ("pull request: " in listed.out) == (which == "newest"), "an event at the end reports it"
    end = "are missing here. The step follows the run's status"
    assert followed.err == f"warning: The service {warning} {end}\n"
    assert listed.err == "warning: only 200 events of a run can be read\n"
