"""What each gate says about a run: what it expected, what is there, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from mogplex_ci.gates import Requirements
from mogplex_ci.run.result import Result
from mogplex_ci.untrusted import Untrusted
from tests.github_api import HEAD, FakeGitHub, Look, check
from tests.unit.gates.judging import BASE, BRANCH, SAME_BRANCH, ended, granted, judged, refused, requires
from tests.unit.report.events import PULL_REQUEST, SUCCESSFUL, delivery, result
from tests.virtual_time import VirtualTime

UNTOLD = SUCCESSFUL[:5]
"""Events without a delivery."""
CHANGE, PULL, CHECKS = requires("change"), requires("pull-request"), requires("checks")
ALLOWED, PROTECTED = requires(allowed="src/"), requires(protected=".ci/")
ALL = [CHANGE, PULL, CHECKS, ALLOWED, PROTECTED]
every_gate = pytest.mark.parametrize("wanted", ALL, ids=["change", "pull", "checks", "allowed", "protected"])


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        api.files = [{"filename": "src/a.ts"}]
        yield api


def test_a_change_is_what_github_compares(api: FakeGitHub) -> None:
    changed = judged(api, ended(delivery(changed=False)), CHANGE)
    assert granted(changed) == "it changed the repository"
    assert changed.gates[0].expected == "a change"
    assert [asked.path.rpartition("/")[2] for asked in api.asked] == [f"{BASE}...{HEAD}", "fix"]
    api.is_empty_between = {(BASE, HEAD)}
    assert refused(judged(api, ended(delivery(changed=True)), CHANGE)) == ("it changed nothing", "NO_CHANGE")


@pytest.mark.parametrize(
    ("events", "found", "code"),
    [
        ([delivery(changed=True)], "its delivery event says that it changed the repository; GitHub was not asked", ""),
        ([delivery(changed=False)], "it changed nothing", "NO_CHANGE"),
        (UNTOLD, "this could not be judged: no event tells it, and GitHub was not asked", "NOT_JUDGED"),
    ],
)
def test_without_a_token_the_delivery_event_decides(events: Sequence[dict[str, object]], found: str, code: str) -> None:
    judgement = judged(None, ended(*events), CHANGE)
    assert (refused(judgement) if code else (granted(judgement), "")) == (found, code)
    assert code != "NOT_JUDGED" or judgement.remedy == "Give github-token, so that GitHub can be asked."


def test_a_pull_request_is_one_that_is_open_with_the_runs_commit(api: FakeGitHub) -> None:
    api.add_pull_request(7, state="closed")
    api.add_pull_request(42)
    told = judged(api, ended(), PULL)
    assert granted(told) == "its pull request is open"
    assert told.gates[0].items == (Untrusted(PULL_REQUEST),)


def test_github_may_take_some_seconds_to_show_the_commit_in_the_pull_request(api: FakeGitHub) -> None:
    api.add_pull_request(head={"sha": "f" * 40})
    clock = VirtualTime().clock()
    clock.ring(15.0, lambda: api.pull_requests[0].update(head={}))
    assert granted(judged(api, ended(), PULL, clock)) == "its pull request is open"
    assert clock.monotonic() == 20.0


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (SUCCESSFUL, "its delivery event names a pull request; GitHub was not asked"),
        ([delivery(changed=True)], "it opened no pull request"),
        (UNTOLD, "this could not be judged: no event tells it, and GitHub was not asked"),
    ],
)
def test_without_a_token_the_delivery_event_names_the_pull_request(
    events: Sequence[dict[str, object]], found: str
) -> None:
    judgement = judged(None, ended(*events), PULL)
    assert (granted(judgement) if judgement.result is Result.SUCCESS else refused(judgement)[0]) == found


@pytest.mark.parametrize("wanted", [CHECKS, ALLOWED, PROTECTED], ids=["checks", "allowed", "protected"])
def test_what_only_github_knows_does_not_pass_without_a_token(wanted: Requirements) -> None:
    assert refused(judged(None, ended(delivery(changed=True)), wanted))[1] == "NOT_JUDGED"
    rehearsal = judged(None, ended(delivery(changed=True)), wanted, rehearsed=())
    assert (rehearsal.result, rehearsal.gates) == (Result.SUCCESS, ())


@every_gate
@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, "GitHub does not accept github-token"),
        (403, "github-token may not do this"),
        (404, "GitHub does not find"),
    ],
)
def test_what_github_refuses_to_tell_does_not_pass(
    wanted: Requirements, status: int, cause: str, api: FakeGitHub
) -> None:
    api.fail(status=status, times=99)
    judgement = judged(api, ended(delivery(changed=True)), wanted)
    found, code = refused(judgement)
    assert (found.startswith(f"this could not be judged: {cause}"), code) == (True, "NOT_JUDGED")
    permissions = {"pull-request": "pull-requests: read", "checks": "checks: read"}
    assert status == 401 or permissions.get(judgement.gates[0].name, "contents: read") in judgement.remedy


@pytest.mark.parametrize("wanted", [CHANGE, ALLOWED, PROTECTED], ids=["change", "allowed", "protected"])
def test_a_run_on_its_base_is_compared_with_what_that_was(wanted: Requirements, api: FakeGitHub) -> None:
    onto_main = {"base": "main", "working": "main", "createBranch": False}
    before = "b" * 40
    api.tips["main"] = [before, HEAD]
    assert granted(judged(api, ended(branch=onto_main), wanted))
    assert f"{before}...{HEAD}" in [asked.path.rpartition("/")[2] for asked in api.asked]
    api.tips["main"] = [before, HEAD]
    api.behind_by = 1  # pushed with force
    assert refused(judged(api, ended(branch=onto_main), wanted)) == (
        "this could not be judged: no comparison shows what it changed",
        "NOT_JUDGED",
    )


@pytest.mark.parametrize(
    ("wanted", "files", "found"),
    [
        (ALLOWED, ["src/a.ts"], "all paths that it changed are allowed"),
        (ALLOWED, ["src/a.ts", "b.ts"], "it changed a path outside the allowed ones"),
        (ALLOWED, ["a.ts", "b.ts"], "it changed 2 paths outside the allowed ones"),
        (PROTECTED, ["src/a.ts"], "it changed no protected path"),
        (PROTECTED, [".ci/run"], "it changed a protected path"),
        (PROTECTED, [".ci/run", ".ci/a", "b"], "it changed 2 protected paths"),
        (ALLOWED, [f"src/{number}.ts" for number in range(299)], "all paths that it changed are allowed"),
        (
            ALLOWED,
            [f"src/{number}.ts" for number in range(300)],
            "it changed 300 files or more, and GitHub lists no more",
        ),
    ],
    ids=str,
)
def test_paths_are_named_that_must_not_change(
    wanted: Requirements, files: list[str], found: str, api: FakeGitHub
) -> None:
    api.files = [{"filename": name} for name in files]
    judgement = judged(api, ended(), wanted)
    if judgement.result is Result.SUCCESS:
        assert granted(judgement) == found
        return
    assert refused(judgement) == (found, "PATH_NOT_ALLOWED")
    bad = [name for name in files if name.startswith(".ci/") or (wanted is ALLOWED and not name.startswith("src/"))]
    assert [item.text for item in judgement.gates[0].items] == sorted(bad)


def test_of_many_bad_paths_twenty_are_listed(api: FakeGitHub) -> None:
    api.files = [{"filename": f"{number}.ts"} for number in range(30)]
    (gate,) = judged(api, ended(), ALLOWED).gates
    assert (gate.found, len(gate.items)) == ("it changed 30 paths outside the allowed ones", 20)


@every_gate
def test_a_branch_that_was_never_pushed_has_nothing(wanted: Requirements, api: FakeGitHub) -> None:
    api.tips[BRANCH] = [None]
    judgement = judged(api, ended(terminalCommitSha=None), wanted)
    if wanted in (ALLOWED, PROTECTED):
        assert granted(judgement) == "it changed nothing"
    else:
        assert refused(judgement)[1] == {CHANGE: "NO_CHANGE", PULL: "NO_PULL_REQUEST"}.get(wanted, "CHECKS_FAILED")


def test_an_older_service_does_not_tell_the_commit_and_the_tip_is_judged(api: FakeGitHub) -> None:
    old = ended()
    assert old.run is not None
    old = old._replace(run=old.run._replace(terminal_commit=None, has_terminal_commit=False))
    assert granted(judged(api, old, CHANGE)) == "it changed the repository"


def test_of_several_gates_all_are_judged_and_the_first_that_fails_is_the_reason(api: FakeGitHub) -> None:
    wanted = Requirements(frozenset({"change", "pull-request", "checks"}), ALLOWED.allowed, PROTECTED.protected)
    api.files = [{"filename": "b.ts"}]
    api.looks = [Look([check("test", "success")])]
    judgement = judged(api, ended(), wanted)
    names = ["change", "pull-request", "allowed-paths", "protected-paths", "checks"]
    assert [(gate.name, gate.passed) for gate in judgement.gates] == list(
        zip(names, [True, False, False, True, True], strict=True)
    )
    assert (judgement.error_code, judgement.detail) == ("NO_PULL_REQUEST", None)


def test_a_run_that_did_not_succeed_is_not_judged(api: FakeGitHub) -> None:
    failed = result(Result.FAILED, *SUCCESSFUL)
    assert judged(api, failed, CHANGE) == failed


def test_an_existing_branch_counts_from_what_it_was(api: FakeGitHub) -> None:
    before = "b" * 40
    api.tips[BRANCH] = [before, HEAD]
    assert granted(judged(api, ended(branch=SAME_BRANCH), CHANGE, branch=BRANCH)) == "it changed the repository"
    assert f"{before}...{HEAD}" in [asked.path.rpartition("/")[2] for asked in api.asked]


def test_nothing_is_required_unless_it_is_asked_for() -> None:
    assert not Requirements().gates
    assert all(wanted.gates for wanted in ALL)
