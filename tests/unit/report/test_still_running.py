"""What an interrupted step says of its run, and who acts next: word for word."""

from __future__ import annotations

from signal import SIGTERM
from typing import Any

import pytest

from mogplex_ci.report.facts import Facts
from mogplex_ci.run.endings import interrupted
from mogplex_ci.run.result import Result, Round, RunDetails, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.waiting import Stop
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import RUN_ID, gate, github, result, run

CAUSE = "The job was cancelled, or its time limit passed"
NEXT = "The clean-up step tries to cancel it. "
OF_ACTION: dict[str, Any] = {"job_context": {"index": 0}}
COMMAND = f"mogplex-ci runs cancel {RUN_ID}"
LIVE = RunDetails(run=run("streaming"), key="key-1")
IN_DOUBT = RunDetails(key="key-1", unanswered_key="key-1", left_behind=True)


@pytest.mark.parametrize(
    ("details", "fields", "state"),
    [
        (RunDetails(), {}, "No run was started."),
        (LIVE._replace(run=run("success")), {}, "The run has finished: success."),
        (LIVE._replace(cancelled_by_step=True), {}, "The run was cancelled."),
        (
            LIVE._replace(left_behind=True, not_cancelled="the API is not available (HTTP 503)"),
            OF_ACTION,
            "The run may still be running, because it could not be cancelled: the API is not available "
            f"(HTTP 503). {NEXT}To cancel it by hand: {COMMAND}",
        ),
        (
            LIVE,
            {"on_interrupt": "detach"},
            f"The run is still running, because of on-interrupt: detach. To cancel it by hand: {COMMAND}",
        ),
        (
            LIVE._replace(owned=False),
            {},
            f"The run is still running, because it may belong to another step. To cancel it by hand: {COMMAND}",
        ),
        (
            IN_DOUBT,
            OF_ACTION,
            f"A run may be running, because the response to its start was lost. {NEXT}Its "
            "key: key-1. A re-run of the job follows it if it still exists.",
        ),
        (
            IN_DOUBT._replace(not_cancelled="the connection was cut"),
            {},
            "A run may be running, because the response to its start was lost. "
            "Its key: key-1. A re-run of the job follows it if it still exists.",
        ),
        (
            RunDetails(left_behind=True, key="key-1"),
            OF_ACTION,
            f"The run may still be running, because there was no time to cancel it. {NEXT}Its "
            "key: key-1. A re-run of the job follows it if it still exists.",
        ),
        (LIVE, {"dry_run": True}, "No run was started."),
    ],
)
def test_a_stopped_step_says_one_of_three(
    details: RunDetails, fields: dict[str, Any], state: str
) -> None:
    stop = Stop()
    stop.request(SIGTERM)
    inputs = typed_inputs(base_url="https://mogplex.com", **fields)
    ended = RunResult(interrupted(stop), details)
    said = Facts(ended, Sanitizer(), github(), inputs, 1.0)
    assert (said.cause, said.remedy) == (CAUSE, state)
    assert said.error == f"{CAUSE}. {state}"
    assert said.annotation == f"{CAUSE}. {state}"
    assert "SIGTERM" not in f"{vars(said)}", "the signal's name is in the log alone"


def test_a_rerun_with_another_key_is_not_said_to_find_the_run() -> None:
    said = Facts(
        RunResult(result().ending._replace(cause="It broke"), IN_DOUBT),
        Sanitizer(),
        github(),
        typed_inputs(on_rerun="new"),
        1.0,
    )
    assert said.error is not None
    assert said.error.endswith("Its key: key-1. A job with idempotency-key set to it joins it.")


def test_a_rerun_is_not_said_to_find_the_run_of_a_later_round() -> None:
    """The key of a round names the attempt, and no other step can make its request."""
    first = Round("run-1", None, (gate("checks", "a check failed"),))
    details = IN_DOUBT._replace(run=run("success"), unanswered_key="key-1-r2-a1", rounds=(first,))
    ending = result().ending._replace(result=Result.TIMEOUT, cause="it took too long")
    said = Facts(RunResult(ending, details), Sanitizer(), github(), typed_inputs(), 1.0)
    assert (said.remedy or "").endswith("Its key: key-1-r2-a1. Cancel it in Mogplex.")
    live = RunDetails(run=run("streaming"), key="key-1-r2-a1", rounds=(first,))
    said = Facts(RunResult(ending, live), Sanitizer(), github(), typed_inputs(), 1.0)
    assert "again" not in (said.remedy or "")
