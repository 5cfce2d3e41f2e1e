"""What happens to a run, as this program sees it. The run's code yields these; reports turn them into text.

Named tuples, not dataclasses: making so many of those takes several milliseconds at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mogplex_ci.errors import MogplexError
    from mogplex_ci.models import Event, Repo, Run


class Waiting(NamedTuple):
    """A request failed in a way that may pass; it is sent again after ``seconds``."""

    error: MogplexError
    seconds: float


class Starting(NamedTuple):
    """The start call is about to be sent: from now on a run may exist under ``key``."""

    repo_id: str
    repo: Repo | None
    """None when the token does not list it."""
    key: str


class KeyRetired(NamedTuple):
    """The run under the first key cannot be used; a fresh run is started under ``key``."""

    run: Run | None
    """The run that was found; None when the key belongs to a different request."""
    key: str
    never_queued: bool
    """The run was created, but the service could not hand it to a runtime."""


class Started(NamedTuple):
    """The start call was answered."""

    run: Run
    key: str
    joined: bool
    """The run had been started before this process asked."""
    owned: bool
    """This step may cancel it."""
    unexpected: bool = False
    """It was joined, although this is the first try of the step: another use of the step may have the same key."""


class StatusChanged(NamedTuple):
    """The run's status is a different one now."""

    run: Run
    elapsed: float
    """Seconds since the step began."""


class UnknownStatus(NamedTuple):
    """The run has a status that this version does not know; said once for each."""

    run: Run


class EventsArrived(NamedTuple):
    """Events that were not seen before, in order."""

    run: Run
    events: tuple[Event, ...]
    elapsed: float
    """Seconds since the step began."""


class FeedFull(NamedTuple):
    """The feed holds as many events as can be read: later ones stay unseen, the status is still followed."""

    run: Run


class Trouble(NamedTuple):
    """Polling fails since now; said once, until it works again."""

    error: MogplexError


class Recovered(NamedTuple):
    """Polling works again."""

    after: float
    """Seconds without a usable answer."""


class Heartbeat(NamedTuple):
    """Nothing was said for a while; the run is still followed."""

    run: Run
    elapsed: float
    """Seconds since the step began."""
    silence: float
    """Seconds since the last event or change of status."""


class Ended(NamedTuple):
    """Following is over."""

    run: Run
    """As last seen."""
    trouble: MogplexError | None
    """At the deadline: why the API gave no usable answer last, if it did not."""


class Cancelling(NamedTuple):
    """This step cancels its run."""

    run: Run | None
    """None when the start call was interrupted: the run's id is asked for first."""


class CancelAnswered(NamedTuple):
    """The API answered the cancel request."""

    status: str
    """What the API said: ``cancelled``, ``cancellation_requested``, or the status of a run that had ended before."""
    already_terminal: bool


class CancelFailed(NamedTuple):
    """The run was not cancelled; it may still be working."""

    run: Run | None
    error: MogplexError


Happening = (
    Waiting
    | Starting
    | KeyRetired
    | Started
    | StatusChanged
    | UnknownStatus
    | EventsArrived
    | FeedFull
    | Trouble
    | Recovered
    | Heartbeat
    | Ended
    | Cancelling
    | CancelAnswered
    | CancelFailed
)
