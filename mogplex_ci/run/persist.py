"""Makes one call until it is answered, the deadline comes, or somebody wants to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.api.client import TRANSIENT
from mogplex_ci.api.retry import Backoff
from mogplex_ci.api.transport import READ_SECONDS
from mogplex_ci.errors import RateLimitedError
from mogplex_ci.run.happenings import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mogplex_ci.errors import MogplexError
    from mogplex_ci.run.clock import Clock
    from mogplex_ci.run.stop import Stop

Result = TypeVar("Result")
_FACTOR: Final = 0.5
_SPREAD: Final = (0.1, 0.5)
"""Seconds added to a wait for each job that shares the token: jobs that failed together do not come back together."""
_SPREAD_WHEN_LIMITED: Final = (0.1, 6.0)
"""The same after 429. Ten starts a minute are allowed, so that each job comes back to six seconds of its own."""

_LAST_TRY_SECONDS: Final = 1.0
"""How long before the deadline the last try is made, rather than after it."""


class Persistence:
    """Makes calls of which each must be answered before the step can go on."""

    def __init__(self, *, clock: Clock, stop: Stop, sharers: int) -> None:
        """Take how many jobs share the token (1 or more)."""
        self._clock = clock
        self._stop = stop
        self._sharers = sharers

    def answer(self, call: Callable[[float], Result], deadline: float) -> Generator[Waiting, None, Result]:
        """Return what ``call`` returns; it is given the seconds it may take.

        Yields what it waits for. ``deadline`` is a time of the clock.

        Raises:
            MogplexError: an error that will not pass, or the last one when the next try would come after ``deadline``.
            StopRequested: a stop signal came.
        """
        backoff = Backoff(_FACTOR)
        while True:
            try:
                with self._stop.interrupting():
                    return call(min(READ_SECONDS, max(deadline - self._clock.monotonic(), 1.0)))
            except TRANSIENT as error:
                seconds, left = backoff.seconds_after(error), deadline - self._clock.monotonic()
                if seconds >= left:
                    raise
                seconds = min(seconds + self._spread(error), max(left - _LAST_TRY_SECONDS, seconds))
                yield Waiting(error, seconds)
            with self._stop.interrupting():
                self._clock.sleep(seconds)

    def _spread(self, error: MogplexError) -> float:
        low, high = _SPREAD_WHEN_LIMITED if isinstance(error, RateLimitedError) else _SPREAD
        return self._clock.spread(low * self._sharers, high * self._sharers)
