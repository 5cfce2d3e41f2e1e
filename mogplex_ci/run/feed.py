"""Which of a run's events were seen, whichever way they came, and which the service can still
list.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from mogplex_ci.models import FEED_LIMIT, Event, EventKind, EventPage, Run
from mogplex_ci.untrusted import Untrusted

FIRST_KINDS: Final = (EventKind.ACCEPTED, EventKind.SANDBOX_READY)
"""The first event of every run is one of these."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Feed:
    """The events of one run. Pages and streams may repeat them, shuffle them, or leave some out."""

    def __init__(self, run: Run) -> None:
        self.run_id = run.id
        self.last_id: Untrusted | None = None
        """The last received event, from which a stream is resumed; None to start over."""
        self.end_seen = False
        """Whether an event that ends the run, or its work before a pause, was seen."""
        self.lists_newest: bool | None = None
        """Which events a full page holds: the newest, or the oldest (older servers). None: not
        known yet.
        """
        self.segments = {run.segment}
        """Ids of the run's parts so far: a run that continues after a pause lists only the events
        from then on.
        """
        self.seen: set[Untrusted] = set()
        """Ids of the events."""
        self._first_kind: EventKind | None = None

    def take(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Return those of ``events`` that were not seen before, by time; the given order breaks
        ties.
        """
        new: list[tuple[datetime, Event]] = []
        time = _LONG_AGO
        for event in events:
            time = event.created_at or time
            # The last one received, not the newest: a stream sends events as they are committed,
            # and a resume after a newer one would skip one that comes late.
            self.last_id = event.id
            if event.id not in self.seen:
                self.seen.add(event.id)
                new.append((time, event))
        if new and self._first_kind is None:
            self._first_kind = new[0][1].kind
        self.end_seen = self.end_seen or any(event.end is not None for _, event in new)
        return tuple(event for _, event in sorted(new, key=lambda timed: timed[0]))

    def is_gap_before(self, page: EventPage) -> bool:
        """Whether events between those that were seen and ``page`` were missed: it is full, and has
        none of them.
        """
        is_full = len(page.events) >= FEED_LIMIT
        return (
            bool(self.seen) and is_full and self.seen.isdisjoint(event.id for event in page.events)
        )

    def has_news(self, events: Iterable[Event]) -> bool:
        """Whether any of ``events`` was not seen before."""
        return any(event.id not in self.seen for event in events)

    @property
    def lacks_beginning(self) -> bool:
        """Whether the run was joined when it had more events than can be read."""
        return len(self.seen) >= FEED_LIMIT and self._first_kind not in FIRST_KINDS

    def enters_segment(self, before: Run, run: Run) -> bool:
        """Whether the run continued after a pause between ``before`` and ``run``; its events start
        over then.

        The pause itself may have been missed. Without segments, on older servers, only the status
        shows it.
        """
        has_segments = bool(run.segment) and bool(before.segment)
        if has_segments:
            enters = run.segment not in self.segments
        else:
            # Older servers name no segments: only the status shows that a person has answered.
            enters = before.is_paused and not run.is_paused and not run.is_terminal
        if not enters:
            return False
        self.segments.add(run.segment)
        self.last_id = None
        self.end_seen = False
        return True
