"""How long to pause between polls: frugal with the token's budget, quick when something happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.api.retry import Backoff
from mogplex_ci.errors import MogplexError, RateLimitedError

if TYPE_CHECKING:
    from mogplex_ci.run.clock import Clock

SECONDS_PER_REQUEST: Final = 60.0 / 54.0
"""What one request costs the jobs that share a token: the API allows 60 in any minute, and a few are left to spare."""
WIDEST: Final = 2.0
"""Longest pause, in seconds, of a job that has the token for itself."""
_REQUESTS_TO_START: Final = 2
"""Looking up the repository and starting the run."""
_WIDEN: Final = 1.25
_JITTER: Final = 1.1
_SLOW_DOWN: Final = 2.0
_SLOWEST: Final = 30.0
"""Longest pause, in seconds, that refusals alone lead to."""
_FORGET_SECONDS: Final = 600.0
"""About how long a refusal is remembered."""


class Pace:
    """The pause before the next poll.

    Every request costs its job ``SECONDS_PER_REQUEST`` times the jobs that share the token: then they stay together
    below the API's limit, without knowing of each other. Jobs that nobody announced are noticed by refusals.
    """

    def __init__(self, clock: Clock, interval: float, sharers: int) -> None:
        """Take the shortest pause in seconds, and how many jobs share the token (1 or more)."""
        self._clock = clock
        self._share = sharers * SECONDS_PER_REQUEST
        self._shortest = max(interval, self._share)
        self._pause = self._shortest
        self._caution = 1.0
        self._backoff = Backoff(self._shortest)
        self.is_shared = sharers > 1
        """Whether other jobs are known to use the token too."""

    def first(self) -> float:
        """Return the seconds from the start of the run to the first poll: none for a job on its own.

        Where jobs share the token they are started together. The requests before this poll are paid for by waiting,
        and the polls are spread over one pause.
        """
        if not self.is_shared:
            return 0.0
        return _REQUESTS_TO_START * self._share + self._clock.spread(0.0, self._shortest)

    def after_answer(self, *, active: bool) -> float:
        """Return the seconds to pause after a usable answer; ``active``: it held something new."""
        shortest = self._shortest * self._caution
        self._pause = shortest if active else max(min(self._pause * _WIDEN, WIDEST), shortest)
        self._caution = max(self._caution * (1 - self._pause / _FORGET_SECONDS), 1.0)
        self._backoff = Backoff(self._shortest)
        return self._clock.spread(self._pause, self._pause * _JITTER)

    def after_error(self, error: MogplexError) -> float:
        """Return the seconds to pause after a failed poll."""
        wait = max(self._backoff.seconds_after(error), self._shortest)
        if isinstance(error, RateLimitedError):
            self._caution = min(self._caution * _SLOW_DOWN, max(_SLOWEST / self._shortest, 1.0))
            return wait + self._clock.spread(0.0, self._shortest * self._caution)
        return self._clock.spread(wait, wait * _JITTER)
