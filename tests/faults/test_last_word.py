"""What a step says at its end is so: of a start that was answered too late, and of the status of a
run whose status could not be read.
"""

from __future__ import annotations

import pytest

from mogplex_ci.run.updates import EventsArrived, Update
from tests.faults.test_trouble import CANCELLED, RAISE_TIMEOUT, sentence_of
from tests.faults.world import World

TIMEOUT = 60.0


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502, "body": "<html>"}])
def test_a_run_whose_start_was_answered_too_late_is_no_outage(
    world: World, fault: dict[str, object]
) -> None:
    case = world.new_case("slow")
    case.inject("start", when="after", lasts=TIMEOUT, **fault)
    played = case.play(timeout=TIMEOUT)
    ending = played.end.ending
    assert (played.result, played.code, ending.error_code) == ("timeout", 1, "TIMEOUT")
    said = sentence_of(played)
    assert said.startswith("The run was started, but the API's response came too late: ")
    assert said.endswith(f". {CANCELLED} {RAISE_TIMEOUT}")
    assert case.run.status == "cancelled"
    assert (played.end.details.run, played.end.details.key) != (None, "")


@pytest.mark.parametrize(
    ("scenario", "wanted", "status"),
    [
        ("slow", "Harness run started", "streaming"),
        ("success", "Harness run finished", "success"),
        ("failed", "Harness run failed", "failed"),
    ],
)
def test_the_status_of_a_run_that_cannot_be_read_is_the_streams(
    world: World, scenario: str, wanted: str, status: str
) -> None:
    """Nothing answers once an event with the word ``wanted`` has come."""
    case = world.new_case(scenario)

    def watch(update: Update) -> None:
        if isinstance(update, EventsArrived):
            words = [str(event.message.text) for event in update.events if event.message]
            if any(wanted in word for word in words):
                case.inject("any", drop=True, lasts=10_000.0)

    played = case.play(timeout=TIMEOUT * 10, watch=watch)
    assert (played.result, played.end.details.is_unread) == ("timeout", True)
    assert played.end.details.status == status
