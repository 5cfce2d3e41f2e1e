"""Every call of a step meets every fault: what the step must do is the same, whatever goes wrong on
the way.

A table has each of its values, and any two of them together, not all combinations.
"""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import Waiting
from mogplex_ci.run.updates import CancelFailed, StatusChanged, Update
from tests.faults.kinds import (
    FINAL,
    OTHER_RUN,
    PASSING,
    PROXIES,
    REFUSED,
    UNAUTHORIZED,
    Kind,
)
from tests.faults.world import Case, Played, World, ids
from tests.pairs import table
from tests.said import said

APIS = ["2026-11", "2026-08"]
FOLLOWING = ("stream", "run", "events")
"""The routes that a run is followed by."""
FOLLOWED = [
    ("2026-11", "stream", 0),
    ("2026-11", "run", 0),
    ("2026-11", "run", 1),
    ("2026-11", "events", 0),
    ("2026-08", "events", 0),
    ("2026-08", "events", 3),
    ("2026-08", "events", 7),
]
"""The calls that follow a run: its service, the route, and how many of them came before. The
service of 2026-08 is polled every 1.5 s, and a run takes about eight seconds.
"""
CALLS = [("2026-11", "repos", 0), ("2026-11", "start", 0), ("2026-08", "start", 0), *FOLLOWED]
PAST_PROXIES = [list(both) for both in zip(PROXIES[::2], PROXIES[1::2], strict=True)]
PASSES = [[kind] for kind in PASSING] + PAST_PROXIES
"""What passes. A proxy answers before or after the request was carried out: a row has one of the
two.
"""
LASTS = [[kind] for kind in (*FINAL, *REFUSED)] + PASSES
SIGNAL = {"stop_after": 40.0}
TIMEOUT = {"timeout": 50.0, "on_timeout": "cancel"}


def check_success(case: Case, played: Played) -> None:
    """Assert what must hold after a step whose run succeeded."""
    assert (played.result, played.code) == ("success", 0)
    assert played.end.details.run is not None
    assert played.end.details.run.id == case.run.id
    assert played.shown == ids(case.run)
    assert not played.end.details.timeline.is_incomplete
    assert case.live == []
    assert not played.end.details.left_behind


def break_following(case: Case, kind: Kind, **fields: Any) -> None:
    """Let every call that follows the run meet a fault."""
    for route in FOLLOWING:
        case.inject(route, **{"times": "always", **fields, **kind.fields})


@table(9, call=CALLS, kind=PASSES, times=[2, 4])
def test_what_passes_changes_nothing(
    worlds: dict[str, World], call: tuple[str, str, int], kind: Kind, times: int
) -> None:
    """A proxy's answers pass once the API has answered."""
    api, route, position = call
    case = worlds[api].new_case()
    skip = position + (route == "repos" and kind in PROXIES)
    case.inject(route, skip=skip, times=times, **kind.fields)
    played = case.play(timeout=900.0)
    if len(played.shown) < len(case.run.events):
        # Refused for minutes on end: the run is over for long, and its last events are not waited
        # for any more.
        assert (kind.name, times, route) == ("429", 4, "events")
        assert (played.result, len(said(played.updates, "Events missing"))) == ("success", 1)
        assert played.seconds < 60.0 + 95.0
    else:
        check_success(case, played)


@table(11, kind=LASTS)
def test_a_stream_that_never_works_is_replaced_by_polls(world: World, kind: Kind) -> None:
    """A refused token does not poll: that would cost more."""
    case = world.new_case()
    case.inject("stream", times="always", **kind.fields)
    played = case.play(timeout=900.0)
    check_success(case, played)
    tries = 8 if "circles" in kind.name else 2  # a redirect is followed three times
    assert kind.code == 75 or played.routes.count("stream") <= tries
    assert played.seconds < (75.0 if kind.code == 75 else 25.0)


def test_a_service_that_never_answers_is_given_up_after_two_minutes(world: World) -> None:
    case = world.new_case()
    played = case.play(client=Client("http://127.0.0.1:9", "mog_" + "x" * 32), timeout=900.0)
    assert (played.result, played.code) == ("error", 69)
    assert played.end.ending.cause == "127.0.0.1:9 refused the connection"
    assert played.of(Waiting)[0].error.cause == played.end.ending.cause
    assert 118.0 <= played.seconds <= 120.0


def test_a_start_in_doubt_has_no_code_of_an_outage(world: World) -> None:
    """The service refuses a repository that it does not know; a proxy has lost its first word."""
    for is_lost, code in ((False, 69), (True, 1)):
        case = world.new_case("slow", repo="1c1b4f6e-3d59-4b0e-9d8e-1a2b3c4d5e6f")
        case.inject("start", drop=True, times=int(is_lost))
        played = case.play()
        assert (played.result, played.code, case.runs) == ("error", code, [])


@table(11, api=APIS, kind=PASSES)
def test_a_start_that_fails_to_the_deadline_ends_the_step(
    worlds: dict[str, World], api: str, kind: Kind
) -> None:
    """One that may have worked is left to ``post``, and is no outage before the start."""
    case = worlds[api].new_case("slow")
    case.inject("start", times="always", **kind.fields)
    played = case.play(timeout=150.0)
    in_doubt = bool(played.end.details.unanswered_key)
    assert (played.result, played.code) == (("timeout", 1) if in_doubt else ("error", kind.code))
    assert played.seconds <= 150.0 + 4.5
    assert len(case.runs) <= 1
    assert played.end.details.left_behind or (kind not in PROXIES and case.runs == [])
    worlds[api].emulator.clear_faults()
    case.post(played)
    assert case.live == []


@table(
    11,
    api=APIS,
    kind=[*PASSES, *([kind] for kind in UNAUTHORIZED)],
    how=[SIGNAL, TIMEOUT],
    times=[2, "always"],
)
def test_a_cancellation_is_tried_again(
    worlds: dict[str, World], api: str, kind: Kind, how: dict[str, Any], times: Any
) -> None:
    """A run that cannot be cancelled in time is left to ``post``; a cancel without a usable answer
    may have worked, which reading the run shows.
    """
    case = worlds[api].new_case("slow")
    case.inject("cancel", times=times, **kind.fields)
    played = case.play(**how)
    is_left = [run.status for run in case.runs] != ["cancelled"]
    result = "interrupted" if how is SIGNAL else "timeout"
    assert (played.result, played.end.details.left_behind) == (result, is_left)
    assert times == "always" or not is_left
    assert how is TIMEOUT or played.seconds <= 40.0 + 4.5
    worlds[api].emulator.clear_faults()
    case.post(played)
    assert [run.status for run in case.runs] == ["cancelled"]


@table(api=APIS, scenario=["ignores-cancel-twice", "ignores-cancel"], how=[SIGNAL, TIMEOUT])
def test_a_cancel_that_changes_nothing_is_sent_again(
    worlds: dict[str, World], api: str, scenario: str, how: dict[str, Any]
) -> None:
    case = worlds[api].new_case(scenario)
    played = case.play(**how)
    is_deaf = scenario == "ignores-cancel"
    assert [run.status for run in case.runs] == ["pending" if is_deaf else "cancelled"]
    assert played.end.details.left_behind == is_deaf
    assert played.end.details.cancelled_by_step != is_deaf
    if is_deaf:
        assert "the run is still pending" in played.of(CancelFailed)[0].error.cause
        with pytest.raises(AssertionError, match="the run is still pending"):
            case.post(played)


@table(route=["repos", "start"], kind=[[kind] for kind in (*FINAL, *REFUSED)])
def test_a_refusal_before_the_start_ends_the_step(world: World, route: str, kind: Kind) -> None:
    case = world.new_case()
    case.inject(route, times=5, **kind.fields)
    played = case.play()
    assert (played.result, played.code) == ("error", kind.code)
    assert case.runs == []
    assert not played.end.details.left_behind
    assert played.seconds == 0.0


@table(
    call=[("2026-11", "run", 1), ("2026-08", "events", 5), ("2026-08", "events", 7)],
    kind=[[kind] for kind in FINAL],
)
def test_a_refusal_while_following_ends_the_step(
    worlds: dict[str, World], call: tuple[str, str, int], kind: Kind
) -> None:
    api, route, skip = call
    case = worlds[api].new_case("slow")
    case.inject(route, skip=skip, times="always", **kind.fields)
    played = case.play()
    assert (played.result, played.code) == ("error", kind.code)
    assert played.seconds < (150.0 if route == "run" else 60.0)


@pytest.mark.parametrize("policy", ["cancel", "detach"])
def test_a_refused_run_is_called_left_behind_only_where_post_cancels_it(
    world: World, policy: str
) -> None:
    case = world.new_case("slow", on_interrupt=policy)
    refused = {"ok": False, "error": {"code": "FORBIDDEN", "message": "Missing required scope."}}
    case.inject("run", skip=1, times="always", status=403, body=refused)
    played = case.play()
    assert (played.result, played.code) == ("error", 65)
    assert played.end.details.left_behind is (policy == "cancel")


@table(
    3,
    call=FOLLOWED,
    kind=[
        [kind] for kind in (*REFUSED, Kind("another run", {"status": 200, "body": OTHER_RUN}, 0))
    ],
)
def test_odd_answers_while_following_pass(
    worlds: dict[str, World], call: tuple[str, str, int], kind: Kind
) -> None:
    api, route, position = call
    case = worlds[api].new_case()
    case.inject(route, skip=position, **kind.fields)
    check_success(case, case.play())


@table(13, api=APIS, kind=LASTS)
def test_after_the_end_of_the_run_nothing_changes_its_result(
    worlds: dict[str, World], api: str, kind: Kind
) -> None:
    case = worlds[api].new_case("late-finish")

    def break_at_the_end(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.is_terminal:
            break_following(case, kind)

    played = case.play(watch=break_at_the_end)
    assert (played.result, played.code) == ("success", 0)
    assert played.end.details.run is not None
    assert played.shown == ids(case.run)[: len(played.shown)] != []
