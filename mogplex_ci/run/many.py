"""Many runs in one step: each is executed in a thread of its own, and their updates come out one
after the other.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from math import inf
from queue import SimpleQueue
from signal import SIGTERM
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar, cast

from mogplex_ci.api.retry import finish
from mogplex_ci.run.result import Result, RunResult, interrupted
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import HEARTBEAT_SECONDS, Heartbeat, Started, Update
from mogplex_ci.waiting import Stop, StopRequested

if TYPE_CHECKING:
    from mogplex_ci.inputs.read import ActionInputs

T = TypeVar("T")
STOP_SECONDS: Final = 5.0
"""Time after a stop signal in which the runs are cancelled; ``post`` does the rest."""


class FleetCounts(NamedTuple):
    """How many runs there are of each kind."""

    done: int
    working: int
    """Started, and not over yet."""
    waiting: int
    """Not started yet."""


class Fleet(Generic[T]):
    """Runs one execution for each item, a few at a time.

    ``results`` says how they ended, without the timelines.

    A failure of one does not affect the others.
    """

    def __init__(
        self,
        items: Sequence[T],
        execute: Callable[[T, Stop], Generator[Update, None, RunResult]],
        inputs: "ActionInputs",
        service: Service,
    ) -> None:
        """``execute`` is iterated in a thread of its own for each item; the stop that it gets ends
        it early.

        It raises nothing: every error is a result. ``inputs`` and ``service`` are the step's.
        """
        self.results: dict[T, RunResult] = {}
        self._items = items
        self._execute = execute
        self._inputs = inputs
        self._service = service
        self._halt = Stop()
        """Stops the executions: the process's signals come to the main thread only."""
        self._updates: SimpleQueue[object] = SimpleQueue()
        self._waiting = list(items)
        self._working: dict[T, bool] = {}
        """The running items, and whether their runs have started."""
        self._failed_first = False
        """Whether a failure has stopped the others."""
        self._heartbeat_at = service.now + HEARTBEAT_SECONDS

    @property
    def counts(self) -> FleetCounts:
        """How many runs are over, running and not started yet."""
        working = sum(self._working.values())
        done = len(self.results)
        return FleetCounts(done, working, len(self._items) - done - working)

    def perform(self) -> Iterator[tuple[T, Update | RunResult] | None]:
        """Yield the updates of all runs and at last their results, each with its item.

        None says that no run has started or ended for a while.

        A stop signal, and ``fail_fast``, end the executions, which then cancel what they own.
        """
        ends = inf
        while self._waiting or self._working:
            if self._service.stop.requested and ends == inf:
                ends = self._service.now + STOP_SECONDS
                self._halt.request(self._service.stop.signal or SIGTERM)
            self._launch()
            now = self._service.now
            if self._halt.requested or now >= self._service.deadline:
                waiting, self._waiting = self._waiting, []
                yield from (self._ended(item, self._not_started()) for item in waiting)
            if now >= ends:
                left, self._working = self._working, {}
                yield from (
                    self._ended(item, interrupted(self._halt)._replace(left_behind=True))
                    for item in left
                )
            elif now >= self._heartbeat_at:
                self._heartbeat_at = now + HEARTBEAT_SECONDS
                yield None
            elif (
                self._working
                and (found := self._next(min(ends, self._heartbeat_at) - now)) is not None
            ):
                yield from self._dispatch(*cast("tuple[T, Update | RunResult]", found))

    def _launch(self) -> None:
        """Start executions until enough are running. The budget makes those wait that must not
        start a run yet.
        """
        while (
            self._waiting
            and len(self._working) < self._inputs.max_parallel
            and not self._halt.requested
        ):
            item = self._waiting.pop(0)
            self._working[item] = False
            execution = self._execute(item, self._halt)
            threading.Thread(target=self._work, args=(item, execution), daemon=True).start()

    def _work(self, item: T, execution: Generator[Update, None, RunResult]) -> None:
        """Execute one run and put what it reports into the queue. Runs in a thread of its own."""
        result = finish(execution, lambda update: self._updates.put((item, update)))
        self._updates.put((item, result))

    def _next(self, seconds: float) -> object | None:
        """Return what comes next from any run; None after ``seconds``, or when the first stop
        signal comes.
        """
        try:
            with nullcontext() if self._halt.requested else self._service.stop.interrupting():
                return self._service.clock.next_item(self._updates, seconds)
        except StopRequested:
            return None

    def _dispatch(
        self, item: T, update: Update | RunResult
    ) -> Iterator[tuple[T, Update | RunResult]]:
        """Yield an update of a run and keep what it says."""
        if isinstance(update, Started | RunResult):
            self._heartbeat_at = self._service.now + HEARTBEAT_SECONDS
        if isinstance(update, RunResult):
            del self._working[item]
            yield self._ended(item, update)
            if (
                self._inputs.fail_fast
                and self.results[item].exit_code != 0
                and not self._halt.requested
            ):
                self._failed_first = True
                self._halt.request(SIGTERM)
        elif not isinstance(update, Heartbeat):
            self._working[item] = self._working[item] or isinstance(update, Started)
            yield item, update

    def _ended(self, item: T, result: RunResult) -> tuple[T, RunResult]:
        """Keep the result of a run, with the reason why it was stopped when another one's failure
        is that.
        """
        if self._failed_first and result.result is Result.INTERRUPTED:
            ended = (
                Result.CANCELLED
                if result.run is None or result.cancelled_by_step
                else Result.DETACHED
            )
            cause = "another run failed, and fail-fast is set"
            result = result._replace(result=ended, exit_code=1, cause=cause, error_code="FAIL_FAST")
        self.results[item] = result._replace(followed=None)  # thirty full ones are too much to keep
        return item, result

    def _not_started(self) -> RunResult:
        if self._halt.requested:
            return interrupted(self._halt)
        cause, remedy = (
            "the timeout passed before the run could start",
            "Raise timeout or max-parallel.",
        )
        return RunResult(Result.TIMEOUT, 1, cause, remedy, error_code="TIMEOUT")


def result_of_fleet(results: Sequence[RunResult], stop: Stop) -> RunResult:
    """Return how the step ended: as the worst of its runs. ``stop`` tells whether a signal ended
    it.
    """
    bad = [each for each in results if each.exit_code != 0]
    worst = max((each.result for each in results), key=lambda result: result.row.severity)
    total = RunResult(worst, 0)
    if stop.requested:
        total = interrupted(stop)
    elif bad:
        codes = {each.error_code for each in bad}
        code = codes.pop() if len(codes) == 1 else "RUNS_FAILED"
        total = total._replace(
            exit_code=1, cause=f"{len(bad)} of {len(results)} runs did not succeed", error_code=code
        )
    requests = sum(each.requests_sent for each in results)
    return total._replace(
        requests_sent=requests, left_behind=any(each.left_behind for each in results)
    )
