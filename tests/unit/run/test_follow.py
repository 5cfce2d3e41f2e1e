"""Following: odd feeds, odd statuses, silence, trouble and the deadline."""

from __future__ import annotations

import signal
from itertools import pairwise
from typing import Any

import pytest

from mogplex_ci.run.updates import (
    EventsArrived,
    Heartbeat,
    Recovered,
    StatusChanged,
    Trouble,
    Update,
)
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.faults.kinds import error
from tests.faults.world import Case, Played, World
from tests.said import said


def event(number: int, kind: str = "log", at: str | None = None) -> dict[str, Any]:
    created = f"2026-11-24T13:44:{number:02d}.79518+00:00" if at is None else at
    return {
        "id": f"e{number}",
        "type": kind,
        "toolName": None,
        "message": f"event {number}",
        "createdAt": created,
    }


def answers(case: Case, *feeds: tuple[str, list[Any]], run: str = "streaming") -> None:
    """Have the next polls answered with these statuses and events, the last one for ever; ``run``:
    its own status.
    """
    case.play(wait=False)
    detail = case.run.detail()
    case.inject(
        "run",
        status=200,
        body={"ok": True, "data": {"run": {**detail, "status": run}}},
        times="always",
    )
    for number, (status, events) in enumerate(feeds):
        body = {"ok": True, "data": {"run": {**detail, "status": status}, "events": events}}
        times: Any = {"times": "always"} if number == len(feeds) - 1 else {}
        case.inject("events", status=200, body=body, skip=number, **times)


def shown(played: Played) -> list[str]:
    known = {Untrusted(f"e{number}"): f"e{number}" for number in range(300)}
    return [known[each] for each in played.shown]


def test_an_unknown_status_is_named_once_and_fails_closed(old_world: World) -> None:
    case = old_world.new_case()
    answers(case, ("hibernating", []), ("streaming", []), ("hibernating", []), run="hibernating")
    played = case.play(timeout=100.0)
    assert len(said(played.updates, "does not know the status hibernating")) == 1
    assert (played.code, played.end.ending.error_code) == (2, "UNKNOWN_STATUS")
    assert 99.0 <= played.seconds <= 101.0


def test_a_last_word_other_than_the_first_is_believed(old_world: World) -> None:
    case = old_world.new_case()
    answers(
        case,
        ("cancelled", [event(1)]),
        ("streaming", [event(1)]),
        ("failed", [event(1), event(2, "failed")]),
    )
    played = case.play()
    assert (played.result, played.code, shown(played)) == ("failed", 1, ["e1", "e2"])


def test_waiting_for_late_events_is_bounded(old_world: World) -> None:
    case = old_world.new_case()
    feed = [event(0, "finished"), *(event(number) for number in range(1, 50))]
    answers(case, *(("success", feed[:number]) for number in range(1, 50)))
    played = case.play()
    assert (played.result, shown(played)) == ("success", ["e0", "e1", "e2", "e3"])
    assert played.seconds < 10.0


def test_a_heartbeat_comes_half_a_minute_after_the_last_line_also_of_trouble(
    each_world: World,
) -> None:
    case = each_world.new_case("quiet", poll_interval=7.0)
    lines: list[tuple[type[Update], float]] = []

    def note(update: Update) -> None:
        if isinstance(update, Heartbeat):
            beats = sum(kind is Heartbeat for kind, _ in lines)
            if beats == 1:
                case.inject("any", drop=True, times="always")
            elif beats == 4:
                each_world.emulator.clear_faults()
        if isinstance(update, Heartbeat | EventsArrived | StatusChanged | Trouble | Recovered):
            lines.append((type(update), each_world.time.monotonic()))

    case.play(timeout=600.0, watch=note)
    pauses = [
        (earlier, later_at - at)
        for (earlier, at), (later, later_at) in pairwise(lines)
        if later is Heartbeat and earlier in (Heartbeat, Trouble, Recovered)
    ]
    assert {earlier for earlier, _ in pauses} == {Heartbeat, Trouble, Recovered}
    assert [pause for _, pause in pauses] == pytest.approx([30.0] * len(pauses), abs=1e-6)


def test_a_heartbeat_says_since_when_neither_an_event_nor_a_new_status_came(
    old_world: World,
) -> None:
    case = old_world.new_case("quiet", poll_interval=20.0)
    answers(case, ("pending", [event(1)]), ("streaming", [event(1)]))
    changed: list[float] = []
    beats: list[tuple[float, float]] = []

    def note(update: Update) -> None:
        now = old_world.time.monotonic()
        if isinstance(update, EventsArrived | StatusChanged):
            changed.append(now)
        elif isinstance(update, Heartbeat):
            beats.append((update.silence, now - changed[-1]))

    case.play(timeout=100.0, watch=note)
    assert len({*changed}) == 2, "the status changes without an event"
    assert [silence for silence, _ in beats] == pytest.approx([since for _, since in beats])


def test_events_that_come_with_the_timeout_are_shown(old_world: World) -> None:
    case = old_world.new_case()
    answers(case, ("pending", []), ("streaming", [event(number) for number in range(1, 4)]))

    def end(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.status == "streaming":
            old_world.time.sleep(40.0)

    played = case.play(timeout=30.0, watch=end)
    assert (played.result, shown(played)) == ("timeout", ["e1", "e2", "e3"])
    assert not said(played.updates, "Events missing")


@pytest.mark.parametrize(("seconds", "result"), [(8.0, "success"), (60.0, "error")])
def test_a_run_may_be_unknown_for_ten_seconds(
    old_world: World, seconds: float, result: str
) -> None:
    case = old_world.new_case()
    case.inject("events", status=404, body=error("NOT_FOUND"), lasts=seconds)
    played = case.play()
    assert (played.result, played.end.ending.error_code) == (
        result,
        "" if result == "success" else "NOT_FOUND",
    )


def test_polls_are_seldom_while_nothing_happens(old_world: World) -> None:
    asked = old_world.new_case("quiet").play(timeout=100.0).asked
    polls = [at for route, at in asked if route == "events" and at < 90.0]
    pauses = [later - at for at, later in pairwise(polls)]
    assert pauses[0] < 1.7
    assert min(pauses[-3:]) >= 2.0


UNREAD = "Events missing: The last events could not be read: the API is not available"
LATE = "Events missing: The timeout left no time to show the last events"


@pytest.mark.parametrize(
    ("last", "missing", "seconds"), [("log", [UNREAD], 90.0), ("finished", [], 2.0)]
)
def test_events_that_cannot_be_read_after_the_end_are_a_matter_of_time(
    old_world: World, last: str, missing: list[str], seconds: float
) -> None:
    """The log says what the service answered."""
    case = old_world.new_case()
    answers(case, ("success", [event(1, last)]))

    def fail(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.status == "success":
            old_world.emulator.clear_faults()
            case.inject("events", times="always", status=502)

    played = case.play(watch=fail)
    assert played.result == "success"
    assert said(played.updates, "Events missing") == missing
    assert seconds - 10.0 <= played.seconds <= seconds, "a used-up request limit is one of a minute"


def test_a_few_events_are_shown_at_a_time(old_world: World) -> None:
    """A signal is looked for in between."""
    feed = [event(number) for number in range(1, 12)]
    case = old_world.new_case()
    answers(case, ("success", [*feed, event(12, "finished")]))
    played = case.play()
    assert (len(played.shown), len(played.of(EventsArrived))) == (12, 3)
    assert not said(played.updates, "Events missing")
    case, stop = old_world.new_case(), Stop()
    answers(case, ("streaming", feed))

    def interrupt(update: Update) -> None:
        if isinstance(update, EventsArrived):
            stop.request(signal.SIGINT)

    played = case.play(stop=stop, watch=interrupt)
    assert (played.result, len(played.shown)) == ("interrupted", 5)


def test_events_that_take_longer_to_show_than_the_step_has_are_a_matter_of_time(
    old_world: World,
) -> None:
    case = old_world.new_case()
    feed = [event(number) for number in range(1, 40)]
    answers(case, ("streaming", feed[:17]), ("streaming", feed))

    def show_slowly(update: Update) -> None:
        if isinstance(update, EventsArrived):
            old_world.time.sleep(14.8)

    played = case.play(timeout=30.0, watch=show_slowly)
    assert played.result == "timeout"
    assert len(played.shown) == 15, "the last five of them begin in time"
    assert played.seconds <= 30.0 + 14.8
    assert said(played.updates, "Events missing") == [LATE]
