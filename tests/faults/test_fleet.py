"""Three runs at once, one of them in trouble; and random fleets within the token's limits, in
virtual time.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci import waiting
from mogplex_ci.api.budget import TokenBudget
from mogplex_ci.api.client import Client
from mogplex_ci.platforms.base import PLAIN, Plain
from mogplex_ci.report.log import Log
from mogplex_ci.run.fleet import RunEnded, RunUpdate
from mogplex_ci.run.one import Execution
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import (
    CanariesPassed,
    Ended,
    EventsArrived,
    NoMoreStarts,
    Trouble,
    Update,
)
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.faults.kinds import FINAL, PASSING, PROXIES, REFUSED, STREAM_FAULTS, UNAUTHORIZED, Kind
from tests.faults.world import KILLED, Case, Killed, Played, Saved, World, ids
from tests.slow import mostly_slow
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualClock, VirtualFleet, VirtualTime

BRIEF = Path(__file__).parent / "scenarios" / "brief.yaml"
TIMEOUT = 100_000.0


class StoppableClock(VirtualClock):
    """A clock of a run's thread: a stop signal ends its interruptible sleeps, as with the machine's
    clock.
    """

    def __init__(self, time: VirtualTime, halt: Stop) -> None:
        """See ``VirtualTime.clock``; ``halt`` is what the fleet stops its runs with."""
        super().__init__(time, 0)
        self._halt = halt

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        super().sleep(seconds)
        waiting.Clock().sleep(0.0)

    def _wait(self, seconds: float, until: Callable[[], bool]) -> None:
        is_interruptible = waiting._this_thread.stop is not None
        super()._wait(seconds, lambda: until() or (is_interruptible and self._halt.requested))


def cases(world: World, *scenarios: str, **fields: Any) -> list[Case]:
    """Return the runs of a fleet."""
    return [world.new_case(scenario, **{"timeout": TIMEOUT, **fields}) for scenario in scenarios]


def perform(
    world: World,
    fleet: Sequence[Case],
    concurrency: int = 3,
    stop_after: float | None = None,
    watch: Callable[[Case, Update], None] = lambda *_: None,
    *,
    on_bound: Callable[[CanariesPassed | NoMoreStarts], None] = lambda _: None,
    killed: threading.Event | None = None,
    **bounds: int | None,
) -> list[Played]:
    """Execute the runs of a fleet; a stop signal comes after so many seconds. ``watch`` is called
    with every update, ``on_bound`` with what the ``bounds`` do. Once ``killed`` is set, no request
    is sent any more.
    """
    budget, stop, clock = TokenBudget(), Stop(), world.time.clock()
    saved = {case: Saved(killed) for case in fleet}
    began = clock.monotonic()
    if stop_after is not None:
        clock.ring(stop_after, lambda: stop.request(signal.SIGTERM))

    def execute(case: Case, halt: Stop) -> Generator[Update, None, RunResult]:
        world.time.clock()  # from now on, time waits for the run's thread
        clock = runs.clocks[case] = StoppableClock(world.time, halt)
        turns = partial(
            budget.turn,
            clock=clock,
            run=fleet.index(case),
            check_start=partial(runs.check_start, case),
        )
        client = world.time.connect(
            Client(world.emulator.url, world.emulator.token, throttle=turns)
        )
        if killed is not None:
            die_when(client, killed)
        plan = case.plan()
        service = Service(client, clock, halt, began, plan.inputs.timeout)
        execution = Execution(service, plan, saved[case].on_unanswered)

        def work() -> Generator[Update, None, RunResult]:
            try:
                with contextlib.closing(client):
                    yield from saved[case].note(execution.perform())
            except Killed:
                return KILLED
            return execution.result

        return work()

    step = Service(world.client(), clock, stop, began, TIMEOUT)
    runs: VirtualFleet[Case] = VirtualFleet(
        fleet, execute, typed_inputs(max_parallel=concurrency, **bounds), step
    )
    runs.clocks = {}
    ends, updates = Counter[Case](), {case: list[Update]() for case in fleet}
    try:
        for news in runs.perform():
            match news:
                case RunEnded(case, _):
                    ends[case] += 1
                case RunUpdate(case, update):
                    updates[case].append(update)
                    watch(case, update)
                case CanariesPassed() | NoMoreStarts():
                    on_bound(news)
        seconds = clock.monotonic() - began
    finally:
        clock.leave()
    assert ends == Counter(fleet), "each ends once"
    return [
        Played(runs.results[case], updates[case], seconds, (), saved[case].run) for case in fleet
    ]


def die_when(client: Client, killed: threading.Event) -> None:
    """Let ``client`` send nothing once the process is ``killed``."""
    send = client._transport.send

    def sending(*args: Any, **options: Any) -> Any:
        if killed.is_set():
            raise Killed
        return send(*args, **options)

    client._transport.send = sending  # type: ignore[method-assign]  # of this transport only


def results(played: Sequence[Played]) -> list[str]:
    return [each.result for each in played]


def check_whole(case: Case, played: Played) -> None:
    """Assert that a run was told from its beginning to its end, as if it had been alone."""
    assert played.end.details.run is not None
    assert (played.end.details.run.id, played.shown) == (case.run.id, ids(case.run))


@pytest.mark.parametrize(
    ("scenario", "end"),
    [
        ("failed", "failed"),
        ("leaky", "failed"),
        ("paused", "paused"),
        ("stream-failure", "failed"),
        ("late-events", "success"),
        ("many-events", "success"),
    ],
)
def test_trouble_of_one_run_shows_in_no_other(each_world: World, scenario: str, end: str) -> None:
    fleet = cases(each_world, "brief", scenario, "no-change")
    played = perform(each_world, fleet)
    assert results(played) == ["success", end, "success"]
    check_whole(fleet[0], played[0])
    check_whole(fleet[2], played[2])


ROUTES = ["repos", "start", "run", "events", "stream"]
SLOW = Kind(
    "slow", {"delay": 1.0}, 69
)  # in real time: the clocks of the other runs go on meanwhile
STRUCK = [(route, kind) for route in ROUTES for kind in (SLOW, *PASSING, *UNAUTHORIZED)]
STRUCK += [
    (route, kind) for route in ROUTES[1:] for kind in PROXIES
]  # before the first answer: a wrong address
STRUCK += [("stream", kind) for kind in STREAM_FAULTS]


@pytest.mark.parametrize(("route", "kind"), mostly_slow(STRUCK, every=25), ids=str)
def test_a_fault_that_strikes_one_of_three(world: World, route: str, kind: Kind) -> None:
    fleet = cases(world, "brief", "brief", "brief")
    world.emulator.inject(route, **kind.fields)
    for case, played in zip(fleet, perform(world, fleet), strict=True):
        assert played.result == "success"
        check_whole(case, played)


@pytest.mark.parametrize("kind", mostly_slow(FINAL + REFUSED, every=4), ids=lambda kind: kind.name)
@pytest.mark.parametrize("route", ROUTES)
def test_what_ends_one_of_three_ends_no_other(world: World, route: str, kind: Kind) -> None:
    fleet = cases(world, "brief", "brief", "brief")
    world.emulator.inject(route, **kind.fields)
    well = [
        pair
        for pair in zip(fleet, perform(world, fleet), strict=True)
        if pair[1].result == "success"
    ]
    assert len(well) >= 2
    for case, played in well:
        check_whole(case, played)


@pytest.mark.parametrize("kind", mostly_slow(PROXIES, every=9), ids=lambda kind: kind.name)
def test_starts_that_a_proxy_answers_to_the_end_leave_each_run_to_post(
    world: World, kind: Kind
) -> None:
    fleet = cases(world, "slow", "slow", "slow", timeout=60.0)
    world.emulator.inject("start", times="always", **kind.fields)
    played = perform(world, fleet)
    world.emulator.clear_faults()
    for case, each in zip(fleet, played, strict=True):
        assert each.end.details.left_behind
        case.post(each)
        assert case.run.status == "cancelled"


@pytest.mark.parametrize("ignored", ["ignores-cancel-twice", "ignores-cancel"])
def test_a_cancel_that_changes_nothing_leaves_only_that_run_to_post(
    world: World, ignored: str
) -> None:
    played = perform(world, cases(world, "slow", ignored, "slow"), stop_after=20.0)
    assert played[0].seconds <= 25.1
    assert [each.end.details.left_behind for each in played] == [
        False,
        ignored == "ignores-cancel",
        False,
    ]


def test_each_run_is_retried_and_pauses_as_if_it_were_alone(each_world: World) -> None:
    fails, asks, works = fleet = [
        *cases(each_world, "launch-failure", retries=1),
        *cases(each_world, "paused", on_pause="cancel"),
        *cases(each_world, "brief"),
    ]
    played = perform(each_world, fleet)
    assert results(played) == ["failed", "cancelled", "success"]
    assert (len(fails.runs), asks.run.status) == (2, "cancelled")
    check_whole(works, played[2])


@pytest.mark.parametrize("after", mostly_slow([1.0, 0.0, 0.3, 2.5, 6.5, 4.0, 8.0, 20.0], every=4))
def test_a_stop_signal_at_any_moment_leaves_nothing_at_work(
    each_world: World, after: float
) -> None:
    fleet = cases(each_world, "slow", "brief", "slow", "slow")
    for case, played in zip(fleet, perform(each_world, fleet, stop_after=after), strict=True):
        assert played.seconds <= after + 5.1
        assert (case.live, played.end.details.left_behind) == ([], False)


def refused(world: World) -> int:
    return sum(request.status == 429 for request in world.emulator.requests)


def test_thirty_runs_take_no_longer_than_the_limits_ask_for(world: World) -> None:
    """Three minutes' worth of starts, and the last run."""
    limited = World.serve(BRIEF, limits=True)
    with limited.emulator:
        played = perform(limited, cases(limited, *["brief"] * 30), concurrency=10)
        assert refused(limited) == 0
    assert results(played) == ["success"] * 30
    assert played[0].seconds <= 1.15 * (120 + world.new_case().play().seconds)


def test_the_wait_for_the_limit_of_starts_is_said_once_with_its_length() -> None:
    world, stream, safe = World.serve(BRIEF, limits=True), io.StringIO(), Sanitizer()
    fleet = cases(world, *["brief"] * 12)
    log = Log(Plain(PLAIN, {}, stream), safe, lambda: 0.0)
    runs: dict[Case, StepRun] = {}
    for number, case in enumerate(fleet, 1):
        name = safe.sentence("[", Untrusted(case.key), "]")
        runs[case] = StepRun(number, name, case.plan())
    log.begin_runs(list(runs.values()))
    with world.emulator:
        perform(world, fleet, 12, watch=lambda case, update: log.on(runs[case], update))
    said = [
        line for line in stream.getvalue().splitlines() if "limit of 10 starts a minute" in line
    ]
    assert len(said) == 1
    assert re.search(r"Trying again in (59|1m 0\d)s: .* is used up$", said[0])


@pytest.mark.parametrize(
    ("scenario", "timeout", "end"), [("brief", TIMEOUT, ""), ("slow", 300.0, "TIMEOUT")]
)
def test_runs_that_are_polled_share_the_token(scenario: str, timeout: float, end: str) -> None:
    """Each waits for its turn, however many there are, without a refusal or a word. All keep their
    deadline.
    """
    world = World.serve(BRIEF, limits=True, api="2026-08")
    with world.emulator:
        played = perform(world, cases(world, *[scenario] * 30, timeout=timeout), concurrency=30)
        assert {each.end.ending.error_code for each in played} == {end}
        assert refused(world) == 0
    assert [each.of(Trouble) for each in played] == [[]] * 30


def forty(world: World, *failing: int, scenario: str = "failed") -> list[Case]:
    """Return the runs of a fleet of 40, of which those at the places ``failing`` play
    ``scenario``.
    """
    names = [scenario if place in failing else "brief" for place in range(40)]
    return cases(world, *names)


def begun(fleet: Sequence[Case]) -> list[int]:
    """Return the places of the runs that the service has."""
    return [place for place, case in enumerate(fleet) if case.runs]


@pytest.mark.parametrize(
    ("failing", "most", "at_once"),
    mostly_slow(
        [((3, 7), 1, 8), ((0, 1, 2), 2, 40), ((9,), 0, 4), ((0, 12, 20, 21), 3, 12)], every=4
    ),
)
def test_a_fleet_of_forty_starts_nothing_beyond_its_failures(
    failing: Sequence[int], most: int, at_once: int
) -> None:
    """Also nothing that waits for its turn: the service starts ten in a minute."""
    world = World.serve(BRIEF, limits=True)
    fleet, known, bound = forty(world, *failing), list[list[int]](), list[object]()

    def on_bound(news: object) -> None:
        known.append(begun(fleet))
        bound.append(news)

    with world.emulator:
        played = perform(world, fleet, at_once, on_bound=on_bound, max_failures=most)
    ends = results(played)
    assert ends.count("failed") == len(failing) == most + 1
    assert (len(bound), refused(world)) == (1, 0)
    assert begun(fleet) == known[0], "nothing was starting at that moment"
    assert [place for place, end in enumerate(ends) if end == "skipped"] == [
        place for place in range(40) if place not in known[0]
    ]
    assert ends.count("success") == len(known[0]) - len(failing), "what worked went on"
    assert {each.end.ending.error_code for each in played if each.result == "skipped"} == {
        "MAX_FAILURES"
    }


@pytest.mark.parametrize(("failing", "scenario"), [((), ""), ((1,), "failed"), ((2,), "paused")])
@pytest.mark.parametrize("at_once", mostly_slow([2, 1, 8, 40], every=4))
def test_a_fleet_of_forty_waits_for_its_canaries(
    failing: Sequence[int], scenario: str, at_once: int
) -> None:
    world = World.serve(BRIEF, limits=True)
    fleet, known = forty(world, *failing, scenario=scenario), list[list[int]]()
    with world.emulator:
        played = perform(
            world, fleet, at_once, on_bound=lambda _: known.append(begun(fleet)), canary=3
        )
    ends = results(played)
    if not failing:
        assert known == [[0, 1, 2]]
        assert ends == ["success"] * 40
        return
    assert len(begun(fleet)) <= 3
    assert ends.count(scenario) == 1
    assert ends[3:] == ["skipped"] * 37
    assert {each.end.ending.error_code for each in played[3:]} == {"CANARY_FAILED"}


@pytest.mark.parametrize(
    ("kill_after", "has_post"), mostly_slow(product([2, 3, 5, 20], [True, False]), every=5)
)
def test_a_rerun_of_a_killed_fleet_of_forty_goes_on_where_it_stopped(
    kill_after: int, has_post: bool
) -> None:
    """The process is killed when so many runs have succeeded. With a post step what works is
    cancelled, without one it goes on.
    """
    world, killed = World.serve(BRIEF, limits=True), threading.Event()
    fleet, ended = forty(world), list[Case]()

    def watch(case: Case, update: Update) -> None:
        if isinstance(update, Ended):
            ended.append(case)
        if len(ended) >= kill_after:
            killed.set()

    with world.emulator:
        played = perform(world, fleet, 8, watch=watch, killed=killed, canary=3, max_failures=0)
        survived = [run for case in fleet for run in case.runs if run.status == "success"]
        assert kill_after <= len(survived) < 40
        if kill_after < 3:
            assert len(begun(fleet)) == 3, "the other runs wait for the canaries"
        started = begun(fleet)
        for case, each in zip(fleet, played, strict=True):
            case.attempt = 2
            if has_post and each.code == KILLED.ending.exit_code:
                case.post(each)
        assert begun(fleet) == started, "post starts no run of its own"
        known = list[list[int]]()
        again = perform(
            world,
            fleet,
            8,
            on_bound=lambda _: known.append(begun(fleet)),
            canary=3,
            max_failures=0,
        )
    assert results(again) == ["success"] * 40
    assert len(known) == 1, "the canaries passed"
    kept = [run.id for each in again if (run := each.end.details.run)]
    assert all(run.id in kept for run in survived), "what succeeded is not started again"
    for case in fleet:
        assert [run.status for run in case.runs].count("success") == 1
        assert len(case.runs) == 1 or has_post


def test_a_run_that_waited_for_its_start_when_the_step_was_killed_is_not_started_by_post() -> None:
    world, killed = World.serve(BRIEF, limits=True), threading.Event()
    fleet = cases(world, *["slow"] * 12)

    def watch(_case: Case, update: Update) -> None:
        if isinstance(update, EventsArrived) and update.elapsed > 30.0:
            killed.set()

    with world.emulator:
        played = perform(world, fleet, 12, watch=watch, killed=killed)
        assert {each.code for each in played} == {KILLED.ending.exit_code}
        for case, each in zip(fleet, played, strict=True):
            case.post(each)
    assert [bool(each.left) for each in played].count(True) == 10, "ten may start in a minute"
    assert len(begun(fleet)) == 10
    assert {run.status for case in fleet for run in case.runs} == {"cancelled"}


def test_a_rerun_of_a_fleet_that_stopped_itself_goes_on_once_the_cause_is_mended() -> None:
    world = World.serve(BRIEF, limits=True)
    fleet = forty(world, 4, 6)
    with world.emulator:
        first = results(perform(world, fleet, 4, max_failures=1))
        assert (first.count("failed"), "skipped" in first) == (2, True)
        for case in fleet:
            case.attempt = 2
        same = results(perform(world, fleet, 4, max_failures=1))
        assert same.count("failed") == 2, "failures of the earlier try do not count"
        for place in (4, 6):
            fleet[place]._prompt = "scenario: brief"
        for case in fleet:
            case.attempt = 3
        assert results(perform(world, fleet, 4, max_failures=1)) == ["success"] * 40
    assert [len(case.runs) for case in fleet] == [
        3 if place in (4, 6) else 1 for place in range(40)
    ]


fleets = st.lists(
    st.sampled_from(["brief", "failed", "no-change", "paused"]), min_size=1, max_size=14
)
faults = st.lists(
    st.tuples(
        st.sampled_from(["repos", "start", "run", "stream", "events"]),
        st.sampled_from([{"status": 500}, {"drop": True}, {"drop": True, "when": "after"}]),
        st.integers(0, 10),
    ),
    max_size=4,
)


@given(
    scenarios=fleets,
    concurrency=st.integers(1, 8),
    trouble=faults,
    stop=st.none() | st.floats(0.0, 90.0),
)
def test_random_fleets(
    scenarios: list[str],
    concurrency: int,
    trouble: list[tuple[str, dict[str, Any], int]],
    stop: float | None,
) -> None:
    """One run per item, no refusal, all results told. After a stop signal all is over, or ``post``
    knows of it.
    """
    ends = {"brief": "success", "failed": "failed", "no-change": "success", "paused": "paused"}
    world = World.serve(BRIEF, limits=True)
    with world.emulator:
        fleet = cases(world, *scenarios)
        for route, fault, skip in trouble:
            world.emulator.inject(route, skip=skip, **fault)
        all_played = perform(world, fleet, concurrency, stop)
        assert refused(world) == 0
    for case, scenario, played in zip(fleet, scenarios, all_played, strict=True):
        if stop is None:
            assert played.result == ends[scenario]
            check_whole(case, played)
        else:
            assert played.seconds <= stop + 5.1
        assert len(case.runs) <= 1
        assert case.live == [] or played.end.details.left_behind or played.result == "paused"
