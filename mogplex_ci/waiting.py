"""Stop signals and time, to which every wait of the program listens.

A stop signal ends only work that is marked with ``Stop.interrupting``: waits and network calls.
Everywhere else it is remembered and takes effect at the next mark, so that no file is left half
written.
"""

import contextlib
import errno
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final, TypeVar, cast

T = TypeVar("T")

_SIGNALS: Final = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Stop signals that the system has."""
_MAX_WAIT: Final = 0.25
"""Seconds until a wait notices a stop signal: on Windows no signal ends a wait, nor in any thread
but the main one.
"""


class StopRequested(BaseException):
    """The CI system, or the person at the terminal, wants the program to stop."""


class Clock:
    """The source of time: the machine's clock. Tests pass their own."""

    def monotonic(self) -> float:
        """Return seconds since some start; never jumps when the machine's time is set."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a stop signal ends an interruptible wait with ``StopRequested``."""
        self.next_item(SimpleQueue(), seconds)

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """Return the next item of ``queue``, or None after ``seconds``.

        Raises:
            StopRequested: a stop signal came, and this thread's work is interruptible.
        """
        ends = time.monotonic() + seconds
        while True:
            left = ends - time.monotonic()
            with contextlib.suppress(Empty):
                return queue.get(timeout=max(min(left, _MAX_WAIT), 0.0))
            if _this_thread.stop:
                _this_thread.stop.check()
            if left <= _MAX_WAIT:
                return None

    def random(self, low: float, high: float) -> float:
        """Return a random number between ``low`` and ``high``, so that jobs do not send requests in
        step.
        """
        return random.uniform(low, high)  # noqa: S311 - not a secret


class Stop:
    """Remembers the first stop signal and ends interruptible work."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """The first signal that arrived."""
        self.at: float | None = None
        """When it arrived, by the machine's clock; None before it."""

    def install(self) -> None:
        """Handle SIGINT, SIGQUIT, SIGTERM and SIGHUP. As PID 1, a program without handlers would
        ignore SIGTERM.

        Windows has no SIGTERM that another process could send: GitHub's runner sends Ctrl-C and
        then Ctrl-Break, which counts as one. SIGHUP stays ignored under ``nohup``.
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
        """The shell's code for the signal: 129 for SIGHUP, 130 for SIGINT, 131 for SIGQUIT, 143 for
        SIGTERM.
        """
        return 128 + (self.signal or signal.SIGINT)

    @property
    def name(self) -> str:
        """The signal's name, such as ``SIGTERM``."""
        return (self.signal or signal.SIGINT).name

    def left(self, seconds: float) -> float:
        """Return the rest of the ``seconds`` after the signal; all of them before one."""
        if self.at is None:
            return seconds
        return max(self.at + seconds - time.monotonic(), 0.0)

    def request(self, number: signal.Signals, at: float | None = None) -> None:
        """Handle the arrival of signal ``number`` at the time ``at``. May be called in a signal
        handler.
        """
        if self.signal is None:
            # Set the time first: other threads check only the signal.
            self.at = at
            self.signal = number

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a stop signal end this thread's waits inside with ``StopRequested``, also one that
        came before.
        """
        self.check()
        outer = _this_thread.stop
        _this_thread.stop = self
        try:
            yield
        finally:
            _this_thread.stop = outer

    def check(self) -> None:
        """Raise ``StopRequested`` if a stop signal has arrived."""
        if self.requested:
            raise StopRequested

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == getattr(signal, "SIGBREAK", None):
            number = signal.SIGTERM
        self.request(signal.Signals(number), time.monotonic())


class _ThisThread(threading.local):
    stop: Stop | None = None
    """The stop that may end the waits of this thread."""


_this_thread = _ThisThread()


@cache
def stop_of_process() -> Stop:
    """Return the stop of this process's signals; the first call installs the signal handlers."""
    stop = Stop()
    stop.install()
    return stop


class NoThreadError(OSError):
    """The system gives this process no further thread (``docker run --pids-limit``)."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "no thread is left")


def start_thread(work: Callable[[], object], name: str) -> None:
    """Do ``work`` on a thread of its own, which does not keep the program from exiting.

    Raises:
        NoThreadError: there is none to be had.
    """
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:  # CPython has no type of its own for it
        raise NoThreadError from error


def bounded(work: Callable[[], T], seconds: float) -> T:
    """Return the result of ``work``, or raise its error.

    The work is done on a thread of its own, because nothing else can bound or interrupt the lookup
    of a host name, and a peer that sends a byte now and then restarts a socket's timeout. A wait
    that ends early abandons the thread.

    Raises:
        NoThreadError: there is no thread to be had, and nothing was done.
        TimeoutError: the work is not done after ``seconds``.
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    done: SimpleQueue[object] = SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # raised again in the thread that waits
            done.put((None, error))

    start_thread(run, "bounded")
    outcome = Clock().next_item(done, seconds)
    if outcome is None:
        raise TimeoutError
    value, error = cast("tuple[T, BaseException | None]", outcome)
    if error is not None:
        raise error
    return value


_UNIT_SECONDS = (3600.0, 60.0, 1.0, 0.001)
"""Of an hour, a minute, a second and a millisecond."""
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_UNITS = re.compile(
    r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?",
    re.ASCII,
)
MAX_SECONDS = 30 * 24 * 3600.0


def parse_duration(text: str) -> float:
    """Return ``text`` in seconds.

    Units go from large to small, each at most once; a bare number is seconds.

    Raises:
        ValueError: not a duration, or longer than 30 days.
    """
    text = text.strip().lower()
    if _PLAIN.fullmatch(text):
        text += "s"
    match = _UNITS.fullmatch(text)
    # All units may be missing, so the pattern matches an empty text.
    if not text or match is None:
        raise ValueError("not a duration")
    parts = zip(match.groups(), _UNIT_SECONDS, strict=True)
    seconds = sum(float(number) * unit for number, unit in parts if number)
    if seconds > MAX_SECONDS:
        raise ValueError("longer than 30 days")
    return seconds
