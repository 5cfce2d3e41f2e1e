"""How often a step polls: the jobs that share a token may send 60 requests a minute together."""

from typing import Final

from mogplex_ci.api.retry import Backoff
from mogplex_ci.errors import MogplexError, RateLimitedError
from mogplex_ci.waiting import Clock

SECONDS_PER_REQUEST: Final = 60.0 / 54.0
"""The time that jobs sharing a token need for each request: the API allows 60 in any minute, and a
few are spare.
"""
STATUS_CHECK_SECONDS: Final = 60.0
"""Time between two status checks beside the events: only ``GET /runs/{id}`` notices that a run's
worker died.
"""
MAX_INTERVAL: Final = 2.0
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
    ) -> None:
        """``shortest`` is in seconds; ``jobs_per_token`` is 1 or more."""
        self._clock = clock
        self._share = jobs_per_token * SECONDS_PER_REQUEST
        self._shortest = max(shortest, self._share)
        self.is_shared = jobs_per_token > 1
        """Whether others are known to use the token too."""
        self.is_crowded = _REQUESTS_TO_START * self._share > 60.0
        """Whether so many are known that they cannot all start, or end, in the same minute."""
        self.check_seconds = max(STATUS_CHECK_SECONDS, _CHECK_SHARES * self._share)
        """Time between two status checks of the run."""
        self._least = self._pause = self._shortest
        """The pause while something happens: refusals lengthen it for some time, and what was
        waited last.
        """
        self._backoff = Backoff(clock, first=self._shortest, longest=max(self._shortest, 10.0))

    def before_stream(self) -> float:
        """Return the seconds from the start of the run to the opening of its stream: none unless it
        is crowded.
        """
        if not self.is_crowded:
            return 0.0
        # The third is the stream's own.
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
        if active:
            self._pause = self._least
        else:
            self._pause = max(min(self._pause * _WIDEN, MAX_INTERVAL), self._least)
        # In proportion to the pause: a refusal is forgotten after the same time at any interval.
        self._least = max(self._least * (1 - self._pause / _FORGET_SECONDS), self._shortest)
        self._backoff.reset()
        return self._clock.random(self._pause, self._pause * _JITTER)

    def after_error(self, error: MogplexError) -> float:
        """Return the seconds to wait after a failed poll."""
        if isinstance(error, RateLimitedError):
            self._least = min(self._least * _SLOW_DOWN, max(_SLOWEST, self._shortest))
        return max(self._backoff.next_pause(error.retry_after), self._shortest)
