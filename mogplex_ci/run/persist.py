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
_SPREAD: Final = 0.5
"""Seconds for each job that shares the token over which they come back: failed together, they would meet again."""
_STARTS_A_MINUTE: Final = 10
"""What the API allows a token."""

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
        """Return what to add to a wait. Refused starts come back at the rate at which the API allows them."""
        if isinstance(error, RateLimitedError):
            refused = max(self._sharers - _STARTS_A_MINUTE, 1)
            return self._clock.spread(0.1, refused * 60 / _STARTS_A_MINUTE)
        return self._clock.spread(0.1, self._sharers * _SPREAD)
