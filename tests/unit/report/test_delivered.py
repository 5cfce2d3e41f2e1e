"""What reports tell of a delivery: names that are none, and whether there is work."""

from __future__ import annotations

import pytest

from mogplex_ci.run.result import Result, RunResult
from tests.unit.report.events import BRANCH, PULL_REQUEST, call, delivery, event, facts, result, run


def test_a_branch_that_is_no_name_is_shown_and_handed_on_to_nobody() -> None:
    for name, shown in (("fix it", "fix it"), ("x" * 256, "… 256 more characters")):
        told = facts(result(run=run("success", branch={"base": "main", "working": name})))
        assert (told.branch, told.branch_shown) == (None, shown)
        told = facts(result(run=run("success", branch={"base": name, "working": BRANCH})))
        assert (told.base_branch, told.base_shown) == (None, shown)


@pytest.mark.parametrize(
    ("base", "working", "url"),
    [
        *(
            (*branches, None)
            for branches in (("main", "main"), ("main", None), (None, "fix"), ("main", "fix it"))
        ),
        ("main", "deps/a+b@2", "https://github.com/acme/web/compare/main...deps/a%2Bb%402"),
    ],
)
def test_a_branch_of_the_runs_own_is_compared_with_its_base(
    base: str | None, working: str | None, url: str | None
) -> None:
    ended = result(Result.SUCCESS, run=run("success", branch={"base": base, "working": working}))
    assert facts(ended).compare_url == url


WORKED = call("Command", 1, 2)


@pytest.mark.parametrize(
    ("ended", "has_work"),
    [
        (result(Result.SUCCESS, delivery(changed=True)), True),
        (result(Result.FAILED, delivery(changed=True)), True),
        (result(Result.SUCCESS, delivery(changed=False)), False),
        (result(Result.FAILED, delivery(pull_request_url=PULL_REQUEST)), True),
        (result(Result.SUCCESS, *WORKED), True),
        (result(Result.FAILED, *WORKED), False),
        (result(Result.SUCCESS, event("log", "Look", 1)), False),
        (result(Result.SUCCESS, *WORKED, run=None), False),
    ],
)
def test_whether_there_is_something_on_the_branch(ended: RunResult, *, has_work: bool) -> None:
    assert facts(ended).has_work is has_work
