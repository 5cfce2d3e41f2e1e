"""Follows a run until it ends: streams its events if the service can, otherwise polls them.

One loop takes the news of a source. Every event is reported once, from whatever source. Only ``GET
/runs/{id}`` decides that a run has ended, never the close of a stream or an event. Faults and times
are in docs/maintaining/faults.md.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from math import inf
from typing import Final, LiteralString

from mogplex_ci.api.poll_interval import PollInterval
from mogplex_ci.errors import MogplexError
from mogplex_ci.models import FEED_LIMIT, LIVE_STATUSES, Event, EventKind, EventPage, Run
from mogplex_ci.run import updates
from mogplex_ci.run.event_sources import Polling, Polls, StatusChecks, Stream, StreamNews
from mogplex_ci.run.feed import FIRST_KINDS, Feed
from mogplex_ci.run.service import Health, Service
from mogplex_ci.run.timeline import Entry, Timeline, ToolCall
from mogplex_ci.sanitize import Value
from mogplex_ci.untrusted import Untrusted

LAST_CHECK_SECONDS: Final = 1.0
"""Time before the deadline for a last check of the run, so that one that ended in time is not
reported as late.
"""
LATE_EVENT_PAUSES: Final = (0.5, 0.3, 1.2)
"""Seconds before each reading of the events that are written after the terminal status; two seconds
in all. A step without gates exits within a second of its run's end, and the service records the
commit after 0.3 s at the earliest.
"""
LATE_EVENT_QUIET: Final = 0.3
"""Seconds without a new event after which a streamed run is taken to have none left: text can
follow the last one.
"""
LATE_EVENTS_SECONDS: Final = 90.0
"""How long they are asked for while the API refuses: a used-up request limit is one of a minute."""
_FIRST_ONLY: Final = (
    "The service lists only the first {} events: later ones are missing here. The step follows the "
    "run's status"
)
_UNLISTED: Final = "The service no longer lists some events: they are missing here. The step follows the run's status"
_REPORT_BATCH: Final = 5
"""Events that are reported together; signals and the deadline are checked in between."""


class Follower:
    """Follows one run. ``run`` is the run as last seen, ``timeline`` has its events, ``health`` is
    the API's.
    """

    def __init__(
        self,
        service: Service,
        run: Run,
        interval: PollInterval,
    ) -> None:
        self.run = run
        self.timeline = Timeline()
        self._service = service
        self._interval = interval
        self._feed = Feed(run)
        self.health = Health(service.now)
        self._checks = StatusChecks(service, self._feed, interval)
        self._is_after_gap = False
        """Whether events before the next ones are missing."""
        self._event_at = self._changed_at = service.now
        """When the last event came, and when the last event or change of status."""
        self._line_at = service.now
        """When the log got its last line."""
        self._named_statuses: set[str] = set()
        self._can_fill_gaps = True
        """Whether a stream can be resumed, if known: each failed attempt takes seconds, during
        which more is missed.
        """

    def follow(self) -> None:
        """Say what happens until the run has ended or paused, or the service's deadline. Then comes
        ``end``.

        Raises:
            MogplexError: the API says that asking again is of no use (401, 403, 404).
            StopRequested: a stop signal came.
        """
        service = self._service
        interval = self._interval
        self._name_status()
        if not service.is_polled:
            with closing(
                Stream(service, self._feed, self._checks, interval.before_stream())
            ) as stream:
                failed = self._take_news(stream, self._last_check_at, lambda: self._is_over)
            if failed is not None:
                service.give_up_streams(failed.why)
        if service.is_polled:
            polls = Polls(service, self._feed, self._checks, interval)
            self._take_news(polls, self._last_check_at, lambda: self._is_over)
        if not self._is_over:
            self._check_once_more()
        if self._is_over:
            self._read_late_events()

    def read_to_end(self, run: Run) -> None:
        """Report the news that came with the end of ``run``, which was learned by cancelling it.
        Then comes ``end``.

        Raises:
            StopRequested: a stop signal came.
        """
        self._on_run(run)
        self._read_late_events()

    def end(self) -> updates.Ended:
        """Report the last update, and return it. A message is complete at the end of its run, but
        not of one that was cancelled.
        """
        is_complete = self.run.is_paused or self.run.status in ("success", "failed")
        last = self.timeline.end() if is_complete else []
        ended = updates.Ended(self.run, self.health.trouble, tuple(last), is_complete)
        self._service.say(ended)
        return ended

    @property
    def _is_over(self) -> bool:
        return self.run.is_terminal or self.run.is_paused

    @property
    def _last_check_at(self) -> float:
        return self._service.deadline - LAST_CHECK_SECONDS

    def _take_news(
        self, source: Polls | Stream, until: float, is_enough: Callable[[], bool]
    ) -> Polling | None:
        """Take news until there is enough, time is up, or the stream is of no use; return why it is
        not.
        """
        while not is_enough() and self._service.now < until:
            try:
                beat = inf if self._is_over else self._line_at + updates.HEARTBEAT_SECONDS
                news = source.next(min(until, beat))
            except MogplexError as error:
                # The source has planned when to ask again.
                self._on_trouble(error)
                continue
            if isinstance(news, Polling):
                return news
            if news is not None:
                self._on_news(news)
            self._run_timers()
        return None

    def _on_news(self, news: StreamNews | Run | EventPage) -> None:
        # Events on an open stream do not show that the API responds; that it was opened does.
        if not isinstance(news, StreamNews) or news == StreamNews((), ()):
            self._recover()
        if isinstance(news, EventPage):
            self._on_page(news)
        elif isinstance(news, Run):
            self._on_run(news)
        else:
            for run in news.runs:
                self._on_run(run)
            self._on_events(news.events)

    def _run_timers(self) -> None:
        """Send a heartbeat if one is due."""
        now = self._service.now
        is_silent = now >= self._line_at + updates.HEARTBEAT_SECONDS
        if is_silent and not self._is_over:
            self._line_at = now
            self._service.say(
                updates.Heartbeat(
                    self.run,
                    self._service.elapsed,
                    now - self._changed_at,
                    unread_for=self.health.troubled_for(now),
                    writing=self.timeline.writing,
                )
            )

    def _check_once_more(self) -> None:
        """Check the run just before the deadline, and ignore the result if the run continues."""
        deadline = self._service.deadline
        may_ask_at = max(self._last_check_at, self._checks.not_before)
        self._service.sleep_until(min(may_ask_at, deadline))
        if self._service.now >= deadline:
            return
        try:
            self._on_news(self._service.run(self.run.id))
        except MogplexError as error:
            self._on_trouble(error)
        if not self._is_over:
            self._service.sleep_until(deadline)

    def _read_late_events(self) -> None:
        """Read the run's commit, and the events that are written after the terminal status, until
        there are no more, for up to two seconds.
        """
        service = self._service
        began = service.now
        for pause in LATE_EVENT_PAUSES:
            # Jobs that poll share the token's 60 requests a minute.
            if self._has_last and service.is_polled and self._interval.is_shared:
                return
            if service.now + pause >= service.deadline:
                return
            service.sleep_until(service.now + pause)
            try:
                page = self._late_page(began)
            except MogplexError as error:
                if not self._has_last:
                    self._note_missing("The last events could not be read: {}", error.cause)
                return
            read_at = service.now
            self._on_page(page)
            has_news = self._changed_at >= read_at
            # A stream shows the end at once, and the agent's last text can follow it by a moment.
            is_quiet = service.is_polled or service.now - self._event_at >= LATE_EVENT_QUIET
            if self._has_last and is_quiet and not has_news:
                return

    def _late_page(self, ended_at: float) -> EventPage:
        """Read the events of a run that was over at ``ended_at``, a time of the clock, and try
        longer if the event that ends the run was not seen.

        Raises:
            MogplexError: the API gave no usable answer in time.
            StopRequested: a stop signal came.
        """
        service = self._service
        seconds = sum(LATE_EVENT_PAUSES) if self._has_last else LATE_EVENTS_SECONDS
        return service.answer_to(
            lambda left: service.client.events(self.run.id, seen=self._feed.seen, timeout=left),
            ended_at + seconds,
        )

    @property
    def _has_last(self) -> bool:
        """Whether the event that ends the run was seen, or cannot be."""
        return self._feed.lists_newest is False or self._feed.end_seen

    def _on_page(self, page: EventPage) -> None:
        """Report the news of ``page``, in their order."""
        self._enter_segment_of(page.run)
        if self._feed.is_gap_before(page):
            self._fill_gap_before(page)
        if self._feed.is_gap_before(page):
            self._miss_message()
            self._note_missing(_UNLISTED)
        if not page.run.is_terminal and not page.run.is_paused:
            self._on_run(page.run)
        self._on_events(page.events)
        self._on_run(page.run)  # events come before the end
        if len(page.events) >= FEED_LIMIT and self._feed.lists_newest is None:
            self._learn_which_are_listed(page)

    def _fill_gap_before(self, page: EventPage) -> None:
        """Report the events between those that were seen and those of ``page``, if a stream sends
        them in time.

        The service lists the newest 200 events. Only a stream that resumes after the last one
        received sends more.
        """
        service = self._service
        if self._feed.last_id is None or not self._can_fill_gaps:
            return
        checks = StatusChecks(service, self._feed, self._interval)
        ends = self._last_check_at
        if service.now >= ends:
            ends = service.deadline
        until = min(ends, service.now + LATE_EVENTS_SECONDS)
        with (
            # Without these events the run is followed all the same; the log says they are missing.
            suppress(MogplexError),
            closing(Stream(service, self._feed, checks, 0.0, before=page)) as stream,
        ):
            failed = self._take_news(stream, until, lambda: not self._feed.is_gap_before(page))
            self._can_fill_gaps = failed is None

    def _learn_which_are_listed(self, page: EventPage) -> None:
        """Find out which events a full page holds.

        Older servers return the first ones, so their pages begin with the run's acceptance; asked
        for one event, they return the first one, newer servers the last.
        """
        if page.events[0].kind is not EventKind.ACCEPTED:
            self._feed.lists_newest = True
            return
        try:
            # A newer server's page begins with the acceptance, too, if the run has just 200 events.
            one = self._service.events(self._feed, limit=1).events
        except MogplexError:
            return  # the next full page asks again
        self._feed.lists_newest = not one or one[0].id != page.events[0].id
        if not self._feed.lists_newest:
            self._note_missing(_FIRST_ONLY, FEED_LIMIT)

    def _miss_message(self) -> None:
        """Show no message of which the beginning or a part was not seen."""
        self.timeline.miss_message()
        self._is_after_gap = True

    def _note_missing(self, why: LiteralString, *values: Value) -> None:
        if not self.timeline.is_incomplete:
            self.timeline.is_incomplete = True
            self._service.say(updates.Said(why, values, title="Events missing"))

    def _on_events(self, events: Iterable[Event]) -> None:
        """Report those of ``events`` that were not seen before."""
        is_first = not self._feed.seen
        arrived = self._feed.take(events)
        if not arrived:
            return
        if is_first and arrived[0].kind not in FIRST_KINDS:
            self._miss_message()
        now = self._service.now
        self._event_at = self._changed_at = now
        if any(event.end is not None for event in arrived):
            self._checks.expect_end()
        self._report(arrived)
        if self._feed.lacks_beginning:
            self._note_missing(_UNLISTED)

    def _report(self, events: Sequence[Event]) -> None:
        """Report new events, a few at a time: however large they are, each time takes a fraction of
        a second.

        Raises:
            StopRequested: a stop signal came in between.
        """
        for at in range(0, len(events), _REPORT_BATCH):
            if at > 0:
                self._service.stop.check()
            if at > 0 and self._service.now > self._service.deadline:
                self._note_missing("The timeout left no time to show the last events")
                break
            some = tuple(events[at : at + _REPORT_BATCH])
            additions = tuple(addition for event in some for addition in self.timeline.add(event))
            if any(map(_has_line, additions)):
                self._line_at = self._service.now
            self._service.say(
                updates.EventsArrived(
                    self.run, some, additions, self._service.elapsed, self._is_after_gap
                )
            )
            self._is_after_gap = False

    def _on_run(self, run: Run) -> None:
        """Keep ``run`` and report a change of its status."""
        self._enter_segment_of(run)
        before = self.run
        # The stream begins with the run as it was at the connect, which a check may have overtaken.
        is_older = before.is_terminal and not run.is_terminal
        if not is_older:  # an answer from before the end does not undo it
            self.run = run
        asks_again = self.run.is_paused and self.run.segment != before.segment
        if self.run.status == before.status and not asks_again:
            return
        asks = self.timeline.checkpoint if self.run.is_paused else None
        self._changed_at = self._service.now
        if self.run.is_paused:  # any other status has no line in the log
            self._line_at = self._changed_at
        self._service.say(updates.StatusChanged(self.run, asks))
        self._name_status()

    def _enter_segment_of(self, run: Run) -> None:
        """Start over with the events of a run that continued after a pause."""
        if self._feed.enters_segment(self.run, run):
            self.timeline.begin_segment()
            self._checks.check_regularly()

    def _name_status(self) -> None:
        """Report a status that this version does not know, once."""
        is_known = self.run.is_terminal or self.run.is_paused or self.run.status in LIVE_STATUSES
        if not is_known and self.run.status not in self._named_statuses:
            self._named_statuses.add(self.run.status)
            words: LiteralString = (
                "This version does not know the status {}; it keeps following the run"
            )
            status = Untrusted(self.run.status)
            self._service.say(updates.Said(words, (status,), title="Unknown status"))

    def _on_trouble(self, error: MogplexError) -> None:
        """Report trouble when it begins.

        Raises:
            MogplexError: ``error``, when asking again is of no use.
        """
        now = self._service.now
        if self.health.failed(now, error):
            self._line_at = now
            self._service.say(updates.Trouble(error))
        if error.retry_after is not None:
            self._checks.wait_for_api(error.retry_after)

    def _recover(self) -> None:
        now = self._service.now
        seconds = self.health.answered(now)
        if seconds is not None:
            self._line_at = now
            self._service.say(updates.Recovered(seconds))


def _has_line(entry: Entry) -> bool:
    """Whether the log gets a line for an entry: a tool call has one when it ends."""
    return not isinstance(entry, ToolCall) or entry.finish is not None
