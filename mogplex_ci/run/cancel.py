"""Cancels a run within a few seconds, whatever the API answers first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.api.client import TRANSIENT
from mogplex_ci.models import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import StartRequest
    from mogplex_ci.run.clock import Clock

INTERRUPT_BUDGET: Final = 4.5
"""Seconds after a stop signal: GitHub sends SIGKILL's forerunner 7.5 s after the first, and leaves 2.5 s more."""
TIMEOUT_BUDGET: Final = 20.0
"""Seconds when the step's own deadline has passed and nobody kills us."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_CALL: Final = 3.0
"""Seconds for one call, so that a hanging answer leaves time for a second try."""
_SHORTEST_CALL: Final = 0.3
Result = TypeVar("Result")


def cancel(client: Client, run_id: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run, trying again for ``budget`` seconds: when the kill fails the API says 500, and a second works.

    Stop signals that arrive meanwhile do not end it.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    return _within(budget, clock, lambda timeout: client.cancel(run_id, timeout=timeout))


def cancel_unanswered(
    client: Client, request: StartRequest, key: str, *, may_be_foreign: bool, clock: Clock, budget: float
) -> Cancelled:
    """Cancel the run whose start was not answered: ask with the same key for its id first.

    ``may_be_foreign``: the key is the user's own, so that a run found under it may be somebody else's; it is left.

    Raises:
        MogplexError: its id could not be learned, or it could not be cancelled, in time.
    """
    ends = clock.monotonic() + budget
    started = _within(budget, clock, lambda timeout: client.start(request, key, timeout=timeout))
    if may_be_foreign and started.replayed:
        return Cancelled(started.run, started.run.status, already_terminal=True, data=started.run.data)
    return cancel(client, started.run.id, clock=clock, budget=ends - clock.monotonic())


def _within(budget: float, clock: Clock, call: Callable[[float], Result]) -> Result:
    ends = clock.monotonic() + budget
    pause = _FIRST_PAUSE
    while True:
        try:
            return call(max(min(ends - clock.monotonic(), _LONGEST_CALL), _SHORTEST_CALL))
        except TRANSIENT:
            if clock.monotonic() + pause >= ends:
                raise
        clock.sleep(pause)
        pause *= 2
