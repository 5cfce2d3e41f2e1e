"""How a gate was passed by work that does not hold. Each of these ended with exit 0 once, or waited for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.gates.case import CHECK_PAUSE
from mogplex_ci.platforms.base import github_api
from mogplex_ci.run.result import Result
from tests.github_api import HEAD, FakeGitHub, Look, check, status, suite
from tests.unit.gates.judging import BASE, BRANCH, SAME_BRANCH, ended, granted, judged, refused, requires
from tests.unit.report.events import delivery
from tests.virtual_time import VirtualTime

CHANGE, PULL, CHECKS = requires("change"), requires("pull-request"), requires("checks")
PROTECTED = requires(protected=".github/")
OTHER = "f" * 40
DONE, FAILED, OPEN = check("build", "success"), check("deploy", "failure"), check("deploy", None)
OWN_RUN = "9876543210"
OWN_JOB = check(
    "agent", None, html_url=f"https://github.com/acme/web/actions/runs/{OWN_RUN}/job/1", check_suite={"id": 9}
)


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        api.files = [{"filename": "src/a.ts"}]
        yield api


def test_a_job_that_needs_another_one_appears_when_that_is_done(api: FakeGitHub) -> None:
    running = [suite(1, None, runs=1)]
    api.looks = [Look([DONE], running), Look([DONE], running), Look([DONE, OPEN], running), Look([DONE, FAILED])]
    judgement = judged(api, ended(), CHECKS)
    assert refused(judgement) == ("a check failed", "CHECKS_FAILED")
    assert [item.text for item in judgement.gates[0].items] == ["deploy"]


def test_checks_that_were_all_skipped_say_nothing(api: FakeGitHub) -> None:
    api.looks = [Look([check("build", "skipped"), check("deploy", "neutral")])]
    assert refused(judged(api, ended(), CHECKS)) == (
        "none of its checks did anything: all were skipped",
        "CHECKS_FAILED",
    )


def test_checks_that_are_announced_and_not_listed_are_waited_for(api: FakeGitHub) -> None:
    api.looks = [Look([DONE], missing=4), Look([DONE], missing=4), Look([DONE, FAILED])]
    assert refused(judged(api, ended(), CHECKS))[0] == "a check failed"


def test_the_workflow_run_that_waits_is_not_waited_for(api: FakeGitHub) -> None:
    api.looks = [Look([OWN_JOB, DONE], [suite(9, None, runs=1), suite(1, "success", runs=1)])]
    clock = VirtualTime().clock()
    assert granted(judged(api, ended(), CHECKS, clock, own_run=OWN_RUN)) == "its only check passed"
    assert clock.monotonic() == 10.0


def test_another_app_that_claims_to_be_the_waiting_workflow_run_is_judged(api: FakeGitHub) -> None:
    false_own = OWN_JOB | {"app": {"slug": "evil"}, "status": "completed", "conclusion": "failure"}
    api.looks = [Look([DONE, false_own], [suite(1, "success", runs=1), suite(9, "failure", app="evil", runs=1)])]
    assert refused(judged(api, ended(), CHECKS, own_run=OWN_RUN))[0] == "a check failed"


@pytest.mark.parametrize("timeout", [12.0, 61.0])
def test_checks_that_take_too_long_are_a_timeout_and_not_given_up_early(timeout: float, api: FakeGitHub) -> None:
    api.looks = [Look([DONE, OPEN])]
    clock = VirtualTime().clock()
    judgement = judged(api, ended(), CHECKS, clock, timeout=timeout)
    found = "its checks were not complete when the timeout passed"
    assert refused(judgement, Result.TIMEOUT) == (found, "TIMEOUT")
    assert timeout - CHECK_PAUSE <= clock.monotonic() <= timeout


def test_all_gates_judge_one_commit_and_the_branch_must_still_be_there(api: FakeGitHub) -> None:
    api.looks = [Look([DONE])]
    api.tips[BRANCH] = [OTHER]
    wanted = CHECKS._replace(protected=PROTECTED.protected)
    judgement = judged(api, ended(), wanted)
    assert refused(judgement) == ("its branch moved on from the judged commit", "BRANCH_MOVED")
    assert judgement.detail is not None
    assert judgement.detail.text == OTHER
    api.tips[BRANCH] = [None]
    assert refused(judged(api, ended(), wanted)) == ("its branch is gone", "BRANCH_MOVED")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"head": {"sha": OTHER}}, "its pull request has another commit at its head"),
        ({"head": {"ref": "mogplex/other"}}, "it opened no pull request"),
        ({"head": {"repo": {"full_name": "acme/fork"}}}, "it opened no pull request"),
        ({"head": {"repo": None}}, "it opened no pull request"),
        ({"state": "closed"}, "its pull request is closed or merged"),
    ],
)
def test_another_pull_request_is_not_the_runs(fields: dict[str, Any], found: str, api: FakeGitHub) -> None:
    """Also an old one that was merged from a branch of this name, when the run changed nothing."""
    api.add_pull_request(**fields)
    url = "https://github.com/acme/web/pull/42"
    assert refused(judged(api, ended(delivery(changed=True, pull_request_url=url)), PULL)) == (found, "NO_PULL_REQUEST")


def test_a_pull_request_of_another_repository_is_not_looked_up_in_ours(api: FakeGitHub) -> None:
    api.add_pull_request(42, state="closed")
    told = ended(delivery(changed=True, pull_request_url="https://github.com/evil/web/pull/42"))
    assert refused(judged(api, told, PULL))[1] == "NO_PULL_REQUEST"
    foreign = "its delivery event names a pull request of another repository"
    assert refused(judged(None, told, PULL)) == (foreign, "NO_PULL_REQUEST")


@pytest.mark.parametrize("events", [[False], [True, False], [False, True]])
def test_an_event_does_not_switch_the_path_gates_off(events: list[bool], api: FakeGitHub) -> None:
    api.files = [{"filename": ".github/workflows/ci.yml"}]
    told = ended(*(delivery(changed=changed) for changed in events))
    assert refused(judged(api, told, PROTECTED)) == ("it changed a protected path", "PATH_NOT_ALLOWED")


def test_a_branch_that_an_event_names_is_not_the_runs(api: FakeGitHub) -> None:
    api.tips["harmless"] = [OTHER]
    api.files = [{"filename": ".github/workflows/ci.yml"}]
    told = ended(delivery(changed=True) | {"payload": {"stage": "git_delivery", "working_branch": "harmless"}})
    assert refused(judged(api, told, PROTECTED))[0] == "it changed a protected path"


@pytest.mark.parametrize("joined", [False, True])
def test_older_commits_of_an_existing_branch_are_no_change(joined: bool, api: FakeGitHub) -> None:
    """A joined run was at work before this step began: GitHub notes when a branch is pushed; commits' dates lie."""
    api.is_empty_between = {(HEAD, HEAD)}
    api.pushes = [
        {"ref": f"refs/heads/{BRANCH}", "before": OTHER, "after": HEAD, "timestamp": "2026-11-24T13:45:39Z"},
        {"ref": f"refs/heads/{BRANCH}", "before": "0" * 40, "after": OTHER, "timestamp": "2026-11-20T00:00:00Z"},
    ]
    judgement = judged(api, ended(branch=SAME_BRANCH), CHANGE, branch=None if joined else BRANCH, joined=joined)
    assert refused(judgement) == ("it changed nothing", "NO_CHANGE")
    api.pushes[0]["timestamp"] = "2026-11-24T13:50:00Z"
    assert not joined or granted(judged(api, ended(branch=SAME_BRANCH), CHANGE, joined=True))


def test_a_joined_run_whose_branch_github_does_not_remember_is_not_judged(api: FakeGitHub) -> None:
    for api.pushes in ([], None):
        assert refused(judged(api, ended(branch=SAME_BRANCH), CHANGE, joined=True))[1] == "NOT_JUDGED"
        api.files = [{"filename": ".github/ci.yml"}]
        judgement = judged(api, ended(branch=SAME_BRANCH), PROTECTED, joined=True)
        assert refused(judgement)[0] == "it changed a protected path", "compared with the base, which shows more"
        assert f"{BASE}...{HEAD}" in [asked.path.rpartition("/")[2] for asked in api.asked]


def test_a_branch_that_was_pushed_with_force_is_compared_with_the_base(api: FakeGitHub) -> None:
    api.tips[BRANCH] = [OTHER, HEAD]
    api.behind_by = 2
    assert granted(judged(api, ended(branch=SAME_BRANCH), CHANGE, branch=BRANCH)) == "it changed the repository"
    assert [asked.path.rpartition("/")[2] for asked in api.asked if "compare" in asked.path] == [
        f"{OTHER}...{HEAD}",
        f"{BASE}...{HEAD}",
    ]


@pytest.mark.parametrize(
    ("look", "found"),
    [
        (Look([DONE], [suite(1, "success", runs=1), suite(2, None, app="other-ci")]), "its only check passed"),
        (Look([DONE], [suite(1, "success", runs=1), suite(2, "action_required")]), "a check failed"),
        (Look([DONE], [suite(1, "success", runs=1), suite(2, "startup_failure")]), "a check failed"),
        (Look([DONE, FAILED | {"check_suite": {"id": 2}}], [suite(2, "failure", runs=1)]), "a check failed"),
        (Look([], [], [status("ci/old", "success")]), "its only check passed"),
        (Look([DONE], None, [status("ci/old", "error")]), "a check failed"),
        (Look([], [suite(2, None, app="other-ci")]), "its commit has no checks"),
    ],
)
def test_which_suites_count(look: Look, found: str, api: FakeGitHub) -> None:
    """GitHub makes an empty suite for each app, which stays queued; one of Actions has no runs until it is approved."""
    api.looks = [look]
    judgement = judged(api, ended(), CHECKS)
    assert (granted(judgement) if judgement.result is Result.SUCCESS else refused(judgement)[0]) == found


@pytest.mark.parametrize(
    "look",
    [
        Look([DONE], [suite(1, "success", runs=1), suite(2, None)]),
        Look([DONE], [suite(1, "success", runs=1), suite(2, None, app="other-ci", runs=1)]),
        Look([DONE, OPEN | {"check_suite": {"id": 2}}], [suite(1, "success", runs=1), suite(2, None, app="other-ci")]),
        Look([DONE], None, [status("ci/old", "pending")]),
    ],
)
def test_what_is_at_work_is_waited_for(look: Look, api: FakeGitHub) -> None:
    api.looks = [look]
    assert refused(judged(api, ended(), CHECKS), Result.TIMEOUT)[1] == "TIMEOUT"


@pytest.mark.parametrize(
    "url", ["https://api.github.com@evil.example", "http://api.github.com", "https://a.example\\@b", "ftp://x", "x"]
)
def test_the_token_goes_to_no_address_that_base_url_would_not_take(url: str) -> None:
    with pytest.raises(UsageError):
        github_api({"GITHUB_API_URL": url})
    assert github_api({}) == "https://api.github.com"
    assert github_api({"GITHUB_API_URL": "https://ghe.example/api/v3/"}) == "https://ghe.example/api/v3"
