"""Whole steps whose ``github-token`` lacks a right that the inputs need: nothing is started, and
one message says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.gate_kinds import GATES
from tests.e2e.judged import Beside, beside
from tests.github_log import read_log

INPUTS = {kind.name: {"require": kind.name} for kind in GATES} | {
    "checks": {"checks": "test"},
    "allowed-paths": {"allowed_paths": "src/"},
    "protected-paths": {"protected_paths": ".github/"},
    "append-only-paths": {"append_only_paths": "tests/"},
    "artifact": {"artifact": "report", "repair": "1"},
}
"""What asks for each gate, and with it for rights; an artifact alone needs none."""
NEEDED = [
    (INPUTS[kind.name], [right])
    for kind in GATES
    for right in (kind.needs or "contents: read").split(", ")
]
ALL = {"require": "change, pull-request", "checks": "test", "repair": "2"}


@pytest.fixture
def each(tmp_path: Path) -> Iterator[Beside]:
    with beside(tmp_path) as each:
        yield each


def check_nothing_starts(each: Beside, said: str, **inputs: str) -> None:
    """Assert that a step says this one sentence, and that neither it nor ``post`` has started or
    cancelled anything.
    """
    step = each.step(**inputs)
    ended = step.run()
    assert (ended.code, read_log(ended.out).texts("error")) == (2, [said]), ended.out
    told = [step.outputs[name] for name in ("result", "error-code", "run-id")]
    assert told == ["error", "GITHUB_RIGHTS", ""]
    assert step.run("post").code == 0
    assert {request.route for request in each.emulator.requests} <= {"repos"}
    assert {asked.method for asked in each.github.asked} <= {"GET"}


@pytest.mark.parametrize(
    ("inputs", "rights"),
    [*NEEDED, (ALL, ["pull-requests: read", "checks: read", "statuses: read"])],
    ids=lambda part: " ".join([*part.values()] if isinstance(part, dict) else part),
)
def test_a_right_that_a_gate_needs_is_asked_for_before_the_start(
    each: Beside, inputs: dict[str, str], rights: list[str]
) -> None:
    each.github.lacks(*rights)
    *others, last = rights
    named = f"{', '.join(others)} and {last}" if others else last
    cause = f"github-token lacks {named} in acme/web"
    advice = (
        f"Add `{'`, `'.join(rights)}` to the job's `permissions`, then start the workflow again: "
        "a re-run keeps the old permissions. Nothing was started."
    )
    check_nothing_starts(each, f"{cause}. {advice}", **inputs)


def test_a_repository_that_the_token_does_not_see_is_no_missing_right(each: Beside) -> None:
    said = (
        "github-token does not see acme/api. A workflow's own token cannot see other private "
        "repositories: use the token of a GitHub App installed there. Nothing was started."
    )
    check_nothing_starts(each, said, repo="acme/api", require="change")


def test_a_token_that_github_does_not_know_starts_nothing(each: Beside) -> None:
    said = (
        "GitHub does not accept github-token. Set it to a current token that can read this "
        "repository. Nothing was started."
    )
    token = "ghs_unknownTokenOfNobody000000000000"
    check_nothing_starts(each, said, github_token=token, require="change")


def test_a_run_that_is_followed_is_not_asked_about(each: Beside) -> None:
    step = each.step()
    assert (step.run().code, each.github.asked) == (0, []), "nothing is asked without a gate"
    each.github.lacks("contents: read")
    follows = each.step(run_id=step.outputs["run-id"], prompt="", require="change")
    ended = follows.run()
    assert follows.outputs["error-code"] == "NOT_JUDGED", ended.out
