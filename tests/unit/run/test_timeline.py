"""A run's events put together: phases, tool calls, the agent's words, and the facts that outputs
show.
"""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.api import answers
from mogplex_ci.run.timeline import (
    AgentText,
    Phase,
    PhaseEnded,
    PhaseStarted,
    Timeline,
)
from tests.unit.report.events import (
    SUCCESSFUL,
    call,
    delivery,
    delta,
    event,
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


def test_the_tool_with_the_most_time_comes_first_or_else_with_more_calls() -> None:
    calls = (("Once", 0, 6), ("Twice", 10, 13), ("Twice", 20, 23), ("Long", 30, 60))
    found = timeline(
        *(item for name, start, end in calls for item in call(name, start, end)),
        *call("Long", 70, 71, state="error"),
    )
    uses = [(use.name.text, use.seconds, len(use.calls), use.failed) for use in found.tools()]
    assert uses == [("Long", 31.0, 2, 1), ("Twice", 6.0, 2, 0), ("Once", 6.0, 1, 0)]


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
