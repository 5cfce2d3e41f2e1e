"""Where the news of a run come from: the service's event stream, or polls where there is none.

A source does the waiting and the requests. ``follow`` decides about the news.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from math import inf
from typing import Final, NamedTuple

from mogplex_ci.api.budget import PollInterval
from mogplex_ci.api.retry import Backoff
from mogplex_ci.api.stream import EventStream, StreamClosed, StreamItem
from mogplex_ci.errors import BadRequestError, MogplexError, OldServiceError, RateLimitedError
from mogplex_ci.models import Event, EventPage, Run
from mogplex_ci.run.feed import Feed
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Polling

FIRST_BYTES_SECONDS: Final = 5.0
"""The service writes to a stream at once; if nothing comes, a proxy buffers it."""
SILENCE_SECONDS: Final = 60.0
"""Silence of a stream after which it is opened again."""
FRUITLESS_STREAMS: Final = 2
"""Streams in a row that closed without news or could not be opened; then events are polled."""
LEAST_PAUSE: Final = 0.5
"""Seconds between two openings of the stream, at least: each costs a request."""
_STREAM_BATCH: Final = 200
"""Items that are taken from a stream together."""
PAUSED_SECONDS: Final = 10.0
"""Time between two checks of a run that waits for a person's answer."""
_AFTER_END: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
"""Pauses before the checks after an event that ends a run; the status follows within milliseconds
to seconds.
"""
_AFTER_END_IF_CROWDED: Final = (0.6, 2.0, 4.0, 8.0)
"""The same where one check must do."""


class Arrived(NamedTuple):
    """Runs or events have come on the stream; neither when it has just been opened."""

    runs: tuple[Run, ...]
    events: tuple[Event, ...]


News = Arrived | Polling | Run | EventPage
"""``Polling``: the stream is of no use here."""


class StatusChecks:
    """When to ask for the run itself beside its events: once a minute, and soon after an event that
    ends it.
    """

    def __init__(self, service: Service, feed: Feed, interval: PollInterval) -> None:
        self._service = service
        self._feed = feed
        self._seconds = interval.check_seconds
        self._after_end = _AFTER_END_IF_CROWDED if interval.is_crowded else _AFTER_END
        self._backoff = Backoff(service.clock)
        self.check_regularly()

    def check_regularly(self) -> None:
        """Check at the regular times, for now the run works, or goes on after a pause."""
        self._pauses: Iterator[tuple[float, bool]] = repeat((self._seconds, False))
        self._plan(*next(self._pauses))

    def expect_end(self) -> None:
        """Check soon, and read the events: one of them says that the run is over."""
        self._pauses = chain(
            ((pause, True) for pause in self._after_end), repeat((PAUSED_SECONDS, False))
        )
        self._plan(*next(self._pauses))

    def ask(self) -> Run | EventPage:
        """Ask for the run, with its events when it is about to end, and plan the next check.

        Raises:
            MogplexError: the API gave no usable answer.
            StopRequested: a stop signal came.
        """
        try:
            answer = (
                self._service.events(self._feed)
                if self._reads_events
                else self._service.run(self._feed.run_id)
            )
        except MogplexError as error:
            self._plan(self._backoff.next_pause(error.retry_after), self._reads_events)
            raise
        run = answer if isinstance(answer, Run) else answer.run
        self._backoff.reset()
        self._plan(*((PAUSED_SECONDS, True) if run.is_paused else next(self._pauses)))
        return answer

    def _plan(self, seconds: float, reads_events: bool) -> None:
        """Set the time of the next check, and whether it reads the events, which come with the
        run's status.
        """
        self.at, self._reads_events = self._service.now + seconds, reads_events


class Polls:
    """Reads the events again and again, or only the status when no more events can be read.

    Where jobs share the token, a status check takes the place of a poll.
    """

    def __init__(
        self, service: Service, feed: Feed, checks: StatusChecks, interval: PollInterval
    ) -> None:
        self._service = service
        self._feed = feed
        self._checks = checks
        self._interval = interval
        self._status = ""
        """The status that was read last."""
        self._due = service.now + interval.first()

    def next(self, until: float) -> News | None:
        """Return the next news; None at the time ``until``, or earlier when there is something to
        plan anew.

        Raises:
            MogplexError: the API gave no usable answer. The source has planned its next request.
            StopRequested: a stop signal came.
        """
        is_shared, feed = self._interval.is_shared, self._feed
        due = self._due if is_shared else min(self._due, self._checks.at)
        self._service.sleep_until(min(until, due))
        if self._service.now < due:
            return None
        is_check, lists_all = self._service.now >= self._checks.at, feed.lists_newest is not False
        if is_check and not is_shared:
            return self._checks.ask()
        try:
            if is_check:
                answer = self._checks.ask()
            else:
                answer = self._service.events(feed) if lists_all else self._service.run(feed.run_id)
        except MogplexError as error:
            self._due = self._service.now + self._interval.after_error(error)
            raise
        run, events = (answer, ()) if isinstance(answer, Run) else answer
        is_active = feed.has_news(events) or run.status != self._status
        self._status = run.status
        self._due = self._service.now + self._interval.after_answer(active=is_active)
        return answer


class _OpenStream:
    """One connection, and what was heard on it."""

    def __init__(self, stream: EventStream, segments: int, now: float) -> None:
        """``segments``: how many the run had when it was opened."""
        self.stream = stream
        self.segments = segments
        self.silent_at = now + FIRST_BYTES_SECONDS
        """When it counts as silent."""
        self.was_heard = False
        self.brought_news = False


class Stream:
    """Reads the event stream, and opens it again whenever it ends.

    A stream that ends says nothing about the run, so the run is asked for then.
    """

    def __init__(
        self,
        service: Service,
        feed: Feed,
        checks: StatusChecks,
        seconds: float,
        before: EventPage | None = None,
    ) -> None:
        """It is opened after ``seconds``. ``before``: it is to bring the events before this page,
        and nothing else.
        """
        self._service = service
        self._feed = feed
        self._checks = checks
        self._before = before
        self._resumes = False
        """Whether it brought events from before the page: an early version of the service begins
        anew instead.
        """
        self._backoff = Backoff(service.clock)
        self._open: _OpenStream | None = None
        self._open_at = service.now + seconds
        self._is_suspect = False
        """Whether it ended without news or could not be opened: its own fault if the API answers
        otherwise.
        """
        self._fruitless = 0

    def next(self, until: float) -> News | None:
        """See ``Polls``."""
        if self._service.now >= self._checks.at:
            answer = self._checks.ask()
            self._fruitless += self._is_suspect
            self._is_suspect = False
            return answer if self._before is None else Arrived((), ())
        until = min(until, self._checks.at)
        if self._open is not None:
            return self._read(self._open, until)
        if self._fruitless >= FRUITLESS_STREAMS:
            return Polling("the event stream sends nothing")
        due = inf if self._is_idle else self._open_at
        self._service.sleep_until(min(until, due))
        return self._connect() if due <= self._service.now < self._checks.at else None

    @property
    def _is_idle(self) -> bool:
        """Whether it would bring nothing: only status checks do."""
        return self._feed.end_seen and self._before is None

    def close(self) -> None:
        """Give the connection back."""
        if self._open is not None:
            self._open.stream.close()
            self._open = None

    def _connect(self) -> News | None:
        now = self._service.now
        try:
            stream = self._service.stream(self._feed)
        except MogplexError as error:
            if isinstance(error, OldServiceError if self._before is None else BadRequestError):
                return Polling(error.cause)
            if isinstance(error, BadRequestError):  # of the position
                self._feed.last_id = None
            now = self._service.now
            self._open_at = now + self._backoff.next_pause(error.retry_after)
            if not isinstance(error, RateLimitedError):
                self._checks.at, self._is_suspect = (
                    self._open_at if error.retry_after is not None else now,
                    True,
                )
            if isinstance(error, RateLimitedError) or error.retry_after is not None:
                raise
            return None
        self._open_at, self._is_suspect = now + LEAST_PAUSE, False
        self._open = _OpenStream(stream, len(self._feed.segments), self._service.now)
        return Arrived((), ())

    def _read(self, open_stream: _OpenStream, until: float) -> News | None:
        items: list[StreamItem] = []
        found = self._service.next_item(open_stream.stream, min(until, open_stream.silent_at))
        while isinstance(found, StreamItem):
            items.append(found)
            found = open_stream.stream.next(0.0) if len(items) < _STREAM_BATCH else None
        arrived = self._receive(open_stream, items) if items else None
        if isinstance(found, StreamClosed):
            self._end(open_stream)
        elif open_stream.segments != len(
            self._feed.segments
        ):  # it never shows the events of a later one
            self.close()
        elif self._service.now >= open_stream.silent_at:
            return self._on_silence(open_stream)
        return arrived

    def _receive(self, open_stream: _OpenStream, items: Sequence[StreamItem]) -> Arrived | Polling:
        """Note what has come, and return it."""
        events = tuple(item.event for item in items if item.event is not None)
        open_stream.was_heard = True
        open_stream.brought_news = open_stream.brought_news or self._feed.has_news(events)
        if self._before is None:
            open_stream.silent_at = self._service.now + SILENCE_SECONDS
            return Arrived(tuple(item.run for item in items if item.run is not None), events)
        open_stream.silent_at = self._service.now + FIRST_BYTES_SECONDS
        if (
            events
            and not self._resumes
            and any(event.id == events[0].id for event in self._before.events)
        ):
            return Polling("the event stream cannot be resumed")
        self._resumes = self._resumes or bool(events)
        return Arrived((), events)

    def _end(self, open_stream: _OpenStream) -> None:
        """Leave a stream that is closed, or brings no more."""
        self.close()
        self._is_suspect = not open_stream.brought_news
        if not self._is_idle:
            self._checks.at = self._service.now
        if open_stream.brought_news:
            self._fruitless = 0
            self._backoff.reset()
        else:
            self._open_at = self._service.now + self._backoff.next_pause()

    def _on_silence(self, open_stream: _OpenStream) -> News | None:
        """Leave a stream that says nothing. If the service has news, the stream should have brought
        them.
        """
        if self._before is not None or open_stream.brought_news:
            self._end(open_stream)
            return None
        if not open_stream.was_heard:
            return Polling("a proxy seems to buffer the event stream")
        self.close()
        page = self._service.events(self._feed)
        self._fruitless += self._feed.has_news(page.events)
        return page
