"""Runs that must pass, as whole steps: what happens in a busy repository while an agent works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.run.updates import Started
from tests.gates.story import PASSED, Story, outcome
from tests.github import ADA, AGENT, GitHub, Look, Work, check

PROTECTS: dict[str, Any] = {"protected_paths": ".github/", "allowed_paths": "src/"}
GREEN = Look([check("test", "success")])
RED = Look([check("test", "failure")])
RELEASE = {".github/release.yml": "on: release", "docs/new.md": "new"}
"""What people change meanwhile."""


def branch_of(github: GitHub) -> str:
    """The branch that the newest run has pushed."""
    return next(name for name in reversed(github.branches) if name.startswith("mogplex/"))


def by_person(github: GitHub) -> None:
    github.push("main", RELEASE, by=ADA)


def by_other_app(github: GitHub) -> None:
    github.push("main", RELEASE, by="renovate[bot]")


def by_pull_request(github: GitHub) -> None:
    github.push("docs", RELEASE, by=ADA)
    github.merge("docs", by=ADA)


def by_merge_queue(github: GitHub) -> None:
    github.push("docs", RELEASE, by=ADA)
    github.merge("docs", by=None, kind="merge_queue_merge")


each_move = pytest.mark.parametrize(
    "move", [by_person, by_other_app, by_pull_request, by_merge_queue], ids=lambda it: it.__name__
)
each_persons_move = pytest.mark.parametrize(
    "move", [by_person, by_pull_request], ids=lambda it: it.__name__
)
APPROVAL = {"type": "pull_request", "parameters": {"required_approving_review_count": 1}}


def by_rule(github: GitHub) -> None:
    github.rules["main"] = [APPROVAL]


def by_classic_protection(github: GitHub) -> None:
    github.approvals["main"] = 1


each_review = pytest.mark.parametrize(
    "review", [by_rule, by_classic_protection], ids=lambda it: it.__name__
)


@each_move
def test_the_base_moves_after_the_run_has_cloned_it(
    story: Story, move: Callable[[GitHub], None]
) -> None:
    github = story.github
    tip = github.branches["main"]
    work = Work({"src/a.ts": "a"}, after=lambda: move(github))
    result = story.play(work, require="change", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)
    assert result.details.delivery is not None
    assert (result.details.delivery.base_before, result.details.delivery.branch_before) == (tip, "")


@each_persons_move
@each_review
def test_people_change_protected_files_on_a_reviewed_base_that_the_run_takes_in(
    story: Story, move: Callable[[GitHub], None], review: Callable[[GitHub], None]
) -> None:
    """Between the note of its tip and the sandbox's clone."""
    github = story.github
    review(github)
    work = Work({"src/a.ts": "a"}, before=lambda: move(github))
    result = story.play(work, require="change", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)


@pytest.mark.parametrize("is_reviewed", [True, False])
@pytest.mark.parametrize("by", [ADA, "renovate[bot]"])
def test_the_run_takes_in_a_base_that_changed_in_other_paths(
    story: Story, by: str, is_reviewed: bool
) -> None:
    github = story.github
    if is_reviewed:
        by_rule(github)
    work = Work({"src/a.ts": "a"}, before=lambda: github.push("main", {"src/b.ts": "b"}, by=by))
    result = story.play(work, require="change", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)


def test_a_nightly_run_that_changes_nothing_beside_a_busy_base(tmp_path: Path) -> None:
    """An older service does not tell the commit; the tip is the base's."""
    with Story(tmp_path, api="2026-08") as story:
        github = story.github

        def clones() -> None:
            github.push("main", {"src/other.ts": "other"}, by=ADA)
            github.push("mogplex/nightly", commit=github.branches["main"], by=AGENT)
            by_pull_request(github)

        work = Work({}, opens_pull_request=False, before=clones)
        result = story.play(work, branch="mogplex/nightly", create_branch="true", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, False)


@each_persons_move
@pytest.mark.parametrize("is_rebased", [False, True], ids=["merged", "rebased"])
def test_a_branch_that_existed_gets_the_new_base(
    story: Story, move: Callable[[GitHub], None], is_rebased: bool
) -> None:
    github = story.github
    by_rule(github)
    github.push("fix", {".github/old.yml": "somebody's", "src/b.ts": "b"})
    github.push("main", {"README.md": "# new"})

    def updates() -> None:
        move(github)
        if is_rebased:
            own = {".github/old.yml": "somebody's", "src/b.ts": "b"}
            github.push("fix", commit=github.commit("main", own), by=AGENT)
        else:
            github.merge("main", "fix", by=AGENT, kind="push")

    result = story.play(Work({"src/a.ts": "a"}, before=updates), branch="fix", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize("squash", [False, True])
def test_a_person_lets_the_pull_request_merge_itself(
    story: Story, squash: bool, deletes: bool
) -> None:
    """It does so when its checks are green, which the step waits for, too."""
    github = story.github

    def then() -> None:
        sha = github.branches[branch_of(github)]
        github.later(30.0, lambda: github.checks.update({sha: GREEN}))
        merge = lambda: github.merge_pull_request(squash=squash, deletes=deletes)  # noqa: E731 - said later
        github.later(31.0, merge)

    work = Work({"src/a.ts": "a"}, checks=Look([check("test", None)]), after=then)
    result = story.play(work, require="change, pull-request", checks="test", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)


@pytest.mark.parametrize("deletes", [False, True])
def test_a_person_has_merged_it_when_the_job_is_run_again(story: Story, *, deletes: bool) -> None:
    """GitHub may delete the branch in that person's name."""
    github = story.github
    work = Work({"src/a.ts": "a"}, checks=RED)
    inputs = {"require": "change, pull-request", "checks": "test", **PROTECTS}
    assert outcome(story.play(work, **inputs)) == ("rejected", "CHECKS_FAILED")
    sha = story.runs[0].commit_sha
    github.checks[sha] = GREEN
    github.merge_pull_request(deletes=deletes)
    result = story.play(attempt=2, **inputs)
    assert (outcome(result), result.details.changed, result.details.commit) == (PASSED, True, sha)
    (started,) = [update for update in story.said if isinstance(update, Started)]
    assert started.joined


def test_a_pull_request_into_a_release_branch(story: Story) -> None:
    github = story.github
    github.push("release/1.x", {"src/a.ts": "old"})
    result = story.play(
        Work({"src/a.ts": "new"}),
        require="pull-request",
        base_branch="release/1.x",
        **PROTECTS,
    )
    assert outcome(result) == PASSED
    assert result.details.base_branch is not None
    assert result.details.base_branch.text == "release/1.x"


def test_the_open_pull_request_of_a_branch_tells_its_base(story: Story) -> None:
    github = story.github
    github.push("release/1.x", {"src/a.ts": "old"})
    github.push("fix", {"src/b.ts": "b"})
    github.open_pull_request("fix", 7, base="release/1.x", by=ADA)
    work = Work({"src/a.ts": "new"})
    result = story.play(work, branch="fix", require="pull-request", **PROTECTS)
    assert outcome(result) == PASSED
    assert result.details.delivery is not None
    assert result.details.delivery.base == "release/1.x"


def test_the_second_round_is_judged_from_the_first_ones_beginning(story: Story) -> None:
    github = story.github
    works = (
        Work({"src/a.ts": "broken"}, checks=RED),
        Work({"src/a.ts": "fixed"}, checks=GREEN, before=lambda: by_person(github)),
    )
    result = story.play(*works, require="change", checks="test", repair="1", **PROTECTS)
    assert (outcome(result), len(result.details.rounds)) == (PASSED, 2)


def test_a_rerun_judges_the_tip_that_round_two_has_pushed(story: Story) -> None:
    works = Work({"src/a.ts": "broken"}, checks=RED), Work({"src/a.ts": "fixed"}, checks=GREEN)
    inputs = {"require": "change, pull-request", "checks": "test", "repair": "1", **PROTECTS}
    first = story.play(*works, **inputs)
    second = story.play(attempt=2, **inputs)
    assert outcome(first) == outcome(second) == PASSED
    assert [each.commit for each in second.details.rounds] == [story.runs[-1].commit_sha]


def test_an_older_github_enterprise_server_has_neither_activity_nor_rules(tmp_path: Path) -> None:
    """As long as nobody moves the base, nothing of it is needed."""
    with Story(tmp_path, base_path="/api/v3") as story:
        story.github.activity = None
        story.github.fail(status=404, path="/rules/branches/", times=99)
        work = Work({"src/a.ts": "a"}, checks=GREEN)
        result = story.play(work, require="change, pull-request", checks="test", **PROTECTS)
    assert outcome(result) == PASSED


@pytest.mark.parametrize("path", ["", "/pulls"], ids=["GitHub", "its pull requests"])
def test_a_start_does_not_wait_for_github(story: Story, path: str) -> None:
    """It is away for a while; what was before is found in its activity."""
    github = story.github
    github.push("fix", {"src/b.ts": "b"})
    github.fail(status=502, times=999, path=path)
    work = Work({"src/a.ts": "a"})

    def comes_back(update: object) -> None:
        if isinstance(update, Started):
            github.faults.clear()

    result = story.play(work, watch=comes_back, branch="fix", require="change", **PROTECTS)
    assert outcome(result) == PASSED
    assert story.world.time.monotonic() < 120.0


def test_base_branch_stays_the_base_where_the_service_falls_back(tmp_path: Path) -> None:
    """On a server without activity, too, where nothing could be read again afterwards."""
    with Story(tmp_path, falls_back=True) as story:
        story.github.push("fix", {"src/a.ts": "b"})
        story.github.activity = None
        story.github.open_pull_request("fix", 7, base="main", by=ADA)
        result = story.play(
            Work({"src/a.ts": "c"}), branch="fix", base_branch="main", allowed_paths="src/**"
        )
    assert outcome(result) == PASSED
