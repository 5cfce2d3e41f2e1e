"""Gates without a token for GitHub: the delivery event, the agent's word, decides what it can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gates.story import PASSED, Story, outcome, says

PULL_REQUEST = "https://github.com/acme/web/pull/42"
FOREIGN = "https://github.com/evil/web/pull/42"
NO_CHANGE, NO_PULL_REQUEST = ("rejected", "NO_CHANGE"), ("rejected", "NO_PULL_REQUEST")
NOT_JUDGED = ("rejected", "NOT_JUDGED")
MANY = [{"repeat": 300, "steps": [{"after": "1ms", "event": "log", "message": "line"}]}]
"""Of so many events a poll lists the newest alone."""


@pytest.mark.parametrize(
    ("require", "ending", "expected"),
    [
        ("change", says(), PASSED),
        ("change", says(changed=False), NO_CHANGE),
        ("change", says()[1:], NOT_JUDGED),
        ("pull-request", says(pull_request_url=PULL_REQUEST), PASSED),
        ("pull-request", says(pull_request_url=FOREIGN), NO_PULL_REQUEST),
        ("pull-request", says(), NO_PULL_REQUEST),
        ("pull-request", [*MANY, *says()], NOT_JUDGED),
    ],
)
def test_the_delivery_event_decides(
    tmp_path: Path, require: str, ending: Sequence[dict[str, object]], expected: tuple[str, str]
) -> None:
    with Story(tmp_path, ending) as story:
        story.world.emulator.inject("stream", status=502, times="always")
        result = story.play(require=require, github_token="")
    assert outcome(result) == expected
    if expected == NOT_JUDGED:
        assert result.ending.remedy == "Set github-token, so that the step can query GitHub."


@pytest.mark.parametrize("falls_back", [False, True])
def test_an_existing_branch_is_judged_only_if_the_run_fell_back_to_its_own(
    tmp_path: Path, falls_back: bool
) -> None:
    """That a branch is ahead of its base says nothing about what the run did. Neither is a followed
    run of a repository that the token does not list.
    """
    inputs: dict[str, Any] = {"require": "change", "github_token": ""}
    with Story(tmp_path, says(working_branch="{{ branch }}"), falls_back=falls_back) as story:
        assert outcome(story.play(branch="fix", **inputs)) == (PASSED if falls_back else NOT_JUDGED)
        story.world.emulator.inject("repos", status=200, body={"ok": True, "data": {"repos": []}})
        followed = story.play(prompt="", run_id=story.runs[0].id, **inputs)
    assert outcome(followed) == NOT_JUDGED
    assert followed.ending.remedy == "Use a Mogplex token that lists the repository of the run."
