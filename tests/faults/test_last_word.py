"""What a step says of a start that was answered too late."""

from __future__ import annotations

import pytest

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
