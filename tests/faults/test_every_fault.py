"""Every call of a step meets every fault: what the step must do is the same, whatever goes wrong on
the way.
"""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import Waiting
from mogplex_ci.run.updates import CancelFailed, EventsMissing, StatusChanged, Update
from tests.faults.kinds import (
    FINAL,
    OTHER_RUN,
    PASSING,
    PROXIES,
    REFUSED,
    STREAM_FAULTS,
    UNAUTHORIZED,
    Kind,
)
from tests.faults.world import Case, Played, World, ids
from tests.slow import mostly_slow, slow

FOLLOWING = ("stream", "run", "events")
"""The routes that a run is followed by."""
STREAMED = [("repos", 0), ("start", 0), ("stream", 0), ("run", 0), ("run", 1), ("events", 0)]
"""The calls of a step whose run succeeds on the newest service."""
POLLED = [("repos", 0), ("start", 0), *(("events", position) for position in range(8))]
"""The same on the service of 2026-08, in about eight seconds, polled every 1.5 s."""

each_final = pytest.mark.parametrize("kind", FINAL, ids=lambda kind: kind.name)
each_refusal = pytest.mark.parametrize("kind", FINAL + REFUSED, ids=lambda kind: kind.name)
ANOTHER = Kind("another run", {"status": 200, "body": OTHER_RUN}, 0)
each_odd = pytest.mark.parametrize("kind", [*REFUSED, ANOTHER], ids=lambda kind: kind.name)
each_proxy = pytest.mark.parametrize(
    "kind", mostly_slow(PROXIES, every=11), ids=lambda kind: kind.name
)
each_lasting = pytest.mark.parametrize(
    "kind", mostly_slow(PASSING + PROXIES, every=11), ids=lambda kind: kind.name
)
each_kind = pytest.mark.parametrize(
    "kind", mostly_slow(FINAL + REFUSED + PASSING + PROXIES, every=9), ids=lambda kind: kind.name
)
each_call = pytest.mark.parametrize(
    ("service", "route", "position"),
    [
        *(("world", *call) for call in STREAMED),
        *mostly_slow([("old_world", *call) for call in POLLED], every=4),
    ],
    indirect=["service"],
)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> World:
    """The service whose name is the parameter."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, World)
    return found


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


@each_call
@each_lasting
@pytest.mark.parametrize("times", mostly_slow([2, 4], every=2))
def test_what_passes_changes_nothing(
    service: World, route: str, position: int, kind: Kind, times: int
) -> None:
    """A proxy's answers pass once the API has answered."""
    case = service.new_case()
    case.inject(
        route, skip=position + (route == "repos" and kind in PROXIES), times=times, **kind.fields
    )
    played = case.play(timeout=900.0)
    if len(played.shown) < len(case.run.events):
        # Refused for minutes on end: the run is over for long, and its last events are not waited
        # for any more.
        assert (kind.name, times, route) == ("429", 4, "events")
        assert (played.result, len(played.of(EventsMissing))) == ("success", 1)
        assert played.seconds < 60.0 + 95.0
    else:
        check_success(case, played)


@each_kind
def test_a_stream_that_never_works_is_replaced_by_polls(world: World, kind: Kind) -> None:
    case = world.new_case()
    case.inject("stream", times="always", **kind.fields)
    played = case.play(timeout=900.0)
    check_success(case, played)
    tries = 8 if "circles" in kind.name else 2  # a redirect is followed three times
    assert kind.code == 75 or played.routes.count("stream") <= tries
    assert played.seconds < (
        75.0 if kind.code == 75 else 25.0
    )  # a refused token does not poll: that would cost more


def test_a_service_that_never_answers_is_given_up_after_two_minutes(world: World) -> None:
    case = world.new_case()
    played = case.play(client=Client("http://127.0.0.1:9", "mog_" + "x" * 32), timeout=900.0)
    assert (played.result, played.code, played.end.ending.cause) == (
        "error",
        69,
        "127.0.0.1:9 refused the connection",
    )
    assert played.of(Waiting)[0].error.cause == played.end.ending.cause
    assert 118.0 <= played.seconds <= 120.0


def test_a_web_page_after_a_refusal_of_the_api_is_waited_out(world: World) -> None:
    case = world.new_case()
    case.inject(
        "repos",
        status=503,
        body={"ok": False, "error": {"code": "UNAVAILABLE", "message": "later"}},
    )
    case.inject("repos", skip=1, times=3, status=200, body="<html>")
    check_success(case, case.play(timeout=900.0))


@each_proxy
def test_a_web_page_before_the_first_answer_ends_the_step(world: World, kind: Kind) -> None:
    """Anything else that is not the API ends it after two minutes."""
    case = world.new_case()
    case.inject("repos", times="always", **kind.fields)
    played = case.play(timeout=900.0)
    assert (played.result, played.code, played.end.details.left_behind) == ("error", 69, False)
    is_tried_again = "bare" in kind.name or "no answer" in kind.name
    expected = 120.0 if is_tried_again else 0.0
    assert played.seconds == pytest.approx(expected, abs=2.0)


LASTING = [
    ("repos", kind) for kind in PASSING
]  # before the first answer a proxy's is a wrong address
LASTING += [(route, kind) for route in ("start", "following") for kind in PASSING + PROXIES]


@pytest.mark.parametrize(
    ("route", "kind"), mostly_slow(LASTING, every=11), ids=lambda each: getattr(each, "name", each)
)
def test_what_lasts_ends_at_the_deadline(each_world: World, route: str, kind: Kind) -> None:
    """A start that may have worked is left to ``post``. Once a run was started, the codes of an
    outage are over.
    """
    case = each_world.new_case("slow")
    for each in FOLLOWING if route == "following" else [route]:
        case.inject(each, times="always", **kind.fields)
    played = case.play(timeout=150.0)
    if route == "following":
        assert (played.result, played.code, played.end.ending.error_code) == (
            "timeout",
            1,
            "TIMEOUT",
        )
        assert "the run's status could not be read: " in played.end.ending.cause
    else:
        assert (played.result, played.code) == ("error", kind.code)
    assert played.seconds <= 150.0 + 4.5
    assert len(case.runs) <= 1
    assert played.end.details.left_behind or route != "start" or kind not in PROXIES
    if played.end.details.left_behind:
        each_world.emulator.clear_faults()
        case.post(played)
        assert case.live == []
    else:
        assert (case.runs != []) == (route == "following")


@pytest.mark.parametrize("position", [0, 1])
@each_lasting
def test_a_timeout_can_still_cancel(each_world: World, position: int, kind: Kind) -> None:
    case = each_world.new_case("slow")
    break_following(case, kind, skip=position)
    played = case.play(timeout=100.0, on_timeout="cancel")
    assert (played.result, played.code, played.end.ending.error_code) == ("timeout", 1, "TIMEOUT")
    assert [run.status for run in case.runs] == ["cancelled"]
    assert played.end.details.cancelled_by_step


SIGNAL = {"stop_after": 40.0}
TIMEOUT = {"timeout": 50.0, "on_timeout": "cancel"}
each_end = pytest.mark.parametrize(
    ("how", "result"), [(SIGNAL, "interrupted"), (TIMEOUT, "timeout")]
)


@pytest.mark.parametrize(
    "kind", [*mostly_slow(PASSING + PROXIES, every=11), *UNAUTHORIZED], ids=lambda kind: kind.name
)
@each_end
@pytest.mark.parametrize("times", [2, *slow(["always"])])
def test_a_cancellation_is_tried_again(
    each_world: World, kind: Kind, how: dict[str, Any], result: str, times: Any
) -> None:
    """A run that cannot be cancelled in time is left to ``post``; a cancel without a usable answer
    may have worked, which reading the run shows.
    """
    case = each_world.new_case("slow")
    case.inject("cancel", times=times, **kind.fields)
    played = case.play(**how)
    is_left = [run.status for run in case.runs] != ["cancelled"]
    assert (played.result, played.end.details.left_behind) == (result, is_left)
    assert times == "always" or not is_left
    assert result == "timeout" or played.seconds <= 40.0 + 4.5
    if is_left:
        each_world.emulator.clear_faults()
        case.post(played)
    assert [run.status for run in case.runs] == ["cancelled"]


@pytest.mark.parametrize("kind", UNAUTHORIZED, ids=lambda kind: kind.name)
@pytest.mark.parametrize("lasts", ["4s", "30s"])
@pytest.mark.parametrize("route", ["repos", "start"])
def test_a_token_that_is_not_known_is_tried_for_ten_seconds(
    world: World, route: str, lasts: str, kind: Kind
) -> None:
    """The repositories are asked for first: once they were listed, the token is tried for fifteen
    minutes.
    """
    case = world.new_case()
    case.inject(route, lasts=lasts, **kind.fields)
    played = case.play()
    if lasts == "4s" or route == "start":
        check_success(case, played)
    else:
        assert (played.result, played.code) == ("error", 64)
        assert 9.0 <= played.seconds <= 11.0
        assert (case.runs, played.end.details.left_behind) == ([], False)


@pytest.mark.parametrize("position", [3, *slow([0, 6])])
@pytest.mark.parametrize("kind", UNAUTHORIZED, ids=lambda kind: kind.name)
@pytest.mark.parametrize("lasts", ["50s", "14m"])
def test_a_database_that_is_away_for_minutes_changes_nothing(
    each_world: World, position: int, kind: Kind, lasts: str
) -> None:
    """The stream closes, and every call is answered with 401."""
    case = each_world.new_case("steady")
    case.inject("stream", events=position, close=True)
    # Repository, start and stream are asked for first.
    case.inject("any", skip=3 + position, lasts=lasts, **kind.fields)
    check_success(case, case.play(timeout=1800.0))


@pytest.mark.parametrize("kind", UNAUTHORIZED, ids=lambda kind: kind.name)
def test_a_token_that_stays_unknown_ends_the_step_and_leaves_the_run_to_post(
    each_world: World, kind: Kind
) -> None:
    case = each_world.new_case("slow")
    for route in FOLLOWING:
        case.inject(route, skip=1, times="always", **kind.fields)
    played = case.play(timeout=1800.0)
    assert (played.result, played.code) == ("error", 64)
    assert 900.0 <= played.seconds <= 1030.0
    assert played.end.details.left_behind
    case.inject("cancel", lasts="60s", **kind.fields)
    case.post(played)
    assert case.live == []


@pytest.mark.parametrize("how", [SIGNAL, TIMEOUT], ids=str)
@pytest.mark.parametrize("scenario", ["ignores-cancel-twice", "ignores-cancel"])
def test_a_cancel_that_changes_nothing_is_sent_again(
    each_world: World, scenario: str, how: dict[str, Any]
) -> None:
    case = each_world.new_case(scenario)
    played = case.play(**how)
    is_deaf = scenario == "ignores-cancel"
    assert [run.status for run in case.runs] == ["pending" if is_deaf else "cancelled"]
    assert played.end.details.left_behind == is_deaf
    assert played.end.details.cancelled_by_step != is_deaf
    if is_deaf:
        assert "the run is still pending" in played.of(CancelFailed)[0].error.cause
        with pytest.raises(AssertionError, match="the run is still pending"):
            case.post(played)


@pytest.mark.parametrize("route", ["repos", "start"])
@each_refusal
def test_a_refusal_before_the_start_ends_the_step(world: World, route: str, kind: Kind) -> None:
    case = world.new_case()
    case.inject(route, times=5, **kind.fields)
    played = case.play()
    assert (played.result, played.code) == ("error", kind.code)
    assert case.runs == []
    assert not played.end.details.left_behind
    assert played.seconds == 0.0


@pytest.mark.parametrize(
    ("service", "route", "skip"),
    [("world", "run", 1), ("old_world", "events", 5), ("old_world", "events", 7)],
    indirect=["service"],
)
@each_final
def test_a_refusal_while_following_ends_the_step(
    service: World, route: str, skip: int, kind: Kind
) -> None:
    case = service.new_case("slow")
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


@each_call
@each_odd
def test_odd_answers_while_following_pass(
    service: World, route: str, position: int, kind: Kind
) -> None:
    case = service.new_case()
    if route in FOLLOWING:
        case.inject(route, skip=position, **kind.fields)
    check_success(case, case.play())


@each_kind
def test_after_the_end_of_the_run_nothing_changes_its_result(each_world: World, kind: Kind) -> None:
    case = each_world.new_case("late-finish")

    def break_at_the_end(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.is_terminal:
            break_following(case, kind)

    played = case.play(watch=break_at_the_end)
    assert (played.result, played.code) == ("success", 0)
    assert played.end.details.run is not None
    assert played.shown == ids(case.run)[: len(played.shown)] != []


@pytest.mark.parametrize(
    "kind", mostly_slow(STREAM_FAULTS + PASSING + PROXIES, every=17), ids=lambda kind: kind.name
)
@pytest.mark.parametrize("interval", [1.5, 300.0], ids=["between polls", "at the end"])
def test_a_stream_that_fails_still_fills_the_gap_between_two_pages(
    world: World, kind: Kind, interval: float
) -> None:
    case = world.new_case("flood", poll_interval=interval)
    case.inject("stream", times=2, status=502)
    case.inject("resume", **kind.fields)
    played = case.play()
    if kind.fields.get("replay"):
        assert (played.result, len(played.of(EventsMissing))) == ("success", 1)
    else:
        check_success(case, played)
