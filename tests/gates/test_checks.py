"""``require: checks`` as whole steps: attacks on it, and repositories as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mogplex_ci.run.result import Ending, RunResult
from mogplex_ci.run.updates import GateJudged
from tests.gates.story import PASSED, Story, branch_of, items, outcome
from tests.github import GitHub, Look, Work, check, status, suite
from tests.github.repository import Files
from tests.said import said

FAILED, MISSING = ("rejected", "CHECKS_FAILED"), ("rejected", "CHECKS_MISSING")
FILES = {"src/a.ts": "a"}
GREEN = Look([check("test", "success")])
RED = Look([check("test", "failure")])
OTHER_APP = {"slug": "scanner", "name": "Scanner"}
REQUIRES = {"type": "required_status_checks"}


def tip_of(github: GitHub) -> str:
    """The newest commit of a run."""
    return github.branches[branch_of(github)]


def requires(*names: str, **app: int) -> dict[str, Any]:
    """A rule that requires checks."""
    contexts = [{"context": name, **app} for name in names]
    return REQUIRES | {"parameters": {"required_status_checks": contexts}}


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


def refused(story: Story, **inputs: Any) -> Ending:
    """Play a step that must not start a run; return why it did not."""
    result = story.play(Work(FILES, checks=GREEN), **({"require": "checks"} | inputs))
    assert (story.runs, result.ending.exit_code) == ([], 2)
    return result.ending


# Attacks


@pytest.mark.parametrize(
    ("change", "runs", "expected"),
    [
        ({".github/workflows/test.yml": None}, [], MISSING),
        ({"src/a.ts": "b"}, [check("test", "skipped")], FAILED),
    ],
    ids=["deletes the workflow", "skips the job"],
)
def test_a_second_round_is_not_passed_that_does_away_with_the_check_that_failed(
    story: Story, change: Files, runs: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    lint = check("lint", "success")
    works = (
        Work(FILES, checks=Look([check("test", "failure"), lint])),
        Work(change, checks=Look([*runs, lint])),
    )
    result = story.play(*works, checks="lint", repair="1")
    assert (outcome(result), items(result)) == (expected, ["test"])


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


def test_what_the_base_required_before_the_start_must_exist(story: Story) -> None:
    """Although the rule is gone by the time that the checks are judged."""
    github = story.github
    github.rules["main"] = [requires("e2e")]
    work = Work(FILES, checks=GREEN, before=lambda: github.rules.clear())
    result = by_base(story, work)
    assert (outcome(result), items(result)) == (MISSING, ["e2e"])


@pytest.mark.parametrize("inputs", [{"require": "checks", "checks": ""}, {"checks": "test\nlint"}])
def test_a_draft_whose_required_checks_are_all_skipped_is_not_passed(
    story: Story, inputs: dict[str, Any]
) -> None:
    """The run marks it ready afterwards; a check that nobody requires has succeeded."""
    story.github.rules["main"] = [requires("test", "lint")]
    skipped = [check("test", "skipped"), check("lint", "skipped"), check("label", "success")]
    result = checked(story, Work(FILES, checks=Look(skipped)), **inputs)
    assert (outcome(result), items(result)) == (FAILED, ["lint", "test"])


def test_a_workflow_file_that_github_cannot_read_is_not_passed(story: Story) -> None:
    """``startup_failure``: a suite without a job."""
    look = Look(
        [check("test", "success")], [suite(1, "success", runs=1), suite(2, "startup_failure")]
    )
    result = checked(story, Work(FILES, checks=look))
    assert (outcome(result), items(result)) == (FAILED, ["github-actions: startup_failure"])


def test_two_workflows_have_a_job_of_one_name(story: Story) -> None:
    older = check("test", "failure", id=1, check_suite={"id": 1})
    newer = check("test", "success", id=2, check_suite={"id": 2})
    result = checked(story, Work(FILES, checks=Look([older, newer])))
    assert (outcome(result), items(result)) == (FAILED, ["test"])


def test_a_job_behind_one_that_is_left_out_is_waited_for(story: Story) -> None:
    """It is listed when that has ended, and its suite is at work until then."""
    github = story.github

    def begins(sha: str) -> None:
        runs = [check("test", "success", check_suite={"id": 2}), check("lint", "success")]
        github.checks[sha] = Look(runs, [suite(1, None, runs=1), suite(2, "success", runs=1)])
        later = Look([*runs, check("e2e", "failure")])
        github.later(25.0, lambda: github.checks.update({sha: later}))

    result = checked(story, then(github, begins), checks="test\n!lint")
    assert (outcome(result), items(result)) == (FAILED, ["e2e"])


def test_a_job_that_is_left_out_and_waits_for_a_person_holds_nothing_up(story: Story) -> None:
    runs = [check("test", "success"), check("deploy", None)]
    look = Look(runs, [suite(1, None, runs=2)])
    result = checked(story, Work(FILES, checks=look), checks="test\n!deploy")
    assert outcome(result) == PASSED


# Nothing is named


def test_without_a_named_check_nothing_is_started(story: Story) -> None:
    github = story.github
    runs = [check(name, "success") for name in ("test", "[docs]", "build (20)", "test")]
    github.checks[github.branches["main"]] = Look(runs, None, [status("ci/old", "success")])
    (problem,) = refused(story).problems
    assert problem.input == "checks"
    assert problem.fault == "names no check, and the base branch requires none"
    assert [name.text for name in problem.near] == ["[docs]", "build (20)", "ci/old", "test"]
    assert "checks: build (20)" in problem.remedy


@pytest.mark.parametrize("has_rules", [True, False])
def test_a_rule_without_names_and_ignored_checks_name_none(story: Story, has_rules: bool) -> None:
    """A private repository on the free plan has no rules."""
    story.github.rules["main"] = [{"type": "workflows", "parameters": {"workflows": []}}]
    story.github.has_rules = has_rules
    (problem,) = refused(story, checks="!preview").problems
    assert problem.fault == "names no check, and the base branch requires none"


def test_rules_that_github_refuses_stop_the_start_unless_a_check_is_named(story: Story) -> None:
    story.github.lacks("metadata: read")
    (problem,) = refused(story).problems
    assert problem.fault.startswith("names no check, and GitHub does not report which the base")
    assert outcome(checked(story)) == PASSED
    (warning,) = said(story.said)
    assert warning.startswith("Checks: Could not find out which checks the base branch requires")


@pytest.mark.parametrize(
    ("lacks", "expected"), [("", MISSING), ("metadata: read", ("rejected", "NOT_JUDGED"))]
)
def test_a_run_that_was_started_elsewhere_is_not_passed_without_a_named_check(
    story: Story, lacks: str, expected: tuple[str, str]
) -> None:
    """Nothing could be noted before its start."""
    assert outcome(checked(story)) == PASSED
    story.github.lacks(lacks)
    result = story.play(run_id=story.runs[0].id, prompt="", require="checks")
    assert outcome(result) == expected


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
    assert seconds_of(story, lambda sha: story.github.checks.update({sha: GREEN}), **inputs) <= 30.0


def test_a_job_that_needs_others_is_listed_with_nothing_open_before(story: Story) -> None:
    github = story.github

    def begins(sha: str) -> None:
        github.checks[sha] = GREEN
        both = Look([check("test", "success"), check("all", "success")])
        github.later(280.0, lambda: github.checks.update({sha: both}))

    assert seconds_of(story, begins, checks="all") >= 280.0


@pytest.mark.parametrize(("seconds", "named"), [(600.0, ["test"]), (105.0, [])])
def test_what_has_not_finished_in_time_is_named(
    story: Story, seconds: float, named: list[str]
) -> None:
    """Checks that end right before the timeout are read once, which proves nothing."""
    github = story.github

    def begins(sha: str) -> None:
        github.checks[sha] = Look([check("test", None), check("lint", "success")])
        github.later(seconds, lambda: github.checks.update({sha: GREEN}))

    result = checked(story, then(github, begins), timeout="2m")
    assert (outcome(result), items(result)) == (("timeout", "TIMEOUT"), named)
    assert named or "too close to the timeout to be read twice" in result.ending.cause


def test_a_flaky_check_runs_again_before_the_job_is_run_again(story: Story) -> None:
    assert outcome(checked(story, Work(FILES, checks=RED))) == FAILED
    again = Look([check("test", "success", id=7)])
    story.github.checks[tip_of(story.github)] = again
    assert outcome(story.play(attempt=2, checks="test")) == PASSED


def test_two_apps_have_a_check_of_one_name(story: Story) -> None:
    other = check("test", "success", id=7, app=OTHER_APP, check_suite={"id": 2})
    look = Look([check("test", "success"), other])
    assert outcome(checked(story, Work(FILES, checks=look))) == PASSED
    failed = other | {"conclusion": "failure"}
    story.github.checks[tip_of(story.github)] = Look([check("test", "success"), failed])
    assert outcome(story.play(attempt=2, checks="test")) == FAILED


@pytest.mark.parametrize("conclusion", ["skipped", "neutral"])
def test_a_required_check_may_be_skipped_beside_one_that_succeeded(
    story: Story, conclusion: str
) -> None:
    """That of a workflow with a path filter is."""
    story.github.rules["main"] = [requires("docs", "test")]
    look = Look([check("docs", conclusion), check("test", "success")])
    assert outcome(by_base(story, Work(FILES, checks=look))) == PASSED


@pytest.mark.parametrize("conclusion", ["failure", None])
def test_a_check_that_is_left_out_is_not_judged(story: Story, conclusion: str | None) -> None:
    """A base that requires it is obeyed."""
    github = story.github
    github.push("fix", {"src/b.ts": "b"})
    look = Look([check("test", "success"), check("preview", conclusion)])
    inputs: dict[str, Any] = {"checks": "test\n!pre*", "branch": "fix"}
    assert outcome(checked(story, Work(FILES, checks=look), **inputs)) == PASSED
    github.checks[github.branches["fix"]] = GREEN
    assert outcome(story.play(attempt=2, **inputs)) == PASSED
    github.rules["main"] = [requires("preview")]
    assert outcome(story.play(attempt=3, **inputs)) == MISSING


@pytest.mark.parametrize("newer", ["success", None])
def test_a_cancelled_check_counts_unless_a_newer_one_has_its_name_and_app(
    story: Story, newer: str | None
) -> None:
    """``cancel-in-progress``: nothing but the checks is read."""
    runs = [check("test", "cancelled", id=1, check_suite={"id": 1})]
    suites = [suite(1, "cancelled", runs=1), suite(2, "cancelled")]
    if newer is not None:
        runs.append(check("test", newer, id=2, check_suite={"id": 3}))
        suites.append(suite(3, newer, runs=1))
    result = checked(story, Work(FILES, checks=Look(runs, suites)))
    assert outcome(result) == (FAILED if newer is None else PASSED)


def test_a_cancelled_check_is_not_judged_before_the_newer_one_is_listed(story: Story) -> None:
    github = story.github

    def begins(sha: str) -> None:
        runs = [check("test", "cancelled", id=1, check_suite={"id": 1})]
        suites = [suite(1, "cancelled", runs=1), suite(2, None)]
        github.checks[sha] = Look(runs, suites)
        newer = [*runs, check("test", "success", id=2, check_suite={"id": 2})]
        suites = [suites[0], suite(2, "success", runs=1)]
        github.later(45.0, lambda: github.checks.update({sha: Look(newer, suites)}))

    assert outcome(checked(story, then(github, begins))) == PASSED


@pytest.mark.parametrize("by", ["mogplex", "scanner"])
def test_a_name_counts_whoever_made_its_check(story: Story, by: str) -> None:
    """Who can push branches can make checks, as the page says."""
    story.github.rules["main"] = [requires("test", integration_id=999)]
    made = check("test", "success", app={"slug": by, "name": by})
    assert outcome(by_base(story, Work(FILES, checks=Look([made])))) == PASSED


def test_a_required_status_counts_as_well_as_a_check_run(story: Story) -> None:
    story.github.rules["main"] = [requires("ci/old")]
    look = Look([check("test", "success")], None, [status("ci/old", "success")])
    assert outcome(by_base(story, Work(FILES, checks=look))) == PASSED


# Also red before


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


@pytest.mark.parametrize(
    "base",
    [
        GREEN,
        Look(),
        Look([check("test", "cancelled")]),
        Look([check("lint", "failure")]),
        Look([check("test", "failure", app=OTHER_APP)]),
        Look([check("test", None)]),
        Look([check("test", "failure", id=1), check("test", "success", id=7)]),
        Look(statuses=[status("test", "failure")]),
    ],
)
def test_a_check_that_was_not_red_on_the_base_is_not(story: Story, base: Look) -> None:
    assert reported(story, base) == ["test"]


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
    tip = story.github.branches["main"]
    story.github.fail(status=404, path=f"{tip}/status", times=100)
    assert reported(story, RED) == ["test"]


# Other gates


def test_a_gate_that_has_failed_ends_the_waiting_for_checks(story: Story) -> None:
    """With ``repair`` the agent hears of all faults at once."""
    github = story.github

    def begins(sha: str) -> None:
        github.checks[sha] = Look([check("test", None)])
        github.later(600.0, lambda: github.checks.update({sha: RED}))

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
