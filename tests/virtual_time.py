"""A time in which waiting costs nothing: when everybody in it sleeps, it jumps to whoever wakes first.

Emulator and clients live in it together, over real HTTP. Between two sleeps things happen at the speed of the machine,
and no time passes.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class _Sleeper:
    wakes: float
    number: int
    asleep: bool = field(default=True, compare=False)


class VirtualTime:
    """The time itself; ``clock`` lets another one live in it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._awake = 0
        self._sleepers: list[_Sleeper] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        """Return the seconds since it began."""
        return self._now

    def clock(self, seed: int = 0) -> VirtualClock:
        """Return a clock for one thread. From now on time waits for it: it sleeps, or leaves."""
        with self._changed:
            self._awake += 1
        return VirtualClock(self, seed)

    def sleep(self, seconds: float) -> None:
        """Let the caller's thread wait until everybody sleeps and its turn has come."""
        with self._changed:
            sleeper = _Sleeper(self._now + max(seconds, 0.0), next(self._numbers))
            heapq.heappush(self._sleepers, sleeper)
            self._rest()
            self._changed.wait_for(lambda: not sleeper.asleep)

    def leave(self) -> None:
        """Let time go on without the caller."""
        with self._changed:
            self._rest()

    def _rest(self) -> None:
        self._awake -= 1
        if self._awake == 0 and self._sleepers:
            self._now = max(self._now, self._sleepers[0].wakes)
            while self._sleepers and self._sleepers[0].wakes <= self._now:
                heapq.heappop(self._sleepers).asleep = False
                self._awake += 1
            self._changed.notify_all()


class VirtualClock:
    """A clock as the run's code takes it, for one thread. It can ring."""

    def __init__(self, time: VirtualTime, seed: int) -> None:
        self._time = time
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    def ring(self, after: float, action: Callable[[], None]) -> None:
        """Call ``action`` in this thread, in the midst of the sleep that lasts until ``after`` seconds from now."""
        self._alarms.append((self.monotonic() + after, action))
        self._alarms.sort(key=lambda alarm: alarm[0])

    def monotonic(self) -> float:
        """See ``Clock``."""
        return self._time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        wakes = self.monotonic() + seconds
        while self._alarms and self._alarms[0][0] <= wakes:
            at, action = self._alarms.pop(0)
            self._time.sleep(at - self.monotonic())
            action()
        self._time.sleep(wakes - self.monotonic())

    def spread(self, low: float, high: float) -> float:
        """See ``Clock``."""
        return self._random.uniform(low, high)

    def leave(self) -> None:
        """Let time go on without this thread."""
        self._time.leave()
