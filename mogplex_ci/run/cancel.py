"""Cancels a run in time, also one whose start was never answered."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.budget import Purpose
from mogplex_ci.api.retry import Backoff, finish, retrying
from mogplex_ci.models import Cancelled, StartRequest
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client

T = TypeVar("T")

INTERRUPT_BUDGET: Final = 4.0
"""Seconds after a stop signal: GitHub kills 10 s after the first one, GitLab 6 s."""
TIMEOUT_BUDGET: Final = 90.0
"""Seconds when no CI system is about to kill us: long enough for a used-up request limit, which is
one of a minute.
"""
_FIRST_CANCEL_PAUSE: Final = 0.2
_LONGEST_CANCEL_PAUSE: Final = 5.0
_LONGEST_CANCEL_CALL: Final = 15.0


def cancel(client: "Client", run_id: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run, trying again for ``budget`` seconds.

    The service may answer that a run's state has just changed, or with 200 and a status that is not
    terminal: then the run is read, and cancelled again unless it is over. Stop signals do not
    interrupt this.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    may_have_cancelled = False

    def try_once(timeout: float) -> Cancelled:
        nonlocal may_have_cancelled
        try:
            answer = cancel_once(client, run_id, timeout)
        except errors.MogplexError as error:
            may_have_cancelled = may_have_cancelled or error.may_have_worked
            raise
        if may_have_cancelled and answer.status == "cancelled":
            # The answer to an earlier try was lost: the run did not end by itself.
            return answer._replace(already_terminal=False)
        return answer

    return _within(budget, clock, try_once)


def cancel_unanswered(
    client: "Client",
    request: StartRequest,
    key: str,
    *,
    may_be_foreign: bool,
    clock: Clock,
    budget: float,
) -> Cancelled:
    """Cancel the run whose start was not answered: ask with the same key for its id first.

    ``may_be_foreign``: the key is the user's own, so another job may have started a run under it.

    Raises:
        ForeignRunError: another job may have started it; it was left alone.
        MogplexError: its id could not be learned, or it could not be cancelled, in time.
    """
    ends = clock.monotonic() + budget
    started = _within(budget, clock, lambda timeout: client.start(request, key, timeout=timeout))
    if may_be_foreign and started.replayed:
        raise errors.ForeignRunError
    return cancel(client, started.run.id, clock=clock, budget=ends - clock.monotonic())


def cancel_once(client: "Client", run_id: str, timeout: float) -> Cancelled:
    """Send one cancel request. Only a run that is over counts as cancelled, not the answer alone.

    Raises:
        NotCancelledError: the run still works, and the request has to be sent again.
        MogplexError: as for every call.
    """
    answer: Cancelled | None = None
    refusal: errors.ConflictError | None = None
    sent_before = client.requests_sent
    try:
        answer = client.cancel(run_id, timeout=timeout)
    except errors.ConflictError as error:
        # "Run state changed; retry cancellation", or "Run is no longer active"
        refusal = error
    if answer is not None and client.requests_sent > sent_before + 1:
        # A redirect led to it, and may have come when the cancel was done: that it found the run
        # ended does not say that the run ended by itself.
        answer = answer._replace(already_terminal=False)
    if answer is not None and answer.run is not None and answer.run.is_terminal:
        # The answer's own status may be "cancellation_requested".
        status = answer.run.status
        has_ended = answer.already_terminal or status != "cancelled"
        return answer._replace(status=status, already_terminal=has_ended)
    run = client.run(run_id, timeout=timeout / 2, use=Purpose.CANCEL)
    if not run.is_terminal:
        if refusal is not None:
            raise errors.NotCancelledError(
                "the run's state changed while it was cancelled", detail=refusal.detail
            )
        raise errors.NotCancelledError(
            f"the API answered the cancel request, but the run is still {run.status}"
        )
    was_cancelled = answer is not None and not answer.already_terminal and run.status == "cancelled"
    told = {"status": run.status, "alreadyTerminal": not was_cancelled}
    data = run.data.inspect(lambda sent: Untrusted({"run": sent, **told}))  # as the API answers
    return Cancelled(run, run.status, already_terminal=not was_cancelled, data=data)


def _within(budget: float, clock: Clock, call: Callable[[float], T]) -> T:
    """Make ``call`` until it is answered or ``budget`` seconds are over; a hanging answer leaves
    time for a second.
    """
    return finish(
        retrying(
            call,
            clock=clock,
            deadline=clock.monotonic() + budget,
            backoff=Backoff(
                clock, first=_FIRST_CANCEL_PAUSE, longest=min(budget / 4, _LONGEST_CANCEL_PAUSE)
            ),
            longest_call=min(budget * 0.6, _LONGEST_CANCEL_CALL),
            insists=True,
        )
    )
