"""A time in which waiting costs nothing: when everybody in it sleeps, it jumps to whoever wakes first.

Emulator and clients live in it together, over real HTTP. Between two sleeps things happen at the speed of the machine,
and no time passes.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class _Sleeper:
    wakes: float
    number: int
    until: Callable[[], bool] = field(compare=False)
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

    def waiter(self) -> VirtualWaiter:
        """Return what a stream of the emulator waits with: ``Emulator(clock=time.monotonic, waiter=time.waiter)``."""
        with self._changed:
            self._awake += 1
        return VirtualWaiter(self)

    def sleep(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let the caller's thread wait until everybody sleeps and its turn has come, or ``until()`` is true.

        ``until`` is asked whenever everybody sleeps, before time goes on.
        """
        with self._changed:
            sleeper = _Sleeper(self._now + max(seconds, 0.0), next(self._numbers), until)
            heapq.heappush(self._sleepers, sleeper)
            self._rest()
            self._changed.wait_for(lambda: not sleeper.asleep)

    def leave(self) -> None:
        """Let time go on without the caller."""
        with self._changed:
            self._rest()

    def _rest(self) -> None:
        self._awake -= 1
        if self._awake > 0 or not self._sleepers:
            return
        woken = [sleeper for sleeper in self._sleepers if sleeper.until()]
        if not woken and self._sleepers[0].wakes < math.inf:
            self._now = max(self._now, self._sleepers[0].wakes)
            woken = [sleeper for sleeper in self._sleepers if sleeper.wakes <= self._now]
        for sleeper in woken:
            sleeper.asleep = False
        self._awake += len(woken)
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper.asleep]
        heapq.heapify(self._sleepers)
        self._changed.notify_all()


class VirtualWaiter:
    """How a thread of the emulator waits for the next event of a stream."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """See ``mogplex_ci.emulator.clock.Waiter``."""
        self._time.sleep(seconds, until)

    def leave(self) -> None:
        """See ``mogplex_ci.emulator.clock.Waiter``."""
        self._time.leave()


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
        self._wait(seconds, lambda: False)

    def wait_readable(self, connection: socket.socket, seconds: float) -> bool:
        """Sleep until ``connection`` has something to read; return whether it has, before ``seconds`` are over."""

        def readable() -> bool:
            return bool(select.select([connection], [], [], 0)[0])

        if not readable():
            self._wait(seconds, readable)
        return readable()

    def _wait(self, seconds: float, until: Callable[[], bool]) -> None:
        wakes = self.monotonic() + seconds
        while self._alarms and self._alarms[0][0] <= wakes:
            at, action = self._alarms[0]
            self._time.sleep(at - self.monotonic(), until)
            if until():
                return
            self._alarms.pop(0)
            action()
        self._time.sleep(wakes - self.monotonic(), until)

    def spread(self, low: float, high: float) -> float:
        """See ``Clock``."""
        return self._random.uniform(low, high)

    def leave(self) -> None:
        """Let time go on without this thread."""
        self._time.leave()
