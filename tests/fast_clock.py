"""Runs a program of ours that waits a hundredth of the time: ``python fast_clock.py PROGRAM
ARGUMENTS…``.

Only waits are fast. What the program computes, and what it asks over the network, takes its time.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from mogplex_ci import waiting
from mogplex_ci.waiting import Clock

SPEED: Final = 100


class FastClock(Clock):
    """The clock that replaces the machine's."""

    ahead = 0.0

    def monotonic(self) -> float:
        """See ``Clock``."""
        return time.monotonic() + FastClock.ahead

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """See ``Clock``."""
        began = time.monotonic()
        try:
            return _USUAL(self, queue, seconds / SPEED)
        finally:
            # A machine that is busy ends a wait late: that is not made a hundred times as long.
            waited = min(time.monotonic() - began, seconds / SPEED)
            FastClock.ahead += max(waited, 0.0) * (SPEED - 1)


class UsualClock(Clock):
    """The clock of ``bounded``: an answer over the network takes its time."""

    def monotonic(self) -> float:
        """See ``Clock``."""
        return time.monotonic()

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        """See ``Clock``."""
        return _USUAL(self, queue, seconds)


_USUAL = Clock.next_item


def main() -> None:
    """Run the program, with its own arguments."""
    Clock.monotonic = FastClock.monotonic  # type: ignore[method-assign,assignment]  # for a process of its own
    Clock.next_item = FastClock.next_item  # type: ignore[method-assign,assignment]  # as above
    waiting.Clock = UsualClock  # type: ignore[misc]  # as above
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
