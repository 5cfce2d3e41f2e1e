"""Runs a Python program with something altered: ``python altered.py HOW PROGRAM ARGUMENTS…``."""

from __future__ import annotations

import runpy
import signal
import sys
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from mogplex_ci import waiting
from mogplex_ci.waiting import Clock

HOUR_PASSES: Final = signal.SIGUSR1
SPEED: Final = 100


def movable_clock() -> None:
    """Its time goes on as usual, and at each ``HOUR_PASSES`` an hour has passed."""
    real, ahead = time.monotonic, 0.0

    def an_hour_passes(*_: object) -> None:
        nonlocal ahead
        ahead += 3600.0

    signal.signal(HOUR_PASSES, an_hour_passes)
    time.monotonic = lambda: real() + ahead


def fast_clock() -> None:
    """It waits a hundredth of the time. What it computes takes its time, and so do answers over the
    network, for which ``bounded`` waits.
    """
    usual, ahead = Clock.next_item, 0.0

    class UsualClock(Clock):
        monotonic, next_item = Clock.monotonic, Clock.next_item

    def monotonic(_: Clock) -> float:
        return time.monotonic() + ahead

    def next_item(clock: Clock, queue: SimpleQueue[object], seconds: float) -> object | None:
        nonlocal ahead
        began = time.monotonic()
        try:
            return usual(clock, queue, seconds / SPEED)
        finally:
            # A machine that is busy ends a wait late: that is not made a hundred times as long.
            waited = min(time.monotonic() - began, seconds / SPEED)
            ahead += max(waited, 0.0) * (SPEED - 1)

    waiting.Clock = UsualClock  # type: ignore[misc]  # for a process of its own
    Clock.monotonic, Clock.next_item = monotonic, next_item  # type: ignore[method-assign,assignment]  # as above


def main() -> None:
    """Run the program, with its own arguments."""
    del sys.argv[0]
    {"movable-clock": movable_clock, "fast-clock": fast_clock}[sys.argv.pop(0)]()
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
