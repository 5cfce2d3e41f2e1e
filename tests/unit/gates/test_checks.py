"""When checks count as passed: what GitHub shows at each look, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import ChecksAwaited, Update
from tests.github_api import HEAD, FakeGitHub, Look, check, status, suite
from tests.unit.gates.judging import BRANCH, ended, granted, judged, requires
from tests.virtual_time import VirtualTime

CHECKS = requires("checks")
DONE, OPEN, FAILED = check("a", "success"), check("b", None), check("b", "failure")
GOOD = check("b", "success")


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        yield api


@pytest.mark.parametrize(
    ("looks", "found", "seconds"),
    [
        ([[DONE]], "its only check passed", 10.0),
        ([[], [], [DONE]], "its only check passed", 30.0),
        ([[DONE], [DONE, OPEN], [DONE, GOOD]], "2 checks passed", 30.0),
        ([[DONE], [DONE, GOOD]], "2 checks passed", 20.0),
        ([[DONE], [GOOD]], "its only check passed", 20.0),
        ([[DONE], [DONE, FAILED]], "a check failed", 10.0),
        ([[FAILED, check("c", "timed_out"), OPEN]], "2 checks failed", 0.0),
        ([[]], "its commit has no checks", 90.0),
        ([[OPEN]], "its checks were not complete when the timeout passed", 590.0),
        ([[DONE, check("c", "skipped")]], "its only check passed", 10.0),
    ],
)
def test_checks_are_looked_at_every_ten_seconds_until_two_looks_agree(
    looks: list[list[dict[str, object]]], found: str, seconds: float, api: FakeGitHub
) -> None:
    api.looks = [Look(runs) for runs in looks]
    clock = VirtualTime().clock()
    judgement = judged(api, ended(), CHECKS, clock)
    assert (judgement.gates[0].found, clock.monotonic()) == (found, seconds)


def test_what_failed_is_named_with_its_address(api: FakeGitHub) -> None:
    api.looks = [Look([FAILED, DONE], None, [status("ci/old", "failure")])]
    (gate,) = judged(api, ended(), CHECKS).gates
    assert [item.text for item in gate.items] == ["b", "ci/old"]
    assert [link.text if link else None for link in gate.links] == [FAILED["html_url"], None]


def test_the_log_is_told_what_is_waited_for_when_it_changes_and_once_a_minute(api: FakeGitHub) -> None:
    api.looks = [Look([DONE, OPEN])] * 14 + [Look([DONE, GOOD])]
    said: list[Update] = []
    assert granted(judged(api, ended(), CHECKS, said=said)) == "2 checks passed"
    awaited = [update for update in said if isinstance(update, ChecksAwaited)]
    assert [(update.complete, update.total, [name.text for name in update.names]) for update in awaited] == [
        (1, 2, ["b"]),
        (1, 2, ["b"]),
        (1, 2, ["b"]),
        (2, 2, []),
    ]


def test_with_repair_the_rest_is_waited_for_when_one_has_failed(api: FakeGitHub) -> None:
    api.looks = [Look([FAILED, check("c", None)]), Look([FAILED, check("c", "failure")])]
    judgement = judged(api, ended(), CHECKS, repairs=1)
    assert [item.text for item in judgement.gates[0].items] == ["b", "c"]


CONCLUSIONS = [None, "success", "success", "skipped", "neutral", "failure", "action_required", "stale"]
RUNS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(CONCLUSIONS), max_size=3)
LOOKS = st.builds(
    lambda runs, suite_end, other, missing: Look(
        [check(name, end, check_suite={"id": 1}) for name, end in runs.items()],
        [suite(1, suite_end, runs=len(runs)), *([suite(2, None, app="other-ci")] if other else [])],
        missing=missing,
    ),
    RUNS,
    st.sampled_from([None, "success", "success", "success", "failure", "startup_failure"]),
    st.booleans(),
    st.sampled_from([0, 0, 0, 1]),
)
TIPS = st.sampled_from([HEAD, HEAD, HEAD, "f" * 40, None])


def is_fine(look: Look) -> bool:
    """The oracle: everything that counts is there and complete, and nothing failed."""
    ends = [item["conclusion"] for item in (*look.runs, *look.all_suites()) if item["app"]["slug"] == "github-actions"]
    return look.missing == 0 and all(end in ("success", "skipped", "neutral") for end in ends)


def is_bad(look: Look) -> bool:
    bad = ("failure", "action_required", "stale", "startup_failure")
    return any(item["conclusion"] in bad for item in [*look.runs, *look.all_suites()])


@given(st.lists(LOOKS, min_size=1, max_size=6), TIPS)
def test_checks_pass_only_when_all_was_complete_and_good_for_the_commit_that_is_there(
    looks: list[Look], tip: str | None
) -> None:
    with FakeGitHub() as api:
        api.looks = [*looks]
        api.tips[BRANCH] = [tip]
        judgement = judged(api, ended(), CHECKS)
    seen = [*looks, looks[-1]]
    ids = [{run["id"] for run in look.runs} for look in seen]
    decided = [
        at for at in range(1, len(seen)) if ids[at] == ids[at - 1] and is_fine(seen[at]) and is_fine(seen[at - 1])
    ]
    passes = (
        tip == HEAD
        and bool(decided)
        and not any(map(is_bad, seen[: decided[0]]))
        and "success" in [run["conclusion"] for run in seen[decided[0]].runs]
    )
    assert (judgement.result is Result.SUCCESS) == passes
