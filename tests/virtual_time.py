"""A time in which waiting costs nothing: when everybody in it sleeps, it jumps to whoever wakes
first.

Emulator and clients live in it together, over real HTTP. Between two sleeps things happen at the
speed of the machine, and no time passes. Bytes on the way to a client's event stream hold time up,
too: see ``VirtualTime.connect``.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import select
import socket
import threading
import time as real_time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import requests
import urllib3

from mogplex_ci import waiting
from mogplex_ci.api import transport
from mogplex_ci.api.client import Client
from tests.waits import LONG

T = TypeVar("T")
_READER: Final = "event-stream"
"""Name of the threads that read event streams."""
_LOOK_AGAIN: Final = 0.0005
"""Real seconds between two looks at readers that are at work."""


@dataclass(order=True)
class _Sleeper:
    wakes: float
    number: int
    until: Callable[[], bool] = field(compare=False)
    asleep: bool = field(default=True, compare=False)


class VirtualTime:
    """The time itself; ``clock`` lets another one live in it."""

    def __init__(self, *, between_reads: float = 0.0) -> None:
        """``between_reads``: seconds that pass whenever a clock is read. A machine's never shows
        one time twice.
        """
        self._between_reads = between_reads
        self._now = 0.0
        self._awake = 0
        self._sleepers: list[_Sleeper] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._not_ours = set(threading.enumerate())

    def monotonic(self) -> float:
        """Return the seconds since it began."""
        return self._now

    def read(self) -> float:
        """Return the same to a program, for which time passes meanwhile."""
        with self._changed:
            self._now += self._between_reads
            return self._now

    def clock(self, seed: int = 0) -> VirtualClock:
        """Return a clock for one thread. From now on time waits for it: it sleeps, or leaves."""
        with self._changed:
            self._awake += 1
        return VirtualClock(self, seed)

    def waiter(self) -> VirtualWaiter:
        """Return what a stream of the emulator waits with: ``Emulator(clock=time.monotonic,
        waiter=time.waiter)``.
        """
        with self._changed:
            self._awake += 1
        return VirtualWaiter(self)

    def connect(self, client: Client) -> Client:
        """Return ``client``, whose connections now hold time up while bytes of an event stream are
        on the way.
        """
        client._transport._session.mount("http://", _Adapter())
        return client

    def sleep(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let the caller's thread wait until everybody sleeps and its turn has come, or ``until()``
        is true.

        ``until`` is asked whenever everybody sleeps, before time goes on.
        """
        with self._changed:
            sleeper = _Sleeper(self._now + max(seconds, 0.0), next(self._numbers), until)
            heapq.heappush(self._sleepers, sleeper)
            self._awake -= 1
            self._go_on()
            since: float | None = None
            while sleeper.asleep:
                # Readers do not announce that they are at rest. Whoever sleeps looks, once nobody
                # else is awake.
                self._changed.wait(None if self._awake else _LOOK_AGAIN)
                if self._awake:
                    since = None
                else:
                    since = since or real_time.monotonic()
                    assert real_time.monotonic() - since < LONG, "an event stream is never at rest"
                    self._go_on()

    def leave(self) -> None:
        """Let time go on without the caller."""
        with self._changed:
            self._awake -= 1
            self._go_on()

    def _go_on(self) -> None:
        """If everybody sleeps, wake those who wait for what has happened, else those whose time
        comes next.
        """
        if self._awake > 0 or not self._sleepers:
            return
        woken = [sleeper for sleeper in self._sleepers if sleeper.until()]
        if not woken and not self._is_reading():
            # Asked again: a reader may have come to rest in between, having passed on what it read.
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

    def _is_reading(self) -> bool:
        """Whether a stream's reader is at work, or about to be."""
        readers = [thread for thread in threading.enumerate() if thread.name == _READER]
        return any(
            not _Socket.is_at_rest(thread) for thread in readers if thread not in self._not_ours
        )


class _Socket(socket.socket):
    """A connection that knows which readers wait for its bytes."""

    waiting: dict[threading.Thread, _Socket] = {}  # noqa: RUF012 - shared by all on purpose

    def recv_into(self, *args: Any, **options: Any) -> int:
        thread = threading.current_thread()
        if thread.name == _READER:
            timeout = self.gettimeout()
            assert timeout is None or timeout > 60, (
                f"a stream must not break after {timeout} s of silence"
            )
            self.waiting[thread] = self
            try:
                self._poll(None)
            finally:
                del self.waiting[thread]
        return super().recv_into(*args, **options)

    @classmethod
    def is_at_rest(cls, thread: threading.Thread) -> bool:
        """Whether a reader waits for bytes, and none are there."""
        connection = cls.waiting.get(thread)
        return connection is not None and not connection._poll(0)

    def _poll(self, milliseconds: int | None) -> bool:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(milliseconds))


class _Connection(transport.Connection):
    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        timeout = plain.gettimeout()
        connection = _Socket(fileno=plain.detach())
        connection.settimeout(timeout)
        return connection


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool}


class VirtualWaiter:
    """How a thread of the emulator waits for the next event of a stream."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """See ``tests.emulator.clock.Waiter``."""
        self._time.sleep(seconds, until)

    def leave(self) -> None:
        """See ``tests.emulator.clock.Waiter``."""
        self._time.leave()


class VirtualClock(waiting.Clock):
    """A clock as the run's code takes it, for one thread. It can ring."""

    def __init__(self, time: VirtualTime, seed: int) -> None:
        self.time = time
        """The time that it tells."""
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    def ring(self, after: float, action: Callable[[], None]) -> None:
        """Call ``action`` in this thread, in the midst of the sleep that lasts until ``after``
        seconds from now.
        """
        self._alarms.append((self.monotonic() + after, action))
        self._alarms.sort(key=lambda alarm: alarm[0])

    def monotonic(self) -> float:
        """See ``Clock``."""
        return self.time.read()

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        self._wait(seconds, lambda: False)

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """See ``Clock``."""
        if queue.empty():
            self._wait(seconds, lambda: not queue.empty())
        return super().next_item(queue, 0.0)

    def _wait(self, seconds: float, until: Callable[[], bool]) -> None:
        wakes = self.monotonic() + seconds
        while self._alarms and self._alarms[0][0] <= wakes:
            at, action = self._alarms[0]
            self.time.sleep(at - self.monotonic(), until)
            if until():
                return
            self._alarms.pop(0)
            action()
            waiting.Clock().sleep(0.0)  # the action may be a stop signal, which ends a wait
        self.time.sleep(wakes - self.monotonic(), until)

    def random(self, low: float, high: float) -> float:
        """See ``Clock``."""
        return self._random.uniform(low, high)

    def leave(self) -> None:
        """Let time go on without this thread."""
        self.time.leave()
