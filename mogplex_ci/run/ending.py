"""The reading of late events once a run is over: the service writes events after the terminal status, too."""

from collections.abc import Set as AbstractSet
from typing import Final

from mogplex_ci.models import EventKind, Run

LATE_EVENT_PAUSES: Final = (0.25, 0.6, 1.15)
"""Seconds before each reading of late events; two seconds in all."""
LATE_EVENT_QUIET: Final = 0.3
"""Seconds without a new event after which a streamed run is taken to have none left: text can follow the last one."""
LATE_EVENTS_SECONDS: Final = 90.0
"""How long they are asked for while the API refuses: a used-up request limit is one of a minute."""
_END_KINDS: Final = {
    "success": EventKind.FINISHED,
    "failed": EventKind.FAILED,
    "cancelled": EventKind.CANCELLED,
    "awaiting_input": EventKind.FINISHED,
}


class Ending:
    """Whether the events of a run were read to their end."""

    def __init__(self, now: float) -> None:
        self.is_complete = False
        """Whether the events were read after the run had ended, and brought no more."""
        self._arrived_at = now
        """When a new event arrived last."""

    def events_arrived(self, now: float) -> None:
        """Note that new events have come."""
        self._arrived_at = now

    def page_read(self, now: float, *, has_events: bool, end_seen: bool) -> None:
        """Note a page that was read after the end: whether it had new events, and whether one ever told of an end."""
        is_quiet = now - self._arrived_at >= LATE_EVENT_QUIET
        self.is_complete = not has_events and is_quiet and end_seen

    @staticmethod
    def seconds(*, has_last: bool) -> float:
        """Return how long late events are asked for if the API refuses; ``has_last``: that of the end was seen."""
        return sum(LATE_EVENT_PAUSES) if has_last else LATE_EVENTS_SECONDS


def announces(end_kinds: AbstractSet[EventKind], run: Run) -> bool:
    """Whether one of ``end_kinds``, the kinds of ends that events told of, belongs to how ``run`` ended."""
    return _END_KINDS.get(run.status) in end_kinds
