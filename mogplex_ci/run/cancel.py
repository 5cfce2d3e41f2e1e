"""Cancels a run within a few seconds, whatever the API answers first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.api.client import TRANSIENT
from mogplex_ci.errors import ForeignRunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import Cancelled, StartRequest
    from mogplex_ci.run.clock import Clock

INTERRUPT_BUDGET: Final = 4.0
"""Seconds after a stop signal: GitHub kills 10 s after the first one, GitLab 6 s."""
TIMEOUT_BUDGET: Final = 90.0
"""Seconds when nobody waits to kill us: long enough for a used-up request limit, which is one of a minute."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_LONGEST_CALL: Final = 15.0
_SHORTEST_CALL: Final = 0.3
Result = TypeVar("Result")


def cancel(client: Client, run_id: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run, trying again for ``budget`` seconds: when the kill fails the API says 500, and a second works.

    Stop signals that arrive meanwhile do not end it.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    return within(budget, clock, lambda timeout: client.cancel(run_id, timeout=timeout))


def cancel_unanswered(
    client: Client, request: StartRequest, key: str, *, may_be_foreign: bool, clock: Clock, budget: float
) -> Cancelled:
    """Cancel the run whose start was not answered: ask with the same key for its id first.

    ``may_be_foreign``: the key is the user's own, so that a run found under it may be somebody else's.

    Raises:
        ForeignRunError: it may be somebody else's, and was left alone.
        MogplexError: its id could not be learned, or it could not be cancelled, in time.
    """
    ends = clock.monotonic() + budget
    started = within(budget, clock, lambda timeout: client.start(request, key, timeout=timeout))
    if may_be_foreign and started.replayed:
        raise ForeignRunError
    return cancel(client, started.run.id, clock=clock, budget=ends - clock.monotonic())


def within(budget: float, clock: Clock, call: Callable[[float], Result]) -> Result:
    """Make the call until it is answered or ``budget`` seconds are over.

    It is tried often even when the API's limit is used up and ``Retry-After`` says a minute: room comes free
    continuously, and refused requests do not count.
    """
    ends = clock.monotonic() + budget
    longest_call = min(budget * 0.6, _LONGEST_CALL)  # a hanging answer leaves time for a second try
    longest_pause = min(budget / 4, _LONGEST_PAUSE)
    pause = _FIRST_PAUSE
    while True:
        try:
            return call(max(min(ends - clock.monotonic(), longest_call), _SHORTEST_CALL))
        except TRANSIENT:
            if clock.monotonic() + pause >= ends:
                raise
        clock.sleep(pause)
        pause = min(pause * 2, longest_pause)
