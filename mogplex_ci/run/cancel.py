"""Cancels a run within a few seconds, whatever the API answers first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.api.retry import Backoff, finish, retrying
from mogplex_ci.errors import ConflictError, ForeignRunError, ServerError
from mogplex_ci.models import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import StartRequest
    from mogplex_ci.signals import Clock

    T = TypeVar("T")

INTERRUPT_BUDGET: Final = 4.0
"""Seconds after a stop signal: GitHub kills 10 s after the first one, GitLab 6 s."""
TIMEOUT_BUDGET: Final = 90.0
"""Seconds when nobody waits to kill us: long enough for a used-up request limit, which is one of a minute."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_LONGEST_CALL: Final = 15.0


def cancel(client: Client, run_id: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run, trying again for ``budget`` seconds.

    A run that changes its state at the same moment is answered with a conflict: it is cancelled again, or found to have
    ended. Stop signals do not interrupt this.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    return _within(budget, clock, lambda timeout: cancel_once(client, run_id, timeout))


def cancel_unanswered(
    client: Client, request: StartRequest, key: str, *, may_be_foreign: bool, clock: Clock, budget: float
) -> Cancelled:
    """Cancel the run whose start was not answered: ask with the same key for its id first.

    ``may_be_foreign``: the key is the user's own, so a run found under it may be somebody else's.

    Raises:
        ForeignRunError: it may be somebody else's, and was left alone.
        MogplexError: its id could not be learned, or it could not be cancelled, in time.
    """
    ends = clock.monotonic() + budget
    started = _within(budget, clock, lambda timeout: client.start(request, key, timeout=timeout))
    if may_be_foreign and started.replayed:
        raise ForeignRunError
    return cancel(client, started.run.id, clock=clock, budget=ends - clock.monotonic())


def cancel_once(client: Client, run_id: str, timeout: float) -> Cancelled:
    """Send one cancel request; a run that ended in the same moment counts as cancelled or ended.

    Raises:
        ServerError: the run's state changed at the same moment, and the request has to be sent again.
        MogplexError: as for every call.
    """
    try:
        return client.cancel(run_id, timeout=timeout)
    except ConflictError as error:
        run = client.run(run_id, timeout=timeout)
        if run.is_terminal:
            return Cancelled(run=run, status=run.status, already_terminal=True, data=run.data)
        # "Run state changed; retry cancellation": a transient error, which is what a retry is for.
        raise ServerError(
            "the run's state changed while it was cancelled",
            code=error.code,
            http_status=error.http_status,
            detail=error.detail,
        ) from error


def _within(budget: float, clock: Clock, call: Callable[[float], T]) -> T:
    """Make ``call`` until it is answered or ``budget`` seconds are over; a hanging answer leaves time for a second."""
    return finish(
        retrying(
            call,
            clock=clock,
            deadline=clock.monotonic() + budget,
            backoff=Backoff(clock, first=_FIRST_PAUSE, longest=min(budget / 4, _LONGEST_PAUSE)),
            longest_call=min(budget * 0.6, _LONGEST_CALL),
            ignore_retry_after=True,
        )
    )
