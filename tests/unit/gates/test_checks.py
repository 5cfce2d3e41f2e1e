"""When checks count as passed: what GitHub shows at each look, and what is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.gates.check_list import ACTIONS
from mogplex_ci.gates.queries import LOOK_SECONDS
from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import ChecksAwaited, Update
from tests.github import Look, check, status, suite
from tests.slow import mostly_slow
from tests.unit.gates.judging import (
    BRANCH,
    HEAD,
    OWN_BRANCH,
    VirtualGitHub,
    ended,
    granted,
    judged,
    refused,
    requires,
)

CHECKS = requires("checks", checks="a")
DONE = check("a", "success")
OPEN, FAILED, GOOD = (check("b", conclusion) for conclusion in (None, "failure", "success"))
OF_2 = {"check_suite": {"id": 2}}
OWN_RUN = "9876543210"
OWN_JOB = check(
    "agent", None, html_url=f"https://github.com/acme/web/actions/runs/{OWN_RUN}/job/1", **OF_2
)
FALSE_JOB = OWN_JOB | {"app": {"slug": "evil"}, "status": "completed", "conclusion": "failure"}
SUCCESS, RUNNING = suite(1, "success", runs=1), suite(1, None, runs=1)


@pytest.fixture
def api() -> Iterator[VirtualGitHub]:
    with VirtualGitHub() as api:
        yield api


def looks_are(api: VirtualGitHub, looks: Sequence[Look]) -> None:
    """Let the checks of the run's commit be these at each look; the last one stays."""

    def is_now(look: Look) -> Callable[[], None]:
        return lambda: api.checks.update({HEAD: look})

    api.checks[HEAD] = looks[0]
    for number, look in enumerate(looks):
        api.later(LOOK_SECONDS * number, is_now(look))


NOT_COMPLETE = "the checks had not finished when the timeout passed"
ONE, TWO, FAILS = "one check passed", "2 checks passed", "a check failed"
MISSING = "a required check is missing"
SKIPPED = "a required check was skipped or neutral"
SEEN_ONCE = "the checks finished too close to the timeout to be read twice"
STATUS = status("ci/old", "success")


@pytest.mark.parametrize(
    ("looks", "found", "seconds"),
    [
        ([Look([DONE])], ONE, 10),
        ([Look(), Look(), Look([DONE])], ONE, 30),
        ([Look([DONE]), Look([DONE, OPEN]), Look([DONE, GOOD])], TWO, 30),
        ([Look([DONE]), Look([DONE, GOOD])], TWO, 20),
        ([Look([DONE]), Look([DONE | {"id": 7}])], ONE, 20),
        ([Look([DONE]), Look([DONE, FAILED])], FAILS, 10),
        ([Look([FAILED, check("d", "timed_out"), check("e", None)])], "2 checks failed", 0),
        ([Look([OPEN])], NOT_COMPLETE, 590),
        ([Look([DONE, check("c", "skipped"), check("d", "neutral")])], ONE, 10),
        # What is required must exist within five minutes, and succeed; a required check that
        # appears later in a long run is waited for.
        ([Look()], MISSING, 300),
        ([Look([], [suite(2, None, app="other-ci")])], MISSING, 300),
        ([Look([GOOD])], MISSING, 300),
        ([Look([], [], [STATUS])], MISSING, 300),
        ([Look([GOOD], [RUNNING])] * 30 + [Look([GOOD, DONE], [SUCCESS])], TWO, 310),
        ([Look([check("a", "skipped")])], SKIPPED, 10),
        ([Look([check("a", "neutral"), GOOD])], SKIPPED, 10),
        ([Look([check("a", "skipped"), DONE | OF_2 | {"id": 7}])], ONE, 10),
        # A job that needs another one appears when that is done; one that is announced may not be
        # listed yet.
        (
            [Look([DONE], [RUNNING])] * 2 + [Look([DONE, OPEN], [RUNNING]), Look([DONE, FAILED])],
            FAILS,
            30,
        ),
        ([Look([DONE], missing=4), Look([DONE], missing=4), Look([DONE, FAILED])], FAILS, 20),
        # GitHub makes an empty suite for each app, which stays queued; one of Actions has no runs
        # until it is approved.
        ([Look([DONE], [SUCCESS, suite(2, None, app="other-ci")])], ONE, 10),
        ([Look([DONE], [SUCCESS, suite(2, "action_required")])], FAILS, 0),
        ([Look([DONE], [SUCCESS, suite(2, "startup_failure")])], FAILS, 0),
        ([Look([DONE, FAILED | OF_2], [suite(2, "failure", runs=1)])], FAILS, 0),
        ([Look([DONE], None, [status("ci/old", "error")])], FAILS, 0),
        ([Look([DONE], [SUCCESS, suite(2, None)])], NOT_COMPLETE, 590),
        ([Look([DONE], [SUCCESS, suite(2, None, app="other-ci", runs=1)])], NOT_COMPLETE, 590),
        ([Look([DONE, OPEN | OF_2], [SUCCESS, suite(2, None, app="other-ci")])], NOT_COMPLETE, 590),
        ([Look([DONE], None, [status("ci/old", "pending")])], NOT_COMPLETE, 590),
        # The workflow run that waits is not waited for; another app that claims to be it is judged.
        ([Look([OWN_JOB, DONE], [suite(2, None, runs=1), SUCCESS])], ONE, 10),
        ([Look([DONE, FALSE_JOB], [SUCCESS, suite(2, "failure", app="evil", runs=1)])], FAILS, 0),
    ],
)
def test_checks_are_looked_at_every_ten_seconds_until_two_looks_agree(
    looks: list[Look], found: str, seconds: float, api: VirtualGitHub
) -> None:
    looks_are(api, looks)
    clock = api.time.clock()
    judgement = judged(api, ended(), CHECKS, clock, own_run=OWN_RUN)
    if found in (ONE, TWO):
        assert granted(judgement) == found
    elif found == NOT_COMPLETE:
        assert refused(judgement, Result.TIMEOUT) == (found, "TIMEOUT")
    else:
        code = "CHECKS_MISSING" if found == MISSING else "CHECKS_FAILED"
        assert refused(judgement) == (found, code)
    assert clock.monotonic() == seconds


def test_of_a_base_that_only_the_start_reports_a_missing_name_is_said_at_once(
    api: VirtualGitHub,
) -> None:
    api.push("next", {"b.ts": "b"})
    looks_are(api, [Look([DONE])])
    clock = api.time.clock()
    joined = ended(branch=OWN_BRANCH | {"base": "next"})
    judgement = judged(api, joined, requires("checks"), clock)
    found = "neither the base branch nor checks names a check"
    assert refused(judgement) == (found, "CHECKS_MISSING")
    assert "checks" in judgement.ending.remedy
    assert clock.monotonic() == 0


CONCLUDED = {
    **dict.fromkeys(("success", "neutral", "skipped"), True),
    **dict.fromkeys(("failure", "cancelled", "timed_out", "action_required"), False),
    **dict.fromkeys(("stale", "startup_failure", "a word of next year"), False),
}
"""Every conclusion that GitHub documents, and whether it lets a pull request be merged."""


@pytest.mark.parametrize(("conclusion", "passes"), mostly_slow(CONCLUDED.items(), every=3))
def test_every_conclusion_of_github_is_judged(
    conclusion: str, passes: bool, api: VirtualGitHub
) -> None:
    for look in (
        Look([DONE, check("b", conclusion)]),
        Look([DONE], [SUCCESS, suite(2, conclusion, runs=0 if passes else 1)]),
    ):
        looks_are(api, [look])
        judgement = judged(api, ended(), CHECKS)
        if passes:
            assert granted(judgement)
        else:
            assert refused(judgement) == (FAILS, "CHECKS_FAILED")


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("success", "2 checks passed"),
        ("failure", FAILS),
        ("error", FAILS),
        ("pending", NOT_COMPLETE),
    ],
)
def test_every_state_of_a_commit_status_is_judged(
    state: str, found: str, api: VirtualGitHub
) -> None:
    looks_are(api, [Look([DONE], None, [status("ci/old", state)])])
    judgement = judged(api, ended(), CHECKS)
    if state == "success":
        assert granted(judgement) == found
    elif state == "pending":
        assert refused(judgement, Result.TIMEOUT)[0] == found
    else:
        assert refused(judgement)[0] == found


@pytest.mark.parametrize("timeout", [12.0, 61.0])
def test_checks_are_not_given_up_early(timeout: float, api: VirtualGitHub) -> None:
    looks_are(api, [Look([DONE, OPEN])])
    clock = api.time.clock()
    assert (
        refused(judged(api, ended(), CHECKS, clock, timeout=timeout), Result.TIMEOUT)[0]
        == NOT_COMPLETE
    )
    assert timeout - LOOK_SECONDS <= clock.monotonic() <= timeout


@pytest.mark.parametrize(
    ("looks", "found", "names"),
    [
        ([Look()], NOT_COMPLETE, ["a"]),
        ([Look([OPEN])], NOT_COMPLETE, ["b", "a"]),
        ([Look([DONE | {"id": number}]) for number in range(9)], SEEN_ONCE, []),
    ],
)
def test_at_the_timeout_what_is_not_complete_is_named(
    looks: list[Look], found: str, names: list[str], api: VirtualGitHub
) -> None:
    looks_are(api, looks)
    judgement = judged(api, ended(), CHECKS, timeout=45.0)
    assert refused(judgement, Result.TIMEOUT) == (found, "TIMEOUT")
    assert [item.text for item in judgement.details.gates[0].items] == names


def test_with_repair_a_check_that_failed_is_told_at_the_timeout_though_another_still_works(
    api: VirtualGitHub,
) -> None:
    looks_are(api, [Look([FAILED, check("c", None)])])
    judgement = judged(api, ended(), CHECKS._replace(repair=1), timeout=45.0)
    assert refused(judgement) == ("a check failed", "CHECKS_FAILED")
    assert [item.text for item in judgement.details.gates[0].items] == ["b"]


@pytest.mark.parametrize("has_time", [True, False])
def test_the_titles_of_annotations_are_not_asked_for_after_the_timeout(
    has_time: bool, api: VirtualGitHub
) -> None:
    """A GitHub that hangs would keep the step for half a minute."""
    looks_are(api, [Look([FAILED])])
    api.annotations["b"] = ["Type error"]
    judgement = judged(api, ended(), CHECKS, timeout=600.0 if has_time else 0.0)
    assert refused(judgement) == (FAILS, "CHECKS_FAILED")
    assert ("Type error" in judgement.details.gates[0].details[0].text) is has_time


def test_what_failed_is_named_with_its_address(api: VirtualGitHub) -> None:
    looks_are(api, [Look([FAILED, DONE], None, [status("ci/old", "failure")])])
    (gate,) = judged(api, ended(), CHECKS).details.gates
    assert [item.text for item in gate.items] == ["b", "ci/old"]
    assert [detail.text for detail in gate.details] == [
        f"b {FAILED['html_url']}",
        "ci/old https://ci.example/7",
    ]


def test_the_log_is_told_what_is_waited_for_when_it_changes_and_once_a_minute(
    api: VirtualGitHub,
) -> None:
    looks_are(api, [Look([DONE, OPEN])] * 14 + [Look([DONE, GOOD])])
    said: list[Update] = []
    assert granted(judged(api, ended(), CHECKS, said=said)) == "2 checks passed"
    awaited = [update for update in said if isinstance(update, ChecksAwaited)]
    told = [
        (update.complete, update.total, [name.text for name in update.names]) for update in awaited
    ]
    assert told == [(1, 2, ["b"])] * 3 + [(2, 2, [])]


def test_with_repair_the_rest_is_waited_for_when_one_has_failed(api: VirtualGitHub) -> None:
    looks_are(api, [Look([FAILED, check("c", None)]), Look([FAILED, check("c", "failure")])])
    judgement = judged(api, ended(), CHECKS._replace(repair=1))
    assert [item.text for item in judgement.details.gates[0].items] == ["b", "c"]


CONCLUSIONS = [
    None,
    "success",
    "success",
    "skipped",
    "neutral",
    "failure",
    "action_required",
    "stale",
]
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
    ends = [
        item["conclusion"]
        for item in (*look.runs, *look.all_suites())
        if item["app"]["slug"] == ACTIONS
    ]
    return look.missing == 0 and all(end in ("success", "skipped", "neutral") for end in ends)


def is_bad(look: Look) -> bool:
    bad = ("failure", "action_required", "stale", "startup_failure")
    return any(item["conclusion"] in bad for item in [*look.runs, *look.all_suites()])


@given(st.lists(LOOKS, min_size=1, max_size=6), TIPS)
def test_checks_pass_only_when_all_was_complete_and_good_for_the_commit_that_is_there(
    looks: list[Look], tip: str | None
) -> None:
    with VirtualGitHub() as api:
        looks_are(api, looks)
        if tip is None:
            api.later(5.0, lambda: api.delete(BRANCH))
        elif tip != HEAD:
            api.later(5.0, lambda: api.push(BRANCH, {"b.ts": "by somebody else"}))
        judgement = judged(api, ended(), CHECKS)
    seen = [*looks, looks[-1]]
    assert (judgement.ending.result is Result.SUCCESS) == (tip == HEAD and passes(seen))


def passes(seen: list[Look]) -> bool:
    """The oracle: nothing fails until two looks agree on everything and have a good check `a`."""
    before: set[tuple[str, int, str]] | None = None
    for look in seen:
        if is_bad(look):
            return False
        items = [("run", run) for run in look.runs]
        items += [("suite", each) for each in look.all_suites() if each["app"]["slug"] == ACTIONS]
        state = {(kind, item["id"], item["conclusion"]) for kind, item in items}
        named = [run["conclusion"] for run in look.runs if run["name"] == "a"]
        if is_fine(look) and state == before and named:
            return "success" in named
        before = state if is_fine(look) else None
    return False
