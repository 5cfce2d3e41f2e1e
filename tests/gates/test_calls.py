"""How often GitHub is asked: the page of limits has these numbers, and thirty runs keep to them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.gates.story import PASSED, Story, outcome
from tests.github import Look, Work, check
from tests.program import ROOT

GREEN = Look([check("test", "success")])
LIMITS = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
HOURLY = 1_000
"""What ``GITHUB_TOKEN`` may ask in an hour."""


def told(row: str) -> int:
    """Return the number of calls that the page has for a gate."""
    match = re.search(rf"^\| {re.escape(row)} \| (\d+)", LIMITS, re.MULTILINE)
    assert match, f"docs/limits.md has no row that begins with {row}"
    return int(match[1])


@pytest.mark.parametrize(
    ("row", "inputs"),
    [
        ("`change`, paths", {"require": "change", "protected_paths": ".github/"}),
        ("and `pull-request`", {"require": "change, pull-request"}),
        ("and `checks`", {"require": "change, pull-request, checks"}),
    ],
)
def test_a_run_takes_as_many_calls_as_the_page_says(
    story: Story, row: str, inputs: dict[str, Any]
) -> None:
    """Those that count: an unchanged answer does not."""
    assert outcome(story.play(Work(checks=GREEN), **inputs)) == PASSED
    counted = [asked for asked in story.github.asked if asked.status != 304]
    assert len(counted) == told(row)


def test_waiting_for_checks_costs_nothing_while_nothing_changes(story: Story) -> None:
    github = story.github

    def finishes() -> None:
        sha = next(sha for sha, look in github.checks.items() if look.runs)
        github.later(1_200.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(checks=Look([check("test", None)]), after=finishes)
    assert outcome(story.play(work, require="change, pull-request, checks")) == PASSED
    assert len(story.github.asked) > 300
    counted = [asked for asked in story.github.asked if asked.status != 304]
    assert len(counted) <= told("and `checks`") + 3


def test_thirty_runs_stay_within_an_hours_limit() -> None:
    assert 30 * told("and `checks`") < HOURLY
