"""The shipped scenarios, played to their end: what a client can see of them, and what they promise."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci import emulator as package
from mogplex_ci.emulator import Emulator
from mogplex_ci.emulator.scenario import SHIPPED
from tests.contract.api import Api, FakeClock

FILES = Path(package.__file__).with_name("scenarios")
ENDS = {
    "cancelled": "cancelled",
    "claude-code": "success",
    "failed": "failed",
    "hostile": "failed",
    "kill-fails": "success",
    "late-events": "success",
    "launch-failure": "failed",
    "leaky": "failed",
    "many-events": "success",
    "no-change": "success",
    "queue-failure": "failed",
    "setup-failure": "failed",
    "slow": "success",
    "stream-failure": "failed",
    "success": "success",
}


def play(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start a run of the scenario, let it end, and return its detail and events."""
    clock = FakeClock()
    with Emulator(name, clock=clock) as emulator:
        api = Api(emulator)
        api.start()
        clock.seconds = 7200
        data = api.events(emulator.runs[0].id).json()["data"]
    return data["run"], data["events"]


def test_every_shipped_scenario_is_known_here() -> None:
    assert set(ENDS) == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_ends_as_it_says_with_events_in_order(name: str) -> None:
    run, events = play(name)
    assert run["status"] == ENDS[name]
    assert (run["error"] is None) == (ENDS[name] != "failed")
    assert len({event["id"] for event in events}) == len(events)
    assert all(before["createdAt"] <= after["createdAt"] for before, after in pairwise(map(_padded, events)))
    assert {"id", "type", "toolName", "message", "payload", "createdAt"} == set().union(*events)


def _padded(event: dict[str, Any]) -> dict[str, str]:
    """Times as text can be compared once they have the same number of digits."""
    whole, _, fraction = event["createdAt"].removesuffix("+00:00").partition(".")
    return {"createdAt": f"{whole}.{fraction:0<6}"}


def test_late_events_come_after_the_terminal_status() -> None:
    clock = FakeClock()
    with Emulator("late-events", clock=clock, limits=False) as emulator:
        api = Api(emulator)
        run_id = api.start().json()["data"]["runId"]
        seen = []
        while clock.seconds < 10:
            clock.seconds += 0.1
            data = api.events(run_id).json()["data"]
            if data["run"]["status"] == "success":
                seen.append(len(data["events"]))
    assert len(set(seen)) == 3
    assert seen == sorted(seen)


def test_hostile_tries_every_trick_that_a_log_must_survive() -> None:
    run, events = play("hostile")
    texts = "\n".join(_texts([run, events]))
    commands = (
        "debug notice warning error group endgroup echo stop-commands add-mask add-matcher remove-matcher "
        "set-output save-state set-env add-path"
    )
    for command in commands.split():
        assert re.search(rf"^::{command}\b", texts, re.MULTILINE | re.IGNORECASE), command
    for marker in (
        *("##[error]", "##[command]", "##[section]", "##[group]", "##vso[task.", "##teamcity[", "section_start:"),
        *(
            "\n--- ",
            "\n+++ ",
            "\n~~~ ",
            "\n^^^ +++",
            "\x1b]1338;",
            "\x1b]1339;",
            "\x1b[8mha:",
            "<script>",
            "```mermaid",
        ),
        *("javascript:", "$(id)", "<<EOF", "@acme/"),
    ):
        assert marker in texts, marker
    for break_ in ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\x1c", "\x1d", "\x1e"):
        assert f"{break_}::error::" in texts, repr(break_)
    for lead in (" ", "\t", "\xa0", "\u3000", "\ufeff", "\u2003", "\u200b", "\u202e", "\u2066"):
        assert f"\n{lead}::error::" in f"\n{texts}", repr(lead)
    for field in ("type", "toolName", "message"):
        assert any("::error::" in (event[field] or "") for event in events), field
    assert any("::error::" in key for event in events for key in event["payload"])
    assert "::set-output" in run["error"]


def test_leaky_leaks_every_secret_somewhere_and_its_file_holds_none() -> None:
    run, events = play("leaky")
    shown = "\n".join(_texts([run, events]))
    text = (FILES / "leaky.yaml").read_text(encoding="utf-8")
    secrets = {name: "".join(pieces) for name, pieces in yaml.safe_load(text)["variables"].items()}
    assert len(secrets) > 40
    for name, secret in secrets.items():
        assert secret in shown, name
        assert secret not in text, name
    for field in ("type", "toolName", "message"):
        assert any(secret in (event[field] or "") for event in events for secret in secrets.values()), field
    assert any(secret in key for event in events for key in event["payload"] for secret in secrets.values())
    assert secrets["github_fine"] in run["error"]


def _texts(value: Any) -> list[str]:
    """All texts in a JSON value, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def test_texts_survive_the_wire_unchanged() -> None:
    _, events = play("hostile")
    assert json.loads(json.dumps(events)) == events
    assert any(len(event["message"] or "") == 50_000 for event in events)
