"""The emulator's scenarios, played to their end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract import recorded
from tests.contract.api import Api, FakeClock
from tests.emulator import Emulator
from tests.emulator.scenario import SHIPPED

HARNESSES = {"claude-code": "claude-code", "mogplex": "mogplex"}
INVENTED = {"documented", "hostile", "late-events", "leaky"}
"""Scenarios with words that the service does not write."""
UNRECORDED = {
    ("failed", ("error", "external_run_id", "runtime_run_id")),
    ("failed", ("commandTerminationConfirmed", "error")),
    ("tool_finished", ("state", "toolCallId")),
}
"""Forms that only the service's source shows: a dead worker, a lost sandbox, a tool without an
output.
"""


def play(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start a run of the scenario, let it end, and return its detail and its newest events."""
    clock = FakeClock()
    with Emulator(name, clock=clock) as emulator:
        client = Api(emulator)
        client.start(harness=HARNESSES.get(name, "codex"))
        clock.seconds = 7200
        run_id = emulator.runs[0].id
        client.run(run_id)  # It is this call that notices a dead worker.
        clock.seconds = 7201
        data = client.events(run_id).json()["data"]
    return data["run"], data["events"]


@pytest.mark.parametrize("name", sorted({*SHIPPED} - INVENTED))
def test_its_events_have_the_form_of_those_that_were_recorded(name: str) -> None:
    known = {recorded.shape(event) for event in recorded.events()}
    run, events = play(name)
    unknown = [event for event in events if recorded.shape(event) not in known]
    assert {(event["type"], tuple(sorted(event["payload"]))) for event in unknown} <= UNRECORDED
    assert (run["error"] is not None) == (run["status"] == "failed")
