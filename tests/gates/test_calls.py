"""How often GitHub is asked: the page of faults has these numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.gates.story import PASSED, Story, outcome
from tests.github import AGENT, Look, Work, check
from tests.program import ROOT

GREEN = Look([check("test", "success")])
LIMITS = "".join(
    (ROOT / "docs" / page).read_text(encoding="utf-8")
    for page in ("limits.md", "maintaining/faults.md")
)


def told(row: str) -> int:
    """Return the number of calls that the page has for a gate."""
    match = re.search(rf"^\| {re.escape(row)} \| (\d+)", LIMITS, re.MULTILINE)
    assert match, f"no page has a row that begins with {row}"
    return int(match[1])


def told_of_moves() -> int:
    """Return how many calls more the page has for a base that moves."""
    match = re.search(r"some (\d+) more find out", LIMITS)
    assert match, "no page says how many calls a base that moves takes"
    return int(match[1])


@pytest.mark.parametrize(
    ("row", "inputs"),
    [
        ("`change`, paths", {"require": "change", "protected_paths": ".github/"}),
        ("and `pull-request`", {"require": "change, pull-request"}),
        ("and `checks`", {"require": "change, pull-request", "checks": "test"}),
    ],
)
def test_a_run_takes_as_many_calls_as_the_page_says(
    story: Story, row: str, inputs: dict[str, Any]
) -> None:
    """Those that count: an unchanged answer does not."""
    assert outcome(story.play(Work(checks=GREEN), **inputs)) == PASSED
    counted = [asked for asked in story.github.asked if asked.status != 304]
    assert len(counted) == told(row)


def test_a_branch_with_a_past_takes_as_many_more_calls_as_the_page_says(story: Story) -> None:
    """It keeps a file of its own over the base's newer one, and people move the base twice."""
    github = story.github
    github.approvals["main"] = 1
    github.push("fix", {"src/a.ts": "a"})
    github.push("main", {"src/a.ts": "b"})

    def merges() -> None:
        github.push("main", {".github/new.yml": "on: push"})
        merged = github.commit("fix", {"src/a.ts": "a"}, merging="main")
        github.push("fix", commit=merged, by=AGENT)
        github.push("main", {"src/c.ts": "c"})

    inputs: dict[str, Any] = {"require": "change", "protected_paths": ".github/"}
    assert outcome(story.play(Work(before=merges), branch="fix", **inputs)) == PASSED
    counted = [asked for asked in story.github.asked if asked.status != 304]
    assert len(counted) == told("`change`, paths") + told_of_moves()


def test_waiting_for_checks_costs_nothing_while_nothing_changes(story: Story) -> None:
    github = story.github

    def finishes() -> None:
        sha = next(sha for sha, look in github.checks.items() if look.runs)
        github.later(1_200.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(checks=Look([check("test", None)]), after=finishes)
    assert outcome(story.play(work, require="change, pull-request", checks="test")) == PASSED
    assert len(story.github.asked) > 300
    counted = [asked for asked in story.github.asked if asked.status != 304]
    assert len(counted) <= told("and `checks`") + 3
