"""Updates that the run's code reports while it works. The log and the other reports turn them into
text.
"""

from typing import Final, LiteralString, NamedTuple

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import MogplexError
from mogplex_ci.models import Event, Repo, Run, UnansweredStart
from mogplex_ci.run.agent_text import Checkpoint
from mogplex_ci.run.result import Gate
from mogplex_ci.run.timeline import Entry
from mogplex_ci.sanitize import Value
from mogplex_ci.untrusted import Untrusted

HEARTBEAT_SECONDS: Final = 30.0
"""Longest time without a line in the log."""


class Said(NamedTuple):
    """What only the log says, and no other report reads."""

    words: LiteralString
    """With a ``{}`` for each value."""
    values: tuple[Value, ...] = ()
    title: LiteralString = ""
    """The title, if it is a warning."""


class Starting(NamedTuple):
    """The start call is about to be sent: from now on a run may exist under ``key``."""

    repo_id: str
    repo: Repo | None
    """None when the token does not list it."""
    key: str


class StartInDoubt(NamedTuple):
    """A start request is about to be sent, and may start a run whose id stays unknown."""

    start: UnansweredStart | None
    """None: it is certain by now that it has started nothing."""


class Started(NamedTuple):
    """The start call was answered."""

    run: Run
    key: str
    joined: bool
    """The run was started before this process asked."""
    owned: bool
    """This step may cancel it."""
    unexpected: bool = False
    """It was joined although this is the first attempt of the step: another use of the step may
    have the same key.
    """
    followed: bool = False
    """The run was started elsewhere, and this step was asked to follow it."""
    unused_options: tuple[Untrusted, ...] = ()
    """What was asked for, and the run object does not repeat: the service may not know it."""
    may_be_earlier: bool = False
    """An earlier attempt may have started it: it was not joined, but the first response to this
    process's request was lost.
    """
    keys_used_up: bool = False
    """It has ended without success, and so have the runs under all other keys of the step."""


class StatusChanged(NamedTuple):
    """The run's status has changed."""

    run: Run
    asks: Checkpoint | None = None
    """The question of a paused run, if its words contain one."""


class EventsArrived(NamedTuple):
    """Events that were not seen before, in order."""

    run: Run
    events: tuple[Event, ...]
    additions: tuple[Entry, ...]
    """The events' additions to the timeline."""
    elapsed: float
    """Seconds since the step began."""
    after_gap: bool = False
    """Whether events before these are missing."""


class Trouble(NamedTuple):
    """Following fails from now on; sent once, until it works again."""

    error: MogplexError


class Recovered(NamedTuple):
    """Following works again."""

    after: float
    """Seconds since the trouble began."""


class Heartbeat(NamedTuple):
    """Nothing was reported for a while; the run is still followed."""

    run: Run
    elapsed: float
    """Seconds since the step began."""
    silence: float
    """Seconds since the last event or change of status."""
    unread_for: float = 0.0
    """Seconds for which the API has given no usable answer; 0 while it gives some."""
    writing: int = 0
    """Characters so far of the message that the agent is writing."""


class Ended(NamedTuple):
    """Following is over."""

    run: Run
    """As last seen."""
    trouble: MogplexError | None
    """At the deadline: why the API gave no usable answer last, if it did not."""
    additions: tuple[Entry, ...] = ()
    """The agent's last message, if it is complete."""
    message_is_complete: bool = False
    """Whether it is."""


class ChecksAwaited(NamedTuple):
    """The checks of the judged commit are not complete; sent on each change."""

    commit: str
    complete: int
    total: int
    names: tuple[Untrusted, ...]
    """Those that are not complete."""


class GateJudged(NamedTuple):
    """A gate was judged."""

    gate: Gate


class NextRound(NamedTuple):
    """Gates rejected the run; another one will repair its work."""

    number: int
    """Of the round that is started; the first run is round 1."""
    most: int
    """Rounds that there may be."""
    faults: tuple[Gate, ...]
    """The gates that rejected the run."""
    begins_rerun: bool = False
    """It is the first one that a re-run of the job starts."""


class Cancelling(NamedTuple):
    """This step cancels its run."""

    run_id: str | None
    """None when the start call was interrupted: the run's id is asked for first."""


class InstallLog(NamedTuple):
    """The run failed before its sandbox was ready, and the installation there has a log."""

    log: Untrusted
    """The service has neither cut nor redacted it."""


class CancelFailed(NamedTuple):
    """The run was not cancelled; it may still be working."""

    run_id: str | None
    error: MogplexError


Update = (
    Waiting
    | Starting
    | StartInDoubt
    | Started
    | NextRound
    | StatusChanged
    | EventsArrived
    | Said
    | Trouble
    | Recovered
    | Heartbeat
    | ChecksAwaited
    | GateJudged
    | Ended
    | InstallLog
    | Cancelling
    | CancelFailed
)
