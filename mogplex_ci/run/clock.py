"""Time, as the run's code asks for it: tests hand in a clock of their own."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Where the run's code gets time from."""

    def monotonic(self) -> float:
        """Return seconds since some start; never jumps when the machine's time is set."""

    def sleep(self, seconds: float) -> None:
        """Wait; a stop signal may end the wait with ``StopRequested``."""

    def spread(self, low: float, high: float) -> float:
        """Return a random number between ``low`` and ``high``, so that jobs do not march in step."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """See ``Clock``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See ``Clock``."""
        time.sleep(max(seconds, 0.0))

    def spread(self, low: float, high: float) -> float:
        """See ``Clock``."""
        return random.uniform(low, high)  # noqa: S311 - not a secret
