"""Stop signals and time, to which every wait of the program listens.

A stop signal ends only work that is marked with ``Stop.interrupting``: waits and network calls. Everywhere else it is
remembered and takes effect at the next mark, so that no file is left half written. Signals reach the main thread only;
marked waits of other threads are woken too.
"""

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final, Protocol, TypeVar, cast

T = TypeVar("T")

_SIGNALS: Final = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Stop signals, as far as the system has them."""
_LONGEST_WAIT: Final = 0.5
"""Seconds. Python runs signal handlers between two waits, and on Windows no signal ends a wait."""


class Clock(Protocol):
    """Where the program gets time from; tests pass a clock of their own."""

    def monotonic(self) -> float:
        """Return seconds since some start; never jumps when the machine's time is set."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a stop signal ends an interruptible wait with ``StopRequested``."""
        ...

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """Return the next item of ``queue``, or None after ``seconds``; a stop signal ends an interruptible wait."""
        ...

    def random(self, low: float, high: float) -> float:
        """Return a random number between ``low`` and ``high``, so that jobs do not send requests in step."""
        ...


class StopRequested(BaseException):
    """The CI system, or the person at the terminal, wants the program to stop."""


class Stop:
    """Remembers the first stop signal and ends interruptible work."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """The first signal that arrived."""
        self._waiting: list[SimpleQueue[object]] = []

    def install(self) -> None:
        """Handle SIGINT, SIGQUIT, SIGTERM and SIGHUP. As PID 1, a program without handlers would ignore SIGTERM.

        Windows has no SIGTERM that another process could send: GitHub's runner sends Ctrl-C and then Ctrl-Break, which
        counts as one. SIGHUP stays ignored under ``nohup``.
        """
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            is_kept = name == "SIGHUP" and number and signal.getsignal(number) is signal.SIG_IGN
            if number is not None and not is_kept:
                signal.signal(number, self._on_signal)

    @property
    def requested(self) -> bool:
        """Whether a stop signal has arrived."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """The shell's code for the signal: 129 for SIGHUP, 130 for SIGINT, 131 for SIGQUIT, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    @property
    def name(self) -> str:
        """The signal's name, such as ``SIGTERM``."""
        return (self.signal or signal.SIGINT).name

    def request(self, number: signal.Signals) -> None:
        """Do what the arrival of signal ``number`` does. May be called in a signal handler."""
        if self.signal is None:
            self.signal = number
        for queue in tuple(self._waiting):
            queue.put(_WAKE)  # SimpleQueue.put is reentrant: the handler may have interrupted a get of this very queue

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a stop signal end this thread's waits inside with ``StopRequested``, also one that came before."""
        self.check()
        outer, _this_thread.stop = _this_thread.stop, self
        try:
            yield
        finally:
            _this_thread.stop = outer

    def check(self) -> None:
        """Raise ``StopRequested`` if a stop signal has arrived."""
        if self.requested:
            raise StopRequested

    def sleep(self, clock: Clock, seconds: float) -> None:
        """Wait on ``clock``.

        Raises:
            StopRequested: a stop signal came.
        """
        with self.interrupting():
            clock.sleep(max(seconds, 0.0))
            self.check()

    @contextlib.contextmanager
    def waking(self, queue: SimpleQueue[object]) -> Iterator[None]:
        """Put a wake-up into ``queue`` when a stop signal comes."""
        self._waiting.append(queue)
        try:
            self.check()  # it may have come just before
            yield
        finally:
            self._waiting.remove(queue)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        is_break = number == getattr(signal, "SIGBREAK", None)
        self.request(signal.SIGTERM if is_break else signal.Signals(number))


class _ThisThread(threading.local):
    stop: Stop | None = None
    """The stop that may end the waits of this thread."""


_this_thread = _ThisThread()
_WAKE = object()


@cache
def stop_of_process() -> Stop:
    """Return the stop of this process's signals; the first call installs the signal handlers."""
    stop = Stop()
    stop.install()
    return stop


def next_item(queue: SimpleQueue[object], seconds: float) -> object | None:
    """Return the next item of ``queue``, or None after ``seconds``.

    Raises:
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    stop = _this_thread.stop
    deadline = time.monotonic() + seconds
    item: object | None = None
    with stop.waking(queue) if stop else contextlib.nullcontext():
        while item is None:
            left = max(deadline - time.monotonic(), 0.0)
            with contextlib.suppress(Empty):
                item = queue.get(timeout=min(left, _LONGEST_WAIT))
            if stop:
                stop.check()
            if left <= _LONGEST_WAIT:
                break
    return None if item is _WAKE else item


def bounded(work: Callable[[], T], seconds: float) -> T:
    """Return what ``work`` returns, or raise what it raises.

    The work is done on a thread of its own, because nothing else can bound or interrupt the lookup of a host name, and
    a peer that sends a byte now and then restarts a socket's timeout. A wait that ends early abandons the thread, which
    does not keep the program from exiting.

    Raises:
        TimeoutError: the work is not done after ``seconds``.
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    done: SimpleQueue[object] = SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # raised again in the thread that waits
            done.put((None, error))

    threading.Thread(target=run, name="bounded", daemon=True).start()
    outcome = next_item(done, seconds)
    if outcome is None:
        raise TimeoutError
    value, error = cast("tuple[T, BaseException | None]", outcome)
    if error is not None:
        raise error
    return value


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """See ``Clock``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        next_item(SimpleQueue(), seconds)

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """See ``Clock``."""
        return next_item(queue, seconds)

    def random(self, low: float, high: float) -> float:
        """See ``Clock``."""
        return random.uniform(low, high)  # noqa: S311 - not a secret
