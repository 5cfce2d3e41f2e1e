"""From a run's state to its result, exit code, and the two sentences that people read about it."""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.errors import RateLimitedError
from mogplex_ci.run.endings import (
    as_dry_run,
    ending_of_error,
    ending_of_run,
)
from mogplex_ci.run.result import Result, RunDetails, is_own_pull_request
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import (
    PULL_REQUEST,
    SUCCESSFUL,
    call,
    delivery,
    delta,
    event,
    result,
    run,
    timeline,
)

LATER = "Try again later."
ACCEPTED, READY = SUCCESSFUL[:2]
SYNCHRONIZED, INSTALLED = SUCCESSFUL[2], SUCCESSFUL[4]
LIMITED = event(
    "failed",
    "Harness failed",
    90,
    exit_code=1,
    failure_code="rate_limited",
    error="429 from the model",
)
DENIED = event("failed", "Harness failed", 90, exit_code=1, failure_code="model_access_denied")
BROKEN = event("failed", "Harness failed", 90, failure_code="exploded", error="out of memory")
EXITED = event("failed", "Harness failed", 90, exit_code=1)


@pytest.mark.parametrize(
    ("events", "cause", "remedy"),
    [
        ((), "the run failed", "Read the run's events."),
        ((ACCEPTED,), "the run failed before its sandbox was ready", LATER),
        (
            (ACCEPTED, READY),
            "the run failed before the agent started",
            "Check the repository's branch and setup, then try again.",
        ),
        (
            (ACCEPTED, READY, SYNCHRONIZED, INSTALLED, BROKEN),
            "the run failed",
            "Read the agent's last actions.",
        ),
        ((ACCEPTED, READY, EXITED), "the run failed", "Read the agent's last actions."),
        (
            (ACCEPTED, READY, INSTALLED, delta("I cannot."), BROKEN),
            "the run failed",
            "Read the agent's last actions.",
        ),
        (
            (ACCEPTED, READY, INSTALLED, *call("Command", 30, 40), BROKEN),
            "the run failed",
            "Read the agent's last actions.",
        ),
        (
            (ACCEPTED, READY, INSTALLED, LIMITED),
            "the run failed",
            "The model's provider limited the agent's requests. Try again later.",
        ),
        (
            (ACCEPTED, READY, INSTALLED, DENIED),
            "the run failed",
            "Check in the Mogplex settings that this account may use the harness's model.",
        ),
        (
            (ACCEPTED, READY, INSTALLED, delivery(changed=True), BROKEN),
            "the run failed while it delivered the changes",
            "Check that the Mogplex GitHub App may push to this repository.",
        ),
    ],
)
def test_a_failed_run_says_how_far_it_came_and_what_to_do(
    events: tuple[dict[str, Any], ...], cause: str, remedy: str
) -> None:
    ended = ending_of_run(run("failed"), timeline(*events))
    assert (ended.result, ended.exit_code, ended.error_code) == (Result.FAILED, 1, "RUN_FAILED")
    assert (ended.cause, ended.remedy) == (cause, remedy)


def test_the_runs_own_error_comes_before_that_of_its_events() -> None:
    events = timeline(ACCEPTED, READY, BROKEN)
    assert ending_of_run(run("failed", error="killed"), events).detail == Untrusted("killed")
    assert ending_of_run(run("failed"), events).detail == Untrusted("out of memory")


@pytest.mark.parametrize(
    ("status", "kind", "code", "error_code"),
    [
        ("success", Result.SUCCESS, 0, ""),
        ("cancelled", Result.CANCELLED, 1, "CANCELLED"),
        ("awaiting_input", Result.PAUSED, 1, "PAUSED"),
        ("streaming", Result.TIMEOUT, 1, "TIMEOUT"),
        ("pending", Result.TIMEOUT, 1, "TIMEOUT"),
        ("hibernating", Result.ERROR, 2, "UNKNOWN_STATUS"),
    ],
)
def test_every_status_has_its_result(status: str, kind: Result, code: int, error_code: str) -> None:
    ended = ending_of_run(run(status), timeline(*SUCCESSFUL))
    assert (ended.result, ended.exit_code, ended.error_code) == (kind, code, error_code)
    assert bool(ended.cause) == bool(ended.remedy) == (kind is not Result.SUCCESS)


def test_a_rate_limit_says_when_there_is_room_again_if_the_api_says_so() -> None:
    unknown = ending_of_error(RateLimitedError("limited")).remedy
    known = ending_of_error(RateLimitedError("limited", retry_after=2951.0)).remedy
    assert known == f"The next request is allowed in 50 min, later than timeout allows. {unknown}"
    assert ending_of_error(RateLimitedError("limited", retry_after=0.0)).remedy == unknown


@pytest.mark.parametrize(
    ("events", "fields", "passes"),
    [
        ((ACCEPTED,), {}, True),
        ((), {}, False),
        ((ACCEPTED, READY, INSTALLED, LIMITED), {}, True),
        ((ACCEPTED, READY, INSTALLED, DENIED), {}, False),
        ((ACCEPTED, READY, INSTALLED, BROKEN), {}, False),
        ((ACCEPTED, READY, SYNCHRONIZED), {}, False),
        ((ACCEPTED, READY, INSTALLED, delivery(changed=True), BROKEN), {}, False),
        ((), {"runtime": None, "sandboxId": None}, True),
        ((ACCEPTED,), {"runtime": None, "sandboxId": None}, True),
    ],
)
def test_only_what_may_pass_is_worth_a_retry(
    events: tuple[dict[str, Any], ...], fields: dict[str, Any], passes: bool
) -> None:
    ending = ending_of_run(run("failed", **fields), timeline(*events))
    assert ending.remedy.endswith(LATER) == passes


def test_no_name_of_a_branch_is_taken_from_an_event_but_the_services_own_fallback() -> None:
    fallback = {"stage": "git_delivery", "working_branch": "mogplex/agent-0123456789ab"}
    events = timeline(event("log", "Pull request ready", **fallback))
    asked = {"base": "main", "working": "agent/own", "createBranch": True}
    own = run("success", branch=asked)
    assert RunDetails(run=own, timeline=events).branch == Untrusted("agent/own")
    other = run("success", branch=asked, aiCallId="ffffffff-89ab-4000-8000-000000000001")
    assert RunDetails(run=other, timeline=events).branch == Untrusted("agent/own")
    fallen_back = run("success", branch=asked, aiCallId="01234567-89AB-4000-8000-000000000001")
    assert RunDetails(run=fallen_back, timeline=events).branch == Untrusted(
        "mogplex/agent-0123456789ab"
    )


def test_a_dry_run_that_was_interrupted_stays_so() -> None:
    for kind in (Result.INTERRUPTED, Result.ERROR):
        assert as_dry_run(result(kind).ending).result is kind
    played = as_dry_run(result(Result.FAILED, *SUCCESSFUL, cause="the run failed").ending)
    assert (played.result, played.exit_code, played.cause) == (Result.DRY_RUN, 0, "")


SERVERS = ("https://github.com", "https://git.example/")


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        (PULL_REQUEST, True),
        (f"{PULL_REQUEST}/", True),
        ("https://GitHub.com/ACME/Web/pull/123456789", True),
        ("https://git.example/acme/web/pull/1", True),
        ("https://github.com/acme/other/pull/1", False),
        ("https://evil.example/acme/web/pull/1", False),
        ("http://github.com/acme/web/pull/1", False),
        ("https://github.com/acme/web/pull/1234567890", False),
        ("https://github.com/acme/web/pull/", False),
        ("https://github.com/acme/web/issues/1", False),
        ("https://github.com/acme/web/pull/1/files", False),
        ("https://github.com/acme/web/pull/1?a", False),
        (f"see {PULL_REQUEST}", False),
    ],
)
def test_a_pull_request_is_the_repositorys_own(url: str, *, is_own: bool) -> None:
    assert is_own_pull_request(Untrusted(url), "Acme/web", SERVERS) is is_own
