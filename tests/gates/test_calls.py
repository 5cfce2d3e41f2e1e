"""How often GitHub is asked: the pages have these numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.gates.story import PASSED, Story, outcome
from tests.github import Look, Work, check
from tests.program import ROOT

GREEN = Look([check("test", "success")])
LIMITS = "".join(
    (ROOT / "docs" / page).read_text(encoding="utf-8")
    for page in ("limits.md", "maintaining/faults.md")
)
ALL: dict[str, Any] = {
    "require": "change, pull-request",
    "checks": "test",
    "protected_paths": ".github/",
}


def told(row: str) -> int:
    """Return the number of calls that the page has for a gate."""
    match = re.search(rf"^\| {re.escape(row)} \| (\d+)", LIMITS, re.MULTILINE)
    assert match, f"no page has a row that begins with {row}"
    return int(match[1])


def counted(story: Story) -> int:
    """The calls that count against GitHub's limit: an unchanged answer does not."""
    return sum(asked.status != 304 for asked in story.github.asked)


@pytest.mark.parametrize(
    ("row", "inputs"),
    [
        ("`change`, paths", {"require": "change", "protected_paths": ".github/"}),
        ("and `pull-request`", {"require": "change, pull-request"}),
        ("and `checks`", ALL),
    ],
)
def test_a_run_takes_as_many_calls_as_the_page_says(
    story: Story, row: str, inputs: dict[str, Any]
) -> None:
    assert outcome(story.play(Work(checks=GREEN), **inputs)) == PASSED
    assert counted(story) == told(row) <= 12


def test_an_existing_branch_takes_three_calls_more(story: Story) -> None:
    story.github.push("fix", {"src/b.ts": "b"})
    assert outcome(story.play(Work(checks=GREEN), branch="fix", **ALL)) == PASSED
    assert counted(story) == told("on a branch that existed") <= 15


def test_waiting_for_checks_costs_nothing_while_nothing_changes(story: Story) -> None:
    github = story.github

    def finishes() -> None:
        sha = next(sha for sha, look in github.checks.items() if look.runs)
        github.later(1_200.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(checks=Look([check("test", None)]), after=finishes)
    assert outcome(story.play(work, **ALL)) == PASSED
    assert len(story.github.asked) > 300
    assert counted(story) <= told("and `checks`") + 3
