"""``require: checks`` as whole steps: attacks on it, and repositories as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mogplex_ci.problems import Problem
from mogplex_ci.run.delivery import JudgedCheck
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.updates import GateJudged, GateWarns
from mogplex_ci.untrusted import Untrusted
from tests.gates.story import PASSED, Story, outcome
from tests.github import AGENT, GitHub, Look, Work, check, status, suite, workflow_run

FAILED, MISSING = ("rejected", "CHECKS_FAILED"), ("rejected", "CHECKS_MISSING")
FILES = {"src/a.ts": "a"}
GREEN = Look([check("test", "success")])
RED = Look([check("test", "failure")])
OTHER_APP = {"slug": "scanner", "name": "Scanner"}
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
    return next(gate.found for gate in result.details.gates if gate.name == "checks")


def items(result: RunResult) -> list[str]:
    gate = next(gate for gate in result.details.gates if gate.name == "checks")
    return [item.text for item in gate.items]


def checked(story: Story, work: Work | None = None, **inputs: Any) -> RunResult:
    """Play a run whose checks are required: the one named ``test``, unless ``inputs`` say more."""
    given: dict[str, Any] = {"checks": "test"} | inputs
    return story.play(work or Work(FILES, checks=GREEN), **given)


def by_base(story: Story, work: Work | None = None, **inputs: Any) -> RunResult:
    """Play a run with the checks that its base requires."""
    return checked(story, work, require="checks", checks="", **inputs)


def then(github: GitHub, action: Callable[[str], object], seconds: float = 0.0) -> Work:
    """Work after which something happens to its commit."""
    return Work(FILES, after=lambda: github.later(seconds, lambda: action(tip_of(github))))


def refused(story: Story, **inputs: Any) -> Sequence[Problem]:
    """Play a step that must not start a run; return why it did not."""
    ending = story.play(Work(FILES, checks=GREEN), **({"require": "checks"} | inputs)).ending
    assert (ending.result, ending.exit_code, story.runs) == (Result.ERROR, 2, [])
    return ending.problems


# Attacks


def test_a_second_round_that_deletes_the_workflow_that_failed_is_not_passed(story: Story) -> None:
    lint = check("lint", "success")
    works = (
        Work(FILES, checks=Look([check("test", "failure"), lint])),
        Work({".github/workflows/test.yml": None}, checks=Look([lint])),
    )
    result = story.play(*works, checks="lint", repair="1")
    assert (outcome(result), items(result)) == (MISSING, ["test"])


def test_a_rerun_misses_the_check_that_failed_in_a_round_of_the_attempt_before(
    story: Story,
) -> None:
    lint = check("lint", "success")
    works = (
        Work(FILES, checks=Look([check("test", "failure"), lint])),
        Work({".github/workflows/test.yml": None}, checks=Look([lint])),
    )
    story.play(*works, checks="lint", repair="1")
    again = story.play(attempt=2, checks="lint")
    assert again.details.joined
    assert (outcome(again), items(again)) == (MISSING, ["test"])


@pytest.mark.parametrize("conclusion", ["failure", "cancelled"])
def test_a_check_that_failed_on_an_earlier_push_of_the_run_must_exist(
    story: Story, conclusion: str
) -> None:
    """One that was cancelled says nothing: a newer push does that."""
    github = story.github

    def pushes_twice() -> None:
        branch = story.runs[0].request.working_branch
        first = github.push(branch, {"src/b.ts": "b"}, by=AGENT)
        github.checks[first] = Look([check("e2e", conclusion)])

    result = checked(story, Work(FILES, checks=GREEN, before=pushes_twice))
    assert outcome(result) == (MISSING if conclusion == "failure" else PASSED)


def test_a_check_that_failed_on_an_older_commit_of_the_base_is_not_missed(story: Story) -> None:
    """The branch is made there."""
    github = story.github
    older = github.branches["main"]
    github.checks[older] = Look([check("deploy", "failure")])
    github.push("main", {"src/new.ts": "new"})

    def makes_branch() -> None:
        github.push(story.runs[0].request.working_branch, commit=older, by=AGENT)

    assert outcome(checked(story, Work(FILES, checks=GREEN, before=makes_branch))) == PASSED


def test_a_second_round_that_skips_the_job_that_failed_is_not_passed(story: Story) -> None:
    lint = check("lint", "success")
    works = (
        Work(FILES, checks=Look([check("test", "failure"), lint])),
        Work({"src/a.ts": "b"}, checks=Look([check("test", "skipped"), lint])),
    )
    result = story.play(*works, checks="lint", repair="1")
    assert (outcome(result), items(result)) == (FAILED, ["test"])


@pytest.mark.parametrize("conclusion", ["skipped", "neutral"])
def test_a_named_check_that_did_nothing_is_not_passed_by_another_app(
    story: Story, conclusion: str
) -> None:
    other = check("label", "success", app=OTHER_APP, check_suite={"id": 2})
    result = checked(story, Work(FILES, checks=Look([check("test", conclusion), other])))
    assert (outcome(result), items(result)) == (FAILED, ["test"])
    assert found(result) == "a required check was skipped or neutral"


def test_a_preview_does_not_pass_before_the_tests_are_listed(story: Story) -> None:
    github = story.github

    def begins(sha: str) -> None:
        github.checks[sha] = Look(suites=[], statuses=[status("preview", "success", by="vercel")])
        github.later(20.0, lambda: github.start_check(sha, "test"))
        github.later(50.0, lambda: github.finish_check(sha, "test", "failure"))

    result = checked(story, then(github, begins))
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_checks_that_have_passed_are_looked_at_again_ten_seconds_later(story: Story) -> None:
    """Another workflow begins after the first has ended."""
    github = story.github

    def begins(sha: str) -> None:
        github.finish_check(sha, "test")
        github.later(8.0, lambda: github.start_check(sha, "e2e", workflow="e2e"))
        github.later(30.0, lambda: github.finish_check(sha, "e2e", "failure", workflow="e2e"))

    result = checked(story, then(github, begins))
    assert (outcome(result), items(result)) == (FAILED, ["e2e"])


@pytest.mark.parametrize("words", ["Fix it [skip ci]", "Fix\n\n\nskip-checks: true"])
def test_a_commit_that_skips_ci_is_not_passed_by_another_apps_word(
    story: Story, words: str
) -> None:
    other = check("scan", "success", app=OTHER_APP)
    result = checked(story, Work(FILES, checks=Look([other]), message=words))
    assert (outcome(result), items(result)) == (MISSING, ["test"])
    assert "[skip ci]" in result.ending.remedy


def test_a_check_that_failed_on_the_branch_before_must_exist(story: Story) -> None:
    github = story.github
    before = github.push("fix", {"src/b.ts": "b"})
    github.checks[before] = RED
    work = Work(FILES, checks=Look([check("lint", "success")]))
    result = checked(story, work, checks="lint", branch="fix")
    assert (outcome(result), items(result)) == (MISSING, ["test"])


def test_in_a_later_round_every_named_check_is_waited_for(story: Story) -> None:
    """The check that failed is green at once, and another workflow begins after that."""
    github = story.github

    def begins(sha: str) -> None:
        github.finish_check(sha, "lint", workflow="lint")
        github.later(40.0, lambda: github.finish_check(sha, "test", "failure", workflow="test"))

    red = Look([check("lint", "failure"), check("test", "success")])
    again = Work({"src/a.ts": "b"}, checks=Look(suites=[]), after=lambda: begins(tip_of(github)))
    result = story.play(Work(FILES, checks=red), again, checks="test", repair="1")
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_the_word_of_the_app_that_pushed_is_not_enough(story: Story) -> None:
    slug = AGENT.removesuffix("[bot]")
    own = check("test", "success", app={"slug": slug, "name": "Mogplex"})
    result = checked(story, Work(FILES, checks=Look([own])))
    assert outcome(result) == FAILED
    assert "pass only with those of an app that pushed the commit" in found(result)
    failed = check("mogplex", "failure", app={"slug": slug, "name": "Mogplex"})
    story.github.checks[tip_of(story.github)] = Look([failed, check("test", "success")])
    assert outcome(story.play(attempt=2, checks="test")) == FAILED


@pytest.mark.parametrize(
    ("shown_after", "expected"),
    [(20.0, FAILED), (90.0, ("rejected", "NOT_JUDGED")), (None, ("rejected", "NOT_JUDGED"))],
    ids=["late", "too late", "never"],
)
def test_the_word_of_an_app_is_not_enough_while_github_does_not_show_who_pushed(
    story: Story, shown_after: float | None, expected: tuple[str, str]
) -> None:
    github = story.github
    slug = AGENT.removesuffix("[bot]")
    own = Look([check("test", "success", app={"slug": slug, "name": "Mogplex"})])

    def hides() -> None:
        hidden, github.activity = github.activity, None
        if shown_after is not None:
            github.later(shown_after, lambda: setattr(github, "activity", hidden))

    result = checked(story, Work(FILES, checks=own, opens_pull_request=False, after=hides))
    assert outcome(result) == expected


def test_a_status_of_the_app_that_pushed_is_not_enough(story: Story) -> None:
    """Nor where it writes over another's status of the same name; its failure counts."""
    github = story.github
    own = status("test", "success", by=AGENT)
    result = checked(story, Work(FILES, checks=Look(statuses=[own])))
    assert outcome(result) == FAILED
    assert "pass only with those of an app that pushed the commit" in found(result)
    over = [status("test", "failure"), status("test", "success", by=AGENT)]
    github.checks[tip_of(github)] = Look(statuses=over)
    assert outcome(story.play(attempt=2, checks="test")) == FAILED
    failed = status("ci/mogplex", "failure", by=AGENT)
    github.checks[tip_of(github)] = Look([check("test", "success")], None, [failed])
    result = story.play(attempt=3, checks="test")
    assert (outcome(result), items(result)) == (FAILED, ["ci/mogplex"])


@pytest.mark.parametrize("conclusion", ["success", "neutral", "skipped"])
def test_a_required_check_that_the_app_that_pushed_reports_is_not_enough(
    story: Story, conclusion: str
) -> None:
    """One that only the base requires may be skipped or neutral, but not by the pusher's word."""
    story.github.rules["main"] = [requires("test")]
    own = check("test", conclusion, app={"slug": AGENT.removesuffix("[bot]"), "name": "Mogplex"})
    result = by_base(story, Work(FILES, checks=Look([own, check("labeler", "success")])))
    assert (outcome(result), items(result)) == (FAILED, ["test"])
    assert "pass only with those of an app" in found(result)  # the labeler reports a success, too


OWN = check("test", "success", app={"slug": AGENT.removesuffix("[bot]"), "name": "Mogplex"})
LABELER = check("labeler", "success")


@pytest.mark.parametrize(
    "look",
    [
        Look([OWN, LABELER]),
        Look([check("test", "skipped"), LABELER], None, [status("test", "success", by=AGENT)]),
    ],
    ids=["check run", "status beside a skipped job"],
)
def test_a_required_check_by_the_app_that_pushed_is_not_enough_beside_others(
    story: Story, look: Look
) -> None:
    result = checked(story, Work(FILES, checks=look))
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_the_app_that_pushed_does_not_stand_in_for_the_check_that_failed(story: Story) -> None:
    """The second round deletes the workflow and reports its check by itself."""
    works = (
        Work(FILES, checks=Look([check("test", "failure"), LABELER])),
        Work({".github/workflows/test.yml": None}, checks=Look([OWN, LABELER])),
    )
    result = story.play(*works, checks="labeler", repair="1")
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_a_status_that_was_pushed_out_of_the_history_is_not_enough(story: Story) -> None:
    own = status("test", "success", by=AGENT)
    many = [status("ci/more", "success", by=AGENT, id=number) for number in range(3_100)]
    result = checked(story, Work(FILES, checks=Look(statuses=[own, *many])))
    assert outcome(result) == FAILED


def test_a_required_check_of_the_app_that_pushed_that_failed_counts(story: Story) -> None:
    slug = AGENT.removesuffix("[bot]")
    story.github.rules["main"] = [requires("mogplex", integration_id=77)]
    own = check("mogplex", "failure", app={"id": 77, "slug": slug, "name": "Mogplex"})
    result = by_base(story, Work(FILES, checks=Look([own, check("test", "success")])))
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
def test_a_required_check_that_does_not_exist_is_missing(story: Story, requires_it: str) -> None:
    github = story.github
    inputs: dict[str, Any] = {"require": "checks", "checks": ""}
    match requires_it:
        case "rule":
            github.rules["main"] = [requires("e2e")]
        case "second page of rules":
            github.rules["main"] = [{"type": "deletion"}] * 120 + [requires("e2e")]
        case "classic protection":
            contexts = {"contexts": ["e2e"], "checks": [{"context": "e2e", "app_id": None}]}
            github.protection["main"] = contexts
        case _:
            inputs = {"checks": "e2*\ntest"}
    result = checked(story, **inputs)
    assert outcome(result) == MISSING
    assert items(result) == ["e2*" if requires_it == "input" else "e2e"]
    gate = next(gate for gate in result.details.gates if gate.name == "checks")
    for word in ("path filter", "[skip ci]", "conflict", "renamed job", "if: always()"):
        assert word in gate.remedy
    assert gate.can_be_repaired


def test_only_the_app_that_a_rule_names_makes_its_check(story: Story) -> None:
    story.github.rules["main"] = [requires("test", integration_id=999)]
    assert outcome(by_base(story)) == MISSING
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
    assert outcome(by_base(story, Work(FILES, checks=look))) == expected


def test_what_the_base_required_before_the_start_must_exist(story: Story) -> None:
    """Although the rule is gone by the time that the checks are judged; the record has both."""
    github = story.github
    github.rules["main"] = [requires("e2e")]
    work = Work(FILES, checks=GREEN, before=lambda: github.rules.clear())
    result = by_base(story, work)
    assert (outcome(result), items(result)) == (MISSING, ["e2e"])
    assert result.details.delivery is not None
    assert result.details.delivery.required_checks == (Untrusted("e2e"),)
    assert result.details.delivery.checks == (JudgedCheck(Untrusted("test"), "success"),)


def test_a_run_that_changes_workflows_is_warned_of(story: Story) -> None:
    work = Work({".github/workflows/ci.yml": "on: push"}, checks=GREEN)
    assert outcome(checked(story, work)) == PASSED
    (warning,) = [update.words for update in story.said if isinstance(update, GateWarns)]
    assert "protected-paths" in warning


def test_a_warning_does_not_advise_the_input_that_has_rejected_the_run(story: Story) -> None:
    work = Work({".github/workflows/ci.yml": "on: push"}, checks=GREEN)
    checked(story, work, protected_paths=".github/", repair="1")
    warnings = {update.words for update in story.said if isinstance(update, GateWarns)}
    assert warnings == {"the run changed .github/workflows/, so it decides its own checks"}


# Nothing is named


def test_without_a_named_check_nothing_is_started(story: Story) -> None:
    github = story.github
    runs = [check(name, "success") for name in ("test", "[docs]", "build (20)", "test")]
    github.checks[github.branches["main"]] = Look(runs, None, [status("ci/old", "success")])
    (problem,) = refused(story)
    assert problem.input == "checks"
    assert problem.fault == "names no check, and the base branch requires none"
    assert [name.text for name in problem.near] == ["[docs]", "build (20)", "ci/old", "test"]
    assert "checks: build (20)" in problem.remedy


@pytest.mark.parametrize("has_rules", [True, False])
def test_a_rule_without_names_and_ignored_checks_name_none(story: Story, has_rules: bool) -> None:
    """A private repository on the free plan has no rules."""
    story.github.rules["main"] = [{"type": "workflows", "parameters": {"workflows": []}}]
    story.github.has_rules = has_rules
    (problem,) = refused(story, checks="!preview")
    assert problem.fault == "names no check, and the base branch requires none"


def test_a_named_check_needs_no_rules(story: Story) -> None:
    story.github.has_rules = False
    assert outcome(checked(story)) == PASSED
    assert not any(isinstance(update, GateWarns) for update in story.said)


@pytest.mark.parametrize("lacks_right", [True, False])
def test_rules_that_cannot_be_read_stop_the_start_unless_a_check_is_named(
    story: Story, lacks_right: bool
) -> None:
    if lacks_right:
        story.github.lacks("metadata: read")
    else:
        story.github.fail(status=502, path="/rules/", times=1_000)
    (problem,) = refused(story)
    assert problem.fault.startswith("names no check, and GitHub does not report which the base")
    assert outcome(checked(story)) == PASSED
    (warning,) = [update.words for update in story.said if isinstance(update, GateWarns)]
    assert warning.startswith("could not find out which checks the base branch requires")


# Repositories as they are


def seconds_of(story: Story, begins: Callable[[str], object], **inputs: Any) -> float:
    """Play a run whose checks pass; return how long they were waited for."""
    began: list[float] = []

    def begin(sha: str) -> None:
        began.append(story.world.time.monotonic())
        begins(sha)

    assert outcome(checked(story, then(story.github, begin), **inputs)) == PASSED
    return story.world.time.monotonic() - began[0]


@pytest.mark.parametrize("inputs", [{"checks": "test"}, {"require": "checks", "checks": ""}])
def test_everything_required_exists_at_once(story: Story, inputs: dict[str, Any]) -> None:
    """Nothing more is waited for."""
    story.github.rules["main"] = [requires("test")]
    assert seconds_of(story, lambda sha: story.github.finish_check(sha, "test"), **inputs) <= 30.0


def test_a_job_that_needs_all_others_is_listed_six_minutes_after_the_push(story: Story) -> None:
    github = story.github

    def begins(sha: str) -> None:
        github.start_check(sha, "test")
        github.later(360.0, lambda: github.finish_check(sha, "test"))
        github.later(360.0, lambda: github.start_check(sha, "all"))
        github.later(365.0, lambda: github.finish_check(sha, "all"))

    assert seconds_of(story, begins, checks="all") >= 365.0


def test_a_job_that_needs_others_is_listed_with_nothing_open_before(story: Story) -> None:
    github = story.github

    def begins(sha: str) -> None:
        github.finish_check(sha, "test")
        github.later(280.0, lambda: github.finish_check(sha, "all"))

    assert seconds_of(story, begins, checks="all") >= 280.0


def test_a_flaky_check_runs_again_before_it_is_looked_at(story: Story) -> None:
    github = story.github

    def runs_again(sha: str) -> None:
        look = github.checks[sha]
        look.earlier_runs = [check("test", "failure")]
        look.runs = [check("test", None, id=7)]
        look.suites = None

    def begins(sha: str) -> None:
        github.checks[sha] = Look([check("test", None)])
        github.later(25.0, lambda: runs_again(sha))
        github.later(
            60.0, lambda: github.checks.update({sha: Look([check("test", "success", id=7)])})
        )

    assert seconds_of(story, begins) >= 60.0


def test_a_flaky_check_runs_again_before_the_job_is_run_again(story: Story) -> None:
    assert outcome(checked(story, Work(FILES, checks=RED))) == FAILED
    again = Look([check("test", "success", id=7)], earlier_runs=[check("test", "failure")])
    story.github.checks[tip_of(story.github)] = again
    assert outcome(story.play(attempt=2, checks="test")) == PASSED


def test_two_apps_have_a_check_of_one_name(story: Story) -> None:
    other = check("test", "success", id=7, app=OTHER_APP, check_suite={"id": 2})
    look = Look([check("test", "success"), other])
    assert outcome(checked(story, Work(FILES, checks=look))) == PASSED
    failed = other | {"conclusion": "failure"}
    story.github.checks[tip_of(story.github)] = Look([check("test", "success"), failed])
    assert outcome(story.play(attempt=2, checks="test")) == FAILED


def test_a_required_check_of_a_workflow_with_a_path_filter_may_be_skipped(story: Story) -> None:
    story.github.rules["main"] = [requires("docs", "test")]
    look = Look([check("docs", "skipped"), check("test", "success")])
    assert outcome(by_base(story, Work(FILES, checks=look))) == PASSED


def test_required_checks_that_were_all_skipped_prove_nothing(story: Story) -> None:
    story.github.rules["main"] = [requires("docs")]
    result = by_base(story, Work(FILES, checks=Look([check("docs", "skipped")])))
    assert outcome(result) == FAILED
    assert "no check succeeded" in found(result)


def test_the_names_of_a_matrix_have_brackets(story: Story) -> None:
    look = Look([check("build [linux]", "success"), check("build [mac]", "success")])
    work = Work(FILES, checks=look)
    assert outcome(checked(story, work, checks="build [linux]\nbuild [?ac]")) == PASSED


@pytest.mark.parametrize("conclusion", ["failure", None])
def test_a_check_that_is_left_out_is_not_judged(story: Story, conclusion: str | None) -> None:
    """Also if it had failed on the branch before; a base that requires it is obeyed."""
    github = story.github
    before = github.push("fix", {"src/b.ts": "b"})
    github.checks[before] = Look([check("preview", "failure")])
    look = Look([check("test", "success"), check("preview", conclusion)])
    inputs: dict[str, Any] = {"checks": "test\n!pre*", "branch": "fix"}
    assert outcome(checked(story, Work(FILES, checks=look), **inputs)) == PASSED
    github.checks[github.branches["fix"]] = GREEN
    assert outcome(story.play(attempt=2, **inputs)) == PASSED
    github.rules["main"] = [requires("preview")]
    assert outcome(story.play(attempt=3, **inputs)) == MISSING


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
    assert may_read_actions or "actions: read" in result.ending.remedy


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


def test_a_required_status_counts_as_well_as_a_check_run(story: Story) -> None:
    story.github.rules["main"] = [requires("ci/old")]
    look = Look([check("test", "success")], None, [status("ci/old", "success")])
    assert outcome(by_base(story, Work(FILES, checks=look))) == PASSED


@pytest.mark.parametrize("by", ["jenkins", "vercel[bot]", "github-actions[bot]"])
def test_a_status_of_another_account_is_enough(story: Story, by: str) -> None:
    """Also beside one of the app that pushed the branch."""
    statuses = [status("test", "success", by=by), status("ci/mogplex", "success", by=AGENT)]
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
    assert outcome(by_base(story, Work(FILES, checks=Look([own])))) == PASSED


# Also red before


SOON, LATE = "2026-01-02T00:00:00Z", "2036-01-01T00:00:00Z"


def reported(story: Story, base: Look, look: Look = RED, **inputs: Any) -> list[str]:
    """Play a run whose check fails, and whose base has these checks; return the failed ones as
    they are reported.
    """
    github = story.github
    github.checks[github.branches["main"]] = base
    result = checked(story, Work(FILES, checks=look), **inputs)
    assert outcome(result) == FAILED
    return items(result)


def also_red(story: Story) -> list[str]:
    return [f"test (also red on main at {story.github.branches['main'][:7]})"]


@pytest.mark.parametrize("conclusion", ["failure", "timed_out"])
def test_a_check_that_was_red_on_the_base_is_reported_as_such(
    story: Story, conclusion: str
) -> None:
    assert reported(story, Look([check("test", conclusion)])) == also_red(story)
    listed = [asked for asked in story.github.asked if asked.query.get("filter") == "all"]
    assert len(listed) == 1


@pytest.mark.parametrize(
    "base",
    [
        GREEN,
        Look(),
        Look([check("test", "cancelled")]),
        Look([check("lint", "failure")]),
        Look([check("test", "failure", app=OTHER_APP)]),
        Look([check("test", None)]),
        Look([check("test", "failure", completed_at=LATE)]),
        Look([check("test", "success", id=7, completed_at=SOON)], earlier_runs=RED.runs),
        Look(statuses=[status("test", "failure")]),
    ],
)
def test_a_check_that_was_not_red_on_the_base_is_not(story: Story, base: Look) -> None:
    assert reported(story, base) == ["test"]


def test_the_newest_check_of_the_base_before_the_start_counts(story: Story) -> None:
    """Not the one that somebody runs again while the run is working."""
    again = check("test", "success", id=7, completed_at=LATE)
    assert reported(story, Look([again], earlier_runs=RED.runs)) == also_red(story)


def test_a_status_that_was_red_on_the_base_is_reported_as_such(story: Story) -> None:
    pending = status("test", "pending", created_at=SOON, id=8)
    red = Look(statuses=[status("test", "failure"), pending])
    assert reported(story, red, Look(statuses=[status("test", "failure")])) == also_red(story)


def test_a_check_that_was_red_on_the_branch_is_not_the_bases_fault(story: Story) -> None:
    github = story.github
    before = github.push("fix", {"src/b.ts": "b"})
    github.checks[before] = RED
    assert reported(story, RED, branch="fix") == ["test"]


def test_a_red_base_stops_no_repair(story: Story) -> None:
    """The next round is told; the check must pass as any other."""
    github = story.github
    github.checks[github.branches["main"]] = RED
    works = Work(FILES, checks=RED), Work({"src/a.ts": "b"}, checks=GREEN)
    assert outcome(story.play(*works, checks="test", repair="1")) == PASSED
    report = str(story.runs[1].request.prompt)
    assert (
        f"- {also_red(story)[0]}\nFix a check that is also red on the base only if the task asks"
        in report
    )


def test_a_base_whose_checks_cannot_be_read_is_left_alone(story: Story) -> None:
    story.github.checks[story.github.branches["main"]] = RED
    story.github.fail(status=404, path="/statuses", times=100)
    assert reported(story, RED) == ["test"]


# Other gates


def test_a_gate_that_has_failed_ends_the_waiting_for_checks(story: Story) -> None:
    """With ``repair`` the agent hears of all faults at once."""
    github = story.github

    def begins(sha: str) -> None:
        github.start_check(sha, "test")
        github.later(600.0, lambda: github.finish_check(sha, "test", "failure"))

    def work() -> Work:
        return Work({".github/ci.yml": "on: pull_request"}, after=lambda: begins(tip_of(github)))

    inputs: dict[str, Any] = {"checks": "test", "protected_paths": ".github/"}
    began = story.world.time.monotonic()
    result = story.play(work(), **inputs)
    assert outcome(result) == ("rejected", "PATH_NOT_ALLOWED")
    assert story.world.time.monotonic() - began < 60.0
    assert [gate.name for gate in result.details.gates] == ["protected-paths"]
    judged = [update.gate.name for update in story.said if isinstance(update, GateJudged)]
    assert judged == ["protected-paths"]
