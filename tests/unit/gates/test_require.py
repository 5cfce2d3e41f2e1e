"""The words of each gate about a run: expected, found, and what to do; and work that does not
hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import GateJudged, Update
from mogplex_ci.untrusted import Untrusted
from tests.github import AGENT, Look, check
from tests.unit.gates.judging import (
    BASE,
    BRANCH,
    HEAD,
    NOW,
    OWN_BRANCH,
    SAME_BRANCH,
    VirtualGitHub,
    ended,
    granted,
    judged,
    refused,
    requires,
)
from tests.unit.report.events import PULL_REQUEST, SUCCESSFUL, delivery, event, result

UNTOLD = SUCCESSFUL[:5]
"""Events without a delivery."""
CHANGE, PULL, CHECKS = requires("change"), requires("pull-request"), requires(checks="test")
ALLOWED, PROTECTED = requires(allowed="src/"), requires(protected=".ci/")
ALL = [CHANGE, PULL, CHECKS, ALLOWED, PROTECTED]
OTHER = "f" * 40
OWN = {"full_name": "acme/web"}
NOT_TOLD = "could not be judged: no event says so, and GitHub was not queried"
EMPTY = "the run changed no files"
NOTHING_TO_OPEN = "the run changed no files, so it opened no pull request"
every_gate = pytest.mark.parametrize(
    "wanted", ALL, ids=["change", "pull", "checks", "allowed", "protected"]
)


@pytest.fixture
def api() -> Iterator[VirtualGitHub]:
    with VirtualGitHub() as api:
        yield api


def compared(api: VirtualGitHub) -> list[str]:
    return [asked.path.rpartition("/")[2] for asked in api.asked if "/compare/" in asked.path]


def test_a_change_is_what_github_compares(api: VirtualGitHub) -> None:
    changed = judged(api, ended(delivery(changed=False)), CHANGE)
    assert granted(changed) == "the run changed the repository"
    assert changed.details.gates[0].expected == "a change"
    assert compared(api) == [f"{api.branches[BASE]}...{HEAD}"]


def test_a_branch_at_the_tip_of_its_base_is_no_change(api: VirtualGitHub) -> None:
    tip = api.branches[BASE]
    api.meanwhile = lambda: api.push(BRANCH, commit=tip, by=AGENT)
    told = ended(delivery(changed=True), terminalCommitSha=tip)
    assert refused(judged(api, told, CHANGE)) == (EMPTY, "NO_CHANGE")


def test_the_first_twenty_paths_are_named_in_order_and_all_are_counted(api: VirtualGitHub) -> None:
    paths = [f"docs/{number:02}.md" for number in range(21)]
    api.run_will_push(*reversed(paths))
    judgement = judged(api, ended(), ALLOWED)
    assert refused(judgement)[0] == "the run changed 21 paths outside the allowed ones"
    assert [path.text for path in judgement.details.gates[0].items] == paths[:20]
    assert judgement.ending.detail == Untrusted(paths[0])


@pytest.mark.parametrize("branch", [BRANCH, None])
@pytest.mark.parametrize("pushes", [True, False])
def test_whether_it_changed_anything_is_told_where_no_gate_asks(
    api: VirtualGitHub, branch: str | None, *, pushes: bool
) -> None:
    """Nothing is pushed to a branch that was there, or none is made."""
    if branch is not None:
        api.push(branch, {"src/b.ts": "older"})
    if not pushes:
        api.meanwhile = lambda: None
    told = ended(branch=OWN_BRANCH if branch is None else SAME_BRANCH, terminalCommitSha=None)
    judgement = judged(api, told, requires(protected=".ci/"), branch=branch)
    assert judgement.details.delivery is not None
    assert judgement.details.delivery.changed is pushes


@pytest.mark.parametrize(
    ("wanted", "events", "found", "code"),
    [
        (
            CHANGE,
            [delivery(changed=True)],
            "the delivery event says that the run changed the repository; GitHub",
            "",
        ),
        (CHANGE, [delivery(changed=False)], EMPTY, "NO_CHANGE"),
        (CHANGE, UNTOLD, NOT_TOLD, "NOT_JUDGED"),
        (PULL, SUCCESSFUL, "the delivery event names a pull request; GitHub was not queried", ""),
        (PULL, [delivery(changed=True)], "the run opened no pull request", "NO_PULL_REQUEST"),
        (PULL, [delivery(changed=False)], NOTHING_TO_OPEN, "NO_PULL_REQUEST"),
        (PULL, UNTOLD, NOT_TOLD, "NOT_JUDGED"),
        *(
            (gate, [delivery(changed=True)], NOT_TOLD, "NOT_JUDGED")
            for gate in (CHECKS, ALLOWED, PROTECTED)
        ),
    ],
)
def test_without_a_token_the_delivery_event_decides_what_it_can(
    wanted: ActionInputs, events: Sequence[dict[str, object]], found: str, code: str
) -> None:
    judgement = judged(None, ended(*events), wanted)
    said, error = refused(judgement) if code else (granted(judgement), "")
    assert (said.startswith(found), error) == (True, code)
    assert (
        code != "NOT_JUDGED"
        or judgement.ending.remedy == "Set github-token, so that the step can query GitHub."
    )
    if wanted in (CHECKS, ALLOWED, PROTECTED):
        rehearsal = judged(None, ended(*events), wanted, scenario_rounds=())
        assert (rehearsal.ending.result, rehearsal.details.gates) == (Result.SUCCESS, ())


def test_events_that_may_be_missing_do_not_say_that_there_is_no_pull_request() -> None:
    assert refused(judged(None, ended(delivery(changed=True), incomplete=True), PULL)) == (
        NOT_TOLD,
        "NOT_JUDGED",
    )


def test_a_pull_request_is_one_that_is_open_with_the_runs_commit(api: VirtualGitHub) -> None:
    api.open_pull_request(
        BRANCH, 7, state="closed", head={"ref": BRANCH, "sha": OTHER, "repo": OWN}
    )
    api.open_pull_request(BRANCH)
    told = judged(api, ended(), PULL)
    assert granted(told) == "the pull request is open"
    assert told.details.gates[0].items == (Untrusted(PULL_REQUEST),)


def test_github_may_take_some_seconds_to_show_the_commit_in_the_pull_request(
    api: VirtualGitHub,
) -> None:
    api.open_pull_request(BRANCH)["head"]["sha"] = OTHER
    clock = api.time.clock()
    clock.ring(15.0, lambda: api.pull_request(42)["head"].pop("sha"))
    assert granted(judged(api, ended(), PULL, clock)) == "the pull request is open"
    assert clock.monotonic() == 20.0


@pytest.mark.parametrize(
    ("head", "found", "seconds"),
    [
        ({"sha": OTHER}, "the head of the pull request is not the judged commit", 30.0),
        ({"ref": "mogplex/other", "sha": HEAD}, "the run opened no pull request", 0.0),
        ({"repo": {"full_name": "acme/fork"}}, "the run opened no pull request", 0.0),
        ({"repo": None}, "the run opened no pull request", 0.0),
        (None, "the pull request is closed or merged", 0.0),
    ],
)
def test_another_pull_request_is_not_the_runs(
    head: dict[str, Any] | None, found: str, seconds: float, api: VirtualGitHub
) -> None:
    """Also an old one that was merged from a branch of this name, when the run changed nothing."""
    api.open_pull_request(BRANCH)["head"] |= head or {}
    if head is None:
        api.later(0.0, api.close_pull_request)
    clock = api.time.clock()
    told = ended(delivery(changed=True, pull_request_url=PULL_REQUEST))
    judgement = judged(api, told, PULL, clock)
    assert refused(judgement) == (found, "NO_PULL_REQUEST")
    assert clock.monotonic() == seconds
    is_own = "opened no" not in found
    assert judgement.details.gates[0].items == ((Untrusted(PULL_REQUEST),) if is_own else ())


def test_a_run_that_changed_nothing_has_nothing_to_open_a_pull_request_for(
    api: VirtualGitHub,
) -> None:
    tip = api.branches[BASE]
    api.meanwhile = lambda: api.push(BRANCH, commit=tip, by=AGENT)
    judgement = judged(api, ended(terminalCommitSha=tip), PULL)
    assert refused(judgement) == (NOTHING_TO_OPEN, "NO_PULL_REQUEST")
    assert judgement.ending.remedy.startswith("Read the agent's last words")


def test_of_two_open_pull_requests_the_one_into_the_base_counts(api: VirtualGitHub) -> None:
    """It has another commit at its head."""
    api.open_pull_request(BRANCH, 7, base="release")
    api.open_pull_request(BRANCH)["head"] |= {"sha": OTHER}
    found, _ = refused(judged(api, ended(), PULL))
    assert found == "the head of the pull request is not the judged commit"


def test_a_pull_request_that_is_retargeted_while_checks_are_waited_for_does_not_pass(
    api: VirtualGitHub,
) -> None:
    api.open_pull_request(BRANCH)
    api.checks[HEAD] = Look([check("test", "success")])
    api.later(5.0, lambda: api.pull_request(42)["base"].update(ref="release"))
    judgement = judged(api, ended(), requires("pull-request", checks="test"))
    assert refused(judgement) == (
        "the base of the pull request was changed while the gates were judging",
        "NO_PULL_REQUEST",
    )
    assert judgement.details.gates[-1].items == (Untrusted(PULL_REQUEST), Untrusted("release"))
    assert not judgement.details.gates[-1].can_be_repaired


def test_without_a_token_a_fallback_is_a_branch_of_the_runs_own() -> None:
    """The branch that was asked for existed: being ahead of its base says nothing."""
    fallback, segment = "mogplex/agent-0123456789ab", "01234567-89ab-cdef-0123-456789abcdef"
    for used, code in ((BRANCH, "NOT_JUDGED"), (fallback, "")):
        told = event("log", "Ready", 9, stage="git_delivery", working_branch=used, changed=True)
        run = ended(told, branch=SAME_BRANCH, aiCallId=segment)
        assert judged(None, run, CHANGE, branch=BRANCH).ending.error_code == code


def test_a_pull_request_of_another_repository_is_not_looked_up_in_ours(api: VirtualGitHub) -> None:
    api.open_pull_request(BRANCH)
    api.later(0.0, api.close_pull_request)
    told = ended(delivery(changed=True, pull_request_url="https://github.com/evil/web/pull/42"))
    assert refused(judged(api, told, PULL))[1] == "NO_PULL_REQUEST"
    foreign = "the delivery event names a pull request of another repository"
    assert refused(judged(None, told, PULL)) == (foreign, "NO_PULL_REQUEST")


@every_gate
@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, "GitHub does not accept"),
        (403, "github-token may not"),
        (404, "GitHub did not find"),
    ],
)
def test_what_github_refuses_to_tell_does_not_pass(
    wanted: ActionInputs, status: int, cause: str, api: VirtualGitHub
) -> None:
    api.fail(status=status, times=99)
    judgement = judged(api, ended(delivery(changed=True)), wanted)
    found, code = refused(judgement)
    assert (found.startswith(f"could not be judged: {cause}"), code) == (True, "NOT_JUDGED")
    permissions = {"pull-request": "pull-requests: read", "checks": "checks: read"}
    assert (
        status == 401
        or permissions.get(judgement.details.gates[0].name, "contents: read")
        in judgement.ending.remedy
    )


@pytest.mark.parametrize(
    ("timeout", "cause", "remedy"),
    [
        (3.0, "the timeout passed before GitHub responded", "Raise timeout."),
        (60.0, "GitHub's API sent an unusable response", "network"),
    ],
)
def test_a_run_that_ends_right_before_the_timeout_is_not_said_to_have_met_an_outage(
    timeout: float, cause: str, remedy: str, api: VirtualGitHub
) -> None:
    api.fail(drop=True, times=99)
    judgement = judged(api, ended(), CHANGE, attached=True, timeout=timeout)
    assert refused(judgement) == (f"could not be judged: {cause}", "NOT_JUDGED")
    assert remedy in judgement.ending.remedy


NUMBERED = [f"{number}.ts" for number in range(10, 40)]


@pytest.mark.parametrize(
    ("wanted", "files", "found", "bad"),
    [
        (ALLOWED, ["src/a.ts"], "all changed paths are allowed", []),
        (
            ALLOWED,
            ["src/a.ts", "b.ts"],
            "the run changed a path outside the allowed ones",
            ["b.ts"],
        ),
        (
            ALLOWED,
            ["b.ts", "a.ts"],
            "the run changed 2 paths outside the allowed ones",
            ["a.ts", "b.ts"],
        ),
        (ALLOWED, NUMBERED, "the run changed 30 paths outside", NUMBERED[:20]),
        (PROTECTED, ["src/a.ts"], "the run changed no protected path", []),
        (PROTECTED, [".ci/run"], "the run changed a protected path", [".ci/run"]),
        (
            PROTECTED,
            [".ci/run", ".ci/a", "b"],
            "the run changed 2 protected paths",
            [".ci/a", ".ci/run"],
        ),
        (ALLOWED, [f"src/{n}.ts" for n in range(299)], "all changed paths are allowed", []),
        (
            ALLOWED,
            [f"src/{n}.ts" for n in range(300)],
            "the run changed at least 300 files, the most that GitHub lists",
            [],
        ),
    ],
)
def test_paths_are_named_that_must_not_change(
    wanted: ActionInputs, files: list[str], found: str, bad: list[str], api: VirtualGitHub
) -> None:
    api.run_will_push(*files)
    judgement = judged(api, ended(), wanted)
    passes = found.startswith(("all changed paths", "the run changed no"))
    said, code = (granted(judgement), "") if passes else refused(judgement)
    assert (said.startswith(found), code) == (True, "" if passes else "PATH_NOT_ALLOWED")
    assert [item.text for item in judgement.details.gates[0].items] == bad


@every_gate
def test_a_branch_that_was_never_pushed_has_nothing(
    wanted: ActionInputs, api: VirtualGitHub
) -> None:
    api.meanwhile = lambda: None
    judgement = judged(api, ended(terminalCommitSha=None), wanted)
    if wanted in (ALLOWED, PROTECTED):
        assert granted(judgement) == EMPTY
        assert judgement.details.gates[-1].found == "the run pushed no branch"
    else:
        codes = {
            "change": "NO_CHANGE",
            "pull-request": "NO_PULL_REQUEST",
            "checks": "CHECKS_FAILED",
        }
        assert refused(judgement)[1] == codes[judgement.details.gates[0].name]


def test_a_base_that_is_not_there_is_named_as_the_reason(api: VirtualGitHub) -> None:
    """The service still has the name that the default branch had before it was renamed."""
    told = ended(branch=OWN_BRANCH | {"base": "master"})
    found, code = refused(judged(api, told, CHANGE, attached=True))
    assert (found, code) == (
        "could not be judged: GitHub does not have the base branch",
        "NOT_JUDGED",
    )


def test_an_older_service_does_not_tell_the_commit_and_the_tip_is_judged(
    api: VirtualGitHub,
) -> None:
    old = ended()
    assert old.details.run is not None
    run = old.details.run._replace(terminal_commit=None, has_terminal_commit=False)
    old = old._replace(details=old.details._replace(run=run))
    assert granted(judged(api, old, CHANGE)) == "the run changed the repository"


def test_of_several_gates_all_are_judged_and_the_first_that_fails_is_the_reason(
    api: VirtualGitHub,
) -> None:
    wanted = requires(
        "change", "pull-request", allowed="src/", protected=".ci/", checks="test"
    )._replace(repair=1)
    api.run_will_push("b.ts")
    api.checks[HEAD] = Look([check("test", "success")])
    said: list[Update] = []
    judgement = judged(api, ended(), wanted, said=said)
    assert [update.gate for update in said if isinstance(update, GateJudged)] == list(
        judgement.details.gates
    )
    expected = {
        "change": True,
        "pull-request": False,
        "allowed-paths": False,
        "protected-paths": True,
        "checks": True,
    }
    assert [(gate.name, gate.passed) for gate in judgement.details.gates] == list(expected.items())
    assert (judgement.ending.error_code, judgement.ending.detail) == ("NO_PULL_REQUEST", None)


def test_a_rehearsal_finds_what_the_scenario_says_of_the_round() -> None:
    judgement = judged(None, ended(), CHECKS, scenario_rounds=({"checks": ["lint", "build"]}, {}))
    assert refused(judgement) == ("2 checks failed", "CHECKS_FAILED")
    assert [item.text for item in judgement.details.gates[0].items] == ["build", "lint"]


def test_a_run_that_did_not_succeed_is_not_judged(api: VirtualGitHub) -> None:
    failed = result(Result.FAILED, *SUCCESSFUL)
    assert judged(api, failed, CHANGE) == failed


@pytest.mark.parametrize("is_deleted", [False, True])
def test_all_gates_judge_one_commit_and_the_branch_must_still_be_there(
    is_deleted: bool, api: VirtualGitHub
) -> None:
    api.checks[HEAD] = Look([check("test", "success")])
    wanted = CHECKS._replace(protected_paths=PROTECTED.protected_paths)
    move = (lambda: api.delete(BRANCH)) if is_deleted else (lambda: api.push(BRANCH, {"b.ts": ""}))
    api.later(5.0, move)
    judgement = judged(api, ended(), wanted)
    found = (
        "the branch no longer exists"
        if is_deleted
        else "the branch is no longer at the judged commit"
    )
    assert refused(judgement) == (found, "BRANCH_MOVED")
    assert judgement.ending.detail == (None if is_deleted else Untrusted(api.branches[BRANCH]))
    assert [(gate.name, gate.expected) for gate in judgement.details.gates[1:]] == [
        ("checks", "passed checks of the run's commit"),
        ("branch", "the judged commit at the tip of the branch"),
    ]


def test_a_run_that_is_followed_by_its_id_is_judged_by_github_too(api: VirtualGitHub) -> None:
    tip = api.branches[BASE]
    api.meanwhile = lambda: api.push(BRANCH, commit=tip, by=AGENT, at=NOW + timedelta(minutes=4))
    told = ended(delivery(changed=True), terminalCommitSha=tip)
    assert refused(judged(api, told, CHANGE, attached=True)) == (EMPTY, "NO_CHANGE")


def test_a_branch_that_an_event_names_is_not_the_runs(api: VirtualGitHub) -> None:
    api.push("harmless", {"src/a.ts": "changed"})
    api.run_will_push(".ci/run")
    told = ended(
        delivery(changed=True)
        | {"payload": {"stage": "git_delivery", "working_branch": "harmless"}}
    )
    assert refused(judged(api, told, PROTECTED))[0] == "the run changed a protected path"


@pytest.mark.parametrize("joined", [False, True])
def test_older_commits_of_an_existing_branch_are_no_change(
    joined: bool, api: VirtualGitHub
) -> None:
    """A joined run was at work before this step began: GitHub notes when a branch is pushed;
    commits' dates lie.
    """
    api.run_pushes(at=NOW - timedelta(days=1))
    api.meanwhile = lambda: None
    success = ended(branch=SAME_BRANCH)
    judgement = judged(api, success, CHANGE, branch=None if joined else BRANCH, joined=joined)
    assert refused(judgement) == (EMPTY, "NO_CHANGE")


def test_what_a_joined_run_pushed_is_its_change(api: VirtualGitHub) -> None:
    api.push(BRANCH, {"src/b.ts": "older"}, at=NOW - timedelta(days=1))
    api.meanwhile = lambda: api.run_pushes(at=NOW + timedelta(minutes=4))
    assert granted(judged(api, ended(branch=SAME_BRANCH), CHANGE, joined=True))


@pytest.mark.parametrize("branch", [BRANCH, BASE])
def test_an_existing_branch_counts_from_what_it_was(branch: str, api: VirtualGitHub) -> None:
    before = api.push(branch, {".ci/run": "older"})
    api.meanwhile = lambda: api.run_pushes(branch=branch)
    success = ended(branch=SAME_BRANCH | {"working": branch})
    assert granted(judged(api, success, PROTECTED, branch=branch if branch == BRANCH else None))
    assert f"{before}...{HEAD}" in compared(api)
