"""A fleet's threads: what happens to one run must not touch the others."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Sequence

import pytest

from mogplex_ci.models import Run
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS
from mogplex_ci.report.still_running import state_after_stop
from mogplex_ci.run.fleet import (
    Fleet,
    RunEnded,
    RunUpdate,
    ending_of_fleet,
)
from mogplex_ci.run.result import Ending, Result, RunDetails, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import (
    CanariesPassed,
    FleetCounts,
    Heartbeat,
    NoMoreStarts,
    Polling,
    Started,
    Starting,
    Update,
)
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.execute import ending_of_block
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualClock, VirtualFleet, VirtualTime
from tests.waits import LONG

GOOD = Ending(Result.SUCCESS, 0)
BAD = Ending(Result.FAILED, 1, "the run failed", error_code="RUN_FAILED")
UNREACHABLE = Ending(Result.ERROR, 69, "x", error_code="UNREACHABLE")
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
    stop: Stop | None = None,
) -> Fleet[str]:
    inputs = typed_inputs(max_parallel=concurrency)
    return Fleet(items, execute, inputs, service(Clock(), stop))


def service(clock: Clock, stop: Stop | None = None, timeout: float = LONG) -> Service:
    return Service(None, clock, stop or Stop(), timeout=timeout)  # type: ignore[arg-type]  # the API is not asked


def virtual_fleet(
    work: Callable[[str, VirtualClock], Work],
    items: Sequence[str] = ("a",),
    *,
    concurrency: int = 1,
    timeout: float = 1000.0,
    **bounds: int | None,
) -> Fleet[str]:
    """Return a fleet in virtual time; ``work`` is given an item and the clock of its thread."""
    time = VirtualTime()

    def execute(item: str, _stop: Stop) -> Work:
        clock = fleet.clocks[item] = time.clock()
        return work(item, clock)

    inputs = typed_inputs(max_parallel=concurrency, **bounds)
    fleet = VirtualFleet(items, execute, inputs, service(time.clock(), timeout=timeout))
    fleet.clocks = {}
    return fleet


def ends_of(fleet: Fleet[str]) -> dict[str, Result]:
    for _ in fleet.perform():
        pass
    return {item: result.ending.result for item, result in fleet.results.items()}


@pytest.mark.parametrize(
    ("error", "cause"),
    [(RuntimeError("x"), "RuntimeError"), (MemoryError(), "ran out of memory")],
)
def test_an_exception_in_one_run_leaves_the_others_alone(error: Exception, cause: str) -> None:
    def execute(item: str, stop: Stop) -> Work:
        step = Step(None, None, Clock(), stop, 0.0)  # type: ignore[arg-type]  # only time and stop are asked for
        with ending_of_block(step) as holder:
            yield Polling("")
            if item == "b":
                raise error
            holder.ending = GOOD
        return RunResult(holder.ending, RunDetails(left_behind=holder.is_unforeseen))

    fleet = fleet_of(execute)
    assert ends_of(fleet) == {"a": Result.SUCCESS, "b": Result.ERROR, "c": Result.SUCCESS}
    assert fleet.results["b"].details.left_behind
    assert cause in fleet.results["b"].ending.cause


def fails_at(*places: int, bad: Ending = BAD) -> Callable[[str, VirtualClock], Work]:
    """Return work of 10 s, and a little more for each item, which ends badly for the items of these
    numbers.
    """

    def work(item: str, clock: VirtualClock) -> Work:
        yield started()
        clock.sleep(10.0 + int(item) / 100)
        return RunResult(bad if int(item) in places else GOOD)

    return work


def news_of(fleet: Fleet[str]) -> list[CanariesPassed | NoMoreStarts]:
    """Perform a fleet, and return what it says about its bounds."""
    return [news for news in fleet.perform() if isinstance(news, CanariesPassed | NoMoreStarts)]


def skipped(fleet: Fleet[str]) -> list[str]:
    return [item for item, end in fleet.results.items() if end.ending.result is Result.SKIPPED]


TWELVE = [str(number) for number in range(12)]


@pytest.mark.parametrize(
    ("most", "places", "at_once", "left_out"),
    [
        (0, [0], 1, range(1, 12)),
        (0, [11], 1, ()),
        (0, [4], 3, range(7, 12)),  # the sixth and seventh work when the fifth fails
        (1, [0, 1], 4, range(5, 12)),
        (2, [0, 5, 9], 2, range(11, 12)),
        (2, [0, 5], 2, ()),
        (None, range(12), 2, ()),
    ],
)
def test_nothing_more_starts_when_more_than_max_failures_have_failed(
    most: int | None, places: Sequence[int], at_once: int, left_out: Sequence[int]
) -> None:
    fleet = virtual_fleet(fails_at(*places), TWELVE, concurrency=at_once, max_failures=most)
    news = news_of(fleet)
    assert skipped(fleet) == [str(number) for number in left_out]
    failures = len(places)
    cause = (
        f"{failures} {'run' if failures == 1 else 'runs'} failed, and [[max-failures]] is {most}"
    )
    assert news == ([NoMoreStarts(cause, len(left_out))] if left_out else [])
    for item in skipped(fleet):
        end = fleet.results[item]
        assert (end.ending.exit_code, end.ending.error_code, end.details.run) == (
            0,
            "MAX_FAILURES",
            None,
        )
        assert end.ending.cause == f"not started: {cause}"
    total = ending_of_fleet([each.ending for each in fleet.results.values()], Stop())
    assert (total.result, total.exit_code) == (Result.FAILED, 1)
    if left_out:
        were = "was" if len(left_out) == 1 else "were"
        assert total.cause.endswith(f"failed, and {len(left_out)} {were} not started")
        assert "run the [[job]] again; it resumes where it left off" in total.remedy


NOT_GOOD = [
    BAD,
    Ending(Result.PAUSED, 1, error_code="PAUSED"),
    Ending(Result.REJECTED, 1, error_code="NO_CHANGE"),
    Ending(Result.CANCELLED, 1, error_code="CANCELLED"),
    Ending(Result.DETACHED, 0),
    Ending(Result.TIMEOUT, 1, error_code="TIMEOUT"),
    UNREACHABLE,
]


@pytest.mark.parametrize("bad", NOT_GOOD, ids=lambda bad: bad.result.value)
@pytest.mark.parametrize(
    ("place", "at_once", "begun"), [(0, 8, 3), (2, 8, 3), (0, 1, 1), (1, 2, 3)]
)
def test_a_canary_that_does_not_succeed_lets_nothing_else_start(
    bad: Ending, place: int, at_once: int, begun: int
) -> None:
    fleet = virtual_fleet(fails_at(place, bad=bad), TWELVE, concurrency=at_once, canary=3)
    assert news_of(fleet) == [NoMoreStarts("a canary failed", 12 - begun)]
    assert skipped(fleet) == TWELVE[begun:]
    assert {fleet.results[item].ending.error_code for item in TWELVE[begun:]} == {"CANARY_FAILED"}


@pytest.mark.parametrize("good", [GOOD, GOOD._replace(result=Result.DRY_RUN)])
def test_the_others_start_when_all_canaries_have_succeeded(good: Ending) -> None:
    begun: dict[str, float] = {}

    def work(item: str, clock: VirtualClock) -> Work:
        begun[item] = clock.monotonic()
        yield started()
        clock.sleep(10.0 * (int(item) + 1))
        return RunResult(good if item in TWELVE[:3] else BAD)

    fleet = virtual_fleet(work, TWELVE, concurrency=8, canary=3)
    assert news_of(fleet) == [CanariesPassed(3, 9)]
    assert {begun[item] for item in TWELVE[:3]} == {0.0}
    assert min(begun[item] for item in TWELVE[3:]) == 30.0
    assert list(begun) == TWELVE


def test_more_canaries_than_runs_bound_nothing_but_the_start() -> None:
    fleet = virtual_fleet(fails_at(), TWELVE, concurrency=8, canary=40)
    assert news_of(fleet) == []
    assert set(ends_of(fleet).values()) == {Result.SUCCESS}


def test_failures_count_beside_canaries() -> None:
    fleet = virtual_fleet(fails_at(3, 4), TWELVE, concurrency=4, canary=2, max_failures=1)
    cause = "2 runs failed, and [[max-failures]] is 1"
    assert news_of(fleet) == [CanariesPassed(2, 10), NoMoreStarts(cause, 4)]


def test_a_rejected_run_is_said_to_need_a_new_workflow_run() -> None:
    rejected = Ending(Result.REJECTED, 1, error_code="NO_CHANGE")
    total = ending_of_fleet([GOOD, rejected], Stop())
    assert "only a new workflow run or pipeline starts others" in total.remedy
    assert ending_of_fleet([GOOD, BAD], Stop()).remedy == ""


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
        return RunResult(Ending(Result.INTERRUPTED, halt.exit_code))

    fleet = fleet_of(execute, ("a", "b", "c", "d"), concurrency=2, stop=stop)
    for at, _ in enumerate(fleet.perform()):
        if at == 10:
            stop.request(number)
    ends = list(fleet.results.values())
    assert [(end.ending.result, end.ending.exit_code) for end in ends] == [
        (Result.INTERRUPTED, code)
    ] * 4
    end = ending_of_fleet([each.ending for each in ends], stop)
    assert (end.exit_code, end.error_code) == (code, "INTERRUPTED")


@pytest.mark.parametrize(
    ("first", "by_hand"),
    [
        ([Starting("repo", None, "key")], "Its key: key. Re-run the job: it finds this run."),
        (
            [Starting("repo", None, "key"), started()],
            "To cancel it by hand: mogplex-ci runs cancel run",
        ),
    ],
    ids=["in doubt", "started"],
)
def test_who_does_not_end_after_a_stop_signal_is_left_to_post(
    first: Sequence[Update], by_hand: str
) -> None:
    time, stop, hangs = VirtualTime(), Stop(), threading.Event()

    def execute(_item: str, _stop: Stop) -> Work:
        yield from first
        hangs.wait(LONG)
        return RunResult(GOOD)

    clock = time.clock()
    fleet = Fleet(["a"], execute, typed_inputs(), service(clock, stop))
    clock.ring(1.0, lambda: stop.request(signal.SIGTERM))
    updates = list(fleet.perform())
    hangs.set()
    assert isinstance(updates[-1], RunEnded)
    details = fleet.results["a"].details
    assert details.left_behind
    says = state_after_stop(details, typed_inputs(), Sanitizer(), is_found_again=True)
    assert says.endswith(f"tries again. {by_hand}")
    assert time.monotonic() == 1.0 + USUAL_STOP_SECONDS.runs


@pytest.mark.parametrize(("timeout", "last"), [(10.0, Result.TIMEOUT), (10.1, Result.SUCCESS)])
def test_what_still_waits_at_the_deadline_is_not_started(timeout: float, last: Result) -> None:
    def work(_item: str, clock: VirtualClock) -> Work:
        yield started()
        clock.sleep(10.0)
        return RunResult(GOOD)

    fleet = virtual_fleet(work, ["a", "b", "c"], timeout=timeout)
    assert ends_of(fleet) == {"a": Result.SUCCESS, "b": Result.SUCCESS, "c": last}
    late = fleet.results["c"]
    if last is Result.TIMEOUT:
        assert (late.ending.exit_code, late.ending.error_code, late.details.requests_sent) == (
            1,
            "TIMEOUT",
            0,
        )
        assert late.ending.cause == "the timeout passed before the run could start"


def test_the_runs_are_counted_now_and_then() -> None:
    def work(item: str, clock: VirtualClock) -> Work:
        clock.sleep(40 if item == "b" else 0)
        yield started()
        yield Heartbeat(started().run, 1.0, 1.0)
        clock.sleep(100 if item == "b" else 1)
        return RunResult(GOOD)

    fleet = virtual_fleet(work, ["a", "b", "c"], concurrency=2)
    news = [(each, fleet._service.now) for each in fleet.perform()]
    beats = [(at, each) for each, at in news if isinstance(each, FleetCounts)]
    starts = [(32.0, FleetCounts(2, 0, 1))]
    assert beats == [*starts, *((at, FleetCounts(2, 1, 0)) for at in (70.0, 100.0, 130.0))], (
        "since one began or ended"
    )
    updates = [each.update for each, _ in news if isinstance(each, RunUpdate)]
    assert not any(isinstance(update, Heartbeat) for update in updates)


@pytest.mark.parametrize(
    ("endings", "kind", "code", "error_code", "cause"),
    [
        ((GOOD, GOOD), Result.SUCCESS, 0, "", ""),
        ((GOOD, BAD), Result.FAILED, 1, "RUN_FAILED", "1 of 2 runs failed"),
        ((BAD, BAD), Result.FAILED, 1, "RUN_FAILED", "2 of 2 runs failed"),
        ((GOOD, UNREACHABLE), Result.ERROR, 1, "UNREACHABLE", "1 of 2 runs failed"),
        ((GOOD, Ending(Result.DETACHED, 0)), Result.DETACHED, 0, "", ""),
        (
            (BAD, GOOD, BAD._replace(result=Result.TIMEOUT, error_code="TIMEOUT")),
            *(Result.TIMEOUT, 1, "RUNS_FAILED", "2 of 3 runs failed"),
        ),
    ],
)
def test_a_step_ends_as_the_worst_of_its_runs(
    endings: tuple[Ending, ...], kind: Result, code: int, error_code: str, cause: str
) -> None:
    total = ending_of_fleet(endings, Stop())
    assert (total.result, total.exit_code, total.error_code, total.cause) == (
        kind,
        code,
        error_code,
        cause,
    )
