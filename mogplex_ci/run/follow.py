"""Follows a run to its end: shows every event once, misses no status, and loses heart only at the deadline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.client import TRANSIENT
from mogplex_ci.api.transport import READ_SECONDS
from mogplex_ci.errors import NotFoundError
from mogplex_ci.models import FEED_LIMIT, LIVE_STATUSES
from mogplex_ci.run.happenings import (
    Ended,
    EventsArrived,
    FeedFull,
    Heartbeat,
    Recovered,
    StatusChanged,
    Trouble,
    UnknownStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mogplex_ci.api.client import Client
    from mogplex_ci.errors import MogplexError
    from mogplex_ci.models import Event, Feed, Run, Untrusted
    from mogplex_ci.run.clock import Clock
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.pace import Pace
    from mogplex_ci.run.stop import Stop

HEARTBEAT_SECONDS: Final = 60.0
NOT_FOUND_GRACE: Final = 10.0
"""Seconds after the start in which the API may not know the run yet."""
DRAIN_PAUSES: Final = (0.4, 0.8, 1.6, 3.0)
"""Seconds before each look for events that come after the terminal status; the first look that finds none ends it."""
_LAST_EVENTS: Final = {"success": "finished", "failed": "failed", "cancelled": "cancelled"}
_BEGINNING_OF_TIME: Final = datetime.min.replace(tzinfo=UTC)


class Follower:
    """Follows one run."""

    def __init__(self, client: Client, *, clock: Clock, stop: Stop, pace: Pace, began: float) -> None:
        """Take where to ask and how fast; ``began`` is the time of ``clock`` at which the step began."""
        self._client = client
        self._clock = clock
        self._stop = stop
        self._pace = pace
        self._began = began
        self._seen: set[Untrusted] = set()
        self._types_seen: set[str] = set()
        self._last_feed: Feed | None = None
        self._named: set[str] = set()
        self._full = False

    def follow(self, run: Run, deadline: float) -> Iterator[Happening]:
        """Yield what happens to ``run``; the last happening is ``Ended``.

        Raises:
            MogplexError: the API says that asking again is of no use (401, 403, 404).
            StopRequested: a stop signal came.
        """
        started = spoke = answered = heard = self._clock.monotonic()
        trouble: MogplexError | None = None
        pause = 0.0
        while True:
            now = self._clock.monotonic()
            if now >= deadline:
                yield Ended(run, trouble)
                return
            try:
                before = run
                run, events = self._look(run, min(READ_SECONDS, max(deadline - now, 1.0)))
            except (*TRANSIENT, NotFoundError) as error:
                now = self._clock.monotonic()
                if isinstance(error, NotFoundError) and now - started > NOT_FOUND_GRACE:
                    raise
                pause = self._pace.after_error(error)
                if trouble is None:
                    spoke = now
                    yield Trouble(error)
                trouble = error
            else:
                now = self._clock.monotonic()
                if trouble is not None:
                    yield Recovered(now - answered)
                    trouble, spoke = None, now
                answered = now
                happenings = list(self._news(before, run, events))
                if happenings:
                    spoke = heard = now
                    yield from happenings
                if run.is_terminal:
                    yield from self._drain(run, deadline)
                    return
                pause = self._pace.after_answer(active=bool(happenings))
            if now - spoke >= HEARTBEAT_SECONDS:
                spoke = now
                yield Heartbeat(run, now - self._began, now - heard)
            self._wait(min(pause, deadline - now, spoke + HEARTBEAT_SECONDS - now))

    def _look(self, run: Run, timeout: float) -> tuple[Run, list[Event]]:
        with self._stop.interrupting():
            if self._full:
                return self._client.run(run.id, timeout=timeout), []
            feed = self._client.feed(run.id, timeout=timeout)
        if feed is self._last_feed:
            return feed.run, []
        self._last_feed = feed
        return feed.run, self._unseen(feed)

    def _unseen(self, feed: Feed) -> list[Event]:
        """Return the events not shown yet. Equal times come in changing order, so the feed's order breaks ties."""
        new = [event for event in feed.events if event.id not in self._seen]
        new = list({event.id: event for event in new}.values())
        self._seen.update(event.id for event in new)
        self._types_seen.update(
            kind for event in new if (kind := event.type.one_of(*_LAST_EVENTS.values())) is not None
        )
        return sorted(new, key=lambda event: event.created_at or _BEGINNING_OF_TIME)

    def _news(self, before: Run, run: Run, events: list[Event]) -> Iterator[Happening]:
        elapsed = self._clock.monotonic() - self._began
        if run.status != before.status:
            yield StatusChanged(run, elapsed)
        if not run.is_terminal and run.status not in LIVE_STATUSES and run.status not in self._named:
            self._named.add(run.status)
            yield UnknownStatus(run)
        if events:
            yield EventsArrived(run, tuple(events), elapsed)
        if not self._full and len(self._seen) >= FEED_LIMIT:
            self._full = True
            yield FeedFull(run)

    def _drain(self, run: Run, deadline: float) -> Iterator[Happening]:
        """Look for what follows the terminal status: late events, and now and then another terminal status."""
        for pause in DRAIN_PAUSES:
            if self._clock.monotonic() + pause >= deadline:
                break
            self._wait(pause)
            try:
                later, events = self._look(run, min(READ_SECONDS, deadline - self._clock.monotonic()))
            except (*TRANSIENT, NotFoundError):
                continue
            before, run = run, later if later.is_terminal else run
            happenings = list(self._news(before, run, events))
            yield from happenings
            if not happenings and (self._full or _LAST_EVENTS.get(run.status) in self._types_seen):
                break
        yield Ended(run, None)

    def _wait(self, seconds: float) -> None:
        with self._stop.interrupting():
            self._clock.sleep(max(seconds, 0.0))
