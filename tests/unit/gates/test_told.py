"""What the gates find without a token for GitHub: the delivery event, the agent's word, decides."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.result import Result
from tests.unit.gates.judging import (
    BRANCH,
    SAME_BRANCH,
    ended,
    granted,
    judged,
    refused,
    requires,
)
from tests.unit.report.events import SUCCESSFUL, delivery, event

UNTOLD = SUCCESSFUL[:5]
"""Events without a delivery."""
CHANGE, PULL, CHECKS = requires("change"), requires("pull-request"), requires(checks="test")
ALLOWED, PROTECTED = requires(allowed="src/"), requires(protected=".ci/")
FOR_GITHUB = (CHECKS, ALLOWED, PROTECTED)
NOT_TOLD = "could not be judged: no event says so, and GitHub was not queried"
EMPTY = "the run changed no files"


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
        (PULL, [delivery(changed=False)], EMPTY, "NO_CHANGE"),
        (PULL, UNTOLD, NOT_TOLD, "NOT_JUDGED"),
        *((gate, [delivery(changed=True)], NOT_TOLD, "NOT_JUDGED") for gate in FOR_GITHUB),
    ],
)
def test_without_a_token_the_delivery_event_decides_what_it_can(
    wanted: ActionInputs, events: Sequence[dict[str, object]], found: str, code: str
) -> None:
    judgement = judged(None, ended(*events), wanted)
    said, error = refused(judgement) if code else (granted(judgement), "")
    assert (said.startswith(found), error) == (True, code)
    if code == "NOT_JUDGED":
        advice = "Set github-token, so that the step can query GitHub."
        assert judgement.ending.remedy == advice


@pytest.mark.parametrize("wanted", FOR_GITHUB)
def test_a_dry_run_judges_by_the_event_alone(wanted: ActionInputs) -> None:
    dry = wanted._replace(dry_run=True)
    judgement = judged(None, ended(delivery(changed=True)), dry)
    assert (judgement.ending.result, judgement.details.gates) == (Result.SUCCESS, ())


def test_events_that_may_be_missing_do_not_say_that_there_is_no_pull_request() -> None:
    assert refused(judged(None, ended(delivery(changed=True), incomplete=True), PULL)) == (
        NOT_TOLD,
        "NOT_JUDGED",
    )


def test_without_a_token_a_fallback_is_a_branch_of_the_runs_own() -> None:
    """The branch that was asked for existed: being ahead of its base says nothing."""
    fallback, segment = "mogplex/agent-0123456789ab", "01234567-89ab-cdef-0123-456789abcdef"
    for used, code in ((BRANCH, "NOT_JUDGED"), (fallback, "")):
        told = event("log", "Ready", 9, stage="git_delivery", working_branch=used, changed=True)
        run = ended(told, branch=SAME_BRANCH, aiCallId=segment)
        assert judged(None, run, CHANGE, branch=BRANCH).ending.error_code == code


def test_a_pull_request_of_another_repository_is_not_the_runs() -> None:
    told = ended(delivery(changed=True, pull_request_url="https://github.com/evil/web/pull/42"))
    foreign = "the delivery event names a pull request of another repository"
    assert refused(judged(None, told, PULL)) == (foreign, "NO_PULL_REQUEST")
