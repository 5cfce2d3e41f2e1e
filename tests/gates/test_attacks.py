"""Runs that must not pass, as whole steps: an agent that tries to hand on what was not judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.run.updates import OtherBranchUsed
from tests.gates.story import PASSED, Story, outcome, says
from tests.github import ADA, AGENT, NOTHING, GitHub, Look, Work, check
from tests.github.repository import Files

EVIL = {".github/workflows/ci.yml": "on: never"}
GOOD = {"src/login.tsx": "fixed"}
PROTECTS: dict[str, Any] = {"protected_paths": ".github/"}
ALLOWS: dict[str, Any] = {"allowed_paths": "src/"}
REJECTED = ("rejected", "PATH_NOT_ALLOWED")
GREEN = Look([check("test", "success")])
RED = Look([check("test", "failure")])


def branch_of(github: GitHub) -> str:
    """The branch that the newest run has pushed."""
    return next(name for name in reversed(github.branches) if name.startswith("mogplex/"))


def test_a_merge_of_what_the_base_merged_cannot_be_determined(story: Story) -> None:
    """The agent merges the two parents of the base again, with the older version of a protected
    file. GitHub compares with one of the parents, and merging puts the older version back.
    """
    github = story.github
    start = github.branches["main"]
    hardened = github.push("main", {".github/ci.yml": "on: push # no secrets"})
    later = github.push("docs", commit=github.commit(start, {"docs/new.md": "new"}))
    base = github.merge("docs")

    def merges_again() -> None:
        evil = github.commit(hardened, {".github/ci.yml": "on: push"}, merging=later, by=AGENT)
        github.push("evil", commit=evil, by=AGENT)

    work = Work(GOOD, before=merges_again)
    result = story.play(work, branch="evil", create_branch="true", **PROTECTS)
    assert github.commits.merged(base, github.branches["evil"])[".github/ci.yml"] == b"on: push"
    assert outcome(result) == ("rejected", "NOT_JUDGED")
    assert result.ending.cause == (
        "could not be judged: evil and main share several merge bases,"
        " so the changes cannot be determined"
    )
    assert result.ending.remedy == "Merge main into evil and re-run the job."


@pytest.mark.parametrize("inputs", [PROTECTS, ALLOWS], ids=["protected", "allowed"])
def test_a_branch_that_is_merged_before_the_gates_look_is_judged(
    story: Story, inputs: dict[str, Any]
) -> None:
    """Its base then has all that it has, and a comparison with that shows nothing."""
    github = story.github
    work = Work(EVIL, after=lambda: github.merge(branch_of(github), by=AGENT))
    assert outcome(story.play(work, **inputs)) == REJECTED


@pytest.mark.parametrize("api", ["2026-11", "2026-08"])
def test_a_branch_that_is_merged_and_deleted_has_not_changed_nothing(
    tmp_path: Path, api: str
) -> None:
    """An older service does not tell the commit, and there is no tip to look at."""
    with Story(tmp_path, api=api) as story:
        github = story.github
        work = Work(EVIL, after=lambda: github.merge_pull_request(by=AGENT, deletes=True))
        result = story.play(work, **PROTECTS)
    assert outcome(result) == (REJECTED if api == "2026-11" else ("rejected", "NOT_JUDGED"))


NOT_APPROVED = "main changed during the run, and GitHub does not show that people approved it"


def evil_into_base(github: GitHub, by: str | None, *, is_merged: bool) -> None:
    """Push to the base, or merge into it, what the gates must not let pass."""
    if is_merged:
        github.push("other", EVIL, by=AGENT)
        github.merge("other", by=by)
    else:
        github.push("main", EVIL, by=by)


@pytest.mark.parametrize("is_merged", [False, True], ids=["pushed", "merged"])
@pytest.mark.parametrize("by", [AGENT, "github-actions[bot]", None, ADA], ids=str)
@pytest.mark.parametrize("inputs", [PROTECTS, ALLOWS], ids=["protected", "allowed"])
def test_what_comes_into_a_base_without_reviews_and_is_taken_in_is_judged(
    story: Story, by: str | None, is_merged: bool, inputs: dict[str, Any]
) -> None:
    """The branch begins there, so a comparison with the base lists only the rest."""
    github = story.github
    work = Work(GOOD, before=lambda: evil_into_base(github, by, is_merged=is_merged))
    result = story.play(work, **inputs)
    assert outcome(result) == REJECTED
    assert [item.text for item in result.details.gates[0].items] == [".github/workflows/ci.yml"]
    assert result.ending.cause == NOT_APPROVED
    assert (
        result.ending.remedy == "Start a new run on a new branch, or require an approval on main."
    )
    assert not result.details.gates[0].can_be_repaired


def test_a_rerun_whose_start_has_no_first_response_is_judged_from_the_runs_beginning(
    story: Story,
) -> None:
    """It finds the run of the earlier attempt all the same."""
    github = story.github
    work = Work(GOOD, before=lambda: evil_into_base(github, AGENT, is_merged=False))
    first = story.play(work, **PROTECTS)
    story.lose_start()
    second = story.play(attempt=2, **PROTECTS)
    assert not second.details.joined
    assert outcome(first) == outcome(second) == REJECTED
    assert first.ending.cause == second.ending.cause == NOT_APPROVED


APPROVAL = {"type": "pull_request", "parameters": {"required_approving_review_count": 1}}


@pytest.mark.parametrize("is_merged", [False, True], ids=["pushed", "merged"])
@pytest.mark.parametrize("by", [AGENT, "github-actions[bot]", "renovate[bot]", None], ids=str)
def test_what_an_app_brings_into_a_reviewed_base_is_judged(
    story: Story, by: str | None, is_merged: bool
) -> None:
    """A workflow that the run pushed can approve and merge, where Actions may."""
    github = story.github
    github.rules["main"] = [APPROVAL]
    work = Work(GOOD, before=lambda: evil_into_base(github, by, is_merged=is_merged))
    result = story.play(work, **PROTECTS)
    assert (outcome(result), result.ending.cause) == (REJECTED, NOT_APPROVED)
    assert result.ending.remedy == "Start a new run on a new branch."


def test_a_move_of_a_reviewed_base_that_the_activity_lacks_excuses_nothing(story: Story) -> None:
    github = story.github
    github.rules["main"] = [APPROVAL]

    def hides_the_last_move() -> None:
        github.push("main", {"docs/new.md": "new"}, by=ADA)
        github.push("main", EVIL, by=ADA)
        assert github.activity
        del github.activity[-1]

    result = story.play(Work(GOOD, before=hides_the_last_move), **PROTECTS)
    assert (outcome(result), result.ending.cause) == (REJECTED, NOT_APPROVED)


def test_a_person_whose_account_pushed_the_branch_excuses_nothing(story: Story) -> None:
    """The agent may use a token of theirs."""
    github = story.github
    github.rules["main"] = [APPROVAL]

    def pushes_both() -> None:
        github.push("main", EVIL, by=ADA)
        github.push("evil", commit=github.branches["main"], by=ADA)

    work = Work(GOOD, before=pushes_both)
    result = story.play(work, branch="evil", create_branch="true", **PROTECTS)
    assert (outcome(result), result.ending.cause) == (REJECTED, NOT_APPROVED)


def test_reviews_that_github_does_not_show_excuse_nothing(story: Story) -> None:
    github = story.github
    github.rules["main"] = [APPROVAL]
    github.fail(status=403, path="/rules/branches/main", times=9)
    work = Work(GOOD, before=lambda: github.push("main", EVIL, by=ADA))
    result = story.play(work, **PROTECTS)
    assert (outcome(result), result.ending.cause) == (REJECTED, NOT_APPROVED)


HARDENED: Files = {".github/ci.yml": "on: push # no secrets"}
OLD: Files = {".github/ci.yml": "on: push"}


def test_a_hardening_of_the_base_that_the_runs_merge_takes_back_is_judged(story: Story) -> None:
    """A comparison with the noted tip does not list it: the file is as it was then."""
    github = story.github
    github.rules["main"] = [APPROVAL]

    def takes_back() -> None:
        github.push("evil", commit=github.branches["main"], by=AGENT)
        github.push("main", HARDENED, by=ADA)
        github.push("evil", commit=github.commit("evil", OLD, merging="main"), by=AGENT)

    work = Work(GOOD, before=takes_back)
    result = story.play(work, branch="evil", create_branch="true", **PROTECTS)
    assert outcome(result) == REJECTED
    assert result.ending.cause == "the run changed a protected path"


@pytest.mark.parametrize("is_reviewed", [True, False])
@pytest.mark.parametrize("by", [ADA, AGENT])
def test_a_commit_that_is_merged_while_it_is_judged_is_judged(
    story: Story, by: str, is_reviewed: bool
) -> None:
    github = story.github
    if is_reviewed:
        github.rules["main"] = [APPROVAL]
    work = Work(EVIL, after=lambda: github.merge_pull_request(by=by))
    result = story.play(work, **PROTECTS)
    assert outcome(result) == REJECTED
    advice = "Start a new run on a new branch"
    assert result.ending.remedy == (
        f"{advice}." if is_reviewed else f"{advice}, or require an approval on main."
    )


def test_a_run_that_merges_its_own_pull_request_before_the_gates_have_ended_is_rejected(
    story: Story,
) -> None:
    github = story.github

    def then() -> None:
        sha = github.branches[branch_of(github)]
        github.start_check(sha, "test")
        github.later(25.0, lambda: github.finish_check(sha, "test"))
        github.later(28.0, lambda: github.merge_pull_request(by=AGENT))

    work = Work(GOOD, checks=Look(suites=[]), after=then)
    result = story.play(work, require="pull-request", checks="test")
    assert outcome(result) == ("rejected", "NO_PULL_REQUEST")


def test_a_hardened_file_of_the_noted_base_that_an_old_branch_puts_back_is_judged(
    story: Story,
) -> None:
    github = story.github
    github.push("fix", {"src/b.ts": "b"})
    github.push("main", HARDENED)

    def merges() -> None:
        github.push("fix", commit=github.commit("fix", OLD, merging="main"), by=AGENT)

    result = story.play(Work(GOOD, before=merges), branch="fix", **PROTECTS)
    assert outcome(result) == REJECTED


def test_an_older_file_of_the_branch_that_a_merge_keeps_over_the_bases_is_judged(
    story: Story,
) -> None:
    """Before and after the merge the branch lists the file alike."""
    github = story.github
    of_branch: Files = {".github/ci.yml": "on: pull_request"}
    github.push("fix", {**of_branch, "src/b.ts": "b"})
    github.push("main", HARDENED)

    def merges() -> None:
        github.push("fix", commit=github.commit("fix", of_branch, merging="main"), by=AGENT)

    result = story.play(Work(GOOD, before=merges), branch="fix", **PROTECTS)
    assert outcome(result) == REJECTED


def test_an_existing_branch_that_is_set_back_to_the_base_is_judged(tmp_path: Path) -> None:
    with Story(tmp_path, api="2026-08") as story:
        github = story.github
        github.push("fix", HARDENED)

        def sets_back() -> None:
            github.push("fix", commit=github.branches["main"], by=AGENT)

        work = Work({}, opens_pull_request=False, before=sets_back)
        assert outcome(story.play(work, branch="fix", **PROTECTS)) == REJECTED


@pytest.mark.parametrize("files", [{}, GOOD], ids=["nothing", "other files"])
@pytest.mark.parametrize("is_created_by_run", [False, True])
def test_what_a_rejected_run_left_on_a_branch_is_judged_again(
    tmp_path: Path, files: Files, is_created_by_run: bool
) -> None:
    with Story(tmp_path, api="2026-08") as story:
        github = story.github
        earlier = github.clock() - timedelta(hours=1)
        if not is_created_by_run:
            github.push("fix", {"src/b.ts": "b"}, by=ADA, at=earlier)
        github.push("fix", EVIL, by=AGENT, at=earlier)
        github.push("fix", {"src/c.ts": "c"}, by=ADA, at=earlier)
        work = Work(files, opens_pull_request=False)
        result = story.play(work, branch="fix", **PROTECTS)
    assert outcome(result) == REJECTED


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_pull_request_of_an_earlier_run_does_not_choose_the_base(
    tmp_path: Path, attempt: int
) -> None:
    """It goes into a branch that already has what the earlier run left. A re-run joins its run."""
    inputs: dict[str, Any] = {"branch": "fix", "base_branch": "main", **PROTECTS}
    with Story(tmp_path, api="2026-08") as story:
        github = story.github
        earlier = github.clock() - timedelta(hours=1)
        github.push("fix", {"src/b.ts": "b"}, by=ADA, at=earlier)
        github.push("fix", EVIL, by=AGENT, at=earlier)
        github.push("staging", commit=github.branches["fix"], by=AGENT, at=earlier)
        github.push("fix", {"src/c.ts": "c"}, by=AGENT, at=earlier)
        github.open_pull_request("fix", 7, base="staging", by=AGENT)
        result = story.play(Work(GOOD, opens_pull_request=False), **inputs)
        if attempt > 1:
            result = story.play(attempt=attempt, **inputs)
            assert result.details.joined
    assert outcome(result) == REJECTED
    assert result.details.delivery is not None
    assert result.details.delivery.base == "main"


def flood(github: GitHub, branch: str) -> None:
    """Move a branch back and forth so often that its activity is not read to the end."""
    tip = github.branches[branch]
    other = github.commit(branch, {"src/z.ts": "z"}, by=AGENT)
    for commit in (other, tip):
        github.push(branch, commit=commit, by=AGENT)
    assert github.activity
    github.activity += github.activity[-2:] * 1_510


def test_many_pushes_do_not_hide_the_first_one_of_the_run(tmp_path: Path) -> None:
    with Story(tmp_path, api="2026-08") as story:
        github = story.github
        github.push("fix", {"src/b.ts": "b"}, by=ADA, at=github.clock() - timedelta(hours=1))

        def pushes() -> None:
            github.push("fix", EVIL, by=AGENT)
            flood(github, "fix")

        work = Work(GOOD, opens_pull_request=False, before=pushes)
        assert outcome(story.play(work, branch="fix", **PROTECTS)) == REJECTED


def test_many_pushes_do_not_hide_a_check_that_failed(story: Story) -> None:
    """The run deletes its workflow afterwards."""
    github = story.github
    lint = check("lint", "success")

    def pushes() -> None:
        branch = story.runs[0].request.working_branch
        sha = github.push(branch, {"src/b.ts": "b"}, by=AGENT)
        github.checks[sha] = RED
        github.push(branch, {"src/b.ts": "c"}, by=AGENT)
        flood(github, branch)

    work = Work(GOOD, checks=Look([lint]), before=pushes)
    result = story.play(work, require="checks", checks="lint")
    assert outcome(result) == ("rejected", "NOT_JUDGED")


def test_a_colleagues_branch_that_is_merged_while_checks_run_is_not_undone(story: Story) -> None:
    """Compared with the base before that merge, the file is as it was."""
    github = story.github
    github.push("harden", HARDENED)

    def undoes() -> None:
        evil = github.commit("harden", OLD, by=AGENT)
        github.push("evil", commit=evil, by=AGENT)

    def then() -> None:
        sha = github.branches["evil"]
        github.later(30.0, lambda: github.merge("harden"))
        github.later(60.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(GOOD, checks=Look([check("test", None)]), before=undoes, after=then)
    inputs: dict[str, Any] = {"branch": "evil", "create_branch": "true"}
    result = story.play(work, require="change", checks="test", **inputs, **PROTECTS)
    assert outcome(result) == REJECTED
    assert [gate.name for gate in result.details.gates if not gate.passed] == ["protected-paths"]


def test_an_existing_branch_that_only_takes_in_a_newer_base_is_no_change(tmp_path: Path) -> None:
    with Story(tmp_path, api="2026-08") as story:
        github = story.github
        github.push("fix", {"src/b.ts": "b"})
        github.push("main", {"src/new.ts": "new"})
        merges = lambda: github.merge("main", "fix", by=AGENT, kind="push")  # noqa: E731 - said later
        work = Work({}, opens_pull_request=False, before=merges)
        result = story.play(work, branch="fix", require="change")
    assert (outcome(result), result.details.changed) == (("rejected", "NO_CHANGE"), False)


def nothing(github: GitHub) -> None:
    github.push("idle", commit=github.branches["main"], by=AGENT)


def empty_commit(github: GitHub) -> None:
    github.push("idle", commit=github.commit("main", {}), by=AGENT)


def change_and_revert(github: GitHub) -> None:
    github.push("idle", commit=github.commit("main", GOOD), by=AGENT)
    github.push("idle", {"src/login.tsx": None}, by=AGENT)


@pytest.mark.parametrize("base_moves", [False, True])
@pytest.mark.parametrize(
    "work", [nothing, empty_commit, change_and_revert], ids=lambda it: it.__name__
)
def test_no_work_is_no_change(
    tmp_path: Path, work: Callable[[GitHub], None], base_moves: bool
) -> None:
    """Also on top of a newer base."""
    with Story(tmp_path, api="2026-08") as story:
        github = story.github

        def idles() -> None:
            if base_moves:
                github.push("main", {"src/new.ts": "new"}, by=ADA)
            work(github)
            if base_moves:
                github.push("main", {"src/new.ts": "newer"}, by=ADA)

        result = story.play(
            Work({}, opens_pull_request=False, before=idles),
            branch="idle",
            create_branch="true",
            require="change",
        )
    assert (outcome(result), result.details.changed) == (("rejected", "NO_CHANGE"), False)


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=3)])
@pytest.mark.parametrize("by", [AGENT, ADA])
def test_a_rerun_finds_no_change_either_on_a_branch_that_nobody_has_pushed_since(
    tmp_path: Path, age: timedelta, by: str
) -> None:
    with Story(tmp_path, says(changed=False)[:-1]) as story:
        github = story.github
        github.push("fix", GOOD, by=by, at=github.clock() - age)
        inputs: dict[str, Any] = {"branch": "fix", "require": "change"}
        first = story.play(NOTHING, **inputs)
        second = story.play(attempt=2, **inputs)
    assert second.details.joined
    assert outcome(first) == outcome(second) == ("rejected", "NO_CHANGE")


def test_a_commit_that_the_second_round_pushes_to_the_base_is_judged(story: Story) -> None:
    github = story.github

    def merges_evil_base() -> None:
        github.push("main", EVIL, by=AGENT)
        github.merge("main", branch_of(github), by=AGENT, kind="push")

    works = Work(GOOD, checks=RED), Work({"src/a.ts": "b"}, checks=GREEN, before=merges_evil_base)
    result = story.play(*works, checks="test", repair="1", **PROTECTS)
    assert len(result.details.rounds) == 2
    assert outcome(result) == REJECTED


def test_activity_that_cannot_be_read_excuses_nothing(story: Story) -> None:
    def pushes_evil() -> None:
        story.github.push("main", EVIL, by=ADA)
        story.github.activity = None

    assert outcome(story.play(Work(GOOD, before=pushes_evil), **PROTECTS)) == REJECTED


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
    assert result.details.delivery is not None
    assert result.details.delivery.branch == story.runs[0].request.working_branch
    assert (result.details.branch and result.details.branch.text) == result.details.delivery.branch
    assert all(path.startswith("/repos/acme/web/") for path in asked)
    assert not any("harmless" in path or "agent-" in path for path in asked)


def test_the_next_round_does_not_work_on_a_branch_that_an_event_names(tmp_path: Path) -> None:
    with Story(tmp_path, says(working_branch="main-2")) as story:
        works = Work(GOOD, checks=RED), Work({"src/a.ts": "b"}, checks=GREEN)
        result = story.play(*works, checks="test", repair="1")
        first, second = story.runs
    assert outcome(result) == PASSED
    assert second.request.working_branch == first.request.working_branch


def test_another_pull_request_than_the_judged_one_is_not_handed_on(tmp_path: Path) -> None:
    told = "https://github.com/acme/web/pull/666"
    with Story(tmp_path, says(pull_request_url=told)) as story:
        result = story.play(Work(GOOD), require="pull-request")
    assert outcome(result) == PASSED
    handed_on = result.details.pull_request_url(["https://github.com"])
    assert handed_on is not None
    assert handed_on.text == "https://github.com/acme/web/pull/42"


def test_a_change_that_an_event_denies_is_one(tmp_path: Path) -> None:
    with Story(tmp_path, says(changed=False), api="2026-08") as story:
        result = story.play(Work(GOOD), require="change")
    assert (outcome(result), result.details.changed) == (PASSED, True)
    assert result.details.commit == story.runs[0].commit_sha


FIXED = {".github/ci.yml": "on: [push, pull_request]", "src/a.ts": "a"}
FORCED_PUSHES: dict[str, tuple[Files, Files]] = {
    "undoes a fix": (FIXED, {"src/a.ts": "a", ".github/ci.yml": "on: never"}),
    "drops a fix": (FIXED, {"src/a.ts": "a"}),
    "moves a file": (
        {"src/a.ts": "a"},
        {"src/a.ts": "a", "ci/new.yml": "on: push", ".github/ci.yml": None},
    ),
    "changes more files than are listed": (
        {"src/a.ts": "a"},
        {f"src/{number}.ts": "b" for number in range(400)},
    ),
}
"""What the branch had of somebody's work, and what the agent puts in its place."""


@pytest.mark.parametrize("name", FORCED_PUSHES)
def test_a_forced_push_counts_by_what_it_drops_undoes_and_moves(story: Story, name: str) -> None:
    github = story.github
    before, after = FORCED_PUSHES[name]
    github.push("fix", before)

    def forces() -> None:
        github.push("fix", commit=github.commit("main", after), by=AGENT)

    result = story.play(Work(GOOD, before=forces), branch="fix", **PROTECTS)
    assert outcome(result) == REJECTED


@pytest.mark.parametrize("story_of", ["closed", "retargeted"])
def test_a_pull_request_that_changes_while_checks_run_is_read_again(
    story: Story, story_of: str
) -> None:
    github = story.github

    def then() -> None:
        if story_of == "closed":
            github.later(30.0, github.close_pull_request)
        else:
            github.later(30.0, lambda: github.retarget(42, "junk"))
        sha = github.branches[branch_of(github)]
        github.later(60.0, lambda: github.checks.update({sha: GREEN}))

    work = Work(GOOD, checks=Look([check("test", None)]), after=then)
    result = story.play(work, require="pull-request", checks="test")
    assert outcome(result) == ("rejected", "NO_PULL_REQUEST")


def test_a_pull_request_into_a_branch_of_the_agents_choice_is_none(story: Story) -> None:
    github = story.github
    github.push("junk", {"a": "b"})

    def opens() -> None:
        github.open_pull_request(branch_of(github), base="junk")

    work = Work(GOOD, opens_pull_request=False, after=opens)
    assert outcome(story.play(work, require="pull-request")) == ("rejected", "NO_PULL_REQUEST")


def test_a_pull_request_that_the_run_merges_itself_is_not_open(story: Story) -> None:
    github = story.github
    work = Work(GOOD, after=lambda: github.merge_pull_request(by=AGENT, deletes=True))
    assert outcome(story.play(work, require="pull-request")) == ("rejected", "NO_PULL_REQUEST")


def test_a_repair_does_not_follow_a_pull_request_that_was_closed(story: Story) -> None:
    github = story.github
    works = Work(GOOD, checks=RED, after=github.close_pull_request), Work(EVIL, checks=GREEN)
    result = story.play(*works, checks="test", repair="2")
    assert (len(story.runs), outcome(result)) == (1, ("rejected", "CHECKS_FAILED"))
    assert "start from the base" in result.details.rounds[0].ended


@pytest.mark.parametrize("merged", [True, False])
def test_a_branch_that_the_service_falls_back_to_is_judged_and_told(
    tmp_path: Path, *, merged: bool
) -> None:
    """The pull request of the branch that was asked for is merged, say, and the service does not
    work there any more. Its base is not that of the other branch.
    """
    with Story(tmp_path, falls_back=True) as story:
        github = story.github
        github.push("release", GOOD)
        github.push("fix", GOOD)
        github.open_pull_request("fix", 7, base="release")
        if merged:
            github.merge_pull_request(7)
        result = story.play(Work(EVIL), branch="fix", require="pull-request", **PROTECTS)
        fallback = story.runs[0]._checkout.branch
    assert outcome(result) == REJECTED
    assert result.details.delivery is not None
    assert result.details.delivery.branch == fallback != "fix"
    assert result.details.delivery.base == "main"
    (said,) = [update for update in story.said if isinstance(update, OtherBranchUsed)]
    assert (said.asked.text, said.used.text) == ("fix", fallback)


@pytest.mark.parametrize("hidden", ["the actor", "the push"])
def test_a_merge_is_nobodys_while_github_does_not_show_who_pushed(
    story: Story, hidden: str
) -> None:
    """Else the run's own merge would be somebody else's."""
    github = story.github

    def merges() -> None:
        branch = story.runs[0].request.working_branch
        github.merge_pull_request(by=AGENT)
        assert github.activity is not None
        first, *later = [move for move in github.activity if move["ref"].endswith(branch)]
        if hidden == "the actor":
            for move in (first, *later):
                move["actor"] = None
        else:
            first["actor"] = {"login": ADA, "type": "User"}
            github.activity = [move for move in github.activity if move not in later]

    result = story.play(Work(GOOD, after=merges), require="pull-request")
    assert outcome(result) == ("rejected", "NOT_JUDGED")
