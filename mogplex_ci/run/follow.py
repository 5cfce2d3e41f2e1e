"""Follows a run to its end: streams its events where the service can, polls them where it cannot.

Every event is reported once, whichever way it came. The end of a run is what ``GET /runs/{id}`` says, never the close
of a stream or an event. The protocol is described in docs/reliability.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from itertools import chain, repeat
from math import inf
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.retry import CALL_SECONDS, Backoff, retrying
from mogplex_ci.api.stream import StreamClosed, StreamItem
from mogplex_ci.errors import (
    ForbiddenError,
    MogplexError,
    NotAuthorizedError,
    NotFoundError,
    RateLimitedError,
    StreamMissingError,
    StreamPositionError,
)
from mogplex_ci.models import FEED_LIMIT, LIVE_STATUSES, EventKind, EventPage
from mogplex_ci.run.updates import (
    Ended,
    EventsArrived,
    EventsMissing,
    Heartbeat,
    Polling,
    Quiet,
    Recovered,
    StatusChanged,
    Trouble,
    UnknownStatus,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from mogplex_ci.api.budget import PollInterval
    from mogplex_ci.api.client import Client
    from mogplex_ci.api.stream import EventStream
    from mogplex_ci.models import Event, Run
    from mogplex_ci.run.timeline import Timeline
    from mogplex_ci.run.updates import Update
    from mogplex_ci.untrusted import Untrusted
    from mogplex_ci.waiting import Clock, Stop

HEARTBEAT_SECONDS: Final = 30.0
"""Longest silence. A log that holds a line back until the next event is silent for twice as long at most."""
QUIET_SECONDS: Final = 2.0
"""Time without events after which what is held back is shown."""
NOT_FOUND_GRACE: Final = 10.0
"""Seconds after the start in which the API may not know the run yet."""
PAUSED_LOOK_SECONDS: Final = 10.0
"""Time between two looks at a run that waits for a person's answer."""
FIRST_BYTES_SECONDS: Final = 5.0
"""The service writes to a stream at once; if nothing comes, something in between buffers it."""
SILENCE_SECONDS: Final = 60.0
"""Silence of a stream after which it is opened again."""
FRUITLESS_STREAMS: Final = 2
"""Streams in a row that closed without news or could not be opened; then events are polled."""
LAST_LOOK_SECONDS: Final = 1.0
"""How long before the deadline the last look is taken, so that a run that ended in time is not reported as late."""
LEAST_SECONDS: Final = 0.3
"""Time that a request needs to be worth trying."""
LATE_EVENT_PAUSES: Final = (0.25, 0.6, 1.15)
"""Seconds before each look for events that are written after the terminal status; two seconds in all."""
LATE_EVENT_QUIET: Final = 0.3
"""Seconds without a new event after which a streamed run is taken to have none left: text can follow the last one."""
LATE_EVENTS_SECONDS: Final = 90.0
"""How long they are asked for while the API refuses: a used-up request limit is one of a minute."""
_LOOKS_AFTER_END: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
"""Pauses before looks after an event that ends a run; the status follows within milliseconds to seconds."""
_CROWDED_LOOKS_AFTER_END: Final = (0.6, 2.0, 4.0, 8.0)
"""The same where one look must do."""
_END_KINDS: Final = {
    "success": EventKind.FINISHED,
    "failed": EventKind.FAILED,
    "cancelled": EventKind.CANCELLED,
    "awaiting_input": EventKind.FINISHED,
}
_MOST_AT_ONCE: Final = 200
"""Events that are taken from a stream together."""
_BATCH_CHARACTERS: Final = 100_000
"""Characters of the events that are reported together, about; signals and the deadline are looked at in between."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class _StreamEnd(Enum):
    """How reading one stream ended."""

    BROUGHT_NEWS = "it brought new events"
    CLOSED = "it closed without news"
    SILENT = "it stayed open without news"


class Follower:
    """Follows one run. ``run`` is the run as last seen."""

    def __init__(
        self,
        client: Client,
        run: Run,
        timeline: Timeline,
        *,
        clock: Clock,
        stop: Stop,
        interval: PollInterval,
        began: float,
        waits_while_paused: bool = False,
    ) -> None:
        """``began`` is the time of ``clock`` at which the step began; ``timeline`` gets the run's events."""
        self.run = run
        self._client = client
        self._timeline = timeline
        self._clock = clock
        self._stop = stop
        self._interval = interval
        self._began = began
        self._waits_while_paused = waits_while_paused
        now = clock.monotonic()
        self._followed_since = self._reported_at = self._changed_at = self._answered_at = now
        """When following began, anything was reported, the run changed, and the API answered last."""
        self._arrived_at = now
        """When a new event arrived last."""
        self._quiet_at = inf
        self._look_at = now + interval.look_seconds
        self._looks: Iterator[tuple[float, bool]] = repeat((interval.look_seconds, False))
        """Pauses before the next looks, and whether these are at the events, which come with the run's status."""
        self._look_reads_events = False
        self._is_read_to_end = False
        """Whether the events were read after the run had ended, and brought no more."""
        self._last_look = inf
        self._is_stopping = False
        """Whether a stop signal was obeyed already, and only what is there is shown."""
        self._trouble: MogplexError | None = None
        self._not_before = -inf
        """Until when the API asks to wait."""
        self._look_backoff = Backoff(clock)
        self._seen: set[Untrusted] = set()
        self._last_id: Untrusted | None = None
        """The event received last, from which a stream is resumed; None to begin anew."""
        self._segment_ended = False
        """Whether an event that ends the run, or its work before a pause, was seen."""
        self._first_kind: EventKind | None = None
        self._named_statuses: set[str] = set()
        self._last_page: EventPage | None = None
        self._lists_newest: bool | None = None
        """Which events a full page holds: the newest, or the oldest (older servers). None: not known yet."""

    def follow(self, deadline: float) -> Generator[Update, None, Ended]:
        """Yield updates until the run has ended or paused, or ``deadline``; ``Ended`` is the last one.

        Raises:
            MogplexError: the API says that asking again is of no use (401, 403, 404).
            StopRequested: a stop signal came.
        """
        self._last_look = deadline - LAST_LOOK_SECONDS
        yield from self._see_status()
        if not self._is_over and not self._client.has_no_stream:
            yield from self._follow_stream()
        if not self._is_over and self._client.has_no_stream:
            yield from self._follow_polls()
        if not self._is_over and not self._gave_up:
            yield from self._take_last_look(deadline)
        if self._is_over:
            yield from self._read_late_events(deadline)
        ended = Ended(self.run, self._trouble, tuple(self._timeline.end()))
        yield ended
        return ended

    def show_what_is_there(self, seconds: float) -> Iterator[Update]:
        """Report the events that the service has already, after a stop signal. Without an answer in time, skip them."""
        try:
            page = self._client.events(self.run.id, timeout=seconds) if seconds >= LEAST_SECONDS else None
        except MogplexError:
            page = None
        self._is_stopping, self._last_look = True, self._clock.monotonic() + seconds
        if page is not None:
            yield from self._take(page.events)
            yield from self._see(page.run)
        yield Ended(self.run, self._trouble, tuple(self._timeline.end()))

    @property
    def _is_over(self) -> bool:
        return self.run.is_terminal or (self.run.is_paused and not self._waits_while_paused)

    def _is_going_on(self) -> bool:
        """Whether there is time, and the run is not over."""
        return self._clock.monotonic() < self._last_look and not self._is_over

    @property
    def _gave_up(self) -> bool:
        """Whether the API asks to wait until after the deadline."""
        return self._trouble is not None and self._not_before > self._last_look + LAST_LOOK_SECONDS

    def _follow_stream(self) -> Generator[Update, None, None]:
        """Follow the event stream until the run is over, time is up, or polling is better."""
        backoff = Backoff(self._clock)
        fruitless = 0
        yield from self._wait_for(self._interval.before_stream())
        while self._is_going_on() and not self._gave_up and not self._client.has_no_stream:
            if self.run.is_paused or self._segment_ended:  # a stream would bring nothing, only looks do
                yield from self._wait_for(max(self._look_at - self._clock.monotonic(), 0.0))
                continue
            try:
                with self._stop.interrupting():
                    stream = self._client.stream(self.run.id, last_event_id=self._resume_from, clock=self._clock)
            except StreamMissingError as error:
                yield from self._poll_instead(error.cause)
                return
            except StreamPositionError:
                self._last_id = None
                yield from self._look()
                continue
            except RateLimitedError as error:
                yield from self._note_trouble(error)
                pause = backoff.seconds_after(error)
            except MogplexError as error:
                pause = backoff.seconds_after(error)
                if error.retry_after is not None:
                    yield from self._note_trouble(error)
                    if self._gave_up:
                        return
                    yield from self._wait_for(pause)
                    pause = 0.0
                fruitless += yield from self._look()  # unless nothing works, it is the stream's fault
            else:
                yield from self._recover()
                end = yield from self._read_stream(stream)
                if not self._is_going_on() or self._client.has_no_stream:
                    return
                pause = 0.0
                if end is not _StreamEnd.SILENT and not self._segment_ended:
                    yield from self._look()
                if end is _StreamEnd.CLOSED:
                    fruitless += 1
                    pause = backoff.seconds_after(MogplexError(""))
                elif end is _StreamEnd.BROUGHT_NEWS:
                    fruitless = 0
                    backoff.reset()
            if fruitless >= FRUITLESS_STREAMS and not self._is_over:
                yield from self._poll_instead("the event stream sends nothing")
            elif not self._gave_up:
                yield from self._wait_for(pause)

    @property
    def _resume_from(self) -> str | None:
        return self._last_id.text if self._last_id is not None else None

    def _read_stream(self, stream: EventStream) -> Generator[Update, None, _StreamEnd]:
        """Read one stream until it closes or falls silent, and return how it ended."""
        end = _StreamEnd.CLOSED
        heard = brought = False
        try:
            while self._is_going_on():
                item = yield from self._wait_for(SILENCE_SECONDS if heard else FIRST_BYTES_SECONDS, stream)
                if item is None and heard and not brought:
                    item = yield from self._check_silence(stream)
                if isinstance(item, StreamClosed):
                    break
                if item is None:
                    end = _StreamEnd.SILENT
                    if not heard and self._is_going_on():
                        yield from self._poll_instead("something in between buffers the event stream")
                    break
                heard = True
                items, closed = self._available(stream, item)
                for run in (item.run for item in items if item.run is not None):
                    yield from self._see(run)
                events = [item.event for item in items if item.event is not None]
                brought = (yield from self._take(events)) or brought
                if closed:
                    break
        finally:
            stream.close()
        return _StreamEnd.BROUGHT_NEWS if brought else end

    def _check_silence(self, stream: EventStream) -> Generator[Update, None, StreamItem | StreamClosed | None]:
        """Read the events once. If some are new, return what the stream says to that, or poll from now on."""
        seen = len(self._seen)
        try:
            yield from self._poll()
        except MogplexError as error:
            yield from self._note_trouble(error)
        if len(self._seen) == seen:
            return None
        item = yield from self._wait_for(FIRST_BYTES_SECONDS, stream)
        if item is None and self._is_going_on():
            yield from self._poll_instead("something in between holds the event stream back")
        return item

    def _available(self, stream: EventStream, first: StreamItem) -> tuple[list[StreamItem], bool]:
        """Return ``first`` and what has come already, and whether the stream is closed."""
        items = [first]
        while len(items) < _MOST_AT_ONCE:
            match stream.next(0.0):
                case StreamItem() as item:
                    items.append(item)
                case StreamClosed():
                    return items, True
                case None:
                    break
        return items, False

    def _poll_instead(self, reason: str) -> Iterator[Update]:
        """Poll the events from now on, here and in every other run of this service in this process."""
        self._client.has_no_stream = self._client.has_no_stream or reason
        yield Polling(reason)

    def _follow_polls(self) -> Generator[Update, None, None]:
        """Poll the events until the run is over or time is up."""
        pause = self._interval.first()
        while self._is_going_on() and not self._gave_up:
            yield from self._wait_for(pause)
            if not self._is_going_on():
                break
            try:
                news = yield from self._poll()
            except MogplexError as error:
                yield from self._note_trouble(error)
                pause = self._interval.after_error(error)
            else:
                pause = self._interval.after_answer(active=news)

    def _poll(self) -> Generator[Update, None, bool]:
        """Read the events, or only the status when no more events can be read. Return whether there was news.

        Raises:
            MogplexError: the API gave no usable answer.
        """
        is_look = self._saves_looks and self._clock.monotonic() >= self._look_at
        if self._lists_newest is False or is_look:
            before = self.run.status
            run = self._ask_for_run()
            yield from self._recover()
            yield from self._see(run)
            self._look_at = self._clock.monotonic() + self._interval.look_seconds
            return self.run.status != before
        page = self._ask_for_events()
        yield from self._recover()
        return (yield from self._take_page(page))

    def _take_last_look(self, deadline: float) -> Generator[Update, None, None]:
        """Look once more just before the deadline, and let it pass if the run goes on."""
        self._stop.sleep(self._clock, self._last_look - self._clock.monotonic())
        if self._clock.monotonic() >= deadline:
            return
        try:
            if self._client.has_no_stream:
                yield from self._poll()
            else:
                run = self._ask_for_run()
                yield from self._recover()
                yield from self._see(run)
        except MogplexError as error:
            yield from self._note_trouble(error)
        if not self._is_over:
            self._stop.sleep(self._clock, deadline - self._clock.monotonic())

    def _read_late_events(self, deadline: float) -> Generator[Update, None, None]:
        """Read the events that are written after the terminal status, until there are no more; two seconds at most.

        If the API does not answer, and the event that ends the run was not seen, it is asked again for longer. Where
        jobs that poll share the token and that event was seen, the request is saved.
        """
        began = self._clock.monotonic()
        for pause in LATE_EVENT_PAUSES:
            if self._is_read_to_end:
                break
            has_last = self._lists_newest is False or _END_KINDS[self.run.status] in self._timeline.end_kinds
            is_saved = has_last and self._interval.is_shared and bool(self._client.has_no_stream)
            if self._clock.monotonic() + pause >= deadline or is_saved:
                break
            self._stop.sleep(self._clock, pause)
            until = min(deadline, began + (sum(LATE_EVENT_PAUSES) if has_last else LATE_EVENTS_SECONDS))
            try:
                page = yield from self._retry_events(until)
            except MogplexError:
                if not has_last:
                    yield from self._note_missing(later_ones=True, out_of_time=True)
                break
            news = yield from self._take_page(page)
            if not news and has_last and self._client.has_no_stream:
                break

    def _retry_events(self, deadline: float) -> Generator[Update, None, EventPage]:
        def ask(timeout: float) -> EventPage:
            return self._client.events(self.run.id, timeout=timeout)

        return (yield from retrying(ask, clock=self._clock, deadline=deadline, stop=self._stop))

    def _wait_for(
        self, seconds: float, stream: EventStream | None = None
    ) -> Generator[Update, None, StreamItem | StreamClosed | None]:
        """Wait for the next item of ``stream``; None after ``seconds``, or when the run is over or the deadline near.

        Meanwhile what is due is done: showing what was held back, a heartbeat, a look at the run.
        """
        until = min(self._clock.monotonic() + seconds, self._last_look)
        yield from self._do_what_is_due()
        while not self._is_over and (now := self._clock.monotonic()) < until:
            look_at = inf if self._saves_looks else self._look_at
            due = max(min(until, self._quiet_at, look_at, self._reported_at + HEARTBEAT_SECONDS) - now, 0.0)
            if stream is None:
                self._stop.sleep(self._clock, due)
            else:
                with self._stop.interrupting():
                    item = stream.next(due)
                if item is not None:
                    return item
            yield from self._do_what_is_due()
        return None

    def _do_what_is_due(self) -> Iterator[Update]:
        now = self._clock.monotonic()
        if now >= self._quiet_at:
            self._quiet_at = inf
            yield Quiet(tuple(self._timeline.flush_text()))
        if now >= self._look_at and not self._saves_looks and not self._is_over:
            yield from self._look()
        if now >= self._reported_at + HEARTBEAT_SECONDS and not self._is_over:
            self._reported_at = now
            yield Heartbeat(self.run, now - self._began, now - self._changed_at)

    @property
    def _saves_looks(self) -> bool:
        """Whether looks must not cost requests beside polls, because jobs that poll share the token."""
        return self._interval.is_shared and bool(self._client.has_no_stream)

    def _look(self) -> Generator[Update, None, bool]:
        """Ask for the run, with its events when it is about to end, and return whether the API answered.

        Raises:
            MogplexError: the API says that asking again is of no use.
        """
        try:
            answer = self._ask_for_events() if self._look_reads_events else self._ask_for_run()
        except MogplexError as error:
            self._look_at = self._clock.monotonic() + self._look_backoff.seconds_after(error)
            yield from self._note_trouble(error)
            return False
        self._look_backoff.reset()
        yield from self._recover()
        yield from self._take_page(answer) if isinstance(answer, EventPage) else self._see(answer)
        pause, self._look_reads_events = (PAUSED_LOOK_SECONDS, False) if self.run.is_paused else next(self._looks)
        self._look_at = self._clock.monotonic() + pause
        return True

    def _ask_for_run(self) -> Run:
        with self._stop.interrupting():
            return self._client.run(self.run.id, timeout=self._call_seconds)

    def _ask_for_events(self) -> EventPage:
        with self._stop.interrupting():
            return self._client.events(self.run.id, timeout=self._call_seconds)

    @property
    def _call_seconds(self) -> float:
        left = self._last_look + LAST_LOOK_SECONDS - self._clock.monotonic()
        return min(CALL_SECONDS, max(left, LAST_LOOK_SECONDS))

    def _take_page(self, page: EventPage) -> Generator[Update, None, bool]:
        """Report what ``page`` tells, in the order in which it happened, and return whether it was news."""
        is_known = page is self._last_page
        is_gap = not is_known and self._is_gap(page)
        self._last_page = page
        has_ended = page.run.is_terminal or page.run.is_paused
        status_is_news = False if has_ended else (yield from self._see(page.run))
        has_events = False if is_known else (yield from self._take(page.events))
        if has_ended:  # events come before the end
            is_quiet = self._clock.monotonic() - self._arrived_at >= LATE_EVENT_QUIET
            self._is_read_to_end = not has_events and is_quiet and bool(self._timeline.end_kinds)
            status_is_news = yield from self._see(page.run)
        if len(page.events) >= FEED_LIMIT and self._lists_newest is None:
            yield from self._find_out_what_is_listed(page)
        if is_gap:
            yield from self._note_missing(later_ones=False)
        return status_is_news or has_events

    def _is_gap(self, page: EventPage) -> bool:
        """Whether events were missed between two polls: a full page shares none with what was seen."""
        is_full = len(page.events) >= FEED_LIMIT
        return is_full and bool(self._seen) and all(event.id not in self._seen for event in page.events)

    def _find_out_what_is_listed(self, page: EventPage) -> Iterator[Update]:
        """Find out which events a full page holds.

        Older servers return the first ones, so their pages begin with the run's acceptance; asked for one event, they
        return the first one, newer servers the last.
        """
        if page.events[0].kind is not EventKind.ACCEPTED:
            self._lists_newest = True
            return
        try:
            with self._stop.interrupting():
                one = self._client.events(self.run.id, limit=1, timeout=self._call_seconds).events
        except MogplexError:
            return  # the next full page asks again
        self._lists_newest = not one or one[0].id != page.events[0].id
        if not self._lists_newest:
            yield from self._note_missing(later_ones=True)

    def _note_missing(self, *, later_ones: bool, out_of_time: bool = False) -> Iterator[Update]:
        if not self._timeline.is_incomplete:
            self._timeline.is_incomplete = True
            yield EventsMissing(self.run, later_ones, out_of_time)

    def _take(self, events: Iterable[Event]) -> Generator[Update, None, bool]:
        """Report those of ``events`` that were not seen before, by time; the given order breaks ties."""
        new: list[tuple[datetime, Event]] = []
        time = _LONG_AGO
        for event in events:
            time = event.created_at or time
            self._last_id = event.id
            if event.id not in self._seen:
                self._seen.add(event.id)
                new.append((time, event))
        if not new:
            return False
        if self._first_kind is None:
            self._first_kind = new[0][1].kind
        new.sort(key=lambda timed: timed[0])
        arrived = tuple(event for _, event in new)
        now = self._arrived_at = self._note_change()
        self._quiet_at = now + QUIET_SECONDS
        if any(event.end is not None for event in arrived):
            self._segment_ended = True
            pauses = _CROWDED_LOOKS_AFTER_END if self._interval.is_crowded else _LOOKS_AFTER_END
            self._looks = chain(((pause, True) for pause in pauses), repeat((PAUSED_LOOK_SECONDS, False)))
            pause, self._look_reads_events = next(self._looks)
            self._look_at = now + pause
        yield from self._report(arrived)
        if len(self._seen) >= FEED_LIMIT and self._first_kind not in (EventKind.ACCEPTED, EventKind.SANDBOX_READY):
            yield from self._note_missing(later_ones=False)  # the run was joined when it had more than can be read
        return True

    def _report(self, events: Sequence[Event]) -> Iterator[Update]:
        """Report new events, in batches of which each takes a fraction of a second, however large the events are.

        Raises:
            StopRequested: a stop signal came between two batches.
        """
        while events:
            size, weight = 0, 0
            while size < len(events) and weight < _BATCH_CHARACTERS:
                weight += _characters(events[size])
                size += 1
            batch, events = events[:size], events[size:]
            additions = tuple(addition for event in batch for addition in self._timeline.add(event))
            yield EventsArrived(self.run, tuple(batch), additions, self._clock.monotonic() - self._began)
            if events and not self._is_stopping:
                self._stop.check()
            if events and self._clock.monotonic() > self._last_look + LAST_LOOK_SECONDS:
                yield from self._note_missing(later_ones=True, out_of_time=True)
                break

    def _see(self, run: Run) -> Generator[Update, None, bool]:
        """Keep ``run`` and report a change of its status; return whether there was one."""
        before = self.run
        if run.is_terminal or not before.is_terminal:  # an answer from before the end does not undo it
            self.run = run
        if self.run.status == before.status:
            return False
        if before.is_paused:
            self._last_id, self._segment_ended = None, False  # a resumed run's events begin anew
        asks = self._timeline.checkpoint if self.run.is_paused else None
        yield StatusChanged(self.run, self._note_change() - self._began, asks)
        yield from self._see_status()
        return True

    def _see_status(self) -> Iterator[Update]:
        is_known = self.run.is_terminal or self.run.is_paused or self.run.status in LIVE_STATUSES
        if not is_known and self.run.status not in self._named_statuses:
            self._named_statuses.add(self.run.status)
            yield UnknownStatus(self.run)

    def _note_change(self) -> float:
        self._reported_at = self._changed_at = self._clock.monotonic()
        return self._changed_at

    def _note_trouble(self, error: MogplexError) -> Iterator[Update]:
        """Report trouble when it begins.

        Raises:
            MogplexError: ``error``, when asking again is of no use. What answers differently may be a proxy in trouble.
        """
        is_missing = isinstance(error, NotFoundError)
        has_grace = self._clock.monotonic() - self._followed_since <= NOT_FOUND_GRACE
        if isinstance(error, NotAuthorizedError | ForbiddenError) or (is_missing and not has_grace):
            raise error
        if self._trouble is None:
            self._reported_at = self._clock.monotonic()
            yield Trouble(error)
        self._trouble = error
        self._not_before = self._clock.monotonic() + (error.retry_after or 0.0)
        self._look_at = max(self._look_at, self._not_before)

    def _recover(self) -> Iterator[Update]:
        now = self._clock.monotonic()
        if self._trouble is not None:
            self._trouble, self._reported_at = None, now
            yield Recovered(now - self._answered_at)
        self._answered_at = now


def _characters(event: Event) -> int:
    """Return about how many characters an event has; more than a batch when it is nested too deeply to tell."""
    try:
        return event.data.inspect(lambda value: len(repr(value)))
    except RecursionError:
        return _BATCH_CHARACTERS
