"""The source of a run's news: the service's event stream, or polls without one.

A source does the waiting and the requests. ``follow`` decides about the news.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from math import inf
from typing import Final, NamedTuple

from mogplex_ci.api.poll_interval import PollInterval
from mogplex_ci.api.retry import LATEST, Backoff
from mogplex_ci.api.stream import EventStream, StreamClosed, StreamItem
from mogplex_ci.errors import BadRequestError, MogplexError, OldServiceError, RateLimitedError
from mogplex_ci.models import Event, EventPage, Run
from mogplex_ci.run.feed import Feed
from mogplex_ci.run.service import Service

FIRST_BYTES_SECONDS: Final = 5.0
"""The service writes to a stream immediately; if nothing comes, a proxy buffers it."""
SILENCE_SECONDS: Final = 60.0
"""Silence of a stream after which it is opened again."""
FRUITLESS_STREAMS: Final = 2
"""Streams in a row that closed without news or could not be opened; then events are polled."""
MIN_CONNECT_SECONDS: Final = 2.3
"""Seconds between two openings of the stream. Each costs a request, and so does the look at the run
before it: the token has 60 a minute.
"""
_STREAM_BATCH: Final = 200
"""Items that are taken from a stream together."""
EXPECTED_END_SECONDS: Final = 10.0
"""Time between two checks of a run whose end an event has announced, if its status stays."""
_AFTER_END: Final[Sequence[float]] = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
"""Pauses before the checks after an event that ends a run; the status follows within milliseconds
to seconds.
"""
_AFTER_END_IF_CROWDED: Final = (0.6, 2.0, 4.0, 8.0)
"""The same where one check must do."""


class StreamNews(NamedTuple):
    """News from the stream; nothing when it has just been opened."""

    runs: tuple[Run, ...]
    events: tuple[Event, ...]


class Polling(NamedTuple):
    """The stream is of no use here."""

    why: str


News = StreamNews | Polling | Run | EventPage


class StatusChecks:
    """When to ask for the run itself beside its events: once a minute, and soon after an event that
    ends it. Events that cannot be read delay no check.
    """

    def __init__(self, service: Service, feed: Feed, interval: PollInterval) -> None:
        self._service = service
        self._feed = feed
        self._seconds = interval.check_seconds
        self._after_end = _AFTER_END
        if interval.is_crowded:
            self._after_end = _AFTER_END_IF_CROWDED
        self._backoff = Backoff(service.clock)
        self.not_before = -inf
        """Until when the API asks to wait: neither a check nor a poll nor a connect is sooner."""
        self.check_regularly()

    @property
    def at(self) -> float:
        """The time of the next check."""
        return max(self._at, self.not_before)

    def check_regularly(self) -> None:
        """Check at the regular times, because the run has started or continues after a pause."""
        self._pauses: Iterator[float] = repeat(self._seconds)
        self._at = self._service.now + next(self._pauses)

    def expect_end(self) -> None:
        """Check soon: an event says that the run is over."""
        self._pauses = chain(self._after_end, repeat(EXPECTED_END_SECONDS))
        self._at = self._service.now + next(self._pauses)

    def ask(self) -> Run:
        """Ask for the run, and plan the next check.

        Raises:
            MogplexError: the API gave no usable answer.
            StopRequested: a stop signal came.
        """
        try:
            run = self._service.run(self._feed.run_id)
        except MogplexError as error:
            self._at = self._service.now + self._backoff.next_pause(error.retry_after)
            raise
        self._backoff.reset()
        self._at = self._service.now + next(self._pauses)
        return run

    def check_now(self) -> None:
        """Check at once, or as soon as the API lets us."""
        self._at = self._service.now

    def wait_for_api(self, seconds: float) -> None:
        """Send nothing for as long as the API asks to wait, and up to two seconds longer: other
        jobs wait, too.
        """
        later = self._service.clock.random(0.0, LATEST)
        self.not_before = max(self.not_before, self._service.now + seconds + later)


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
        """Return the next news; None at the time ``until``, or earlier if the plan changes.

        Raises:
            MogplexError: the response was unusable. The source has planned its next request.
            StopRequested: a stop signal came.
        """
        is_shared = self._interval.is_shared
        due = max(self._due, self._checks.not_before)
        if not is_shared:
            due = min(due, self._checks.at)
        self._service.sleep_until(min(until, due))
        if self._service.now < due:
            return None
        is_check = self._service.now >= self._checks.at
        if is_check and not is_shared:
            return self._checks.ask()
        try:
            answer = self._checks.ask() if is_check else self._service.poll(self._feed)
        except MogplexError as error:
            self._due = self._service.now + self._interval.after_error(error)
            raise
        run = answer if isinstance(answer, Run) else answer.run
        has_events = isinstance(answer, EventPage) and self._feed.has_news(answer.events)
        is_active = has_events or run.status != self._status
        self._status = run.status
        self._due = self._service.now + self._interval.after_answer(active=is_active)
        return answer


class _OpenStream:
    """One connection, and the news on it."""

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
        """Whether it brought events from before the page: an early version of the service starts
        over instead.
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
            # The page behind the gap says how the run is, once the events before it are in.
            if self._before is not None:
                return StreamNews((), ())
            return answer
        until = min(until, self._checks.at)
        if self._open is not None:
            return self._read(self._open, until)
        if self._fruitless >= FRUITLESS_STREAMS:
            return Polling("the event stream sends nothing")
        due = max(self._open_at, self._checks.not_before)
        if self._is_idle:
            due = inf
        self._service.sleep_until(min(until, due))
        is_due = due <= self._service.now < self._checks.at
        return self._connect() if is_due else None

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
        self._open_at = self._service.now + MIN_CONNECT_SECONDS
        try:
            stream = self._service.stream(self._feed)
        except MogplexError as error:
            # A gap can only be filled by a stream that takes the position.
            useless: type[MogplexError] = OldServiceError
            if self._before is not None:
                useless = BadRequestError
            if isinstance(error, useless):
                return Polling(error.cause)
            self._on_refusal(error)
            return None
        self._is_suspect = False
        self._open = _OpenStream(stream, len(self._feed.segments), self._service.now)
        return StreamNews((), ())

    def _on_refusal(self, error: MogplexError) -> None:
        """Plan the next attempt to open it after a failure.

        Raises:
            MogplexError: ``error``, if it says how long to wait.
        """
        if isinstance(error, BadRequestError):  # of the position
            self._feed.last_id = None
        self._back_off(error.retry_after)
        # A used-up budget of 60 requests a minute says nothing of the stream or of the run.
        is_limited = isinstance(error, RateLimitedError)
        if not is_limited:
            self._is_suspect = True
            self._checks.check_now()
        if is_limited or error.retry_after is not None:
            raise error

    def _back_off(self, asked: float | None = None) -> None:
        """Open it again later than after the last failure; ``asked``: see ``Backoff``."""
        self._open_at = max(self._open_at, self._service.now + self._backoff.next_pause(asked))

    def _read(self, open_stream: _OpenStream, until: float) -> News | None:
        items: list[StreamItem] = []
        found = self._service.next_item(open_stream.stream, min(until, open_stream.silent_at))
        while isinstance(found, StreamItem):
            items.append(found)
            found = None
            if len(items) < _STREAM_BATCH:
                found = open_stream.stream.next(0.0)
        arrived = None
        if items:
            arrived = self._receive(open_stream, items)
        if isinstance(found, StreamClosed):
            self._end(open_stream)
        elif open_stream.segments != len(self._feed.segments):
            # It never shows the events of a later one.
            self.close()
        elif self._service.now >= open_stream.silent_at:
            return self._on_silence(open_stream)
        return arrived

    def _receive(
        self, open_stream: _OpenStream, items: Sequence[StreamItem]
    ) -> StreamNews | Polling:
        """Note the news, and return it."""
        events = tuple(item.event for item in items if item.event is not None)
        open_stream.was_heard = True
        open_stream.brought_news = open_stream.brought_news or self._feed.has_news(events)
        if self._before is None:
            open_stream.silent_at = self._service.now + SILENCE_SECONDS
            return StreamNews(tuple(item.run for item in items if item.run is not None), events)
        open_stream.silent_at = self._service.now + FIRST_BYTES_SECONDS
        # The first version of the stream knows no Last-Event-ID, and sends the newest events again.
        begins_with_page = bool(events) and any(
            event.id == events[0].id for event in self._before.events
        )
        if begins_with_page and not self._resumes:
            return Polling("the event stream cannot be resumed")
        self._resumes = self._resumes or bool(events)
        return StreamNews((), events)

    def _end(self, open_stream: _OpenStream) -> None:
        """Leave a stream that is closed, or brings no more."""
        self.close()
        self._is_suspect = not open_stream.brought_news
        if not self._is_idle:
            self._checks.check_now()
        if open_stream.brought_news:
            self._fruitless = 0
            self._backoff.reset()
        else:
            self._back_off()

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
