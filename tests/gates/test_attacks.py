"""Runs that must not pass, as whole steps: an agent that tries to hand on what was not judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.untrusted import Untrusted
from tests.gates.story import PASSED, Story, branch_of, items, outcome, says
from tests.github import ADA, AGENT, NOTHING, GitHub, Look, Work, check
from tests.github.repository import Files
from tests.said import said

EVIL = {".github/workflows/ci.yml": "on: never"}
GOOD = {"src/login.tsx": "fixed"}
HARDENED: Files = {".github/ci.yml": "on: push # no secrets"}
OLD: Files = {".github/ci.yml": "on: push"}
PROTECTS: dict[str, Any] = {"protected_paths": ".github/"}
REJECTED = ("rejected", "PATH_NOT_ALLOWED")
NOT_JUDGED = ("rejected", "NOT_JUDGED")
GREEN = Look([check("test", "success")])
RED = Look([check("test", "failure")])
HOUR = timedelta(hours=1)


def warnings(story: Story) -> dict[str, str]:
    return dict(each.split(": ", 1) for each in said(story.said))


# What merging changes


def test_a_reset_to_a_commit_that_lacks_a_hardening_is_judged_by_what_merging_changes(
    story: Story,
) -> None:
    github = story.github
    github.push("fix", {".github/ci.yml": "on: never"})
    older = github.branches["fix"]
    github.push("fix", {".github/ci.yml": "on: push # no secrets"})
    work = Work(GOOD, before=lambda: github.push("fix", commit=older))
    result = story.play(work, branch="fix", **PROTECTS)
    assert outcome(result) == REJECTED
    assert warnings(story)["Branch"] == "The branch fix lacks commits that it had before the run"


def criss_cross(github: GitHub) -> Callable[[], None]:
    """Let the base merge two commits; return what merges them again, with the older version of a
    protected file.
    """
    start = github.branches["main"]
    hardened = github.push("main", HARDENED)
    later = github.push("docs", commit=github.commit(start, {"docs/new.md": "new"}))
    github.merge("docs")

    def merges_again() -> None:
        evil = github.commit(hardened, OLD, merging=later, by=AGENT)
        github.push("evil", commit=evil)

    return merges_again


@pytest.mark.parametrize("has_pull_request", [True, False])
def test_several_merge_bases_are_judged_by_the_test_merge(
    story: Story, has_pull_request: bool
) -> None:
    """GitHub compares with one of them, and lists nothing."""
    before = criss_cross(story.github)
    work = Work(GOOD, before=before, opens_pull_request=has_pull_request)
    result = story.play(work, branch="evil", create_branch="true", **PROTECTS)
    assert outcome(result) == (REJECTED if has_pull_request else NOT_JUDGED)
    if not has_pull_request:
        assert result.ending.remedy == "Merge main into evil and re-run the job."


@pytest.mark.parametrize("is_made_late", [False, True])
def test_a_test_merge_from_before_the_base_moved_is_not_judged(
    story: Story, is_made_late: bool
) -> None:
    """The new one is waited for."""
    github = story.github
    before = criss_cross(github)

    def stays() -> None:
        number = github.pull_requests[-1]["number"]
        github.pull_request(number)
        github.stale_merges.add(number)
        if is_made_late:
            github.later(15.0, lambda: github.stale_merges.discard(number))

    work = Work(GOOD, before=before, after=stays)
    result = story.play(work, branch="evil", create_branch="true", **PROTECTS)
    assert outcome(result) == (REJECTED if is_made_late else NOT_JUDGED)


@pytest.mark.parametrize("by", [ADA, AGENT])
@pytest.mark.parametrize("files", [{}, GOOD], ids=["nothing", "other files"])
def test_what_a_rejected_run_left_on_a_branch_is_judged_again(
    story: Story, files: Files, by: str
) -> None:
    github = story.github
    earlier = github.clock() - HOUR
    github.push("fix", {"src/b.ts": "b"}, at=earlier)
    github.push("fix", EVIL, by=by, at=earlier)
    work = Work(files, opens_pull_request=False)
    result = story.play(work, branch="fix", **PROTECTS)
    assert outcome(result) == REJECTED
    assert items(result) == [
        ".github/workflows/ci.yml (which the branch had changed before the run)"
    ]


def test_a_branch_that_is_merged_without_a_pull_request_cannot_be_judged(story: Story) -> None:
    github = story.github
    after = lambda: github.merge(branch_of(github), by=AGENT)  # noqa: E731 - said later
    work = Work(EVIL, opens_pull_request=False, after=after)
    assert outcome(story.play(work, **PROTECTS)) == NOT_JUDGED


@pytest.mark.parametrize("deletes", [False, True])
def test_a_branch_that_is_merged_before_the_gates_look_is_judged(
    story: Story, deletes: bool
) -> None:
    """Its base then has all that it has, and a comparison with that shows nothing."""
    github = story.github
    work = Work(EVIL, after=lambda: github.merge_pull_request(by=AGENT, deletes=deletes))
    assert outcome(story.play(work, **PROTECTS)) == REJECTED


@pytest.mark.parametrize("is_late", [False, True])
def test_a_base_that_moves_while_checks_run_is_compared_again(story: Story, is_late: bool) -> None:
    """A colleague's branch is merged then, and the commit takes it back."""
    github = story.github
    github.push("harden", HARDENED)

    def undoes() -> None:
        github.push("evil", commit=github.commit("harden", OLD, by=AGENT))

    def then() -> None:
        sha = github.branches["evil"]
        github.later(30.0 if is_late else 0.0, lambda: github.merge("harden"))
        github.later(60.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(GOOD, checks=Look([check("test", None)]), before=undoes, after=then)
    inputs: dict[str, Any] = {"branch": "evil", "create_branch": "true"}
    result = story.play(work, require="change", checks="test", **inputs, **PROTECTS)
    assert outcome(result) == REJECTED


# Who merges, and into what


def test_a_pull_request_into_another_base_is_neither_judged_nor_passed_on(story: Story) -> None:
    github = story.github
    github.push("production", {"a": "b"})

    def opens() -> None:
        github.open_pull_request(branch_of(github), base="production")

    work = Work(GOOD, opens_pull_request=False, after=opens)
    result = story.play(work, require="change")
    assert outcome(result) == PASSED
    assert result.details.pull_request_url is None
    result = story.play(work, attempt=2, require="pull-request")
    assert outcome(result) == ("rejected", "NO_PULL_REQUEST")
    assert items(result)[1] == "production"


@pytest.mark.parametrize("bases", [["staging"], ["main", "fix"]], ids=["another", "second"])
def test_a_base_that_an_earlier_run_may_have_chosen_is_asked_for(
    story: Story, bases: list[str]
) -> None:
    github = story.github
    github.push("fix", GOOD)
    github.push("staging", commit=github.branches["fix"])
    for number, base in enumerate(bases):
        github.open_pull_request("fix", 7 + number, base=base, by=AGENT)
    result = story.play(Work(GOOD), branch="fix", **PROTECTS)
    assert (result.ending.result.value, result.ending.exit_code) == ("error", 2)
    assert result.ending.problems[0].input == "base-branch"
    assert story.runs == []
    assert outcome(story.play(Work(GOOD), branch="fix", base_branch="main", **PROTECTS)) == PASSED


@pytest.mark.parametrize(("is_persons", "by"), [(False, AGENT), (True, AGENT), (True, ADA)])
def test_an_app_or_author_that_merges_has_not_had_it_reviewed(
    story: Story, is_persons: bool, by: str
) -> None:
    """The run's own pull request, or that of a person."""
    github = story.github
    if is_persons:
        github.push("fix", {"src/b.ts": "b"})
        github.open_pull_request("fix", 42, by=ADA)
    merges = lambda: github.merge_pull_request(42, by=by)  # noqa: E731 - said later
    inputs: dict[str, Any] = {"branch": "fix"} if is_persons else {}
    result = story.play(Work(GOOD, after=merges), require="pull-request", **inputs)
    assert outcome(result) == ("rejected", "NO_PULL_REQUEST")
    assert items(result) == [by]
    assert result.details.pull_request_url is None


@pytest.mark.parametrize("story_of", ["closed", "retargeted", "merged by the app", "is behind"])
def test_a_pull_request_that_changes_while_checks_run_is_read_again(
    story: Story, story_of: str
) -> None:
    github = story.github
    happens: dict[str, Callable[[], object]] = {
        "closed": github.close_pull_request,
        "retargeted": lambda: github.retarget(42, "junk"),
        "merged by the app": lambda: github.merge_pull_request(by=AGENT),
        "is behind": lambda: github.pull_request(42)["head"].update(sha="0" * 40),
    }

    def then() -> None:
        sha = github.branches[branch_of(github)]
        github.later(30.0, happens[story_of])
        github.later(60.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(GOOD, checks=Look([check("test", None)]), after=then)
    result = story.play(work, require="pull-request", checks="test")
    assert outcome(result) == ("rejected", "NO_PULL_REQUEST")


def test_a_forks_pull_request_of_the_same_branch_name_is_none(story: Story) -> None:
    github = story.github

    def opens() -> None:
        branch = branch_of(github)
        github.open_pull_request(branch)
        github.pull_request(42)["head"]["repo"] = {"id": 7, "full_name": "acme/fork"}

    work = Work(GOOD, opens_pull_request=False, after=opens)
    assert outcome(story.play(work, require="pull-request")) == ("rejected", "NO_PULL_REQUEST")


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_branch_that_moves_or_goes_while_it_is_judged(story: Story, is_deleted: bool) -> None:
    github = story.github

    def then() -> None:
        branch = branch_of(github)
        sha = github.branches[branch]
        moves = lambda: github.push(branch, {"src/late.ts": "x"}, by="mallory")  # noqa: E731 - said later
        github.later(30.0, (lambda: github.delete(branch)) if is_deleted else moves)
        github.later(60.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(GOOD, checks=Look([check("test", None)]), after=then, opens_pull_request=False)
    result = story.play(work, checks="test")
    assert outcome(result) == ("rejected", "BRANCH_MOVED")
    assert is_deleted or items(result)[0].endswith(" by @mallory")


# No work


def nothing(github: GitHub) -> None:
    github.push("idle", commit=github.branches["main"])


def empty_commit(github: GitHub) -> None:
    github.push("idle", commit=github.commit("main", {}))


def change_and_revert(github: GitHub) -> None:
    github.push("idle", commit=github.commit("main", GOOD))
    github.push("idle", {"src/login.tsx": None})


@pytest.mark.parametrize("base_moves", [False, True])
@pytest.mark.parametrize(
    "work", [nothing, empty_commit, change_and_revert], ids=lambda it: it.__name__
)
def test_no_work_is_no_change(
    story: Story, work: Callable[[GitHub], None], base_moves: bool
) -> None:
    """Also on top of a newer base."""
    github = story.github

    def idles() -> None:
        if base_moves:
            github.push("main", {"src/new.ts": "new"})
        work(github)
        if base_moves:
            github.push("main", {"src/new.ts": "newer"})

    idle = Work({}, opens_pull_request=False, before=idles)
    result = story.play(idle, branch="idle", create_branch="true", require="change", **PROTECTS)
    assert (outcome(result), result.details.changed) == (("rejected", "NO_CHANGE"), False)
    assert [gate.passed for gate in result.details.gates] == [False, True]


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=3)])
def test_a_rerun_finds_no_change_either_on_a_branch_that_nobody_has_pushed_since(
    tmp_path: Path, age: timedelta
) -> None:
    with Story(tmp_path, says(changed=False)[:-1]) as story:
        github = story.github
        github.push("fix", GOOD, at=github.clock() - age)
        inputs: dict[str, Any] = {"branch": "fix", "require": "change"}
        first = story.play(NOTHING, **inputs)
        second = story.play(attempt=2, **inputs)
        third = story.play(prompt="", run_id=story.runs[0].id, require="change")
    assert second.details.joined
    assert {*map(outcome, (first, second, third))} == {("rejected", "NO_CHANGE")}


@pytest.mark.parametrize("gate", ["change", "pull-request", "checks"])
def test_without_a_commit_every_gate_but_paths_says_so(story: Story, gate: str) -> None:
    story.github.rules["main"] = []
    inputs: dict[str, Any] = {"checks": "test"} if gate == "checks" else {"require": gate}
    assert outcome(story.play(NOTHING, **inputs)) == ("rejected", "NO_CHANGE")


def test_github_that_is_away_before_the_start_starts_nothing(story: Story) -> None:
    github = story.github
    github.push("fix", {"src/b.ts": "b"})
    github.fail(status=503, times=999)
    result = story.play(NOTHING, branch="fix", require="change")
    assert (result.ending.result.value, result.ending.exit_code) == ("error", 69)
    assert result.ending.error_code == "NOT_JUDGED"
    assert result.ending.remedy.endswith("Nothing was started.")
    assert story.runs == []
    assert 15.0 <= story.world.time.monotonic() <= 25.0


# What gates do not see is said


def test_what_came_into_the_base_and_was_taken_in_is_warned_of(story: Story) -> None:
    """Who can push to the base can change it: its own protection holds against that."""
    github = story.github
    work = Work(GOOD, before=lambda: github.push("main", EVIL, by=AGENT))
    assert outcome(story.play(work, **PROTECTS)) == PASSED
    assert warnings(story)["Base"].startswith(
        "The base main moved during the run, and the branch holds"
    )


def test_a_commit_that_the_run_puts_on_the_base_itself_is_warned_of(story: Story) -> None:
    """Then merging it changes nothing, and no pull request shows it."""
    github = story.github
    after = lambda: github.push("main", commit=github.branches[branch_of(github)])  # noqa: E731 - said later
    result = story.play(Work(EVIL, after=after, opens_pull_request=False), **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, False)
    assert warnings(story)["Base"].startswith(
        "The base main moved during the run, and the branch holds"
    )


# Whose word counts


@pytest.mark.parametrize(
    "branch", ["harmless", "mogplex/agent-0123456789ab", "x/../../../../../../user", "a..b"]
)
def test_a_branch_that_an_event_names_is_neither_judged_nor_handed_on(
    tmp_path: Path, branch: str
) -> None:
    with Story(tmp_path, says(working_branch=branch)) as story:
        if ".." not in branch:
            story.github.push(branch, GOOD, by="colleague")
        result = story.play(Work(EVIL), **PROTECTS)
        asked = [request.path for request in story.github.asked]
    assert outcome(result) == REJECTED
    assert result.details.branch == Untrusted(story.runs[0].request.working_branch)
    assert all(path.startswith("/repos/acme/web/") for path in asked)
    assert not any("harmless" in path or "agent-" in path for path in asked)


def test_another_pull_request_than_the_judged_one_is_not_handed_on(tmp_path: Path) -> None:
    with Story(tmp_path, says(pull_request_url="https://github.com/acme/web/pull/666")) as story:
        result = story.play(Work(GOOD), require="pull-request")
    assert outcome(result) == PASSED
    own = Untrusted("https://github.com/acme/web/pull/42")
    assert result.details.pull_request_url == own


def test_a_change_that_an_event_denies_is_one(tmp_path: Path) -> None:
    with Story(tmp_path, says(changed=False), api="2026-08") as story:
        result = story.play(Work(GOOD), require="change")
    assert (outcome(result), result.details.changed) == (PASSED, True)
    assert result.details.commit == story.runs[0].commit_sha


def test_a_repair_does_not_follow_a_pull_request_that_was_closed(story: Story) -> None:
    github = story.github
    works = Work(GOOD, checks=RED, after=github.close_pull_request), Work(EVIL, checks=GREEN)
    result = story.play(*works, checks="test", repair="2")
    assert (len(story.runs), outcome(result)) == (1, ("rejected", "CHECKS_FAILED"))
    assert "start from the base" in (result.details.rounds[0].ended or "")


@pytest.mark.parametrize("merged", [True, False])
def test_a_branch_that_the_service_falls_back_to_is_judged_and_told(
    tmp_path: Path, *, merged: bool
) -> None:
    """The pull request of the branch that was asked for is merged, say, and the service does not
    work there any more.
    """
    with Story(tmp_path, falls_back=True) as story:
        github = story.github
        github.push("fix", GOOD)
        github.open_pull_request("fix", 7)
        if merged:
            github.merge_pull_request(7)
        result = story.play(Work(EVIL), branch="fix", require="pull-request", **PROTECTS)
        fallback = story.runs[0]._checkout.branch
    assert outcome(result) == REJECTED
    assert result.details.branch == Untrusted(fallback) != Untrusted("fix")
    assert f"worked on {fallback}" in warnings(story)["Branch"]
