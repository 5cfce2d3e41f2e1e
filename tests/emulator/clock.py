"""The emulator's time: one clock for scripts and limits, which may run faster than the wall
clock.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_POLL: Final = 0.1
"""Seconds between two checks for changes without notice, such as a client that has left."""
_POLL_FOREIGN_CLOCK: Final = 0.002
"""The same for a clock that a test moves by hand."""


class Clock:
    """Seconds since the emulator started, multiplied by ``speed``."""

    def __init__(self, source: Callable[[], float] = time.monotonic, speed: float = 1.0) -> None:
        self.speed = speed
        self.is_real = source is time.monotonic
        """False for a clock that a test controls."""
        self._source = source
        self._origin = source()
        self._wall_origin = datetime.now(UTC)

    def now(self) -> float:
        """Return the scaled seconds since the start."""
        return (self._source() - self._origin) * self.speed

    def wall(self, at: float) -> datetime:
        """Return the wall clock's time at the scaled second ``at``."""
        return self._wall_origin + timedelta(seconds=at / self.speed)

    def stamp(self, at: float, *, microseconds: int = 0) -> str:
        """Format ``at`` as the API does: microseconds without trailing zeros, offset ``+00:00``.

        ``microseconds`` are added, so that events keep different times however fast the clock runs.
        """
        moment = self.wall(at) + timedelta(microseconds=microseconds)
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
        return f"{text}+00:00"

    def real_seconds(self, scaled: float) -> float:
        """Return how long a client with an ordinary clock waits for ``scaled`` seconds to pass."""
        return scaled / self.speed


class Waiter(Protocol):
    """How one thread of the emulator waits for the next event of a stream."""

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """Return when ``seconds`` of the clock's source have passed or ``until()`` is true, or
        earlier.
        """

    def leave(self) -> None:
        """Called once, when the stream has ended."""


class Notifier:
    """Wakes the streams that wait for an event when a run's script changes."""

    def __init__(self, clock: Clock) -> None:
        self._most = _POLL if clock.is_real else _POLL_FOREIGN_CLOCK
        self._changed = threading.Condition()

    def notify(self) -> None:
        """Wake all waiters."""
        with self._changed:
            self._changed.notify_all()

    def waiter(self) -> Waiter:
        """Return a waiter for one stream."""
        return self

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """See ``Waiter``."""
        with self._changed:
            if not until():
                self._changed.wait(min(seconds, self._most))

    def leave(self) -> None:
        """See ``Waiter``."""
