"""Cancels a run within a few seconds, whatever the API answers first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.api.client import TRANSIENT

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client
    from mogplex_ci.models import Cancelled, StartRequest
    from mogplex_ci.run.clock import Clock

INTERRUPT_BUDGET: Final = 4.5
"""Seconds after a stop signal: GitHub sends SIGKILL's forerunner 7.5 s after the first, and leaves 2.5 s more."""
TIMEOUT_BUDGET: Final = 20.0
"""Seconds when the step's own deadline has passed and nobody kills us."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_CALL: Final = 3.0
"""Seconds for one call, so that a hanging answer leaves time for a second try."""


def cancel(client: Client, run_id: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run, trying again for ``budget`` seconds: when the kill fails the API says 500, and a second works.

    Stop signals that arrive meanwhile do not end it.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    ends = clock.monotonic() + budget
    pause = _FIRST_PAUSE
    while True:
        try:
            return client.cancel(run_id, timeout=_call_seconds(ends - clock.monotonic(), budget))
        except TRANSIENT:
            if clock.monotonic() + pause >= ends:
                raise
        clock.sleep(pause)
        pause *= 2


def cancel_unanswered(client: Client, request: StartRequest, key: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run whose start was not answered: ask with the same key for its id first.

    Raises:
        MogplexError: its id could not be learned, or it could not be cancelled, in time.
    """
    ends = clock.monotonic() + budget
    pause = _FIRST_PAUSE
    while True:
        try:
            started = client.start(request, key, timeout=_call_seconds(ends - clock.monotonic(), budget))
        except TRANSIENT:
            if clock.monotonic() + pause >= ends:
                raise
        else:
            return cancel(client, started.run.id, clock=clock, budget=max(ends - clock.monotonic(), 0.5))
        clock.sleep(pause)
        pause *= 2


def _call_seconds(left: float, budget: float) -> float:
    return max(min(left, _LONGEST_CALL if budget <= INTERRUPT_BUDGET else budget), 0.3)
