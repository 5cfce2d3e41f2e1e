"""The times that docs/maintaining/faults.md names, played: what lasts as long is waited out, and no
longer.
"""

from __future__ import annotations

import pytest

from mogplex_ci.run.updates import Update
from tests.faults.kinds import error
from tests.faults.world import World
from tests.said import said


def test_a_stream_without_first_bytes_is_left_after_5_s(world: World) -> None:
    case, polled = world.new_case("success"), list[float]()
    case.inject("stream", times="always", buffered=True)
    began = world.time.monotonic()

    def note(update: Update) -> None:
        if said([update], "by polling"):
            polled.append(world.time.monotonic() - began)

    assert case.play(watch=note).result == "success"
    assert polled == [pytest.approx(5.0, abs=0.01)]


@pytest.mark.parametrize(
    ("gates", "seconds"), [((), 3.0), (("change",), 30.0)], ids=["without gates", "with gates"]
)
def test_a_run_cancelled_at_the_timeout_is_read_for_so_long(
    world: World, gates: tuple[str, ...], seconds: float
) -> None:
    for asked, is_waited in ((seconds - 0.6, True), (seconds, False)):
        case = world.new_case("slow", timeout=60.0, on_timeout="cancel", require=frozenset(gates))
        case.inject("events", status=503, headers={"Retry-After": str(asked)})
        played = case.play()
        assert (played.result, case.run.status) == ("timeout", "cancelled")
        assert played.seconds == pytest.approx(60.0 + (seconds if is_waited else 0.5), abs=0.4)
        assert bool(said(played.updates, "Events missing")) != is_waited


def test_the_last_events_are_asked_for_during_90_s(world: World) -> None:
    for asked, is_waited in ((89.0, True), (90.0, False)):
        case = world.new_case("no-last-event")
        case.inject(
            "events",
            status=503,
            headers={"Retry-After": str(asked)},
            body=error("SERVICE_UNAVAILABLE"),
        )
        played = case.play()
        assert played.result == "success"
        assert bool(said(played.updates, "Events missing")) != is_waited
        assert (played.seconds > 89.0) == is_waited


@pytest.mark.parametrize(("is_api", "seconds"), [(True, 300.0), (False, 60.0)])
def test_the_api_may_ask_for_any_pause_and_a_proxy_for_a_minute(
    world: World, is_api: bool, seconds: float
) -> None:
    case = world.new_case()
    body = error("SERVICE_UNAVAILABLE") if is_api else "<title>Bad gateway</title>"
    case.inject("start", status=503, headers={"Retry-After": "300"}, body=body)
    played = case.play()
    assert played.result == "success"
    first, second = [at for route, at in played.asked if route == "start"]
    assert second - first == pytest.approx(seconds + 1.0, abs=1.1)
