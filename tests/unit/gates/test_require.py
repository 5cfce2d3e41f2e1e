"""What each gate says about a run: what it expected, what is there, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.gates import Judge, Requirements, judge_run
from mogplex_ci.gates.judges import Patterns
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.github_api import REPOSITORY, TOKEN, FakeGitHub
from tests.unit.report.events import PULL_REQUEST, SUCCESSFUL, delivery, result, run
from tests.virtual_time import VirtualClock, VirtualTime

WHY_NOT = "Give github-token, so that GitHub can be asked."
UNTOLD = SUCCESSFUL[:5]
"""Events without a delivery."""
CHANGE, PULL, CHECKS = Requirements(change=True), Requirements(pull_request=True), Requirements(checks=True)
ALLOWED, PROTECTED = Requirements(allowed=Patterns.parse(["src/"])), Requirements(protected=Patterns.parse([".ci/"]))
OWN_BRANCH = {"base": "main", "working": "mogplex/fix", "createBranch": True}


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        yield api


def ended(*events: dict[str, Any], incomplete: bool = False, **fields: Any) -> RunResult:
    success = result(Result.SUCCESS, *events, run=run("success", branch=OWN_BRANCH, **fields))
    success.timeline.is_incomplete = incomplete
    return success


def judged(
    api: FakeGitHub | None, success: RunResult, wanted: Requirements, clock: VirtualClock | None = None
) -> RunResult:
    github = GitHubApi(api.url, TOKEN, REPOSITORY) if api is not None else None
    clock = clock or VirtualTime().clock()
    work = judge_run(success, wanted, Judge(Client("http://127.0.0.1:9", ""), github, WHY_NOT, clock, Stop(), 600.0))
    try:
        while True:
            next(work)
    except StopIteration as end:
        judgement: RunResult = end.value
        return judgement
    finally:
        if github is not None:
            github.close()


def granted(judgement: RunResult) -> str:
    """What the log and the summary say of a gate that passed."""
    (gate,) = judgement.gates
    assert (judgement.result, judgement.exit_code, judgement.error_code) == (Result.SUCCESS, 0, "")
    assert (gate.passed, gate.remedy) == (True, "")
    return gate.found


def refused(judgement: RunResult) -> tuple[str, str]:
    """What the log and the summary say of a gate that did not pass, and what to do."""
    (gate,) = judgement.gates
    assert (judgement.result, judgement.exit_code, gate.passed) == (Result.REJECTED, 1, False)
    assert judgement.cause == f"the run succeeded, but {gate.found}"
    assert (judgement.remedy, judgement.error_code) == (gate.remedy, gate.error_code)
    assert gate.remedy
    return gate.found, gate.remedy


def test_a_change_is_what_the_delivery_says(api: FakeGitHub) -> None:
    changed = judged(api, ended(delivery(changed=True)), CHANGE)
    assert granted(changed) == "it changed the repository"
    assert changed.gates[0].expected == "a change"
    unchanged = judged(api, ended(delivery(changed=False)), CHANGE)
    found, remedy = refused(unchanged)
    assert (found, remedy.startswith("Read what the agent said")) == ("it changed nothing", True)
    assert unchanged.error_code == "NO_CHANGE"
    assert api.asked == []


def test_a_change_that_no_event_tells_is_looked_up(api: FakeGitHub) -> None:
    api.files = [{"filename": "src/a.ts"}]
    assert granted(judged(api, ended(*UNTOLD), CHANGE)) == "it changed the repository"
    api.ahead_by = 0
    assert refused(judged(api, ended(*UNTOLD), CHANGE))[0] == "it changed nothing"
    assert refused(judged(None, ended(*UNTOLD), CHANGE)) == ("nothing says whether it changed anything", WHY_NOT)


def test_a_pull_request_is_what_the_delivery_says_or_github_finds(api: FakeGitHub) -> None:
    told = judged(api, ended(*SUCCESSFUL), PULL)
    assert granted(told) == "it opened a pull request"
    assert told.gates[0].items == (Untrusted(PULL_REQUEST),)
    assert api.asked == []
    missing = judged(api, ended(delivery(changed=True)), PULL)
    app = "Check that the Mogplex GitHub App may open pull requests here."
    assert refused(missing) == ("it opened no pull request", app)
    assert missing.gates[0].expected == "a pull request"
    assert missing.error_code == "NO_PULL_REQUEST"
    untold = "nothing says whether it opened a pull request"
    assert refused(judged(api, ended(delivery(changed=True), incomplete=True), PULL)) == (untold, WHY_NOT)
    assert refused(judged(None, ended(*UNTOLD), PULL)) == (untold, WHY_NOT)


@pytest.mark.parametrize("wanted", [CHECKS, ALLOWED, PROTECTED], ids=["checks", "allowed", "protected"])
def test_what_only_github_knows_does_not_pass_without_a_token(wanted: Requirements) -> None:
    judgement = judged(None, ended(delivery(changed=True)), wanted)
    found, remedy = refused(judgement)
    assert (found.endswith("could not be read"), remedy) == (True, WHY_NOT)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        *((CHANGE, "NO_CHANGE"), (PULL, "NO_PULL_REQUEST"), (CHECKS, "CHECKS_FAILED")),
        *((ALLOWED, "PATH_NOT_ALLOWED"), (PROTECTED, "PATH_NOT_ALLOWED")),
    ],
    ids=["change", "pull", "checks", "allowed", "protected"],
)
def test_what_github_refuses_to_tell_does_not_pass(wanted: Requirements, code: str, api: FakeGitHub) -> None:
    api.fail(status=401, times=9)
    judgement = judged(api, ended(*UNTOLD), wanted)
    assert refused(judgement)[0] == "this could not be judged: GitHub does not accept github-token"
    assert judgement.error_code == code


@pytest.mark.parametrize("wanted", [ALLOWED, PROTECTED], ids=["allowed", "protected"])
def test_a_run_on_its_base_branch_cannot_be_compared(wanted: Requirements, api: FakeGitHub) -> None:
    onto_main = {"base": "main", "working": "main", "createBranch": False}
    for branch in (onto_main, onto_main | {"base": None}, onto_main | {"working": None}):
        judgement = judged(api, result(Result.SUCCESS, run=run("success", branch=branch)), wanted)
        assert refused(judgement)[0] == "no comparison shows what it changed"
        assert judgement.error_code == "PATH_NOT_ALLOWED"
    assert api.asked == []


@pytest.mark.parametrize("wanted", [ALLOWED, PROTECTED], ids=["allowed", "protected"])
def test_a_run_that_changed_nothing_touched_no_path(wanted: Requirements, api: FakeGitHub) -> None:
    assert granted(judged(api, ended(delivery(changed=False)), wanted)) == "it changed nothing"
    assert api.asked == []
    judged(api, ended(delivery(changed=False), incomplete=True), wanted)
    assert api.asked, "an earlier delivery may be among the events that are missing"


@pytest.mark.parametrize(
    ("wanted", "files", "found"),
    [
        (ALLOWED, ["src/a.ts"], "all paths that it changed are allowed"),
        (ALLOWED, ["src/a.ts", "b.ts"], "it changed a path outside the allowed ones"),
        (ALLOWED, ["a.ts", "b.ts"], "it changed 2 paths outside the allowed ones"),
        (PROTECTED, ["src/a.ts"], "all paths that it changed are allowed"),
        (PROTECTED, [".ci/run"], "it changed a protected path"),
        (PROTECTED, [".ci/run", ".ci/a", "b"], "it changed 2 protected paths"),
        (ALLOWED, [], "no comparison shows what it changed"),
    ],
)
def test_paths_are_named_that_must_not_change(
    wanted: Requirements, files: list[str], found: str, api: FakeGitHub
) -> None:
    api.files = [{"filename": name} for name in files]
    judgement = judged(api, ended(delivery(changed=True)), wanted)
    assert (granted(judgement) if found.endswith("are allowed") else refused(judgement)[0]) == found
    bad = [name for name in files if name.startswith(".ci/") or (wanted is ALLOWED and not name.startswith("src/"))]
    if judgement.result is Result.REJECTED and files:
        assert [item.text for item in judgement.gates[0].items] == bad
        assert judgement.detail == Untrusted(bad[0])


def test_more_files_than_github_lists_do_not_pass(api: FakeGitHub) -> None:
    api.files = [{"filename": f"src/{number}.ts"} for number in range(300)]
    judgement = judged(api, ended(delivery(changed=True)), ALLOWED)
    assert refused(judgement)[0] == "it changed more files than GitHub lists"


def test_of_many_bad_paths_twenty_are_listed(api: FakeGitHub) -> None:
    api.files = [{"filename": f"{number}.ts"} for number in range(30)]
    judgement = judged(api, ended(delivery(changed=True)), ALLOWED)
    assert (judgement.gates[0].found, len(judgement.gates[0].items)) == (
        "it changed 30 paths outside the allowed ones",
        20,
    )


@pytest.mark.parametrize(
    ("conclusions", "found"),
    [
        (["success", "success"], "all 2 checks passed"),
        (["success", "failure"], "a check on its pull request failed"),
        (["failure", "timed_out"], "2 checks on its pull request failed"),
        ([], "its pull request has no checks"),
        ([None], "its checks were not complete when the timeout passed"),
    ],
)
def test_checks(conclusions: list[str | None], found: str, api: FakeGitHub) -> None:
    api.add_pull_request(42)
    runs = [
        {"name": f"check-{number}", "status": "completed" if end else "in_progress", "conclusion": end}
        for number, end in enumerate(conclusions)
    ]
    api.check_runs = [runs]
    judgement = judged(api, ended(*SUCCESSFUL), CHECKS)
    assert (granted(judgement) if found.endswith("checks passed") else refused(judgement)[0]) == found
    named = [item.text for item in judgement.gates[0].items]
    assert named == [f"check-{number}" for number, end in enumerate(conclusions) if end != "success"]


def check(name: str, conclusion: str | None) -> dict[str, Any]:
    return {"name": name, "status": "completed" if conclusion else "in_progress", "conclusion": conclusion}


DONE, OPEN, FAILED = check("a", "success"), check("b", None), check("b", "failure")


@pytest.mark.parametrize(
    ("looks", "found", "seconds"),
    [
        ([[DONE]], "all 1 checks passed", 10.0),
        ([[], [], [DONE]], "all 1 checks passed", 30.0),
        ([[DONE], [DONE, OPEN], [DONE, check("b", "success")]], "all 2 checks passed", 20.0),
        ([[DONE], [DONE, check("b", "success")]], "all 2 checks passed", 20.0),
        ([[DONE, DONE], [DONE]], "all 1 checks passed", 20.0),
        ([[DONE], [DONE, FAILED]], "a check on its pull request failed", 10.0),
        ([[]], "its pull request has no checks", 90.0),
        ([[OPEN]], "its checks were not complete when the timeout passed", 590.0),
    ],
)
def test_checks_are_looked_at_every_ten_seconds_until_two_looks_agree(
    looks: list[list[dict[str, Any]]], found: str, seconds: float, api: FakeGitHub
) -> None:
    """The first check of a pull request may be done before the next one has been created."""
    api.add_pull_request(42)
    api.check_runs = looks
    clock = VirtualTime().clock()
    judgement = judged(api, ended(*SUCCESSFUL), CHECKS, clock)
    told = granted(judgement) if found.endswith("checks passed") else refused(judgement)[0]
    assert (told, clock.monotonic()) == (found, seconds)


def test_without_a_pull_request_there_are_no_checks(api: FakeGitHub) -> None:
    judgement = judged(api, ended(delivery(changed=True)), CHECKS)
    assert refused(judgement)[0] == "it has no pull request whose checks could pass"


def test_of_several_gates_all_are_judged_and_the_first_that_fails_is_the_reason(api: FakeGitHub) -> None:
    api.files = [{"filename": "b.ts"}]
    wanted = Requirements(change=True, pull_request=True, allowed=ALLOWED.allowed, protected=PROTECTED.protected)
    judgement = judged(api, ended(delivery(changed=True)), wanted)
    assert [gate.passed for gate in judgement.gates] == [True, False, False, True]
    assert judgement.error_code == "NO_PULL_REQUEST"
    assert judgement.detail is None


def test_a_run_that_did_not_succeed_is_not_judged(api: FakeGitHub) -> None:
    failed = result(Result.FAILED, *SUCCESSFUL)
    assert judged(api, failed, CHANGE) == failed


def test_nothing_is_required_unless_it_is_asked_for() -> None:
    assert not Requirements()
    assert all((CHANGE, PULL, CHECKS, ALLOWED, PROTECTED))
