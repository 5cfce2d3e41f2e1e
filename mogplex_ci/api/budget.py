"""How often a step may send requests: 60 a minute for each token, shared by the jobs that use it.

``TokenBudget`` shares the token exactly between the runs of one process. ``PollInterval`` keeps
jobs that do not know of each other below the limit together.
"""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from math import inf
from typing import Final, NamedTuple

from mogplex_ci.api.retry import Backoff
from mogplex_ci.errors import (
    MogplexError,
    NotAuthorizedError,
    NoTurnError,
    RateLimitedError,
    UnreachableError,
)
from mogplex_ci.waiting import Clock

Throttle = Callable[["Purpose", float], AbstractContextManager[float]]
"""Waits for the turn of a request, at most the given seconds; see ``TokenBudget.turn``."""

SECONDS_PER_REQUEST: Final = 60.0 / 54.0
"""The time that jobs sharing a token need for each request: the API allows 60 in any minute, and a
few are spare.
"""
STATUS_CHECK_SECONDS: Final = 60.0
"""Time between two status checks beside the events: only ``GET /runs/{id}`` notices that a run's
worker died.
"""
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


class Purpose(IntEnum):
    """The purpose of a request; when several wait, the one with the lowest number is next."""

    CANCEL = 0
    START = 1
    READ = 2
    """Reading a run or the repositories, and opening an event stream."""
    POLL = 3


class Limit(NamedTuple):
    """At most ``most`` requests for any of ``uses`` in any ``seconds``."""

    most: int
    seconds: float
    uses: Collection[Purpose] = tuple(Purpose)
    kept_free: int = 0
    """How many of them only cancels may use, so that a stop signal need not wait for room."""


REQUESTS: Final = Limit(60, 60.0, kept_free=10)
STARTS: Final = tuple(
    Limit(most, each, [Purpose.START]) for most, each in ((10, 60.0), (30, 3600.0), (150, 86_400.0))
)
"""A start counts as a request, too (contract/README.md)."""
GITHUB_CALLS: Final = Limit(600, 60.0)
"""What this process asks GitHub, whose secondary limits are unknown: many runs judge at once."""
_CLOCK_MARGIN: Final = 0.05
"""Seconds that a request is counted for longer: the service's clock need not run exactly like
ours.
"""


_LOOK_SECONDS: Final = 10.0
"""Longest wait for a turn until the request looks again whether it is to be sent at all."""


class _Request:
    """A request that waits for its turn, or that counts: from when it is let through until some
    time after its answer.

    ``place`` is that of the queue: of those that wait, the lowest is next.
    """

    def __init__(self, use: Purpose, place: tuple[int, int]) -> None:
        self.use = use
        self.place = place
        self.waits = True
        self.counts = True
        """Whether the service counts it, as far as is known."""
        self.answered = inf
        """When it was answered; until then the service may not have counted it yet."""


class TokenBudget:
    """The token's limits, kept exactly for all runs of this process. Thread-safe.

    A request counts until its answer has left the window: the service has counted it by then. One
    that never arrived, or was answered 401 or 429, does not count. Of requests that wait, cancels
    come first, the newest run's before the others, then starts, reads and polls, each in the order
    of arrival.
    """

    def __init__(self, limits: Sequence[Limit] = (REQUESTS, *STARTS)) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._requests: list[_Request] = []
        self._arrivals = 0

    @contextlib.contextmanager
    def turn(
        self,
        use: Purpose,
        timeout: float,
        *,
        clock: Clock,
        run: int = 0,
        check_start: Callable[[], None] = lambda: None,
    ) -> Iterator[float]:
        """Wait until a request for ``use`` may be sent, and count what is sent inside. Yields the
        seconds left.

        Args:
            use: the purpose of the request.
            timeout: seconds that waiting and the request may take together.
            clock: time and waits; all callers' clocks show the same time.
            run: number of the run; of the cancels that wait, that of the highest number is sent
                first.
            check_start: called now and then while a start waits, and right before it is let
                through; what it raises ends the wait.

        Raises:
            NoTurnError: the turn would come after ``timeout``; ``retry_after`` says when.
            StopRequested: a stop signal came, and this thread's work is interruptible.
        """
        ends = clock.monotonic() + timeout
        with self._lock:
            self._arrivals += 1
            place = self._arrivals
            if use is Purpose.CANCEL:
                place = -run
            request = _Request(use, (int(use), place))
            self._requests.append(request)
        try:
            while True:
                if use is Purpose.START:
                    check_start()
                seconds = self._seconds_until_turn(request, clock.monotonic())
                if seconds <= 0:
                    break
                if clock.monotonic() + seconds > ends:
                    limit = "60 requests a minute"
                    if use is Purpose.START:
                        limit = "10 starts a minute, 30 an hour and 150 a day"
                    raise NoTurnError(
                        f"the token's limit of {limit} is used up", retry_after=seconds
                    )
                clock.sleep(min(seconds, _LOOK_SECONDS))
            yield max(ends - clock.monotonic(), 0.3)
        except MogplexError as error:
            request.counts = request.counts and not _is_uncounted(error)
            raise
        finally:
            was_sent = not request.waits
            request.answered = clock.monotonic() if was_sent and request.counts else -inf

    def seconds_to_start(self, now: float) -> float:
        """Return the seconds from ``now`` until a start may be sent if no other request waits; 0
        for at once.
        """
        with self._lock:
            return self._seconds_for(_Request(Purpose.START, place=(-1, 0)), now)

    def _seconds_until_turn(self, request: _Request, now: float) -> float:
        """Return the seconds until a request that waits may be sent, and let it through if that is
        now.
        """
        longest = max(limit.seconds for limit in self._limits) + _CLOCK_MARGIN
        with self._lock:
            self._requests = [each for each in self._requests if now - each.answered < longest]
            seconds = self._seconds_for(request, now)
            request.waits = seconds > 0
            return seconds

    def _seconds_for(self, request: _Request, now: float) -> float:
        return max(
            self._wait_of(limit, request, now)
            for limit in self._limits
            if request.use in limit.uses
        )

    def _wait_of(self, limit: Limit, request: _Request, now: float) -> float:
        """Return the seconds until ``limit`` has room for ``request`` behind those that are ahead
        of it.
        """
        others = [each for each in self._requests if each.use in limit.uses]
        ahead = sum(each.waits and each.place < request.place for each in others)
        counted = sorted(min(each.answered, now) for each in others if not each.waits)
        counted = [at for at in counted if now - at < limit.seconds + _CLOCK_MARGIN]
        most = limit.most if request.use is Purpose.CANCEL else limit.most - limit.kept_free
        excess = len(counted) + ahead + 1 - most
        if excess <= 0:
            return 0.0
        leaves = counted[min(excess, len(counted)) - 1] if counted else now
        return max(leaves + limit.seconds + _CLOCK_MARGIN - now, 0.01)


def _is_uncounted(error: MogplexError) -> bool:
    """Whether the service did not count the request that failed like this: it counts after it has
    known the token, refuses without counting, and nothing counts what never arrived.
    """
    is_refused = isinstance(error, RateLimitedError | NotAuthorizedError)
    never_arrived = isinstance(error, UnreachableError) and not error.may_have_worked
    return is_refused or never_arrived


class PollInterval:
    """The pause before the next poll: short when something happens, longer when nothing does.

    Every request costs its job ``SECONDS_PER_REQUEST`` times the number of jobs that share the
    token. So the jobs stay below the API's limit together without knowing of each other. Jobs that
    were not announced show through refusals.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        shortest: float,
        jobs_per_token: int,
        uses_in_job: Callable[[], int] = lambda: 1,
    ) -> None:
        """``shortest`` is in seconds; ``jobs_per_token`` is 1 or more. ``uses_in_job`` returns how
        many steps of each job use the token now.
        """
        self._clock = clock
        self._jobs = jobs_per_token
        self._uses_in_job = uses_in_job
        self._shortest_wanted = shortest
        self._least = self._pause = self._shortest
        """The pause while something happens: refusals lengthen it for some time, and what was
        waited last.
        """
        self._backoff = Backoff(clock, first=self._shortest, longest=max(self._shortest, 10.0))

    @property
    def _users(self) -> int:
        return self._jobs * self._uses_in_job()

    @property
    def _share(self) -> float:
        return self._users * SECONDS_PER_REQUEST

    @property
    def _shortest(self) -> float:
        return max(self._shortest_wanted, self._share)

    @property
    def is_shared(self) -> bool:
        """Whether others are known to use the token too."""
        return self._users > 1

    @property
    def is_crowded(self) -> bool:
        """Whether so many are known that they cannot all start, or end, in the same minute."""
        return _REQUESTS_TO_START * self._share > 60.0

    @property
    def check_seconds(self) -> float:
        """Time between two status checks of the run."""
        return max(STATUS_CHECK_SECONDS, _CHECK_SHARES * self._share)

    def before_stream(self) -> float:
        """Return the seconds from the start of the run to the opening of its stream: none unless it
        is crowded.
        """
        if not self.is_crowded:
            return 0.0
        return (_REQUESTS_TO_START - 1) * self._share + self._clock.random(0.0, self._share)

    def first(self) -> float:
        """Return the seconds from the start of the run to the first poll: none for a job on its
        own.

        Jobs that share a token start together. Waiting pays for the requests they have sent so far,
        and spreads their polls over one interval.
        """
        if not self.is_shared:
            return 0.0
        return _REQUESTS_TO_START * self._share + self._clock.random(0.0, self._shortest)

    def after_answer(self, *, active: bool) -> float:
        """Return the seconds to wait after a usable answer; ``active``: it contained something
        new.
        """
        shortest = self._shortest
        self._least = max(self._least, shortest)
        if active:
            self._pause = self._least
        else:
            self._pause = max(min(self._pause * _WIDEN, LONGEST_INTERVAL), self._least)
        self._least = max(self._least * (1 - self._pause / _FORGET_SECONDS), shortest)
        self._backoff.reset()
        return self._clock.random(self._pause, self._pause * _JITTER)

    def after_error(self, error: MogplexError) -> float:
        """Return the seconds to wait after a failed poll."""
        if isinstance(error, RateLimitedError) and not isinstance(error, NoTurnError):
            self._least = min(self._least * _SLOW_DOWN, max(_SLOWEST, self._shortest))
        return max(self._backoff.next_pause(error.retry_after), self._shortest)
