"""Three runs at once, one of them in trouble; and random fleets within the token's limits, in virtual time."""

from __future__ import annotations

import io
import itertools
import re
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci import waiting
from mogplex_ci.api.budget import TokenBudget
from mogplex_ci.api.client import Client
from mogplex_ci.platforms.base import PLAIN, Plain
from mogplex_ci.report.log import Log
from mogplex_ci.run.one import TIMEOUT_BUDGET, Execution, Plan, cancel_unanswered
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.start import Key, find_repo
from mogplex_ci.run.updates import EventsArrived, Trouble, Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.faults.kinds import FINAL, PASSING, PROXIES, REFUSED, STREAM_FAULTS, UNAUTHORIZED, Kind
from tests.faults.world import World, plan
from tests.slow import mostly_slow
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import inputs
from tests.virtual_time import VirtualClock, VirtualFleet, VirtualTime
from tests.waits import LONG

NUMBERS = itertools.count(1)
BRIEF = Path(__file__).parent / "scenarios" / "brief.yaml"


class StoppableClock(VirtualClock):
    """A clock of a run's thread: a stop signal ends its interruptible sleeps, as with the machine's clock."""

    def __init__(self, time: VirtualTime, seed: int, halt: Stop) -> None:
        """See ``VirtualTime.clock``; ``halt`` is what the fleet stops its runs with."""
        super().__init__(time, seed)
        self._halt = halt

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        super().sleep(seconds)
        waiting.Clock().sleep(0.0)

    def _wait(self, seconds: float, until: Callable[[], bool]) -> None:
        is_interruptible = waiting._this_thread.stop is not None
        super()._wait(seconds, lambda: until() or (is_interruptible and self._halt.requested))


@dataclass(eq=False)
class Item:
    """One run of a fleet."""

    key: str
    scenario: str
    repo: str = "acme/web"
    fields: dict[str, Any] = field(default_factory=dict)
    """What its plan has beside the usual."""

    def plan(self) -> Plan:
        """Return what the step shall do about it."""
        key = Key(self.key, explicit=False, attempt="1", later_attempt=False)
        return plan(key, f"scenario: {self.scenario}", **({"repo": self.repo, "timeout": 100_000.0} | self.fields))


class Played:
    """A fleet that has been performed."""

    def __init__(self, world: World, items: Sequence[Item], concurrency: int = 3, **options: Any) -> None:
        """``options``: ``stop_after`` seconds, ``fail_fast``."""
        self.world = world
        self.items = items
        self.budget = TokenBudget()
        self.updates: list[tuple[Item, object]] = []
        stop, time = Stop(), world.time
        clock = time.clock()
        began = clock.monotonic()
        if "stop_after" in options:
            clock.ring(options["stop_after"], lambda: stop.request(signal.SIGTERM))
        self._began = began
        inputs = typed_inputs(max_parallel=concurrency, fail_fast=options.get("fail_fast", False))
        service = Service(world.client(), clock, stop, began, 100_000.0)
        fleet = VirtualFleet(items, self._execute, inputs, service)
        self._clocks = fleet.clocks = {}
        try:
            self.updates = [news for news in fleet.perform() if news is not None]
        finally:
            self.seconds = clock.monotonic() - began
            clock.leave()
        self.results = fleet.results

    def _execute(self, item: Item, halt: Stop) -> Generator[Update, None, RunResult]:
        time = self.world.time
        time.clock()  # from now on, time waits for the run's thread
        clock = self._clocks[item] = StoppableClock(time, 0, halt)

        def work() -> Generator[Update, None, RunResult]:
            emulator = self.world.emulator
            number = self.items.index(item)
            turns = partial(self.budget.turn, clock=clock, run=number)
            client = time.connect(Client(emulator.url, emulator.token, turn=turns))
            try:
                plan = item.plan()
                execution = Execution(Service(client, clock, halt, self._began, plan.inputs.timeout), plan)
                yield from execution.perform()
                return execution.result
            finally:
                client.close()

        return work()

    @property
    def ends(self) -> list[str]:
        """How each run ended."""
        return [self.results[item].result.value for item in self.items]

    def runs_of(self, item: Item) -> list[Any]:
        """The runs that the service has for an item."""
        return [run for run in self.world.emulator.runs if run.key == item.key or run.key.startswith(f"{item.key}-")]

    def shown(self, item: Item) -> list[Untrusted]:
        """The ids of the item's events that were reported."""
        return [
            event.id
            for one, update in self.updates
            if one is item and isinstance(update, EventsArrived)
            for event in update.events
        ]

    def check_whole(self, item: Item) -> None:
        """Check that one run was told from its beginning to its end, as if it had been alone."""
        (run,) = self.runs_of(item)
        seen = self.results[item].run
        assert seen is not None
        assert seen.id == run.id
        assert self.shown(item) == [Untrusted(event["id"]) for event in run.events]
        assert sum(isinstance(update, RunResult) for one, update in self.updates if one is item) == 1


def three(*scenarios: str) -> list[Item]:
    return [Item(f"fleet-{next(NUMBERS)}", scenario) for scenario in scenarios]


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
    each_world.emulator.clear_faults()
    items = three("brief", scenario, "no-change")
    played = Played(each_world, items)
    assert played.ends == ["success", end, "success"]
    played.check_whole(items[0])
    played.check_whole(items[2])


ROUTES = ["repos", "start", "run", "events", "stream"]
SLOW = Kind("slow", {"delay": 1.0}, 69)  # in real time: the clocks of the other runs go on meanwhile


def struck(world: World, route: str, kind: Kind) -> Played:
    """Perform three runs, one of which meets a fault, once."""
    world.emulator.clear_faults()
    world.emulator.inject(route, **kind.fields)
    played = Played(world, three("brief", "brief", "brief"))
    world.emulator.clear_faults()
    return played


STRUCK = [(route, kind) for route in ROUTES for kind in (SLOW, *PASSING, *UNAUTHORIZED)]
STRUCK += [(route, kind) for route in ROUTES[1:] for kind in PROXIES]  # before the first answer: a wrong address
STRUCK += [("stream", kind) for kind in STREAM_FAULTS]


@pytest.mark.parametrize(("route", "kind"), mostly_slow(STRUCK, every=13), ids=str)
def test_a_fault_that_strikes_one_of_three(world: World, route: str, kind: Kind) -> None:
    played = struck(world, route, kind)
    assert played.ends == ["success"] * 3
    for item in played.items:
        played.check_whole(item)


@pytest.mark.parametrize("kind", mostly_slow(FINAL + REFUSED, every=4), ids=lambda kind: kind.name)
@pytest.mark.parametrize("route", ROUTES)
def test_what_ends_one_of_three_ends_no_other(world: World, route: str, kind: Kind) -> None:
    played = struck(world, route, kind)
    well = [item for item in played.items if played.results[item].result is Result.SUCCESS]
    assert len(well) >= 2
    for item in well:
        played.check_whole(item)


@pytest.mark.parametrize("kind", mostly_slow(PROXIES, every=9), ids=lambda kind: kind.name)
def test_starts_that_a_proxy_answers_to_the_end_leave_each_run_to_post(world: World, kind: Kind) -> None:
    world.emulator.clear_faults()
    items = three("slow", "slow", "slow")
    for item in items:
        item.fields = {"timeout": 60.0}
    world.emulator.inject("start", times="always", **kind.fields)
    played = Played(world, items)
    assert [played.results[item].left_behind for item in items] == [True] * 3
    world.emulator.clear_faults()
    clock, client = world.time.clock(), world.client()
    try:
        for item in items:
            request = item.plan().request(find_repo(client, item.repo, timeout=LONG).id, None)
            cancel_unanswered(client, request, item.key, may_be_foreign=False, clock=clock, budget=TIMEOUT_BUDGET)
    finally:
        clock.leave()
        client.close()
    assert [run.status for item in items for run in played.runs_of(item)] == ["cancelled"] * 3


@pytest.mark.parametrize("ignored", ["ignores-cancel-twice", "ignores-cancel"])
def test_a_cancel_that_changes_nothing_leaves_only_that_run_to_post(world: World, ignored: str) -> None:
    world.emulator.clear_faults()
    played = Played(world, three("slow", ignored, "slow"), stop_after=20.0)
    assert played.seconds <= 25.1
    assert [played.results[item].left_behind for item in played.items] == [False, ignored == "ignores-cancel", False]


def test_each_run_is_retried_and_pauses_as_if_it_were_alone(each_world: World) -> None:
    each_world.emulator.clear_faults()
    fails, asks, works = items = three("launch-failure", "paused", "brief")
    fails.fields, asks.fields = {"retries": 1}, {"on_pause": "cancel"}
    played = Played(each_world, items)
    assert played.ends == ["failed", "paused", "success"]
    assert [len(played.runs_of(item)) for item in items] == [2, 1, 1]
    assert [run.status for run in played.runs_of(asks)] == ["cancelled"]
    played.check_whole(works)


@pytest.mark.parametrize("after", [0.0, 0.3, 1.0, 2.5, 4.0, 6.5, 8.0, 20.0])
def test_a_stop_signal_at_any_moment_leaves_nothing_at_work(each_world: World, after: float) -> None:
    each_world.emulator.clear_faults()
    items = three("slow", "brief", "slow", "slow")
    played = Played(each_world, items, stop_after=after)
    assert played.seconds <= after + 5.1
    for item in items:
        assert all(run.status in ("cancelled", "success") for run in played.runs_of(item))
        assert not played.results[item].left_behind


@pytest.fixture(scope="module")
def limited_world() -> Iterator[World]:
    """A service with the limits of the real one."""
    world = World.serve(BRIEF, limits=True)
    with world.emulator:
        yield world


def refused(world: World, since: int) -> int:
    return sum(request.status == 429 for request in world.emulator.requests[since:])


def test_thirty_runs_take_no_longer_than_the_limits_ask_for(limited_world: World) -> None:
    """Three minutes' worth of starts, and the last run."""
    since = len(limited_world.emulator.requests)
    played = Played(limited_world, three(*["brief"] * 30), concurrency=10)
    assert played.ends == ["success"] * 30
    assert refused(limited_world, since) == 0
    assert played.seconds <= 1.15 * (120 + limited_world.new_case().play().seconds)


def test_the_wait_for_the_limit_of_starts_is_said_once_with_its_length() -> None:
    world, stream, safe = World.serve(BRIEF, limits=True), io.StringIO(), Sanitizer()
    with world.emulator:
        played = Played(world, three(*["brief"] * 12), concurrency=12)
    log, names = (
        Log(Plain(PLAIN, {}, stream), safe, lambda: 0.0),
        {item: safe.sentence("[", Untrusted(item.key), "]") for item in played.items},
    )
    log.begin_runs(dict.fromkeys(names.values(), inputs()), 12)
    for item, update in played.updates:
        if not isinstance(update, RunResult):
            log.on(names[item], cast("Update", update))
    said = [line for line in stream.getvalue().splitlines() if "limit of 10 starts a minute" in line]
    assert len(said) == 1
    assert re.search(r"Trying again in (59|1m 0\d)s: .* is used up$", said[0])


def test_runs_that_are_polled_share_the_token_without_a_refusal_or_a_word() -> None:
    """Each waits for its turn, however many there are; nothing else slows them down."""
    world = World.serve(BRIEF, limits=True, api="2026-08")
    with world.emulator:
        played = Played(world, three(*["brief"] * 30), concurrency=30)
        assert played.ends == ["success"] * 30
        assert refused(world, 0) == 0
    assert [update for _, update in played.updates if isinstance(update, Trouble)] == []


def test_runs_that_share_the_token_all_time_out_at_their_deadline() -> None:
    """Not all of them get a request for the last second."""
    world = World.serve(BRIEF, limits=True, api="2026-08")
    with world.emulator:
        items = three(*["slow"] * 30)
        for item in items:
            item.fields = {"timeout": 300.0}
        played = Played(world, items, concurrency=30)
    assert {played.results[item].error_code for item in items} == {"TIMEOUT"}


fleets = st.lists(st.sampled_from(["brief", "failed", "no-change", "paused"]), min_size=1, max_size=14)
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
    stop=st.one_of(st.just({}), st.builds(dict, stop_after=st.floats(0.0, 90.0))),
)
def test_random_fleets(
    scenarios: list[str], concurrency: int, trouble: list[tuple[str, dict[str, Any], int]], stop: dict[str, float]
) -> None:
    """One run per item, no refusal, all results told. After a stop signal all is over, or ``post`` knows of it."""
    ends = {"brief": "success", "failed": "failed", "no-change": "success", "paused": "paused"}
    world = World.serve(BRIEF, limits=True)
    with world.emulator:
        for route, fault, skip in trouble:
            world.emulator.inject(route, skip=skip, **fault)
        items = three(*scenarios)
        played = Played(world, items, concurrency=concurrency, **stop)
        assert refused(world, 0) == 0
        for item, end in zip(items, played.ends, strict=True):
            if not stop:
                assert end == ends[item.scenario]
                played.check_whole(item)
            is_over = all(run.status in ("success", "failed", "cancelled") for run in played.runs_of(item))
            assert is_over or played.results[item].left_behind or end == "paused"
            assert len(played.runs_of(item)) <= 1
            assert sum(isinstance(update, RunResult) for one, update in played.updates if one is item) == 1
        assert not stop or played.seconds <= stop["stop_after"] + 5.1
