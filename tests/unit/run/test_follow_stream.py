"""Following by the event stream: every event once, in order and at once, whatever the stream
does.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from mogplex_ci.models import FEED_LIMIT, EventKind
from mogplex_ci.run.event_sources import MIN_CONNECT_SECONDS
from mogplex_ci.run.timeline import Phase, PhaseStarted
from mogplex_ci.run.updates import (
    EventsArrived,
    Recovered,
    Started,
    StatusChanged,
    Trouble,
    Update,
)
from mogplex_ci.untrusted import Untrusted
from tests.faults.kinds import error
from tests.faults.world import Case, Played, World, ids
from tests.pairs import table
from tests.said import said
from tests.slow import mostly_slow


def check_complete(case: Case, played: Played) -> None:
    """Assert that the run's success and all its events were reported."""
    assert (played.result, played.code) == ("success", 0)
    assert played.shown == ids(case.run)
    assert not played.end.details.timeline.is_incomplete


def polls(played: Played) -> bool:
    return bool(said(played.updates, "by polling"))


@pytest.mark.parametrize("scenario", ["steady", "quiet"])
def test_every_event_is_reported_when_it_is_written(world: World, scenario: str) -> None:
    """For three requests a minute at most."""
    case = world.new_case(scenario)
    began = world.time.monotonic()
    arrived: list[float] = []

    def note(update: Update) -> None:
        if isinstance(update, EventsArrived):
            arrived.extend([world.time.monotonic() - began] * len(update.events))

    played = case.play(watch=note)
    check_complete(case, played)
    assert not polls(played)
    assert arrived == pytest.approx([record.step.at for record in case.run.written()], abs=0.001)
    assert len(played.asked) - 2 <= 3 * played.seconds / 60 + 3, "beside repository and start"


@pytest.mark.parametrize("events", [0, 1, 4, 11])
@pytest.mark.parametrize(
    "how", [{"cut": 0}, {"cut": 40}, {"close": 0}], ids=["cut", "cut in a line", "closed"]
)
def test_a_stream_that_ends_early_is_resumed_after_its_last_event(
    world: World, events: int, how: dict[str, Any]
) -> None:
    case = world.new_case("failed")
    case.inject("stream", events=events, **how)
    played = case.play()
    assert (played.result, played.shown) == ("failed", ids(case.run))
    resumed = [request for request in world.emulator.requests if request.route == "stream"][-1]
    if played.routes.count("stream") == 2 and events:
        assert resumed.headers["Last-Event-Id"] == case.run.events[events - 1]["id"]
        broke = max(
            case.run.written()[events if how.get("cut") else events - 1].step.at,
            MIN_CONNECT_SECONDS,
        )
        assert [at for route, at in played.asked if route == "stream"] == pytest.approx(
            [0.0, broke], abs=0.002
        )
    assert not polls(played)


@pytest.mark.parametrize(
    ("scenario", "fault", "opened"),
    [
        ("slow", {"times": "always", "close": "800s"}, 0),  # for its age
        (
            "steady",
            {"times": "always", "events": 2, "cut": 30},
            0,
        ),  # it breaks again and again, but brings news
        ("steady", {"events": 5, "silent": True}, 2),  # a minute of silence
        ("steady", {"times": "always", "events": 0, "silent": True}, 2),  # it holds events back
        (
            "success",
            {"times": "always", "events": 1, "close": 0},
            0,
        ),  # it closes after each event
        ("steady", {"times": "always", "events": 1, "close": "1s"}, 0),
    ],
)
def test_a_stream_is_kept_that_brings_events(
    world: World, scenario: str, fault: dict[str, Any], opened: int
) -> None:
    case = world.new_case(scenario)
    case.inject("stream", **fault)
    played = case.play()
    check_complete(case, played)
    times = [at for route, at in played.asked if route == "stream"]
    assert polls(played) == (fault.get("events") == 0)
    assert len(times) == opened or (opened == 0 and len(times) > 2)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 2.3 - 1e-9
    sent = [at for _, at in played.asked]
    for at in sent:
        assert sum(at <= other < at + 60.0 for other in sent) < 60, "the budget of a token"
    if fault.get("events") == 5:
        assert times[1] == pytest.approx(case.run.written()[4].step.at + 60.0, abs=0.01)


@pytest.mark.parametrize(
    ("scenario", "jobs", "ended", "pauses"),
    [
        ("success", 1, 7.393, (0.1, 0.2, 0.4, 0.8, 1.6, 3.0)),
        ("steady", 19, 153.249, (0.6, 2.0, 4.0, 8.0)),  # as many as can just about share a token
    ],
)
def test_after_the_last_event_the_status_is_asked_for_more_often_and_then_seldom(
    world: World, scenario: str, jobs: int, ended: float, pauses: Sequence[float]
) -> None:
    """Only a look at the run tells that it is over, and repairs one whose worker has died."""
    case = world.new_case(scenario, create_branch=True, jobs_per_token=jobs)
    case.play(wait=False)
    detail = {**case.run.detail(), "status": "streaming"}
    case.inject("run", times="always", status=200, body={"ok": True, "data": {"run": detail}})
    case.inject(
        "events",
        times="always",
        status=200,
        body={"ok": True, "data": {"run": detail, "events": []}},
    )
    played = case.play(timeout=400.0)
    assert played.result == "timeout"
    looks = [at for route, at in played.asked if at > ended and route == "run"]
    times = [ended + after for after in itertools.accumulate(pauses)]
    assert looks[: len(times)] == pytest.approx(times, abs=0.002)
    *seldom, last = looks[len(times) :]
    assert seldom == pytest.approx(
        [times[-1] + 10.0 * number for number in range(1, len(seldom) + 1)], abs=0.002
    )
    assert last == 399.0, "the last look"


@table(3, wait=[7, 40], jobs=[1, 3])
def test_no_request_is_sent_sooner_than_a_status_check_is_asked_to_wait(
    each_world: World, wait: int, jobs: int
) -> None:
    """Neither a poll nor a connect, also when the stream has just been given up."""
    case = each_world.new_case("slow", jobs_per_token=jobs)
    case.inject("run", status=429, headers={"Retry-After": str(wait)})
    case.inject("stream", times="always", close=0)
    played = case.play(timeout=200.0)
    (refused, *_) = [at for route, at in played.asked if route == "run"]
    following = [at for _, at in played.asked if at > refused]
    assert refused + wait <= following[0] <= refused + wait + 2.01


# More events than a page holds.


BROKEN: dict[str, Any] = {"route": "stream", "status": 502}
AWAY: dict[str, Any] = {"drop": True, "lasts": "4s"}


@pytest.mark.parametrize(
    ("scenario", "faults", "fields"),
    [
        ("busy", [{**BROKEN, "times": "always"}], {}),
        (
            "flood",
            [
                {**BROKEN, "times": 2},
                {"route": "resume", **AWAY},
                {"route": "run", "skip": 2, **AWAY},
            ],
            {},
        ),
        (
            "flood",
            [{"route": "stream", "events": 4, "cut": 0}, {"route": "any", "skip": 3, **AWAY}],
            {},
        ),
        ("flood", [{**BROKEN, "times": 2}], {"poll_interval": 300.0, "timeout": 20.0}),
    ],
    ids=["no gap", "between polls", "at the end", "at the last check"],
)
def test_polls_go_on_beyond_a_page_and_a_stream_fills_the_gap_between_two(
    world: World, scenario: str, faults: Sequence[dict[str, Any]], fields: dict[str, Any]
) -> None:
    """Also when the service is away for a while."""
    case = world.new_case(scenario, **fields)
    for fault in faults:
        case.inject(**fault)
    check_complete(case, case.play())
    assert len(case.run.events) > 2 * FEED_LIMIT


@pytest.mark.parametrize(
    "how", [{"status": 502}, {"replay": True}, {"silent": True}, {"status": 400}], ids=str
)
def test_events_that_fall_between_two_polls_are_said_to_be_missing(
    world: World, how: dict[str, Any]
) -> None:
    """If no stream can be resumed."""
    case = world.new_case("flood")
    case.inject(**BROKEN, times=2)
    case.inject("resume", times="always", **how)
    played = case.play()
    assert (played.result, played.code) == ("success", 0)
    (missing,) = said(played.updates, "Events missing")
    assert "no longer lists" in missing
    assert played.end.details.timeline.is_incomplete
    assert played.shown == [event for event in ids(case.run) if event in set(played.shown)]
    assert played.shown[-1] == ids(case.run)[-1]
    assert played.end.details.timeline.outcome.changed
    assert played.seconds < 40.0


def test_a_stream_that_cannot_be_resumed_is_not_tried_at_each_gap(world: World) -> None:
    """In the seconds of a vain try more events can fall out of the page: there would be no end of
    gaps.
    """
    case = world.new_case("torrent", poll_interval=2.5)
    case.inject("stream", times="always", status=502)
    played = case.play()
    assert (played.result, len(said(played.updates, "Events missing"))) == ("success", 1)
    assert played.routes.count("stream") == 4


def test_the_oldest_events_are_all_that_an_older_service_shows(old_world: World) -> None:
    case = old_world.new_case("flood")
    played = case.play()
    assert (played.result, played.code) == ("success", 0)
    (missing,) = said(played.updates, "Events missing")
    assert "lists only the first" in missing
    assert played.shown == ids(case.run)[:FEED_LIMIT]
    assert played.end.details.timeline.outcome.changed is None


def test_a_run_of_just_a_page_lacks_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not for who follows it, nor for who joins it when it is over."""
    file = tmp_path_factory.mktemp("page") / "page.yaml"
    log = "{repeat: 198, steps: [{after: 1ms, event: log, message: line}]}"
    file.write_text(
        f"steps: [{{after: 1s, status: streaming}}, {log}, {{event: finished, message: x}}, {{status: success}}]"
    )
    world = World.serve(file)
    with world.emulator:
        case = world.new_case("page")
        for _ in range(2):
            played = case.play()
            assert (played.result, len(played.shown), said(played.updates, "Events missing")) == (
                "success",
                FEED_LIMIT,
                [],
            )


# Pauses, dead workers, and what comes late.


def test_a_run_that_pauses_ends_the_step_within_a_second(world: World) -> None:
    """And one that is joined in its pause."""
    case = world.new_case("paused")
    played = case.play()
    assert (played.result, played.code, played.end.ending.error_code) == ("paused", 1, "PAUSED")
    assert played.shown == ids(case.run)
    assert played.seconds - case.run.scenario.steps[-1].at < 1.0
    checkpoint = played.end.details.timeline.checkpoint
    assert checkpoint is not None
    assert checkpoint.preview_url is not None
    assert len(case.live) == 1
    case.attempt = 2
    joined = case.play()
    assert (joined.result, joined.seconds < 1.0, "stream" in joined.routes) == (
        "paused",
        True,
        False,
    )
    assert joined.shown == played.shown


def test_a_run_that_was_answered_before_the_step_saw_its_pause_is_followed_on(
    world: World,
) -> None:
    """An outage hides the pause. The end, the delivery and the words that count are the later
    ones.
    """
    case = world.new_case("resumed")

    def hide_the_pause(update: Update) -> None:
        is_end = isinstance(update, EventsArrived) and update.events[-1].kind is EventKind.FINISHED
        if is_end and case.run.status != "success":
            case.inject("any", drop=True, lasts=40.0)

    played = case.play(watch=hide_the_pause)
    assert (played.result, played.code) == ("success", 0)
    assert played.shown == [Untrusted(record.id) for record in case.run.written()]
    timeline = played.end.details.timeline
    assert timeline.last_words is not None
    assert timeline.last_words.text.startswith("Thanks. ")
    assert timeline.last_words.text.endswith("Done, and the tests still pass.")
    begun = [entry.phase for entry in timeline.entries if isinstance(entry, PhaseStarted)]
    assert begun[1:] == [Phase.AGENT, Phase.DELIVERY] * 2, "behind that of the sandbox"


def test_a_paused_run_may_be_cancelled(world: World) -> None:
    """No message asks for an answer then."""
    case = world.new_case("paused")
    played = case.play(on_pause="cancel")
    assert (played.result, played.code, played.end.ending.error_code) == (
        "cancelled",
        1,
        "CANCELLED",
    )
    assert "on-pause: cancel cancelled it" in played.end.ending.cause
    assert "until it is cancelled" not in played.end.ending.remedy
    assert (case.run.status, said(played.updates, "Run ")) == ("cancelled", ["Run cancelled"])
    assert "until it is cancelled" in world.new_case("paused").play().end.ending.remedy


def test_the_last_events_of_a_run_that_a_timeout_cancels_are_shown(each_world: World) -> None:
    case = each_world.new_case("slow")
    played = case.play(timeout=60.0, on_timeout="cancel")
    assert (played.result, case.run.status) == ("timeout", "cancelled")
    assert played.shown == ids(case.run)
    assert played.seconds < 61.0


@pytest.mark.parametrize("jobs", [1, 5])
@pytest.mark.parametrize(
    ("scenario", "is_known"), [("commit-after-a-moment", True), ("commit-after-two-seconds", False)]
)
def test_the_commit_is_looked_for_half_a_second_after_the_end(
    world: World, scenario: str, is_known: bool, jobs: int
) -> None:
    """A step exits within a second of its run's end."""
    ended: list[float] = []

    def note(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.is_terminal:
            ended.append(world.time.monotonic())

    began = world.time.monotonic()
    case = world.new_case(scenario, create_branch=True, jobs_per_token=jobs)
    played = case.play(watch=note)
    assert played.end.details.run is not None
    assert (played.end.details.run.terminal_commit is not None) == is_known
    (end,) = ended
    looked = [at for _, at in played.asked if at > end - began]
    assert looked == pytest.approx([end - began + 0.5], abs=0.01)
    assert played.seconds - (end - began) < 1.0


@pytest.mark.parametrize(
    ("jobs", "is_polled", "late"),
    [(1, False, 60.0), (1, True, 62.3), (5, True, 68.1)],
    ids=["stream", "polls", "shared"],
)
def test_a_dead_worker_is_noticed_within_a_minute(
    world: World, jobs: int, is_polled: bool, late: float
) -> None:
    """A job that shares the token looks at the run instead of polling its events once, and not
    besides.
    """
    case = world.new_case("dead-worker", jobs_per_token=jobs)
    if is_polled:
        case.inject("stream", times="always", status=502)
    played = case.play()
    assert (played.result, played.shown) == ("failed", ids(case.run))
    (noticed,) = [at for route, at in played.asked if route == "run" and at > 3.0]
    assert noticed == pytest.approx(late, abs=0.1)
    around = [
        at for route, at in played.asked if route == "events" and noticed - 5.0 < at < noticed + 0.2
    ]
    assert bool(around) is (is_polled and jobs == 1)


def test_a_status_check_that_fails_is_repeated_soon_and_after_a_success_as_soon_as_before(
    world: World,
) -> None:
    case = world.new_case("steady")
    case.inject("run", times=4, status=503)
    case.inject("run", skip=5, times=1, status=503)
    looks = [at for route, at in case.play(timeout=400.0).asked if route == "run"]
    pauses = [later - at for at, later in itertools.pairwise(looks[:7])]
    assert pauses == pytest.approx([0.45, 0.9, 1.8, 3.6, 60.0, 0.45], rel=0.12)


def test_events_that_come_after_the_end_are_reported(world: World) -> None:
    case = world.new_case("late-events")
    played = case.play()
    assert (played.result, set(played.shown)) == ("success", set(ids(case.run)))
    assert len(played.shown) == len(ids(case.run))
    words = played.end.details.timeline.last_words
    assert words is not None
    assert words.text.endswith("That was all.")
    assert played.end.details.timeline.outcome.pull_request_url is not None
    first, second = [at for route, at in played.asked if route == "events"]
    assert second - first == pytest.approx(0.3, abs=0.002)


def test_a_success_that_no_event_tells_ends_within_two_seconds(each_world: World) -> None:
    case = each_world.new_case("no-last-event")
    seen: list[float] = []

    def note(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.status == "success":
            seen.append(each_world.time.monotonic())

    played = case.play(watch=note)
    (at,) = seen
    assert (played.result, played.shown) == ("success", ids(case.run))
    assert each_world.time.monotonic() - at == pytest.approx(2.0)
    late = [at for route, at in played.asked if route == "events"][-3:]
    assert [later - earlier for earlier, later in itertools.pairwise(late)] == pytest.approx(
        [0.3, 1.2], abs=0.002
    )


@pytest.mark.parametrize(("left", "result"), [(1.2, "success"), (0.8, "timeout")])
def test_the_last_status_check_is_a_second_before_the_deadline(
    old_world: World, left: float, result: str
) -> None:
    case = old_world.new_case("no-last-event")
    case.play(wait=False)
    ends = case.run.scenario.steps[-1].at
    case = old_world.new_case("no-last-event", poll_interval=200.0)
    assert case.play(timeout=ends + left).result == result


# Trouble.


def test_an_outage_is_said_once_and_noticed_to_be_over_within_ten_seconds(world: World) -> None:
    case = world.new_case("steady")

    def fail_for_a_minute(update: Update) -> None:
        if isinstance(update, EventsArrived) and len(case.run.events) == 10:
            case.inject("any", drop=True, lasts=60.0)

    case.inject("stream", events=9, cut=0)
    played = case.play(watch=fail_for_a_minute)
    check_complete(case, played)
    assert not polls(played)
    assert len(played.of(Trouble)) == 1
    (recovered,) = played.of(Recovered)
    assert 55.0 <= recovered.after <= 70.0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", [97, 100, 3600])
def test_a_wait_beyond_the_deadline_does_not_end_the_step_before_it(
    world: World, status: int, wait: int
) -> None:
    """No run is left or cancelled before its time, and no request is sent sooner than asked."""
    case = world.new_case("slow")
    body = error("RATE_LIMITED" if status == 429 else "SERVICE_UNAVAILABLE")
    case.inject("stream", status=status, headers={"Retry-After": str(wait)}, body=body)
    played = case.play(timeout=99.5)
    assert (played.result, played.code, played.seconds) == ("timeout", 1, 99.5)
    assert len(case.live) == 1
    _, _, *asked = played.asked
    assert asked[0] == ("stream", 0.0)
    assert all(at >= wait for _, at in asked[1:])
    assert bool(asked[1:]) is (wait == 97)


# Deadlines and signals.


@pytest.mark.parametrize("after", mostly_slow([0.001, 31.0, 60.1, 500.0], every=2))
@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"silent": True, "events": 1},
        {"buffered": True},
        {"status": 502},
        {"close": 0},
        {"cut": 3},
    ],
    ids=lambda fault: " ".join(fault) or "no fault",
)
def test_a_stop_signal_ends_any_wait(world: World, after: float, fault: dict[str, Any]) -> None:
    case = world.new_case("slow")
    if fault:
        case.inject("stream", times="always", **fault)
    played = case.play(stop_after=after, number=signal.SIGTERM)
    assert (played.result, played.code, case.run.status) == ("interrupted", 143, "cancelled")
    assert played.seconds == pytest.approx(after)
    assert said(played.updates, "Run ") == ["Run cancelled"]


def test_a_run_that_was_joined_late_lacks_its_first_events(world: World) -> None:
    """The log does not say that the later ones are missing."""
    started = world.new_case("many-events", wait=False)
    run_id = started.play().of(Started)[0].run.id
    first = world.new_case(run_id=run_id, on_interrupt="detach").play()
    assert not said(first.updates, "Events missing"), "it saw all of them as they came"
    late = world.new_case(run_id=run_id, on_interrupt="detach").play()
    (missing,) = said(late.updates, "Events missing")
    assert "no longer lists" in missing
    assert late.shown == ids(started.run)[-200:]
