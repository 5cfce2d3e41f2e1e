"""Cancels a run in time, also one whose start was never answered."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import Backoff, retrying
from mogplex_ci.models import Cancelled, Run, UnansweredStart
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock

T = TypeVar("T")


class Budget(NamedTuple):
    """How long and how often a cancel is tried."""

    seconds: float
    longest_pause: float
    """Seconds until a refused request is sent again."""
    longest_call: float
    """Seconds for one try. A cancel without a response is given up after two thirds, and the run is
    read in the rest.
    """

    @classmethod
    def after_signal(cls, seconds: float) -> "Budget":
        """Return the budget of a step that is about to be killed."""
        return cls(seconds, longest_pause=0.5, longest_call=3.0)


PATIENT: Final = Budget(90.0, longest_pause=5.0, longest_call=15.0)
"""When no CI system is about to kill us: long enough for a used-up request limit, which is one of a
minute.
"""
FIRST_CANCEL_PAUSE: Final = 0.2


def cancel(client: "Client", run_id: str, *, clock: Clock, budget: Budget) -> Cancelled:
    """Cancel the run, trying again for the seconds of ``budget``.

    The service may answer that a run's state has just changed, or with 200 and a status that is not
    terminal: then the run is read, and cancelled again unless it is over. Stop signals do not
    interrupt this.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    return _within(budget, clock, cancelling(client, run_id))


def cancelling(client: "Client", run_id: str) -> Callable[[float], Cancelled]:
    """Return a call that cancels the run, to be repeated until it is answered. It remembers that an
    earlier try, whose answer was lost, may have cancelled the run.
    """
    may_have_cancelled = False

    def try_once(timeout: float) -> Cancelled:
        nonlocal may_have_cancelled
        try:
            answer = _cancel_once(client, run_id, timeout)
        except errors.MogplexError as error:
            may_have_cancelled = may_have_cancelled or error.may_have_worked
            raise
        if may_have_cancelled and answer.status == "cancelled":
            # The answer to an earlier try was lost: the run did not end by itself.
            data = answer.data.inspect(lambda sent: Untrusted({**sent, "alreadyTerminal": False}))
            return answer._replace(already_terminal=False, data=data)
        return answer

    return try_once


def find_unanswered(
    client: "Client", start: UnansweredStart, *, clock: Clock, budget: Budget
) -> tuple[Run, Budget]:
    """Return the run whose start had no response, and the rest of ``budget`` to cancel it.

    Raises:
        ForeignRunError: another job may have started it.
        MogplexError: its id could not be learned in time.
    """
    ends = clock.monotonic() + budget.seconds
    run = _within(budget, clock, lambda timeout: find_once(client, start, timeout))
    return run, budget._replace(seconds=ends - clock.monotonic())


def find_once(client: "Client", start: UnansweredStart, timeout: float) -> Run:
    """Return the run whose start had no response, found by a request with the same key.

    Raises:
        ForeignRunError: another job may have started it.
        MogplexError: as for every call.
    """
    # The same key returns the run as it is, and starts no other.
    started = client.start(start.request, start.key, timeout=timeout)
    if start.may_be_foreign and started.replayed:
        raise errors.ForeignRunError
    return started.run


def may_pass(error: errors.MogplexError) -> bool:
    """Return whether a cancel that failed like this is worth another try. The service knows no
    token while its database is down.
    """
    return error.patience > 0 or isinstance(error, errors.NotAuthorizedError)


def _cancel_once(client: "Client", run_id: str, timeout: float) -> Cancelled:
    """Send one cancel request. Only a run that is over counts as cancelled, not the response alone:
    without one, and after a refusal, the run is read.

    Raises:
        NotCancelledError: the run is still running, and the request has to be sent again.
        MogplexError: as for every call.
    """
    answer: Cancelled | None = None
    refusal: errors.MogplexError | None = None
    sent_before = client.requests_sent
    try:
        answer = client.cancel(run_id, timeout=timeout * 2 / 3)
    except errors.ConflictError as error:
        # "Run state changed; retry cancellation", or "Run is no longer active"
        refusal = error
    except errors.MogplexError as error:
        # It never arrived: the run need not be read.
        if not error.may_have_worked:
            raise
        refusal = error
    if answer is not None and client.requests_sent > sent_before + 1:
        # A redirect led to it, and may have come when the cancel was done: that it found the run
        # ended does not say that the run ended by itself.
        answer = answer._replace(already_terminal=False)
    if answer is not None and answer.run.is_terminal:
        # The answer's own status may be "cancellation_requested".
        status = answer.run.status
        has_ended = answer.already_terminal or status != "cancelled"
        return answer._replace(status=status, already_terminal=has_ended)
    return _read_after(client, run_id, timeout / 3, answer, refusal)


def _read_after(
    client: "Client",
    run_id: str,
    timeout: float,
    answer: Cancelled | None,
    refusal: errors.MogplexError | None,
) -> Cancelled:
    """Read the run after a cancel that had ``answer``, or ``refusal`` instead, and return how it
    ended.

    Raises:
        NotCancelledError: the run is still running.
        MogplexError: the run is still running after a cancel without a response, or cannot be read.
    """
    is_lost = refusal is not None and refusal.may_have_worked
    try:
        run = client.run(run_id, timeout=timeout)
    except errors.MogplexError as error:
        if refusal is None or not is_lost:
            raise
        # What is to be reported is the cancel that failed, not the read after it.
        raise refusal from error
    if not run.is_terminal:
        raise _not_cancelled(run, refusal)
    has_worked = is_lost or (answer is not None and not answer.already_terminal)
    was_cancelled = has_worked and run.status == "cancelled"
    told = {"status": run.status, "alreadyTerminal": not was_cancelled}
    data = run.data.inspect(lambda sent: Untrusted({"run": sent, **told}))  # as the API answers
    return Cancelled(run, run.status, already_terminal=not was_cancelled, data=data)


def _not_cancelled(run: Run, refusal: errors.MogplexError | None) -> errors.MogplexError:
    """Return why a run is still running after a cancel."""
    if isinstance(refusal, errors.ConflictError):
        return errors.NotCancelledError(
            "the run's state changed while it was cancelled", detail=refusal.detail
        )
    if refusal is not None:
        return refusal
    return errors.NotCancelledError(
        f"the API accepted the cancel request, but the run is still {run.status}"
    )


def _within(budget: Budget, clock: Clock, call: Callable[[float], T]) -> T:
    """Make ``call`` until it is answered or the seconds of ``budget`` are over; a hanging response
    leaves time for a second request.
    """
    pauses = Backoff(clock, first=FIRST_CANCEL_PAUSE, longest=budget.longest_pause)
    return retrying(
        lambda left: call(min(left, budget.longest_call)),
        clock=clock,
        deadline=clock.monotonic() + budget.seconds,
        backoff=pauses,
        insists=True,
    )
