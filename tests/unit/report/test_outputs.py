"""The outputs: none holds more than it says. Golden texts show what a step sets."""

from __future__ import annotations

import pytest

from mogplex_ci.report.facts import Facts
from mogplex_ci.report.outputs import (
    outputs_of,
)
from mogplex_ci.run.endings import detached
from mogplex_ci.run.result import Result, RunDetails, RunResult
from mogplex_ci.sanitize import CleanText, Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import (
    BRANCH,
    RUN_ID,
    call,
    delivery,
    delta,
    facts,
    result,
    run,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMMITS = (COMMIT, COMMIT + "f" * 24)
ARTIFACT = Untrusted({"version": "1.4.0"})


def final_outputs(run: Facts) -> dict[str, CleanText | None]:
    return outputs_of(run, Sanitizer())


@pytest.mark.parametrize(
    ("name", "ended", "value"),
    [
        *(
            (
                "commit-sha",
                result(run=run("success", terminalCommitSha=sha)),
                sha if sha in COMMITS else None,
            )
            for sha in (
                *COMMITS,
                None,
                "",
                "main",
                "A" * 40,
                f"{COMMIT}\n::error::",
                COMMIT[1:],
                COMMIT * 2,
            )
        ),
        *(
            (
                "pull-request-url",
                result(Result.SUCCESS, delivery(changed=True, pull_request_url=url)),
                None,
            )
            for url in (
                "javascript:alert(1)",
                "https://user:pass@github.com/",
                "http://github.com/a",
                "https://github.com/evil/web/pull/42",
                "https://github.example/acme/web/pull/42",
                "https://github.com/acme/web/issues/42",
                "",
            )
        ),
        ("artifact", result(artifact=Untrusted("-" * 49_998)), f'"{"-" * 49_998}"'),
        ("artifact", result(artifact=Untrusted("-" * 49_999)), None),
    ],
)
def test_an_output_holds_no_more_than_it_says(
    name: str, ended: RunResult, value: str | None
) -> None:
    assert final_outputs(facts(ended))[name] == value


@pytest.mark.parametrize("key", ["key-1", "_nightly @ acme/web"])
def test_later_steps_have_the_run_before_it_ends(key: str) -> None:
    outputs = outputs_of(
        facts(RunResult(detached(), RunDetails(run=run("pending"), key=key, joined=True))),
        Sanitizer(),
        only_early=True,
    )
    assert outputs == {
        "status": "pending",
        "run-id": RUN_ID,
        "harness": "codex",
        "branch": BRANCH,
        "idempotency-key": key,
        "replayed": "true",
    }


def test_the_message_is_the_last_one_and_not_too_long() -> None:
    said = [delta("First, a look."), *call("Bash", 1, 2), delta("é " * 15_000, 3)]
    message = final_outputs(facts(result(Result.SUCCESS, *said)))["message"]
    assert message is not None
    assert message.startswith("é é")
    assert len(message) <= 10_000
    assert message.endswith(" more characters")
