"""A run's events put together: phases, tool calls, the agent's words, and the facts that outputs
show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mogplex_ci.api import answers
from mogplex_ci.run.endings import ending_of_run
from mogplex_ci.run.timeline import (
    AgentText,
    Phase,
    PhaseEnded,
    PhaseStarted,
    Timeline,
    ToolCall,
)
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import (
    SUCCESSFUL,
    call,
    delivery,
    delta,
    event,
    run,
    timeline,
)

ACCEPTED, READY, SYNCHRONIZED, _, INSTALLED = SUCCESSFUL[:5]


def phases(found: Timeline) -> list[tuple[str, float, float]]:
    return [(span.phase.value, span.started, span.ended) for span in found.spans()]


def test_the_phases_follow_each_other_without_gaps() -> None:
    found = timeline(*SUCCESSFUL)
    assert phases(found) == [
        ("sandbox", 0.0, 14.0),
        ("git", 14.0, 17.0),
        ("install", 17.0, 20.0),
        ("agent", 20.0, 200.0),
        ("delivery", 200.0, 200.0),
    ]
    assert found.event_count == len(SUCCESSFUL)
    assert not any(entry.failed for entry in found.entries if isinstance(entry, PhaseEnded))


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ((ACCEPTED, READY, event("log", "still at work", 40)), ("sandbox", 0.0, 14.0)),
        ((*SUCCESSFUL[:5], delta("I look.", 90)), ("agent", 20.0, 90.0)),
        ((ACCEPTED, event("log", "booting", 12)), ("sandbox", 0.0, 12.0)),
        ((READY,), ("sandbox", 0.0, 0.0)),  # its start was not seen
        ((ACCEPTED, event("failed", "Run failed", 30)), ("sandbox", 0.0, 30.0)),
        (
            (ACCEPTED, delta("I look.", 100), SYNCHRONIZED, event("finished", "Done", 20)),
            ("agent", 100.0, 100.0),
        ),
    ],
)
def test_a_phase_without_an_end_lasts_to_the_newest_event(
    events: tuple[dict[str, Any], ...], last: tuple[str, float, float]
) -> None:
    assert phases(timeline(*events))[-1] == last


@pytest.mark.parametrize(
    ("end", "failed"),
    [
        (event("finished", "done", 90, exit_code=0), False),
        (event("failed", "Harness failed", 90, exit_code=1), True),
        (event("cancelled", "cancelled", 90), True),
    ],
)
def test_the_agents_phase_fails_with_the_run(end: dict[str, Any], failed: bool) -> None:
    found = timeline(*SUCCESSFUL[:5], *call("Command", 30, 40), end)
    (agent,) = [
        entry
        for entry in found.entries
        if isinstance(entry, PhaseEnded) and entry.phase is Phase.AGENT
    ]
    assert (agent.started, agent.at, agent.failed, agent.calls) == (20.0, 90.0, failed, 1)


def test_a_delivery_that_fails_is_no_failure_of_the_agent() -> None:
    refused = "The agent finished, but GitHub delivery failed: no permission"
    found = timeline(*SUCCESSFUL[:5], delta("Done.", 80), event("failed", refused, 90, exit_code=0))
    (agent,) = [
        entry
        for entry in found.entries
        if isinstance(entry, PhaseEnded) and entry.phase is Phase.AGENT
    ]
    assert (agent.failed, found.outcome.delivery_failed) == (False, True)
    assert (
        ending_of_run(run("failed"), found).cause == "the run failed while it delivered the changes"
    )


UNSTARTED = event("tool_finished", "done", 50, "shell", duration_ms=12_000)


@pytest.mark.parametrize(
    ("events", "times", "failed", "denied"),
    [
        (call("Command", 30, 42), (30.0, 42.0, 12.0), False, False),
        (call("Plan", 50, 51, state="error"), (50.0, 51.0, 1.0), True, False),
        (call("Command", 30, 31, state="denied"), (30.0, 31.0, 1.0), True, True),
        (call("Command", 30, 31)[:1], (30.0, None, None), False, False),
        (call("Command", 30, 30), (30.0, 30.0, 0.0), False, False),
        (call("Command", 30, 29), (30.0, 29.0, 0.0), False, False),
        ([UNSTARTED], (38.0, 50.0, 12.0), False, False),
        (
            [event("tool_finished", "done", 5, "shell", duration_ms=12_000)],
            (0.0, 5.0, 12.0),
            False,
            False,
        ),
        ([event("tool_finished", "done", 50, "shell")], (50.0, 50.0, None), False, False),
        (
            [UNSTARTED, event("tool_finished", "done", 60, "shell", duration_ms=1_000)],
            (38.0, 50.0, 12.0),
            False,
            False,
        ),
    ],
)
def test_a_call_is_one_entry_from_its_start_to_its_end(
    events: Sequence[dict[str, Any]], times: tuple[float | None, ...], failed: bool, denied: bool
) -> None:
    found = timeline(ACCEPTED, *events)
    first = found.calls[0]
    assert [entry for entry in found.entries if isinstance(entry, ToolCall)] == found.calls
    assert ((first.at, first.ended, first.seconds), first.state.failed, first.state.denied) == (
        times,
        failed,
        denied,
    )


def test_without_ids_an_end_belongs_to_the_oldest_open_call_of_the_same_tool() -> None:
    starts = [
        event("tool_started", name, at, name)
        for at, name in ((10, "shell"), (20, "edit"), (30, "shell"))
    ]
    ends = [
        event("tool_finished", name, at, name)
        for at, name in ((40, "edit"), (50, "shell"), (60, "shell"))
    ]
    found = [
        (call.name.text, call.at, call.ended) for call in timeline(ACCEPTED, *starts, *ends).calls
    ]
    assert found == [("shell", 10.0, 50.0), ("edit", 20.0, 40.0), ("shell", 30.0, 60.0)]


def test_the_tool_with_the_most_time_comes_first_or_else_with_more_calls() -> None:
    calls = (("Once", 0, 6), ("Twice", 10, 13), ("Twice", 20, 23), ("Long", 30, 60))
    found = timeline(
        *(item for name, start, end in calls for item in call(name, start, end)),
        *call("Long", 70, 71, state="error"),
    )
    uses = [(use.name.text, use.seconds, len(use.calls), use.failed) for use in found.tools()]
    assert uses == [("Long", 31.0, 2, 1), ("Twice", 6.0, 2, 0), ("Once", 6.0, 1, 0)]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [
                delta("One "),
                delta("one.\n\n"),
                *call("Command", 3, 4),
                delta("Two."),
                delta(" Two."),
            ],
            ["One one.", "Two. Two."],
        ),
        (
            [delta("First line.\n\n"), delivery(changed=True), delta("Last line.")],
            ["First line.\n\nLast line."],
        ),
        (
            [event("assistant_message", "I look."), event("assistant_message", "I see.")],
            ["I look.", "I see."],
        ),
        (
            [delta("I look."), event("log", "Cached", stage="cache"), delta("I see.")],
            ["I look.I see."],
        ),
        (
            [delta("See tests/x_1"), event("log", "Cached", stage="cache"), delta(".py")],
            ["See tests/x_1.py"],
        ),
        (SUCCESSFUL[:5], []),
    ],
    ids=[
        "a tool call",
        "a delivery",
        "messages of the older service",
        "a note",
        "a note within a word",
        "no words",
    ],
)
def test_words_are_joined_until_something_else_happens(
    events: Sequence[dict[str, Any]], said: list[str]
) -> None:
    found = timeline(*events)
    assert [entry.text.text for entry in found.entries if isinstance(entry, AgentText)] == said
    assert found.last_words == (Untrusted(said[-1]) if said else None)


def test_the_facts_of_a_failure() -> None:
    found = timeline(
        *SUCCESSFUL[:5],
        event(
            "failed", "Harness failed", 90, exit_code=1, failure_code="rate_limited", error="429"
        ),
        event("failed", "Run failed", 91),
    )
    assert (found.outcome.failure, found.outcome.failure_code, found.outcome.changed) == (
        Untrusted("429"),
        Untrusted("rate_limited"),
        None,
    )
    only_message = timeline(event("failed", "Harness failed", 90))
    assert only_message.outcome.failure == Untrusted("Harness failed")


def test_a_later_delivery_that_changes_nothing_is_the_last_word() -> None:
    assert timeline(delivery(changed=True), delivery(210, changed=False)).outcome.changed is False


def test_of_a_long_message_the_first_mebibyte_is_kept() -> None:
    found = Timeline()
    for item in answers.events([delta("a" * 2**20), delta("b")]):
        found.add(item)
    assert found.writing == 2**20 + 1
    (entry,) = found.end()
    assert isinstance(entry, AgentText)
    assert len(entry.text.text) == 2**20


def test_a_phase_that_is_told_twice_is_entered_once() -> None:
    again = [{**item, "id": f"again-{number}"} for number, item in enumerate(SUCCESSFUL[:5])]
    found = timeline(*SUCCESSFUL[:5], *again)
    assert [type(entry) for entry in found.entries].count(PhaseStarted) == 2
    assert [entry.phase for entry in found.entries if isinstance(entry, PhaseEnded)] == [
        Phase.SANDBOX,
        Phase.GIT,
        Phase.INSTALL,
    ]
