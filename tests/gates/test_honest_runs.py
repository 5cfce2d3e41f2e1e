"""Runs that must pass, and honest ones that cannot, as whole steps: what happens in a busy
repository while an agent works.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.run.updates import Started
from mogplex_ci.untrusted import Untrusted
from tests.gates.story import PASSED, Story, branch_of, items, outcome
from tests.github import ADA, AGENT, GitHub, Look, Work, check
from tests.pairs import table
from tests.said import said
from tests.slow import slow

PROTECTS: dict[str, Any] = {"protected_paths": ".github/", "allowed_paths": "src/"}
GREEN = Look([check("test", "success")])
RED = Look([check("test", "failure")])
RELEASE = {".github/release.yml": "on: release", "docs/new.md": "new"}
"""What people change meanwhile."""
MERGE_QUEUE = "github-merge-queue[bot]"
REJECTED = ("rejected", "PATH_NOT_ALLOWED")


def moves_base(github: GitHub) -> None:
    github.push("docs", RELEASE, by=ADA)
    github.merge("docs", by=MERGE_QUEUE)


# Branches that were there


def test_a_colleagues_protected_file_on_the_branch_is_named_as_such(story: Story) -> None:
    """With the way out: a branch of its own, or, if the run may change it too, ``!``."""
    github = story.github
    github.push("fix", {".github/deploy.yml": "on: push"})
    inputs: dict[str, Any] = {"branch": "fix", "protected_paths": ".github/**"}
    result = story.play(Work({"src/a.ts": "a"}), **inputs)
    assert outcome(result) == REJECTED
    assert items(result) == [".github/deploy.yml (which the branch had changed before the run)"]
    assert "branch of its own" in result.ending.remedy
    assert "add ! and its path to protected-paths" in result.ending.remedy
    inputs["protected_paths"] = ".github/**\n!.github/deploy.yml"
    assert outcome(story.play(Work({"src/a.ts": "b"}), attempt=2, **inputs)) == PASSED
    inputs["protected_paths"] = "docs/"
    assert outcome(story.play(Work({"src/a.ts": "c"}), attempt=3, **inputs)) == PASSED


def test_renovates_branch_needs_its_files_among_the_allowed_ones(story: Story) -> None:
    github = story.github
    github.push("renovate/x", {"package.json": "{}", "yarn.lock": "x"}, by="renovate[bot]")
    result = story.play(Work({"src/a.ts": "a"}), branch="renovate/x", allowed_paths="src/")
    assert outcome(result) == REJECTED
    before = "(which the branch had changed before the run)"
    assert items(result) == [f"package.json {before}", f"yarn.lock {before}"]
    assert "2 paths outside the allowed ones" in result.ending.cause
    assert "add its path to allowed-paths" in result.ending.remedy


@pytest.mark.parametrize("has_pull_request", [False, True])
def test_a_long_lived_branch_that_was_merged_before(story: Story, has_pull_request: bool) -> None:
    """Tonight's run changes nothing."""
    github = story.github
    github.push("nightly", {".github/a.yml": "a"}, at=github.clock() - timedelta(days=8))
    if has_pull_request:
        github.open_pull_request("nightly", 7)
        github.merge_pull_request(7)
    else:
        github.merge("nightly")
    idle = Work({}, opens_pull_request=False)
    result = story.play(idle, branch="nightly", require="change", **PROTECTS)
    assert outcome(result) == ("rejected", "NO_CHANGE")
    assert [gate.passed for gate in result.details.gates[1:]] == [True, True]


@pytest.mark.parametrize("is_rebased", [False, True], ids=["merged", "rebased"])
@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_branch_takes_in_a_base_that_moves(story: Story, is_rebased: bool, moves: int) -> None:
    """A merge queue brings a colleague's protected file. What the branch does not hold is not
    warned of.
    """
    github = story.github
    github.push("fix", {"src/b.ts": "b"})
    github.push("main", {"docs/old.md": "old"})

    def updates() -> None:
        for number in range(moves):
            github.push("main", {f".github/{number}.yml": "on: push"}, by=MERGE_QUEUE)
            if is_rebased:
                github.push("fix", commit=github.commit("main", {"src/b.ts": "b"}, by=AGENT))
            else:
                github.merge("main", "fix", by=AGENT)
        moves_base(github)

    result = story.play(Work({"src/a.ts": "a"}, before=updates), branch="fix", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)
    assert bool(said(story.said, "Base: ")) == (moves > 0)


@pytest.mark.parametrize(
    ("count", "opens", "expected"),
    [
        (350, True, PASSED),
        (350, False, ("rejected", "NOT_JUDGED")),
        *slow([(3_100, True, ("rejected", "NOT_JUDGED"))]),
    ],
)
def test_many_files(story: Story, count: int, opens: bool, expected: tuple[str, str]) -> None:
    files = {f"src/{number}.ts": "b" for number in range(count)}
    work = Work(files, opens_pull_request=opens)
    assert outcome(story.play(work, require="change", **PROTECTS)) == expected


# Merged meanwhile


@table(
    squash=[False, True],
    deletes=[False, True],
    require=["change", "change, pull-request"],
    by=[ADA, MERGE_QUEUE],
)
def test_it_is_merged_when_its_checks_are_green(
    story: Story, squash: bool, deletes: bool, require: str, by: str
) -> None:
    github = story.github

    def then() -> None:
        sha = github.branches[branch_of(github)]
        github.later(30.0, lambda: github.checks.update({sha: GREEN}))
        merge = lambda: github.merge_pull_request(squash=squash, deletes=deletes, by=by)  # noqa: E731 - said later
        github.later(31.0, merge)

    work = Work({"src/a.ts": "a"}, checks=Look([check("test", None)]), after=then)
    result = story.play(work, require=require, checks="test", **PROTECTS)
    assert (outcome(result), result.details.changed) == (PASSED, True)
    assert result.details.pull_request_url is not None


@pytest.mark.parametrize("deletes", [False, True])
def test_a_person_has_merged_it_when_the_job_is_run_again(story: Story, *, deletes: bool) -> None:
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


# Other surroundings


def test_a_repository_that_was_renamed_on_github(story: Story) -> None:
    """Its pull requests have the new name; the ids are the same."""
    github = story.github

    def renames() -> None:
        this = github.pull_request(42)
        this["head"]["repo"] = this["base"]["repo"] = {"id": 5, "full_name": "acme/site"}

    work = Work({"src/a.ts": "a"}, after=renames)
    assert outcome(story.play(work, require="pull-request")) == PASSED


def test_a_pull_request_into_a_release_branch(story: Story) -> None:
    github = story.github
    github.push("release/1.x", {"src/a.ts": "old"})
    work = Work({"src/a.ts": "new"})
    result = story.play(work, require="pull-request", base_branch="release/1.x", **PROTECTS)
    assert outcome(result) == PASSED
    assert result.details.base_branch == Untrusted("release/1.x")
    goes = lambda update: isinstance(update, Started) and github.branches.pop("release/1.x")  # noqa: E731 - said later
    result = story.play(attempt=2, watch=goes, base_branch="release/1.x", **PROTECTS)
    assert outcome(result) == ("rejected", "NOT_JUDGED")
    assert "GitHub does not have the base branch" in result.ending.cause


def test_the_branch_is_the_base_itself(tmp_path: Path) -> None:
    """The service works on a branch of its own then."""
    with Story(tmp_path, falls_back=True) as story:
        result = story.play(Work({"src/a.ts": "a"}), branch="main", require="change", **PROTECTS)
    assert outcome(result) == PASSED


@pytest.mark.parametrize("branch", ["", "fix"])
def test_an_older_github_enterprise_server(tmp_path: Path, branch: str) -> None:
    """It has no rules."""
    with Story(tmp_path, base_path="/api/v3") as story:
        story.github.push("fix", {"src/b.ts": "b"})
        story.github.fail(status=404, path="/rules/branches/", times=99)
        work = Work({"src/a.ts": "a"}, checks=GREEN)
        require = "change, pull-request"
        result = story.play(work, require=require, checks="test", branch=branch, **PROTECTS)
    assert outcome(result) == PASSED


# Runs and tokens that have less than others


@pytest.mark.parametrize("was_pushed", [False, True])
def test_a_new_branch_that_is_not_there_keeps_to_all_paths(story: Story, was_pushed: bool) -> None:
    """The agent has answered a question, say, or a person has deleted its work. Whatever else is
    required is not there.
    """
    github = story.github

    def goes() -> None:
        if was_pushed:
            github.close_pull_request(github.pull_requests[-1]["number"])
        github.delete(branch_of(github))

    idle = Work(RELEASE if was_pushed else {}, opens_pull_request=was_pushed, after=goes)
    assert outcome(story.play(idle, **PROTECTS)) == PASSED
    for wanted in ({"artifact": "report"}, {"checks": "test"}):
        inputs: dict[str, Any] = PROTECTS | wanted
        assert outcome(story.play(idle, **inputs)) == ("rejected", "NO_CHANGE")


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"require": "change"}, PASSED),
        ({"require": "change", "branch": "fix"}, PASSED),
        ({"require": "pull-request"}, ("error", "GITHUB_RIGHTS")),
    ],
)
def test_only_the_gate_of_pull_requests_needs_the_right_to_list_them(
    story: Story, inputs: dict[str, Any], expected: tuple[str, str]
) -> None:
    story.github.lacks("pull-requests: read")
    story.github.push("fix", {"src/b.ts": "b"})
    result = story.play(Work({"src/a.ts": "a"}), **inputs, **PROTECTS)
    assert outcome(result) == expected


WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"


@pytest.mark.parametrize(
    ("listed", "base", "faults"),
    [(True, "", []), (True, "nowhere", ["base-branch"]), (False, "", ["repo"])],
)
def test_what_gates_cannot_judge_is_found_before_a_run_is_paid_for(
    story: Story, listed: bool, base: str, faults: list[str]
) -> None:
    """That a repository has no default branch is no fault: the service works from main then."""
    repos = [{"id": WEB, "full_name": "acme/web", "default_branch": None}] if listed else []
    story.world.emulator.inject("repos", status=200, body={"ok": True, "data": {"repos": repos}})
    result = story.play(Work({"src/a.ts": "a"}), repo=WEB, base_branch=base, **PROTECTS)
    assert [problem.input for problem in result.ending.problems] == faults
    assert (result.ending.exit_code, len(story.runs)) == ((2, 0) if faults else (0, 1))


def test_a_failed_check_inside_a_network_is_named_with_its_address(story: Story) -> None:
    """Only https becomes a link."""
    red = check("test", "failure", html_url="http://ci.internal/7")
    result = story.play(Work({"src/a.ts": "a"}, checks=Look([red])), checks="test")
    assert outcome(result) == ("rejected", "CHECKS_FAILED")
    (item,) = [item for gate in result.details.gates for item in gate.items]
    assert (item.page, item.words) == (None, Untrusted("test http://ci.internal/7"))
