"""``require: checks`` as whole steps: attacks on it, and repositories as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mogplex_ci.run.delivery import JudgedCheck
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.updates import GateWarns
from mogplex_ci.untrusted import Untrusted
from tests.gates.story import PASSED, Story, outcome
from tests.github import AGENT, GitHub, Look, Work, check, status, suite, workflow_run

FAILED, MISSING = ("rejected", "CHECKS_FAILED"), ("rejected", "CHECKS_MISSING")
FILES = {"src/a.ts": "a"}
GREEN = Look([check("test", "success")])
REQUIRES = {"type": "required_status_checks"}


def tip_of(github: GitHub) -> str:
    """The newest commit of a run."""
    name = next(name for name in reversed(github.branches) if name.startswith("mogplex/"))
    return github.branches[name]


def requires(*names: str, **app: int) -> dict[str, Any]:
    """A rule that requires checks."""
    contexts = [{"context": name, **app} for name in names]
    return REQUIRES | {"parameters": {"required_status_checks": contexts}}


def found(result: RunResult) -> str:
    return next(gate.found for gate in result.gates if gate.name == "checks")


def items(result: RunResult) -> list[str]:
    gate = next(gate for gate in result.gates if gate.name == "checks")
    return [item.text for item in gate.items]


def checked(story: Story, work: Work | None = None, **inputs: Any) -> RunResult:
    """Play a run whose checks are required."""
    given: dict[str, Any] = {"require": "checks"} | inputs
    return story.play(work or Work(FILES, checks=GREEN), **given)


def then(github: GitHub, action: Callable[[str], object], seconds: float = 0.0) -> Work:
    """Work after which something happens to its commit."""
    return Work(FILES, after=lambda: github.later(seconds, lambda: action(tip_of(github))))


# Attacks


@pytest.mark.parametrize("words", ["Fix it [skip ci]", "x [No CI] y", "Fix\n\n\nskip-checks: true"])
def test_a_commit_that_skips_ci_is_not_passed_by_another_apps_word(
    story: Story, words: str
) -> None:
    other = check("scan", "success", app={"slug": "scanner", "name": "Scanner"})
    result = checked(story, Work(FILES, checks=Look([other]), message=words))
    assert outcome(result) == FAILED
    assert found(result) == "the message of its commit tells GitHub Actions not to run"


def test_a_second_round_that_skips_ci_is_not_passed(story: Story) -> None:
    red = Look([check("test", "failure")])
    other = Look([check("scan", "success", app={"slug": "scanner", "name": "Scanner"})])
    works = Work(FILES, checks=red), Work({"src/a.ts": "b"}, checks=other, message="[skip ci]")
    result = story.play(*works, require="checks", repair="1")
    assert outcome(result)[0] == "rejected"


def test_a_check_that_failed_must_be_there_in_the_next_round(story: Story) -> None:
    """The second round has taken the job out of the workflow."""
    red = Look([check("test", "failure"), check("lint", "success")])
    works = (
        Work(FILES, checks=red),
        Work({"src/a.ts": "b"}, checks=Look([check("lint", "success")])),
    )
    result = story.play(*works, require="checks", repair="1")
    assert (outcome(result), items(result)) == (MISSING, ["test"])


def test_a_check_that_failed_on_the_branch_before_must_be_there(story: Story) -> None:
    github = story.github
    before = github.push("fix", {"src/b.ts": "b"})
    github.checks[before] = Look([check("test", "failure")])
    result = checked(story, Work(FILES, checks=Look([check("lint", "success")])), branch="fix")
    assert (outcome(result), items(result)) == (MISSING, ["test"])


def test_a_suite_that_comes_late_is_waited_for(story: Story) -> None:
    """All that is listed is green for half a minute, then another workflow begins and fails."""
    github = story.github

    def begins(sha: str) -> None:
        github.finish_check(sha, "lint", workflow="lint")
        github.later(40.0, lambda: github.start_check(sha, "test", workflow="test"))
        github.later(70.0, lambda: github.finish_check(sha, "test", "failure", workflow="test"))

    result = checked(story, then(github, begins))
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_in_a_later_round_what_had_failed_is_not_all_that_there_will_be(story: Story) -> None:
    """The check that failed is green at once, and another workflow begins after that."""
    github = story.github

    def begins(sha: str) -> None:
        github.finish_check(sha, "lint", workflow="lint")
        github.later(40.0, lambda: github.finish_check(sha, "test", "failure", workflow="test"))

    red = Look([check("lint", "failure"), check("test", "success")])
    again = Work({"src/a.ts": "b"}, checks=Look(suites=[]), after=lambda: begins(tip_of(github)))
    result = story.play(Work(FILES, checks=red), again, require="checks", repair="1")
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_the_word_of_the_app_that_pushed_is_not_enough(story: Story) -> None:
    slug = AGENT.removesuffix("[bot]")
    own = check("mogplex", "success", app={"slug": slug, "name": "Mogplex"})
    result = checked(story, Work(FILES, checks=Look([own])))
    assert outcome(result) == FAILED
    assert "by the word of the app that pushed it alone" in found(result)
    failed = own | {"conclusion": "failure"}
    story.github.checks[tip_of(story.github)] = Look([failed, check("test", "success")])
    assert outcome(story.play(attempt=2, require="checks")) == FAILED


def test_a_status_of_the_app_that_pushed_is_not_enough(story: Story) -> None:
    """Nor where it writes over another's status of the same name; its failure counts."""
    github = story.github
    own = status("ci/mogplex", "success", by=AGENT)
    result = checked(story, Work(FILES, checks=Look(statuses=[own])))
    assert outcome(result) == FAILED
    assert "by the word of the app that pushed it alone" in found(result)
    over = [status("ci/old", "failure"), status("ci/old", "success", by=AGENT)]
    github.checks[tip_of(github)] = Look(statuses=over)
    assert outcome(story.play(attempt=2, require="checks")) == FAILED
    failed = status("ci/mogplex", "failure", by=AGENT)
    github.checks[tip_of(github)] = Look([check("test", "success")], None, [failed])
    result = story.play(attempt=3, require="checks")
    assert (outcome(result), items(result)) == (FAILED, ["ci/mogplex"])


def test_a_status_that_was_pushed_out_of_the_history_is_not_enough(story: Story) -> None:
    own = status("ci/mogplex", "success", by=AGENT)
    many = [status("ci/more", "success", by=AGENT, id=number) for number in range(3_100)]
    result = checked(story, Work(FILES, checks=Look(statuses=[own, *many])))
    assert outcome(result) == FAILED


def test_a_required_check_of_the_app_that_pushed_that_failed_counts(story: Story) -> None:
    slug = AGENT.removesuffix("[bot]")
    story.github.rules["main"] = [requires("mogplex", integration_id=77)]
    own = check("mogplex", "failure", app={"id": 77, "slug": slug, "name": "Mogplex"})
    result = checked(story, Work(FILES, checks=Look([own, check("test", "success")])))
    assert (outcome(result), items(result)) == (FAILED, ["mogplex"])


def test_another_job_of_this_workflow_run_that_failed_counts(story: Story) -> None:
    page = "https://github.com/acme/web/actions/runs/77/job/{}"
    at_work = check("agent", None, html_url=page.format(1), check_suite={"id": 7})
    failed = check("lint", "failure", html_url=page.format(2), check_suite={"id": 7})
    good = check("test", "success")
    result = checked(story, Work(FILES, checks=Look([at_work, failed, good])), own_run="77")
    assert (outcome(result), items(result)) == (FAILED, ["lint"])


def test_an_address_of_the_makers_choice_does_not_hide_a_check(story: Story) -> None:
    chosen = "https://github.com/acme/web/actions/runs/77/job/1"
    hidden = check("test", "failure", details_url=chosen)
    result = checked(story, Work(FILES, checks=Look([hidden])), own_run="77")
    assert outcome(result) == FAILED


@pytest.mark.parametrize(
    "requires_it", ["rule", "second page of rules", "classic protection", "input"]
)
def test_a_check_that_must_be_there_and_is_not_is_missing(story: Story, requires_it: str) -> None:
    github = story.github
    inputs: dict[str, Any] = {}
    match requires_it:
        case "rule":
            github.rules["main"] = [requires("e2e")]
        case "second page of rules":
            github.rules["main"] = [{"type": "deletion"}] * 120 + [requires("e2e")]
        case "classic protection":
            contexts = {"contexts": ["e2e"], "checks": [{"context": "e2e", "app_id": None}]}
            github.protection["main"] = contexts
        case _:
            inputs = {"checks": "e2*\ntest", "require": ""}
    result = checked(story, **inputs)
    assert (outcome(result), items(result)) == (MISSING, ["e2*" if inputs else "e2e"])
    gate = next(gate for gate in result.gates if gate.name == "checks")
    assert "a path filter" in gate.remedy
    assert gate.can_be_repaired


def test_only_the_app_that_a_rule_names_makes_its_check(story: Story) -> None:
    story.github.rules["main"] = [requires("test", integration_id=999)]
    assert outcome(checked(story)) == MISSING
    story.github.rules["main"] = [requires("test", integration_id=15368)]
    assert outcome(story.play(attempt=2, require="checks")) == PASSED


AVATAR = "https://avatars.githubusercontent.com"


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (f"{AVATAR}/in/999?v=4", PASSED),
        (None, PASSED),
        ("https://github.example.com/avatars/in/999", PASSED),
        (f"{AVATAR}/in/77?v=4", MISSING),
        (f"{AVATAR}/u/999?v=4", MISSING),
    ],
    ids=["the app", "not told", "the app at a server", "another app", "a person"],
)
def test_a_status_of_the_app_that_a_rule_names_is_its_check(
    story: Story, picture: str | None, expected: tuple[str, str]
) -> None:
    """GitHub lists a status without its app, but with the picture of its maker."""
    story.github.rules["main"] = [requires("ci/circleci", integration_id=999)]
    made = status("ci/circleci", "success", by="circleci[bot]", avatar_url=picture)
    look = Look([check("test", "success")], None, [made])
    assert outcome(checked(story, Work(FILES, checks=look))) == expected


def test_what_the_base_required_before_the_start_must_be_there(story: Story) -> None:
    """Although the rule is gone by the time that the checks are judged; the record has both."""
    github = story.github
    github.rules["main"] = [requires("e2e")]
    work = Work(FILES, checks=GREEN, before=lambda: github.rules.clear())
    result = checked(story, work)
    assert (outcome(result), items(result)) == (MISSING, ["e2e"])
    assert result.delivery is not None
    assert result.delivery.required_checks == (Untrusted("e2e"),)
    assert result.delivery.checks == (JudgedCheck(Untrusted("test"), "success"),)


def test_a_run_that_changes_workflows_is_warned_of(story: Story) -> None:
    work = Work({".github/workflows/ci.yml": "on: push"}, checks=GREEN)
    assert outcome(checked(story, work)) == PASSED
    (warning,) = [update.words for update in story.said if isinstance(update, GateWarns)]
    assert "protected-paths" in warning


# Repositories as they are


def test_all_that_is_required_is_there_at_once(story: Story) -> None:
    """Nothing more is waited for."""
    github = story.github
    github.rules["main"] = [requires("test")]
    began: list[float] = []

    def begins(sha: str) -> None:
        began.append(story.world.time.monotonic())
        github.finish_check(sha, "test")

    assert outcome(checked(story, then(github, begins))) == PASSED
    assert story.world.time.monotonic() - began[0] <= 30.0


def test_without_required_checks_a_commit_has_a_minute_for_its_suites(story: Story) -> None:
    github = story.github
    began: list[float] = []

    def begins(sha: str) -> None:
        began.append(story.world.time.monotonic())
        github.finish_check(sha, "test")

    assert outcome(checked(story, then(github, begins))) == PASSED
    assert 55.0 <= story.world.time.monotonic() - began[0] <= 80.0


@pytest.mark.parametrize("may_read_actions", [True, False])
def test_a_run_that_a_newer_one_replaced_does_not_count(
    story: Story, may_read_actions: bool
) -> None:
    """``cancel-in-progress``; without the right to read workflow runs it counts, and the remedy
    names that.
    """
    old = check("test", "cancelled", id=1, check_suite={"id": 1})
    new = check("test", "success", id=2, check_suite={"id": 2})
    runs = [workflow_run(10, 1, conclusion="cancelled"), workflow_run(11, 2)]
    suites = [suite(1, "cancelled", runs=1), suite(2, "success", runs=1)]
    look = Look([old, new], suites, workflow_runs=runs)
    if not may_read_actions:
        story.github.lacks("actions: read")
    result = checked(story, Work(FILES, checks=look))
    assert outcome(result) == (PASSED if may_read_actions else FAILED)
    assert may_read_actions or "actions: read" in result.remedy


@pytest.mark.parametrize("differs", [{"event": "pull_request"}, {"workflow_id": 2}])
def test_a_cancelled_run_of_another_workflow_or_event_counts(
    story: Story, differs: dict[str, Any]
) -> None:
    old = check("test", "cancelled", id=1, check_suite={"id": 1})
    new = check("test", "success", id=2, check_suite={"id": 2})
    runs = [workflow_run(10, 1, conclusion="cancelled"), workflow_run(11, 2, **differs)]
    look = Look([old, new], workflow_runs=runs)
    assert outcome(checked(story, Work(FILES, checks=look))) == FAILED


def test_checks_that_only_the_base_has_are_not_missed(story: Story) -> None:
    github = story.github
    github.checks[github.branches["main"]] = Look([check("deploy", "failure")])
    assert outcome(checked(story)) == PASSED


@pytest.mark.parametrize("name", ["new", "renamed"])
def test_a_workflow_may_be_added_or_renamed(story: Story, name: str) -> None:
    files = {".github/workflows/new.yml": "on: push"}
    if name == "renamed":
        story.github.push("main", {".github/workflows/old.yml": "on: push"})
        files |= {".github/workflows/old.yml": None}  # type: ignore[dict-item]  # a file that goes
    work = Work(files, checks=Look([check("test", "success"), check("new", "success")]))
    assert outcome(checked(story, work)) == PASSED


def test_a_path_filter_that_leaves_out_a_workflow_is_no_fault(story: Story) -> None:
    skipped = check("docs", "skipped")
    work = Work(FILES, checks=Look([check("test", "success"), skipped]))
    assert outcome(checked(story, work)) == PASSED


def test_a_private_repository_on_the_free_plan_requires_nothing(story: Story) -> None:
    story.github.has_rules = False
    assert outcome(checked(story)) == PASSED
    assert not any(isinstance(update, GateWarns) for update in story.said)


def test_a_token_that_may_not_read_rules_is_said_once(story: Story) -> None:
    story.github.lacks("metadata: read")
    assert outcome(checked(story)) == PASSED
    (warning,) = [update.words for update in story.said if isinstance(update, GateWarns)]
    assert warning.startswith("which checks the base requires is not known")


def test_a_required_status_counts_as_well_as_a_check_run(story: Story) -> None:
    story.github.rules["main"] = [requires("ci/old")]
    look = Look([check("test", "success")], None, [status("ci/old", "success")])
    assert outcome(checked(story, Work(FILES, checks=look))) == PASSED


@pytest.mark.parametrize("by", ["jenkins", "vercel[bot]", "github-actions[bot]"])
def test_a_status_of_another_account_is_enough(story: Story, by: str) -> None:
    """Also beside one of the app that pushed the branch."""
    statuses = [status("ci/old", "success", by=by), status("ci/mogplex", "success", by=AGENT)]
    assert outcome(checked(story, Work(FILES, checks=Look(statuses=statuses)))) == PASSED


def test_who_made_a_status_is_asked_only_where_nothing_else_passed(story: Story) -> None:
    look = Look([check("test", "success")], None, [status("ci/old", "success")])
    assert outcome(checked(story, Work(FILES, checks=look))) == PASSED
    assert not any(asked.path.endswith("/statuses") for asked in story.github.asked)


def test_a_check_that_the_base_requires_of_the_app_that_pushed_is_enough(story: Story) -> None:
    """Those who keep the base trust that app."""
    slug = AGENT.removesuffix("[bot]")
    story.github.rules["main"] = [requires("mogplex", integration_id=77)]
    own = check("mogplex", "success", app={"id": 77, "slug": slug, "name": "Mogplex"})
    assert outcome(checked(story, Work(FILES, checks=Look([own])))) == PASSED


def test_a_conflict_is_said_to_be_why_there_are_no_checks(story: Story) -> None:
    github = story.github
    work = Work(FILES, after=lambda: github.pull_request(42).update({"mergeable": False}))
    result = checked(story, work)
    assert outcome(result) == FAILED
    assert "has a conflict" in found(result)
