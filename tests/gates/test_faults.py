"""Gates meet every fault of GitHub's API: what passes changes nothing, and what lasts does not
pass.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.gates.story import PASSED, Story, branch_of, outcome
from tests.github import Look, Work, check
from tests.slow import mostly_slow

ALL: dict[str, Any] = {
    "require": "change, pull-request",
    "allowed_paths": "src/",
    "protected_paths": ".github/",
    "checks": "test",
}
PASSING: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 502, "body": b"<html>"},
    {"status": 503, "headers": {"Retry-After": "3"}},
    {"status": 429, "headers": {"Retry-After": "30"}},
    {"status": 403, "headers": {"Retry-After": "30"}},
    {"drop": True},
    {"status": 200, "body": b"<html>"},
    {"status": 200, "body": b""},
]
FINAL: list[dict[str, Any]] = [{"status": status} for status in (400, 401, 403, 404, 410, 422)]


def delivering(story: Story, fault: dict[str, Any]) -> Work:
    """Return the work of a run whose checks pass in five seconds, while GitHub has this fault."""
    github = story.github

    def then() -> None:
        sha = github.branches[branch_of(github)]
        github.later(5.0, lambda: github.checks.update({sha: Look([check("test", "success")])}))
        github.fail(**fault)

    return Work({"src/a.ts": "a"}, checks=Look([check("test", None)]), after=then)


@pytest.mark.parametrize(
    ("fault", "position"), mostly_slow(product(PASSING, range(6)), every=13), ids=str
)
def test_what_passes_changes_nothing(story: Story, fault: dict[str, Any], position: int) -> None:
    work = delivering(story, {**fault, "skip": position, "times": 2})
    result = story.play(work, **ALL)
    assert outcome(result) == PASSED
    assert [gate.passed for gate in result.details.gates] == [True] * 6
    assert story.world.time.monotonic() <= 120.0


@pytest.mark.parametrize(
    ("fault", "timeout"), [*((fault, 100) for fault in PASSING + FINAL), ({"drop": True}, 8)]
)
def test_what_cannot_be_judged_does_not_pass(
    story: Story, fault: dict[str, Any], timeout: int
) -> None:
    """And no other round is paid for it. A timeout that leaves GitHub no time is named as such."""
    work = delivering(story, {**fault, "times": 10_000})
    result = story.play(work, timeout=f"{timeout}s", repair="1", **ALL)
    assert (outcome(result), result.ending.exit_code) == (("rejected", "NOT_JUDGED"), 1)
    gates = [(gate.error_code, bool(gate.remedy)) for gate in result.details.gates]
    assert gates == [("NOT_JUDGED", True)] * 5
    assert len(story.runs) == 1
    assert story.world.time.monotonic() <= timeout + 1.0
    assert ("passed before GitHub responded" in result.ending.cause) == (timeout == 8)
