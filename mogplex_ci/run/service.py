"""The service, as the code of one run asks it: a stop signal ends every call and every wait. And
whether it answers.
"""

from collections.abc import Callable
from math import inf
from typing import Final, TypeVar

from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import Patience, retrying
from mogplex_ci.api.stream import EventStream, StreamClosed, StreamItem
from mogplex_ci.errors import ForbiddenError, MogplexError, NotAuthorizedError, NotFoundError
from mogplex_ci.models import FEED_LIMIT, EventPage, Run
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS, StopSeconds
from mogplex_ci.run.feed import Feed
from mogplex_ci.run.updates import Said, Update
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop

T = TypeVar("T")
MIN_REQUEST_SECONDS: Final = 1.0
"""Least time for a request, also when the deadline is closer."""
NOT_FOUND_GRACE: Final = 10.0
"""Seconds after the start in which the API may not know the run yet."""


class Service:
    """Asks the API, waits, and says what happens. No call outlasts ``deadline``, a time of the
    clock, by much.

    Everything raises ``StopRequested`` when a stop signal comes.
    """

    def __init__(
        self,
        client: "Client",
        clock: Clock,
        stop: Stop,
        began: float | None = None,
        timeout: float = inf,
        stop_seconds: StopSeconds = USUAL_STOP_SECONDS,
        say: Callable[[Update], None] = lambda _: None,
    ) -> None:
        """``began`` is when the step began, in the time of ``clock``; now if it is None. ``say``
        gets the updates of all who work with this service.
        """
        self.client = client
        self.clock = clock
        self.stop = stop
        self.say = say
        self._began = self.now if began is None else began
        self.deadline = self._began + timeout
        self.stop_seconds = stop_seconds
        """How long the CI system lets a stopped step work."""
        self.is_polled = False
        """Whether events are polled: a stream was of no use to an earlier round, or to this one."""

    @property
    def now(self) -> float:
        """The clock's time."""
        return self.clock.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return self.now - self._began

    def extend(self, seconds: float) -> None:
        """Let calls take until that many seconds from now."""
        self.deadline = self.now + seconds

    def sleep_until(self, time: float) -> None:
        """Wait for a time of the clock."""
        with self.stop.interrupting():
            self.clock.sleep(time - self.now)

    def answer_to(self, call: Callable[[float], T], deadline: float = inf) -> T:
        """Make ``call`` until it is answered, or until ``deadline``, the earlier of the two; see
        ``retrying``.
        """
        return retrying(
            call,
            clock=self.clock,
            deadline=min(deadline, self.deadline),
            stop=self.stop,
            say=self.say,
        )

    def run(self, run_id: str) -> Run:
        """Return the run. This repairs one whose worker has died; the other calls do not."""
        with self.stop.interrupting():
            return self.client.run(run_id, timeout=self._call_seconds)

    def events(self, feed: "Feed", *, limit: int = FEED_LIMIT) -> EventPage:
        """Return the run and its events, those that ``feed`` has seen without their contents."""
        with self.stop.interrupting():
            return self.client.events(
                feed.run_id, seen=feed.seen, limit=limit, timeout=self._call_seconds
            )

    def poll(self, feed: "Feed") -> Run | EventPage:
        """Return the run, with its events if the service can still list new ones."""
        # An older service has listed the first events, and lists no later ones.
        return self.run(feed.run_id) if feed.lists_newest is False else self.events(feed)

    def stream(self, feed: "Feed") -> EventStream:
        """Open the run's event stream after the last event that ``feed`` received."""
        last_id = feed.last_id.text if feed.last_id is not None else None
        with self.stop.interrupting():
            return self.client.stream(
                feed.run_id, last_event_id=last_id, timeout=self._call_seconds, clock=self.clock
            )

    def give_up_streams(self, why: str) -> None:
        """Poll from now on, also in later rounds: each failed stream takes seconds."""
        self.is_polled = True
        self.say(Said("Reading events by polling: {}", (Untrusted(why),)))

    def next_item(self, stream: EventStream, until: float) -> StreamItem | StreamClosed | None:
        """Return the next item of ``stream``, or None at the time ``until``."""
        with self.stop.interrupting():
            return stream.next(max(until - self.now, 0.0))

    @property
    def _call_seconds(self) -> float:
        """Seconds that a call may take."""
        return max(self.deadline - self.now, MIN_REQUEST_SECONDS)


class Health:
    """The API's health, judged by its responses about one run. Times are those of one clock."""

    def __init__(self, now: float) -> None:
        self.trouble: MogplexError | None = None
        """Why the API gave no usable answer last; None when it did."""
        self._began = now
        self._trouble_since = now
        self._patience = Patience()

    def failed(self, now: float, error: MogplexError) -> bool:
        """Note a failure, and return whether trouble begins with it.

        Raises:
            MogplexError: ``error``, if a retry is useless. Other odd responses may come from a
                proxy in trouble.
        """
        is_first = self.trouble is None
        if is_first:
            self._trouble_since = now
        self.trouble = error
        if isinstance(error, NotFoundError) and now - self._began > NOT_FOUND_GRACE:
            raise error
        if not isinstance(error, NotAuthorizedError | ForbiddenError):
            self._patience.reset()
        elif self._patience.left(error, now) <= 0:
            raise error
        return is_first

    def troubled_for(self, now: float) -> float:
        """Return for how many seconds trouble has lasted; 0 when there is none."""
        return 0.0 if self.trouble is None else now - self._trouble_since

    def answered(self, now: float) -> float | None:
        """Note an answer. Return how many seconds trouble lasted when it ends with it."""
        seconds = None if self.trouble is None else self.troubled_for(now)
        self.trouble = None
        self._patience.reset()
        return seconds
