"""Three runs at once, one of them in trouble; and random fleets within the token's limits, in
virtual time.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from functools import partial
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
from mogplex_ci.run.one import Execution
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Trouble, Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.faults.kinds import FINAL, PASSING, PROXIES, REFUSED, STREAM_FAULTS, UNAUTHORIZED, Kind
from tests.faults.world import Case, Played, World, ids
from tests.slow import mostly_slow
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import inputs
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
) -> list[Played]:
    """Execute the runs of a fleet; a stop signal comes after so many seconds. ``watch`` is called
    with every update.
    """
    budget, stop, clock = TokenBudget(), Stop(), world.time.clock()
    began = clock.monotonic()
    if stop_after is not None:
        clock.ring(stop_after, lambda: stop.request(signal.SIGTERM))

    def execute(case: Case, halt: Stop) -> Generator[Update, None, RunResult]:
        world.time.clock()  # from now on, time waits for the run's thread
        clock = runs.clocks[case] = StoppableClock(world.time, halt)
        turns = partial(budget.turn, clock=clock, run=fleet.index(case))
        client, plan = (
            world.time.connect(Client(world.emulator.url, world.emulator.token, turn=turns)),
            case.plan(),
        )
        execution = Execution(Service(client, clock, halt, began, plan.inputs.timeout), plan)

        def work() -> Generator[Update, None, RunResult]:
            with contextlib.closing(client):
                yield from execution.perform()
            return execution.result

        return work()

    step = Service(world.client(), clock, stop, began, TIMEOUT)
    runs = VirtualFleet(fleet, execute, typed_inputs(max_parallel=concurrency), step)
    runs.clocks = {}
    ends, updates = Counter[Case](), {case: list[Update]() for case in fleet}
    try:
        for case, update in filter(None, runs.perform()):
            if isinstance(update, RunResult):
                ends[case] += 1
            else:
                updates[case].append(update)
                watch(case, update)
        seconds = clock.monotonic() - began
    finally:
        clock.leave()
    assert ends == Counter(fleet), "each ends once"
    return [Played(runs.results[case], updates[case], seconds, ()) for case in fleet]


def results(played: Sequence[Played]) -> list[str]:
    return [each.result for each in played]


def check_whole(case: Case, played: Played) -> None:
    """Assert that a run was told from its beginning to its end, as if it had been alone."""
    assert played.end.run is not None
    assert (played.end.run.id, played.shown) == (case.run.id, ids(case.run))


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
        assert each.end.left_behind
        case.post(each)
        assert case.run.status == "cancelled"


@pytest.mark.parametrize("ignored", ["ignores-cancel-twice", "ignores-cancel"])
def test_a_cancel_that_changes_nothing_leaves_only_that_run_to_post(
    world: World, ignored: str
) -> None:
    played = perform(world, cases(world, "slow", ignored, "slow"), stop_after=20.0)
    assert played[0].seconds <= 25.1
    assert [each.end.left_behind for each in played] == [False, ignored == "ignores-cancel", False]


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


@pytest.mark.parametrize("after", [0.0, 0.3, 1.0, 2.5, 4.0, 6.5, 8.0, 20.0])
def test_a_stop_signal_at_any_moment_leaves_nothing_at_work(
    each_world: World, after: float
) -> None:
    fleet = cases(each_world, "slow", "brief", "slow", "slow")
    for case, played in zip(fleet, perform(each_world, fleet, stop_after=after), strict=True):
        assert played.seconds <= after + 5.1
        assert (case.live, played.end.left_behind) == ([], False)


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
    names = {case: safe.sentence("[", Untrusted(case.key), "]") for case in fleet}
    log.begin_runs(dict.fromkeys(names.values(), inputs()), 12)
    with world.emulator:
        perform(world, fleet, 12, watch=lambda case, update: log.on(names[case], update))
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
        assert {each.end.error_code for each in played} == {end}
        assert refused(world) == 0
    assert [each.of(Trouble) for each in played] == [[]] * 30


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
        assert case.live == [] or played.end.left_behind or played.result == "paused"
