"""How long to pause between polls: frugal with the token's budget, quick when something happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import ApiError, MogplexError, RateLimitedError

if TYPE_CHECKING:
    from mogplex_ci.run.clock import Clock

SECONDS_PER_REQUEST: Final = 60.0 / 54.0
"""One job's pause if it had the token for itself: the API allows 60 requests a minute, and starting needs some too."""
WIDEST: Final = 3.0
"""Longest pause, in seconds, of a job that has the token for itself."""
_WIDEN: Final = 1.25
_BACKOFF_WIDEST: Final = 30.0


class Pace:
    """The pause before the next poll."""

    def __init__(self, clock: Clock, interval: float, sharers: int) -> None:
        """Take the shortest pause in seconds, and how many jobs share the token (1 or more)."""
        self._clock = clock
        self._sharers = max(sharers, 1)
        self._shortest = max(interval, self._sharers * SECONDS_PER_REQUEST)
        self._pause = self._shortest
        self._failures = 0

    def after_answer(self, *, active: bool) -> float:
        """Return the seconds to pause after a usable answer; ``active``: it held something new."""
        self._failures = 0
        self._pause = self._shortest if active else min(self._pause * _WIDEN, max(WIDEST, self._shortest))
        return self._clock.spread(self._pause, self._pause * 1.1)

    def after_error(self, error: MogplexError) -> float:
        """Return the seconds to pause after a failed poll."""
        self._failures += 1
        backoff = min(self._shortest * 2.0 ** (self._failures - 1), max(_BACKOFF_WIDEST, self._shortest))
        asked = error.retry_after if isinstance(error, ApiError) else None
        if isinstance(error, RateLimitedError):
            # Somebody else uses this token too: leave more room from now on, and do not all come back at once.
            self._shortest = min(self._shortest * 1.5, max(_BACKOFF_WIDEST, self._shortest))
            self._pause = self._shortest
            return (asked or 0.0) + self._clock.spread(0.0, self._shortest)
        return max(asked or 0.0, self._clock.spread(backoff, backoff * 1.1))
