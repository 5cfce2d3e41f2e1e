"""Follows a run to its end: shows every event once, misses no status, and loses heart only at the deadline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.transport import READ_SECONDS
from mogplex_ci.errors import ForbiddenError, MogplexError, NotAuthorizedError, NotFoundError
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
    from collections.abc import Generator, Iterator

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import Event, Feed, Run, Untrusted
    from mogplex_ci.run.clock import Clock
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.pace import Pace
    from mogplex_ci.run.stop import Stop

HEARTBEAT_SECONDS: Final = 30.0
"""Longest silence. A log that holds back a line, the start of a tool call until its end, is silent twice as long."""
NOT_FOUND_GRACE: Final = 10.0
"""Seconds after the start in which the API may not know the run yet."""
DRAIN_PAUSES: Final = (0.2, 0.6, 1.6, 3.0)
"""Seconds before each look for events that come after the terminal status."""
LAST_LOOK_SECONDS: Final = 1.0
"""How long before the deadline the last look is taken, so that a run that ended in time is not reported as late."""
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
        self._spoke = self._heard = self._answered = began
        """When something was said last, when something happened to the run last, when the API answered last."""
        self._trouble: MogplexError | None = None
        self._seen: set[Untrusted] = set()
        self._types_seen: set[str] = set()
        self._statuses_named: set[str] = set()
        self._last_feed: Feed | None = None
        self._full = False

    def follow(self, run: Run, deadline: float) -> Iterator[Happening]:
        """Yield what happens to ``run``; the last happening is ``Ended``.

        Raises:
            MogplexError: the API says that asking again is of no use (401, 403, 404).
            StopRequested: a stop signal came.
        """
        started = self._spoke = self._heard = self._answered = self._clock.monotonic()
        pause = 0.0 if run.is_terminal else self._pace.first()
        while (yield from self._rest(run, pause, deadline)):
            before = run
            try:
                run, events = self._look(run, deadline)
            except MogplexError as error:
                if self._is_final(error, started):
                    if run.is_terminal:
                        break
                    raise
                yield from self._note_trouble(error)
                pause = self._pace.after_error(error)
                if self._clock.monotonic() + (error.retry_after or 0.0) > deadline - LAST_LOOK_SECONDS:
                    break
            else:
                yield from self._note_answer()
                news = list(self._news(before, run, events))
                yield from news
                if run.is_terminal:
                    run = yield from self._drain(run, deadline)
                    break
                pause = self._pace.after_answer(active=bool(news))
        yield Ended(run, self._trouble)

    def _rest(self, run: Run, pause: float, deadline: float) -> Generator[Happening, None, bool]:
        """Wait, and give a sign of life now and then. Return whether there is time for another look."""
        now = self._clock.monotonic()
        last_look = deadline - LAST_LOOK_SECONDS
        wakes = min(now + pause, last_look if now < last_look else deadline)
        while now < wakes:
            beat = self._spoke + HEARTBEAT_SECONDS
            self._wait(min(wakes, beat) - now)
            now = self._clock.monotonic()
            if beat <= now < deadline:
                self._spoke = now
                yield Heartbeat(run, now - self._began, now - self._heard)
        return now < deadline

    def _wait(self, seconds: float) -> None:
        with self._stop.interrupting():
            self._clock.sleep(max(seconds, 0.0))

    def _look(self, run: Run, deadline: float) -> tuple[Run, list[Event]]:
        """Return the run as it is now, and its events that were not seen before.

        A full feed is read again only at the end: a service that lists the newest events tells of the delivery then.
        """
        timeout = min(READ_SECONDS, max(deadline - self._clock.monotonic(), LAST_LOOK_SECONDS))
        with self._stop.interrupting():
            if self._full and not run.is_terminal:
                return self._client.run(run.id, timeout=timeout), []
            feed = self._client.feed(run.id, timeout=timeout)
        if feed is self._last_feed:
            return feed.run, []
        self._last_feed = feed
        return feed.run, self._unseen(feed)

    def _unseen(self, feed: Feed) -> list[Event]:
        """Return the events not shown yet, by time; the feed's order breaks ties and places events without a time."""
        new: dict[Untrusted, tuple[datetime, Event]] = {}
        time = _BEGINNING_OF_TIME
        for event in feed.events:
            time = event.created_at or time
            if event.id not in self._seen:
                new.setdefault(event.id, (time, event))
        self._seen.update(new)
        events = [event for _, event in sorted(new.values(), key=lambda timed: timed[0])]
        self._types_seen.update(filter(None, (event.type.one_of(*_LAST_EVENTS.values()) for event in events)))
        return events

    def _news(self, before: Run, run: Run, events: list[Event]) -> Iterator[Happening]:
        """Yield what an answer tells, in the order in which it happened: events come before the end."""
        elapsed = self._clock.monotonic() - self._began
        arrived = [EventsArrived(run, tuple(events), elapsed)] if events else []
        changed = [StatusChanged(run, elapsed)] if run.status != before.status else []
        happenings: list[Happening] = [*arrived, *changed] if run.is_terminal else [*changed, *arrived]
        if not run.is_terminal and run.status not in LIVE_STATUSES | self._statuses_named:
            self._statuses_named.add(run.status)
            happenings.append(UnknownStatus(run))
        if not self._full and len(self._seen) >= FEED_LIMIT:
            self._full = True
            happenings.append(FeedFull(run))
        if happenings:
            self._spoke = self._heard = self._clock.monotonic()
        yield from happenings

    def _drain(self, run: Run, deadline: float) -> Generator[Happening, None, Run]:
        """Look for what follows the terminal status: late events, and now and then another terminal status.

        The last look is the first one that finds nothing new after the run's last event. Where jobs share the token it
        is saved: jobs that were started together end together. Whatever goes wrong here, the run has ended; return it
        as last seen.
        """
        for pause in DRAIN_PAUSES:
            if self._clock.monotonic() + pause >= deadline or (self._pace.is_shared and self._has_last_event(run)):
                break
            self._wait(pause)
            try:
                later, events = self._look(run, deadline)
            except MogplexError:
                continue
            before, run = run, later if later.is_terminal else run
            news = list(self._news(before, run, events))
            yield from news
            if not news and self._has_last_event(run):
                break
        return run

    def _has_last_event(self, run: Run) -> bool:
        """Whether the event that tells of the run's end was seen, or can not be."""
        return self._full or _LAST_EVENTS[run.status] in self._types_seen

    def _is_final(self, error: MogplexError, started: float) -> bool:
        """Whether asking again is of no use. What answers otherwise than the API may be a proxy in trouble."""
        if isinstance(error, NotFoundError):
            return self._clock.monotonic() - started > NOT_FOUND_GRACE
        return isinstance(error, NotAuthorizedError | ForbiddenError)

    def _note_trouble(self, error: MogplexError) -> Iterator[Happening]:
        if self._trouble is None:
            self._spoke = self._clock.monotonic()
            yield Trouble(error)
        self._trouble = error

    def _note_answer(self) -> Iterator[Happening]:
        now = self._clock.monotonic()
        if self._trouble is not None:
            self._trouble, self._spoke = None, now
            yield Recovered(now - self._answered)
        self._answered = now
