"""Many runs in one step, a *fleet*: each has its own thread, and their updates come out one after
the other.

``max-parallel`` limits simultaneous runs. ``canary`` and ``max-failures`` limit the cost of a bad
task: after too many failures no new runs start, and current ones continue.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from math import inf
from queue import SimpleQueue
from signal import SIGTERM
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar, cast

from mogplex_ci.api.retry import Waiting, finish
from mogplex_ci.errors import HeldBackError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.result import Ending, Result, RunDetails, RunResult, interrupted
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import (
    HEARTBEAT_SECONDS,
    CanariesPassed,
    Ended,
    EventsArrived,
    FleetCounts,
    Heartbeat,
    NextKey,
    NoMoreStarts,
    Started,
    Starting,
    StatusChanged,
    Update,
)
from mogplex_ci.waiting import Stop, StopRequested

T = TypeVar("T")
_REJECTED_AGAIN: Final = (
    "A re-run judges rejected runs as they are: only a new workflow run or pipeline starts others."
)
_SUCCEEDED: Final = (Result.SUCCESS, Result.DRY_RUN)
"""How a canary must end. A run that is paused, detached or rejected has not succeeded."""


class RunUpdate(NamedTuple, Generic[T]):
    """An update of one of the runs."""

    item: T
    update: Update


class RunEnded(NamedTuple, Generic[T]):
    """How one of the runs ended."""

    item: T
    result: RunResult


FleetNews: TypeAlias = RunUpdate[T] | RunEnded[T] | CanariesPassed | NoMoreStarts | FleetCounts
"""A fleet's news. The counts, if no run has started or ended for a while."""


class _Member:
    """How far an item's run has come, as its own thread reports it."""

    def __init__(self) -> None:
        self.known = RunDetails()
        """The known facts about the newest run, for ``post``."""
        self.has_started = False
        self.is_in_doubt = False
        """Whether a start request failed in a way that may have started a run."""

    def note(self, update: Update) -> None:
        """Note an update's facts about the run and its start."""
        match update:
            case Starting(key=key):
                self.known = RunDetails(unanswered_key=key, left_behind=True)
            case Started(run, key, joined, owned):
                self.has_started = True
                self.known = RunDetails(
                    run=run, key=key, joined=joined, owned=owned, left_behind=owned
                )
            case StatusChanged(run) | EventsArrived(run) | Ended(run):
                self.known = self.known._replace(run=run)
            case NextKey(key=key):  # the answer was clear: the request before started nothing
                self.is_in_doubt = False
                self.known = RunDetails(unanswered_key=key, left_behind=True)
            case Waiting(error=error):
                self.is_in_doubt = self.is_in_doubt or error.may_have_worked


class Fleet(Generic[T]):
    """Runs one execution for each item, in their order and a few at a time.

    ``results`` says how they ended, without the timelines.

    A failure of one affects the others only by the bounds that the inputs set.
    """

    def __init__(
        self,
        items: Sequence[T],
        execute: Callable[[T, Stop], Generator[Update, None, RunResult]],
        inputs: ActionInputs,
        service: Service,
    ) -> None:
        """``execute`` is iterated in a thread of its own for each item; the stop that it gets ends
        it early. It asks ``check_start`` before each start request.

        It raises nothing: every error is a result. ``inputs`` and ``service`` are the step's.
        """
        self.results: dict[T, RunResult] = {}
        self._items = items
        self._execute = execute
        self._inputs = inputs
        self._service = service
        self._halt = Stop()
        """Stops the executions: the process's signals come to the main thread only."""
        self._abandon_at = inf
        """When the executions that have not ended after a stop signal are left to ``post``."""
        self._updates: SimpleQueue[object] = SimpleQueue()
        self._waiting = list(items)
        self._working: dict[T, _Member] = {}
        self._canaries = set(items[: inputs.canary or 0])
        """Those that have not succeeded yet."""
        self._failures = 0
        """Runs of this try that did not succeed."""
        self._held_back: HeldBackError | None = None
        """Why nothing more is started."""
        self._heartbeat_at = service.now + HEARTBEAT_SECONDS

    @property
    def counts(self) -> FleetCounts:
        """How many runs are over, running and not started yet."""
        working = sum(member.has_started for member in self._working.values())
        done = len(self.results)
        return FleetCounts(done, working, len(self._items) - done - working)

    def check_start(self, item: T) -> None:
        """Let a start request of ``item`` pass. Called in its thread, while the request waits for
        its turn and right before it is sent.

        A live run may start another one: a retry, or a round of ``repair``.

        Raises:
            HeldBackError: no new runs start, and no run of ``item`` can exist yet.
        """
        member = self._working.get(item)
        if self._held_back is None or self._halt.requested or member is None:
            return  # after a stop signal only runs that are to be cancelled are asked for
        if not member.has_started and not member.is_in_doubt:
            raise self._held_back

    def perform(self) -> Iterator[FleetNews[T]]:
        """Yield the news of all runs: their updates, and finally how each ended.

        A stop signal ends the executions, which then cancel what they own.
        """
        while self._waiting or self._working:
            if self._service.stop.requested and not self._halt.requested:
                stopped_at = self._service.stopped_at
                self._halt.request(self._service.stop.signal or SIGTERM, stopped_at)
                self._abandon_at = stopped_at + self._service.stop_seconds.runs
            self._launch()
            now = self._service.now
            if self._halt.requested or now >= self._service.deadline:
                yield from self._end_waiting(self._not_started())
            if now >= self._abandon_at:
                yield from self._abandon()
            elif now >= self._heartbeat_at:
                self._heartbeat_at = now + HEARTBEAT_SECONDS
                yield self.counts
            elif self._working:
                found = self._next(min(self._abandon_at, self._heartbeat_at) - now)
                if found is not None:
                    yield from self._dispatch(*found)

    def _launch(self) -> None:
        """Start executions until enough are running. The budget makes those wait that must not
        start a run yet.
        """
        while self._may_launch():
            item = self._waiting.pop(0)
            self._working[item] = _Member()
            execution = self._execute(item, self._halt)
            threading.Thread(target=self._work, args=(item, execution), daemon=True).start()

    def _may_launch(self) -> bool:
        if not self._waiting or self._halt.requested:
            return False
        waits_for_canaries = bool(self._canaries) and self._waiting[0] not in self._canaries
        return len(self._working) < self._inputs.max_parallel and not waits_for_canaries

    def _work(self, item: T, execution: Generator[Update, None, RunResult]) -> None:
        """Execute one run and put its updates into the queue. Runs in its own thread."""
        member = self._working[item]

        def report(update: Update) -> None:
            member.note(update)
            self._updates.put((item, update))

        result = finish(execution, report)
        self._updates.put((item, result))

    def _next(self, seconds: float) -> tuple[T, Update | RunResult] | None:
        """Return the next update from any run; None after ``seconds``, or when the first stop
        signal comes.
        """
        try:
            with nullcontext() if self._halt.requested else self._service.stop.interrupting():
                found = self._service.clock.next_item(self._updates, seconds)
        except StopRequested:
            return None
        return cast("tuple[T, Update | RunResult] | None", found)

    def _dispatch(self, item: T, update: Update | RunResult) -> Iterator[FleetNews[T]]:
        """Yield an update of a run, and its consequences for the others."""
        if isinstance(update, Started | RunResult):
            self._heartbeat_at = self._service.now + HEARTBEAT_SECONDS
        if isinstance(update, RunResult):
            del self._working[item]
            yield self._ended(item, update)
            yield from self._heed_bounds(item, self.results[item])
        elif not isinstance(update, Heartbeat):
            yield RunUpdate(item, update)

    def _heed_bounds(self, item: T, result: RunResult) -> Iterator[FleetNews[T]]:
        """Let the others start, or not, now that the run of ``item`` has ended with ``result``."""
        if self._halt.requested or self._held_back is not None:
            return
        ending = result.ending
        has_failed = ending.exit_code != 0
        self._failures += has_failed
        most = self._inputs.max_failures
        if item in self._canaries and ending.result not in _SUCCEEDED:
            cause = "a canary failed"
            yield from self._hold_back(HeldBackError(cause, code="CANARY_FAILED"))
        elif most is not None and self._failures > most:
            noun = "run" if self._failures == 1 else "runs"
            cause = f"{self._failures} {noun} failed, and [[max-failures]] is {most}"
            yield from self._hold_back(HeldBackError(cause, code="MAX_FAILURES"))
        elif item in self._canaries:
            self._canaries.remove(item)
            if not self._canaries and self._waiting:
                yield CanariesPassed(self._inputs.canary or 0, len(self._waiting))

    def _hold_back(self, reason: HeldBackError) -> Iterator[FleetNews[T]]:
        """Start nothing more. Executions that have not started their run yet end by themselves: see
        ``check_start``.
        """
        self._held_back = reason
        if left_out := self.counts.waiting:
            yield NoMoreStarts(reason.cause, left_out)
        yield from self._end_waiting(_skipped(reason))

    def _end_waiting(self, ending: Ending) -> Iterator[RunEnded[T]]:
        """End all runs that wait, in the same way."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            yield self._ended(item, RunResult(ending))

    def _abandon(self) -> Iterator[RunEnded[T]]:
        """Leave the runs that have not ended to ``post``."""
        left, self._working = self._working, {}
        for item, member in left.items():
            yield self._ended(item, RunResult(interrupted(self._halt), member.known))

    def _ended(self, item: T, result: RunResult) -> RunEnded[T]:
        """Keep the result of a run."""
        if self._held_back is not None and result.ending.error_code == self._held_back.code:
            details = RunDetails(requests_sent=result.details.requests_sent)
            result = RunResult(_skipped(self._held_back), details)
        # Thirty full timelines are too much to keep.
        self.results[item] = result._replace(details=result.details._replace(followed=None))
        return RunEnded(item, result)

    def _not_started(self) -> Ending:
        if self._halt.requested:
            return interrupted(self._halt)
        cause = "the timeout passed before the run could start"
        remedy = "Raise [[timeout]] or [[max-parallel]]."
        return Ending.of(Result.TIMEOUT, cause, remedy, error_code="TIMEOUT")


def _skipped(reason: HeldBackError) -> Ending:
    """Return the ending of a run that was not started."""
    cause = f"not started: {reason.cause}"
    return Ending.of(Result.SKIPPED, cause, reason.remedy, error_code=reason.code)


def ending_of_fleet(endings: Sequence[Ending], stop: Stop) -> Ending:
    """Return how the step ended: like the worst of its runs. ``stop`` says whether a signal ended
    it.
    """
    bad = [each for each in endings if each.exit_code != 0]
    skipped = [each for each in endings if each.result is Result.SKIPPED]
    worst = max((each.result for each in endings), key=lambda result: result.row.severity)
    total = Ending(worst, 0)
    if stop.requested:
        total = interrupted(stop)
    elif bad:
        codes = {each.error_code for each in bad}
        code = codes.pop() if len(codes) == 1 else "RUNS_FAILED"
        cause = f"{len(bad)} of {len(endings)} runs failed"
        remedies: list[str] = []
        if skipped:
            verb = "was" if len(skipped) == 1 else "were"
            cause += f", and {len(skipped)} {verb} not started"
            remedies.append(HeldBackError.remedy)
        if any(each.result is Result.REJECTED for each in bad):
            remedies.append(_REJECTED_AGAIN)
        total = total._replace(exit_code=1, cause=cause, remedy=" ".join(remedies), error_code=code)
    return total
