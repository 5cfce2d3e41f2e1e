"""How often a step may send requests: 60 a minute for each token, shared by the jobs that use it.

``TokenBudget`` shares the token exactly between the runs of one process. ``PollInterval`` keeps jobs that do not know
of each other below the limit together.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Final, NamedTuple

from mogplex_ci.api.retry import Backoff
from mogplex_ci.errors import MogplexError, NoTurnError, RateLimitedError
from mogplex_ci.waiting import Clock

Turn = Callable[["Use", float], AbstractContextManager[float]]
"""Waits for the turn of a request, at most the given seconds; see ``TokenBudget.turn``."""

SECONDS_PER_REQUEST: Final = 60.0 / 54.0
"""The time that jobs sharing a token need for each request: the API allows 60 in any minute, and a few are spare."""
STATUS_CHECK_SECONDS: Final = 60.0
"""Time between two status checks beside the events: only ``GET /runs/{id}`` notices that a run's worker died."""
LONGEST_INTERVAL: Final = 2.0
"""Longest interval, in seconds, of a job that has the token to itself."""
_REQUESTS_TO_START: Final = 3
"""Looking up the repository, starting the run, and trying the event stream."""
_CHECK_SHARES: Final = 4
"""Requests that a job pays for between two status checks."""
_WIDEN: Final = 1.25
_JITTER: Final = 1.1
_SLOW_DOWN: Final = 2.0
_SLOWEST: Final = 30.0
"""Longest interval, in seconds, that refusals alone lead to."""
_FORGET_SECONDS: Final = 600.0
"""About how long a refusal is remembered."""


class Use(IntEnum):
    """The purpose of a request; when several wait, the one with the lowest number is next."""

    CANCEL = 0
    START = 1
    READ = 2
    """Reading a run or the repositories, and opening an event stream."""
    POLL = 3


class Limit(NamedTuple):
    """At most ``most`` requests in any ``seconds``."""

    most: int
    seconds: float


REQUESTS: Final = Limit(60, 60.0)
STARTS: Final = (Limit(10, 60.0), Limit(30, 3600.0), Limit(150, 86_400.0))
"""A start counts as a request, too (contract/README.md)."""
KEPT_FREE: Final = 10
"""Requests a minute that only cancels may use, so that a stop signal need not wait for the minute to pass."""
_MARGIN: Final = 0.05
"""Seconds that a request is counted for longer: the service's clock need not run exactly like ours."""


class _Request:
    """A request that waits for its turn, or that counts: from when it is let through until some time after its answer.

    ``place`` is that of the queue: of those that wait, the lowest is next.
    """

    def __init__(self, use: Use, place: tuple[int, int]) -> None:
        self.use = use
        self.place = place
        self.waits = True
        self.answered: float | None = None
        """None while the service may not have counted it yet."""


class TokenBudget:
    """The token's limits, kept exactly for all runs of this process. Thread-safe.

    A request counts until its answer has left the window: the service has counted it by then. Of requests that wait,
    cancels come first, the newest run's before the others, then starts, reads and polls, each in the order of arrival.
    """

    def __init__(
        self, *, requests: Limit = REQUESTS, starts: Sequence[Limit] = STARTS, kept_free: int = KEPT_FREE
    ) -> None:
        """``kept_free`` of ``requests.most`` are for cancels alone."""
        self._limit = requests
        self._starts = starts
        self._kept_free = kept_free
        self._lock = threading.Lock()
        self._requests: list[_Request] = []
        self._arrivals = 0

    @contextlib.contextmanager
    def turn(self, use: Use, timeout: float, *, clock: Clock, run: int = 0) -> Iterator[float]:
        """Wait until a request for ``use`` may be sent, and count what is sent inside. Yields the seconds left.

        Args:
            use: the purpose of the request.
            timeout: seconds that waiting and the request may take together.
            clock: time and waits; all callers' clocks show the same time.
            run: number of the run; of the cancels that wait, that of the highest number is sent first.

        Raises:
            NoTurnError: the turn would come after ``timeout``; ``retry_after`` says when.
            StopRequested: a stop signal came, and this thread's work is interruptible.
        """
        ends = clock.monotonic() + timeout
        request = self._wait_for_turn(use, clock, ends, run)
        try:
            yield max(ends - clock.monotonic(), 0.3)
        finally:
            request.answered = clock.monotonic()

    def seconds_to_start(self, now: float) -> float:
        """Return the seconds from ``now`` until a start may be sent if no other request waits; 0 for at once."""
        with self._lock:
            return self._seconds_for(Use.START, now, ahead=())

    def _wait_for_turn(self, use: Use, clock: Clock, ends: float, run: int) -> _Request:
        with self._lock:
            self._arrivals += 1
            request = _Request(use, (int(use), -run if use is Use.CANCEL else self._arrivals))
            self._requests.append(request)
        try:
            while True:
                with self._lock:
                    now = clock.monotonic()
                    ahead = [other for other in self._requests if other.waits and other.place < request.place]
                    seconds = self._seconds_for(use, now, ahead)
                    request.waits = seconds > 0
                if not request.waits:
                    return request
                if now + seconds > ends:
                    starts = "10 starts a minute, 30 an hour and 150 a day"
                    limit = starts if use is Use.START else "60 requests a minute"
                    cause = f"the token's limit of {limit} is used up"
                    raise NoTurnError(cause, retry_after=seconds)
                clock.sleep(seconds)
        except BaseException:
            with self._lock:
                self._requests.remove(request)
            raise

    def _seconds_for(self, use: Use, now: float, ahead: Sequence[_Request]) -> float:
        """Return the seconds until a request for ``use`` fits, behind those that are ``ahead`` of it."""
        longest = max(limit.seconds for limit in (self._limit, *self._starts)) + _MARGIN
        self._requests = [each for each in self._requests if each.answered is None or now - each.answered < longest]
        sent = [each for each in self._requests if not each.waits]
        most = self._limit.most - (0 if use is Use.CANCEL else self._kept_free)
        seconds = self._wait_of(Limit(most, self._limit.seconds), sent, now, len(ahead))
        if use is Use.START:
            starts = [each for each in sent if each.use is Use.START]
            before = len([each for each in ahead if each.use is Use.START])
            seconds = max(seconds, *(self._wait_of(limit, starts, now, before) for limit in self._starts))
        return seconds

    @staticmethod
    def _wait_of(limit: Limit, sent: Sequence[_Request], now: float, ahead: int) -> float:
        """Return the seconds until ``limit`` has room for one more request behind ``ahead`` others."""
        counted = sorted(now if each.answered is None else each.answered for each in sent)
        counted = [at for at in counted if now - at < limit.seconds + _MARGIN]
        excess = len(counted) + ahead + 1 - limit.most
        if excess <= 0:
            return 0.0
        leaves = counted[min(excess, len(counted)) - 1] if counted else now
        return max(leaves + limit.seconds + _MARGIN - now, 0.01)


class PollInterval:
    """The pause before the next poll: short when something happens, longer when nothing does.

    Every request costs its job ``SECONDS_PER_REQUEST`` times the number of jobs that share the token. So the jobs stay
    below the API's limit together without knowing of each other. Jobs that were not announced show through refusals.
    """

    def __init__(self, clock: Clock, *, shortest: float, jobs_per_token: int) -> None:
        """``shortest`` is in seconds; ``jobs_per_token`` is 1 or more."""
        self._clock = clock
        self._share = jobs_per_token * SECONDS_PER_REQUEST
        self._shortest = max(shortest, self._share)
        self._pause = self._shortest
        self._slow_down = 1.0
        self._backoff = Backoff(clock, first=self._shortest, longest=max(self._shortest, 10.0))
        self.is_shared = jobs_per_token > 1
        """Whether other jobs are known to use the token too."""
        self.is_crowded = _REQUESTS_TO_START * self._share > 60.0
        """Whether so many are known that they cannot all start, or end, in the same minute."""
        self.check_seconds = max(STATUS_CHECK_SECONDS, _CHECK_SHARES * self._share)
        """Time between two status checks of the run."""

    def before_stream(self) -> float:
        """Return the seconds from the start of the run to the opening of its stream: none unless it is crowded."""
        if not self.is_crowded:
            return 0.0
        return (_REQUESTS_TO_START - 1) * self._share + self._clock.random(0.0, self._share)

    def first(self) -> float:
        """Return the seconds from the start of the run to the first poll: none for a job on its own.

        Jobs that share a token start together. Waiting pays for the requests they have sent so far, and spreads their
        polls over one interval.
        """
        if not self.is_shared:
            return 0.0
        return _REQUESTS_TO_START * self._share + self._clock.random(0.0, self._shortest)

    def after_answer(self, *, active: bool) -> float:
        """Return the seconds to wait after a usable answer; ``active``: it contained something new."""
        shortest = self._shortest * self._slow_down
        self._pause = shortest if active else max(min(self._pause * _WIDEN, LONGEST_INTERVAL), shortest)
        self._slow_down = max(self._slow_down * (1 - self._pause / _FORGET_SECONDS), 1.0)
        self._backoff.reset()
        return self._clock.random(self._pause, self._pause * _JITTER)

    def after_error(self, error: MogplexError) -> float:
        """Return the seconds to wait after a failed poll."""
        if isinstance(error, RateLimitedError) and not isinstance(error, NoTurnError):
            self._slow_down = min(self._slow_down * _SLOW_DOWN, max(_SLOWEST / self._shortest, 1.0))
        return max(self._backoff.seconds_after(error), self._shortest)
