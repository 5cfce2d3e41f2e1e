"""When to ask for the run itself beside its events: once a minute, and soon after an event that ends it."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

from mogplex_ci.api.budget import PollInterval
from mogplex_ci.api.retry import Backoff
from mogplex_ci.errors import MogplexError
from mogplex_ci.models import EventPage, Run
from mogplex_ci.run.service import Service
from mogplex_ci.waiting import Clock

PAUSED_SECONDS: Final = 10.0
"""Time between two checks of a run that waits for a person's answer."""
_AFTER_END: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
"""Pauses before the checks after an event that ends a run; the status follows within milliseconds to seconds."""
_AFTER_END_IF_CROWDED: Final = (0.6, 2.0, 4.0, 8.0)
"""The same where one check must do."""


class StatusChecks:
    """The times of the status checks."""

    def __init__(self, clock: Clock, interval: PollInterval) -> None:
        self._reads_events = False
        """Whether the next check reads the events, which come with the run's status."""
        self._clock = clock
        self._seconds = interval.check_seconds
        self._after_end = _AFTER_END_IF_CROWDED if interval.is_crowded else _AFTER_END
        self._pauses: Iterator[tuple[float, bool]] = repeat((self._seconds, False))
        self._backoff = Backoff(clock)
        self.at = clock.monotonic() + self._seconds
        """Time of the next check."""

    def expect_end(self) -> None:
        """Check soon, and read the events: one of them says that the run is over."""
        self._pauses = chain(((pause, True) for pause in self._after_end), repeat((PAUSED_SECONDS, False)))
        self._plan(*next(self._pauses))

    def begin_segment(self) -> None:
        """The run goes on after a pause: check at the regular times again."""
        self._pauses = repeat((self._seconds, False))
        self._plan(self._seconds, reads_events=False)

    def ask(self, service: Service, run_id: str) -> Run | EventPage:
        """Ask for the run, with its events when it is about to end, and plan the next check.

        Raises:
            MogplexError: the API gave no usable answer.
            StopRequested: a stop signal came.
        """
        try:
            answer = service.events(run_id) if self._reads_events else service.run(run_id)
        except MogplexError as error:
            self._plan(self._backoff.seconds_after(error), self._reads_events)
            raise
        run = answer if isinstance(answer, Run) else answer.run
        self._backoff.reset()
        self._plan(*((PAUSED_SECONDS, True) if run.is_paused else next(self._pauses)))
        return answer

    def _plan(self, seconds: float, reads_events: bool) -> None:
        self.at, self._reads_events = self._clock.monotonic() + seconds, reads_events
