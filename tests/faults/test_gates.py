"""Gates in virtual time: what every fault of GitHub's API does to them, and how long they wait."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from mogplex_ci.run.result import Result
from tests.github import Look, check
from tests.slow import mostly_slow
from tests.unit.gates.judging import BRANCH, HEAD, VirtualGitHub, ended, judged, requires

ALL = requires("change", "pull-request", allowed="src/", protected=".github/", checks="test")
RUNNING, PASSED = Look([check("test", None)]), Look([check("test", "success")])
PASSING: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 502, "body": b"<html>"},
    {"status": 503, "headers": {"Retry-After": "3"}},
    {"status": 429, "headers": {"Retry-After": "30"}},
    {"status": 403, "headers": {"Retry-After": "30"}},
    {"drop": True},
    {"status": 200, "body": b"<html>"},
    {"status": 200, "body": b""},
]
FINAL: list[dict[str, Any]] = [{"status": status} for status in (400, 401, 403, 404, 410, 422)]


@pytest.fixture
def api() -> Iterator[VirtualGitHub]:
    with VirtualGitHub() as api:
        api.open_pull_request(BRANCH)
        api.checks[HEAD] = RUNNING
        api.later(5.0, lambda: api.checks.update({HEAD: PASSED}))
        yield api


@pytest.mark.parametrize(
    ("fault", "position"), mostly_slow(product(PASSING, range(6)), every=13), ids=str
)
def test_what_passes_changes_nothing(
    api: VirtualGitHub, fault: dict[str, Any], position: int
) -> None:
    api.fail(**fault, skip=position, times=2)
    clock = api.time.clock()
    judgement = judged(api, ended(), ALL, clock)
    assert (judgement.ending.result, [gate.passed for gate in judgement.details.gates]) == (
        Result.SUCCESS,
        [True] * 6,
    )
    assert 10.0 <= clock.monotonic() <= 110.0


@pytest.mark.parametrize("fault", PASSING + FINAL, ids=str)
def test_what_cannot_be_judged_does_not_pass(api: VirtualGitHub, fault: dict[str, Any]) -> None:
    api.fail(**fault, times=10_000)
    clock = api.time.clock()
    judgement = judged(api, ended(), ALL._replace(repair=1), clock, timeout=100.0)
    assert (judgement.ending.result, judgement.ending.exit_code) == (Result.REJECTED, 1)
    assert [(gate.error_code, gate.remedy != "") for gate in judgement.details.gates] == [
        ("NOT_JUDGED", True)
    ] * 5
    assert clock.monotonic() <= 101.0
