"""The stop signal: SIGINT and SIGTERM, delivered where the program can act on them.

A signal interrupts only what is marked as interruptible, the waits and the network calls. Everywhere else it is
remembered, so that no file is left half written, and takes effect at the next mark.
"""

from __future__ import annotations

import contextlib
import signal
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@cache
def stop_of_process() -> Stop:
    """Return the one that this process's signals request; the first call takes the signals over."""
    stop = Stop()
    stop.install()
    return stop


class StopRequested(BaseException):
    """The CI system, or the person at the terminal, wants the program to stop."""


class Stop:
    """Remembers the first stop signal and ends interruptible work."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """The first signal that arrived."""
        self._armed = False

    def install(self) -> None:
        """Take over SIGINT and SIGTERM. As PID 1 a program without handlers would ignore SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    @property
    def requested(self) -> bool:
        """Whether a stop signal has arrived."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """The shell's code for the signal: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    @property
    def name(self) -> str:
        """The signal's name, such as ``SIGTERM``."""
        return (self.signal or signal.SIGINT).name

    def request(self, number: signal.Signals) -> None:
        """Do what the arrival of signal ``number`` does."""
        if self.signal is None:
            self.signal = number
        if self._armed:
            self._armed = False
            raise StopRequested

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a stop signal end the work inside with ``StopRequested``, also one that came before."""
        self._armed = True
        try:
            if self.requested:
                raise StopRequested
            yield
        finally:
            self._armed = False

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.request(signal.Signals(number))
