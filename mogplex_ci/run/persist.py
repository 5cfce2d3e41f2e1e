"""Makes one call until it is answered, the deadline comes, or somebody wants to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.api.client import TRANSIENT
from mogplex_ci.api.retry import Backoff
from mogplex_ci.api.transport import READ_SECONDS
from mogplex_ci.run.happenings import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mogplex_ci.run.clock import Clock
    from mogplex_ci.run.stop import Stop

Result = TypeVar("Result")
_JITTER: Final = (0.1, 0.5)
"""Seconds added to every wait, so that jobs that failed together do not come back together."""


def persist(
    call: Callable[[float], Result], *, clock: Clock, stop: Stop, deadline: float
) -> Generator[Waiting, None, Result]:
    """Return what ``call`` returns; it is given the seconds it may take.

    Yields what it waits for. ``deadline`` is a time of ``clock``.

    Raises:
        MogplexError: an error that will not pass, or the last one when the next try would come after the deadline.
        StopRequested: a stop signal came.
    """
    backoff = Backoff()
    while True:
        try:
            with stop.interrupting():
                return call(min(READ_SECONDS, max(deadline - clock.monotonic(), 1.0)))
        except TRANSIENT as error:
            seconds = backoff.seconds_after(error) + clock.spread(*_JITTER)
            if clock.monotonic() + seconds >= deadline:
                raise
            yield Waiting(error, seconds)
        with stop.interrupting():
            clock.sleep(seconds)
