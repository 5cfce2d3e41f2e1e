"""The emulator's time: one clock for scripts and limits, which may run faster than the wall's."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds since the emulator started, multiplied by ``speed``."""

    def __init__(self, source: Callable[[], float] = time.monotonic, speed: float = 1.0) -> None:
        if not (math.isfinite(speed) and speed > 0):
            raise ValueError(f"speed must be a positive number, not {speed}")
        self.speed = speed
        self._source = source
        self._origin = source()
        self._wall_origin = time.time()

    def now(self) -> float:
        """Return the scaled seconds since the start."""
        return (self._source() - self._origin) * self.speed

    def wall(self, at: float) -> datetime:
        """Return the wall's time at the scaled second ``at``."""
        return datetime.fromtimestamp(self._wall_origin + at / self.speed, UTC)

    def stamp(self, at: float) -> str:
        """Write ``at`` as the API does: microseconds without trailing zeros, offset ``+00:00``."""
        text = self.wall(at).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
        return f"{text}+00:00"

    def real_seconds(self, scaled: float) -> float:
        """Return how long a client with an ordinary clock waits for ``scaled`` seconds to pass."""
        return scaled / self.speed
