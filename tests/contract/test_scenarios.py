"""The shipped scenarios, played to their end: what a client can see of them, and what they
promise.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import emulator as package
from tests.contract.api import Api, FakeClock
from tests.emulator import Emulator
from tests.emulator.scenario import SHIPPED

FILES = Path(package.__file__).with_name("scenarios")
FAILED = (
    "dead-worker",
    "delivery-failure",
    "failed",
    "hostile",
    "install-failure",
    "launch-failure",
    "leaky",
    "model-denied",
    "queue-failure",
    "rate-limited",
    "setup-failure",
    "stream-failure",
)
ENDS = dict.fromkeys(FAILED, "failed") | {"cancelled": "cancelled", "paused": "awaiting_input"}
"""The status at the end, where it is not ``success``."""
HARNESSES = {"claude-code": "claude-code", "mogplex": "mogplex", "doubted": "mogplex"}
INVENTED = {"documented", "hostile", "leaky"}
"""Scenarios with words that the newest service does not write."""
WRITTEN = {
    ("started", "External Mogplex run accepted"): {
        "external_run_id",
        "harness_id",
        "working_branch",
    },
    ("started", "Harness run started: .*"): {"harness_id", "ai_billing_source"},
    ("started", "Mogplex agent run started"): {"harness_id", "model"},
    ("log", "Synchronized .*"): {"stage", "base_branch", "working_branch", "created_branch"},
    ("log", r"Loaded \d MCP server\(s\) for Claude Code"): {
        "stage",
        "outcome",
        "server_count",
        "server_names",
    },
    ("log", "Invoked skills: .*"): {"stage", "invoked", "available", "files"},
    ("log", "Loaded agent .*"): {"stage", "agent_id", "agent_name", "skills", "rules", "files"},
    ("status_changed", "Harness run streaming"): {"from", "to", "runtime_command_id"},
    ("log", "Installed .*"): {"stage", "logs"},
    ("log", "Pull request ready|No code changes to deliver"): {
        "stage",
        "changed",
        "pull_request_url",
        "base_branch",
        "working_branch",
        "auto_committed_files",
    },
    ("log", "(?s).* of three at the same time"): {"stage"},
    ("log", "(?s).*"): {"kind"},
    ("tool_started", ".* started"): {"kind", "toolCallId", "state"},
    ("tool_started", "(read_file|bash|web_search) started"): {"toolCallId", "input"},
    ("tool_finished", ".* (finished|failed|denied)"): {"kind", "toolCallId", "state"},
    ("tool_finished", "(read_file|bash) finished"): {"toolCallId", "state", "output"},
    ("tool_finished", "web_search failed"): {"toolCallId", "state"},
    ("log", "Verification check: .* Review before relying on it[.]"): {"check", "unsupported"},
    ("finished", "Harness run finished"): {"exit_code", "failure_code"},
    ("finished", "Mogplex run finished"): set(),
    ("failed", "Harness run failed"): {"exit_code", "failure_code"},
    ("failed", "Harness execution failed|External Mogplex run failed"): {"error"},
    ("failed", "Harness stream failed"): {"error", "commandTerminationConfirmed"},
    ("failed", "Agent worker completion reconciled"): {
        "external_run_id",
        "runtime_run_id",
        "error",
    },
    ("cancel_requested", "Cancellation requested"): {"external_run_id", "runtime_command_id"},
    ("cancelled", "External Mogplex run cancelled"): {"external_run_id", "runtime_command_id"},
}
"""All that the newest service writes: type and message of an event, and the keys of its payload."""


def play(name: str, api: str = "2026-11") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start a run of the scenario, let it end, and return its detail and events, as far as can be
    read.
    """
    clock = FakeClock()
    with Emulator(name, clock=clock, api=api) as emulator:
        client = Api(emulator)
        harness = HARNESSES.get(name, "codex") if api == "2026-11" else "codex"
        client.start(harness=harness)
        clock.seconds = 7200
        run_id = emulator.runs[0].id
        client.run(run_id)  # It is this call that notices a dead worker.
        clock.seconds = 7201
        data = client.events(run_id).json()["data"]
    return data["run"], data["events"]


@pytest.mark.parametrize("api", ["2026-11", "2026-08"])
@pytest.mark.parametrize("name", SHIPPED)
def test_ends_as_it_says_with_events_in_order(name: str, api: str) -> None:
    run, events = play(name, api)
    end = "streaming" if (name, api) == ("dead-worker", "2026-08") else ENDS.get(name, "success")
    assert run["status"] == end
    assert (run["error"] is None) == (end != "failed")
    assert len({event["id"] for event in events}) == len(events)
    assert all(
        before["createdAt"] <= after["createdAt"]
        for before, after in pairwise(map(_padded, events))
    )
    assert {"id", "type", "toolName", "message", "payload", "createdAt"} == set().union(*events)


@pytest.mark.parametrize("name", sorted(set(SHIPPED) - INVENTED))
def test_says_only_what_the_newest_service_writes(name: str) -> None:
    _, events = play(name)
    for event in events:
        known = [
            keys
            for (kind, message), keys in WRITTEN.items()
            if kind == event["type"] and re.fullmatch(message, event["message"])
        ]
        assert set(event["payload"]) in known, event


def _padded(event: dict[str, Any]) -> dict[str, str]:
    """Times as text can be compared once they have the same number of digits."""
    whole, _, fraction = event["createdAt"].removesuffix("+00:00").partition(".")
    return {"createdAt": f"{whole}.{fraction:0<6}"}


def test_hostile_tries_every_trick_that_a_log_must_survive() -> None:
    run, events = play("hostile")
    texts = "\n".join(_texts([run, events]))
    commands = (
        "debug notice warning error group endgroup echo stop-commands add-mask add-matcher remove-matcher "
        "set-output save-state set-env add-path"
    )
    for command in commands.split():
        assert re.search(rf"^::{command}\b", texts, re.MULTILINE | re.IGNORECASE), command
    markers = (
        "##[error]",
        "##[command]",
        "##[section]",
        "##[group]",
        "##vso[task.",
        "##teamcity[",
        "section_start:",
        "\n--- ",
        "\n+++ ",
        "\n~~~ ",
        "\n^^^ +++",
        "\x1b]1338;",
        "\x1b]1339;",
        "\x1b[8mha:",
        "<script>",
        "```mermaid",
        "javascript:",
        "$(id)",
        "<<EOF",
        "@acme/",
    )
    assert [marker for marker in markers if marker not in texts] == []
    for break_ in ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\x1c", "\x1d", "\x1e"):
        assert f"{break_}::error::" in texts, repr(break_)
    for lead in (" ", "\t", "\xa0", "\u3000", "\ufeff", "\u2003", "\u200b", "\u202e", "\u2066"):
        assert f"\n{lead}::error::" in f"\n{texts}", repr(lead)
    for field in ("type", "toolName", "message"):
        assert any("::error::" in (event[field] or "") for event in events), field
    assert any("::error::" in key for event in events for key in event["payload"])
    assert "::set-output" in run["error"]


def test_leaky_leaks_every_secret_somewhere_and_its_file_holds_none() -> None:
    run, events = play("leaky", "2026-08")
    shown = "\n".join(_texts([run, events]))
    text = (FILES / "leaky.yaml").read_text(encoding="utf-8")
    secrets = {name: "".join(pieces) for name, pieces in yaml.safe_load(text)["variables"].items()}
    assert len(secrets) > 40
    for name, secret in secrets.items():
        assert secret in shown, name
        assert secret not in text, name
    for field in ("type", "toolName", "message"):
        assert any(
            secret in (event[field] or "") for event in events for secret in secrets.values()
        ), field
    assert any(
        secret in key for event in events for key in event["payload"] for secret in secrets.values()
    )
    assert secrets["github_fine"] in run["error"]


def test_what_the_newest_service_redacts_still_leaks_in_two_halves() -> None:
    _, events = play("leaky")
    apart = "\n".join(_texts(events))
    joined = "".join(
        event["message"] for event in events if event["payload"].get("kind") == "assistant_delta"
    )
    for secret in ("ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "-----BEGIN PRIVATE KEY-----"):
        assert secret in joined
    assert "ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" not in apart
    assert "glpat-ABCDEFGHIJ0123456789" in apart


def _texts(value: Any) -> list[str]:
    """All texts in a JSON value, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
