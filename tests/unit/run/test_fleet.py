"""A fleet's threads: what happens to one run must not touch the others."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Sequence

import pytest

from mogplex_ci.models import Run
from mogplex_ci.run.many import Fleet, FleetCounts, result_of_fleet
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Heartbeat, Polling, Started, Update
from mogplex_ci.step.execute import Step, result_of_block
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualClock, VirtualFleet, VirtualTime
from tests.waits import LONG

GOOD = RunResult(Result.SUCCESS, 0)
BAD = RunResult(Result.FAILED, 1, "the run failed", error_code="RUN_FAILED")
UNREACHABLE = RunResult(Result.ERROR, 69, "x", error_code="UNREACHABLE")
Work = Generator[Update, None, RunResult]


def started() -> Started:
    untold = Untrusted(None)
    fields = dict.fromkeys(Run._fields, untold) | {"id": "run", "status": "streaming"}
    return Started(Run(**fields), "key", joined=False, owned=True)  # type: ignore[arg-type]  # fields of many types


def fleet_of(
    execute: Callable[[str, Stop], Work],
    items: Sequence[str] = ("a", "b", "c"),
    *,
    concurrency: int = 3,
    fail_fast: bool = False,
    stop: Stop | None = None,
) -> Fleet[str]:
    inputs = typed_inputs(max_parallel=concurrency, fail_fast=fail_fast)
    return Fleet(items, execute, inputs, service(Clock(), stop))


def service(clock: Clock, stop: Stop | None = None, timeout: float = LONG) -> Service:
    return Service(None, clock, stop or Stop(), timeout=timeout)  # type: ignore[arg-type]  # the API is not asked


def virtual_fleet(
    work: Callable[[str, VirtualClock], Work],
    items: Sequence[str] = ("a",),
    *,
    concurrency: int = 1,
    timeout: float = 1000.0,
) -> Fleet[str]:
    """Return a fleet in virtual time; ``work`` is given an item and the clock of its thread."""
    time = VirtualTime()

    def execute(item: str, _stop: Stop) -> Work:
        clock = fleet.clocks[item] = time.clock()
        return work(item, clock)

    inputs = typed_inputs(max_parallel=concurrency)
    fleet = VirtualFleet(items, execute, inputs, service(time.clock(), timeout=timeout))
    fleet.clocks = {}
    return fleet


def ends_of(fleet: Fleet[str]) -> dict[str, Result]:
    for _ in fleet.perform():
        pass
    return {item: result.result for item, result in fleet.results.items()}


@pytest.mark.parametrize(
    ("error", "cause"),
    [(RuntimeError("x"), "RuntimeError"), (MemoryError(), "cannot have more memory")],
)
def test_an_exception_in_one_run_leaves_the_others_alone(error: Exception, cause: str) -> None:
    def execute(item: str, stop: Stop) -> Work:
        step = Step(None, None, Clock(), stop, 0.0)  # type: ignore[arg-type]  # only time and stop are asked for
        with result_of_block(step) as holder:
            yield Polling("")
            if item == "b":
                raise error
            holder.result = GOOD
        return holder.result

    fleet = fleet_of(execute)
    assert ends_of(fleet) == {"a": Result.SUCCESS, "b": Result.ERROR, "c": Result.SUCCESS}
    assert fleet.results["b"].left_behind
    assert cause in fleet.results["b"].cause


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        (GOOD._replace(result=Result.INTERRUPTED, exit_code=143), Result.CANCELLED),
        (
            GOOD._replace(result=Result.INTERRUPTED, run=started().run, cancelled_by_step=True),
            Result.CANCELLED,
        ),
        (GOOD._replace(result=Result.INTERRUPTED, run=started().run), Result.DETACHED),
        (GOOD, Result.SUCCESS),
        (BAD._replace(result=Result.REJECTED), Result.REJECTED),
    ],
)
def test_what_becomes_of_a_run_that_another_ones_failure_stops(
    end: RunResult, shown: Result
) -> None:
    def execute(item: str, stop: Stop) -> Work:
        yield started()
        while item == "b" and not stop.requested:
            Clock().sleep(0.01)
        return end if item == "b" else BAD

    fleet = fleet_of(execute, ("a", "b"), concurrency=2, fail_fast=True)
    assert ends_of(fleet) == {"a": Result.FAILED, "b": shown}
    assert (fleet.results["b"].error_code == "FAIL_FAST") is (end.result is Result.INTERRUPTED)
    assert fleet.results["b"].exit_code == (0 if shown is Result.SUCCESS else 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_signal_ends_all_and_is_not_lost_in_a_busy_queue(
    number: signal.Signals, code: int
) -> None:
    """Also those that were not started."""
    stop = Stop()

    def execute(_item: str, halt: Stop) -> Work:
        yield started()
        while not halt.requested:
            yield Polling("")
        return GOOD._replace(result=Result.INTERRUPTED, exit_code=halt.exit_code)

    fleet = fleet_of(execute, ("a", "b", "c", "d"), concurrency=2, stop=stop)
    for at, _ in enumerate(fleet.perform()):
        if at == 10:
            stop.request(number)
    ends = list(fleet.results.values())
    assert [(end.result, end.exit_code) for end in ends] == [(Result.INTERRUPTED, code)] * 4
    end = result_of_fleet(ends, stop)
    assert (end.exit_code, end.error_code) == (code, "INTERRUPTED")


def test_who_does_not_end_after_a_stop_signal_is_left_to_post() -> None:
    time, stop, hangs = VirtualTime(), Stop(), threading.Event()

    def execute(_item: str, _stop: Stop) -> Work:
        yield started()
        hangs.wait(LONG)
        return GOOD

    clock = time.clock()
    fleet = Fleet(["a"], execute, typed_inputs(), service(clock, stop))
    clock.ring(1.0, lambda: stop.request(signal.SIGTERM))
    updates = list(fleet.perform())
    hangs.set()
    assert updates[-1] is not None
    assert updates[-1][0] == "a"
    assert fleet.results["a"].left_behind
    assert time.monotonic() == 6.0


@pytest.mark.parametrize(("timeout", "last"), [(10.0, Result.TIMEOUT), (10.1, Result.SUCCESS)])
def test_what_still_waits_at_the_deadline_is_not_started(timeout: float, last: Result) -> None:
    def work(_item: str, clock: VirtualClock) -> Work:
        yield started()
        clock.sleep(10.0)
        return GOOD

    fleet = virtual_fleet(work, ["a", "b", "c"], timeout=timeout)
    assert ends_of(fleet) == {"a": Result.SUCCESS, "b": Result.SUCCESS, "c": last}
    late = fleet.results["c"]
    if last is Result.TIMEOUT:
        assert (late.exit_code, late.error_code, late.requests_sent) == (1, "TIMEOUT", 0)
        assert late.cause == "the timeout passed before the run could start"


def test_the_runs_are_counted_now_and_then() -> None:
    def work(item: str, clock: VirtualClock) -> Work:
        clock.sleep(40 if item == "b" else 0)
        yield started()
        yield Heartbeat(started().run, 1.0, 1.0)
        clock.sleep(100 if item == "b" else 1)
        return GOOD

    fleet = virtual_fleet(work, ["a", "b", "c"], concurrency=2)
    news = [(item, fleet._service.now, fleet.counts) for item in fleet.perform()]
    beats = [(at, counts) for item, at, counts in news if item is None]
    starts = [(32.0, FleetCounts(2, 0, 1))]
    assert beats == [*starts, *((at, FleetCounts(2, 1, 0)) for at in (70.0, 100.0, 130.0))], (
        "since one began or ended"
    )
    assert not any(item and isinstance(item[1], Heartbeat) for item, _, _ in news)


@pytest.mark.parametrize(
    ("results", "kind", "code", "error_code", "cause"),
    [
        ((GOOD, GOOD), Result.SUCCESS, 0, "", ""),
        ((GOOD, BAD), Result.FAILED, 1, "RUN_FAILED", "1 of 2 runs did not succeed"),
        ((BAD, BAD), Result.FAILED, 1, "RUN_FAILED", "2 of 2 runs did not succeed"),
        ((GOOD, UNREACHABLE), Result.ERROR, 1, "UNREACHABLE", "1 of 2 runs did not succeed"),
        ((GOOD, RunResult(Result.DETACHED, 0)), Result.DETACHED, 0, "", ""),
        (
            (BAD, GOOD, BAD._replace(result=Result.TIMEOUT, error_code="TIMEOUT")),
            *(Result.TIMEOUT, 1, "RUNS_FAILED", "2 of 3 runs did not succeed"),
        ),
    ],
)
def test_a_step_ends_as_the_worst_of_its_runs(
    results: tuple[RunResult, ...], kind: Result, code: int, error_code: str, cause: str
) -> None:
    total = result_of_fleet([each._replace(requests_sent=5) for each in results], Stop())
    assert (total.result, total.exit_code, total.error_code, total.cause) == (
        kind,
        code,
        error_code,
        cause,
    )
    assert total.requests_sent == 5 * len(results)
    assert not total.left_behind
    assert result_of_fleet([*results, BAD._replace(left_behind=True)], Stop()).left_behind
