"""Rate limits: rolling windows per token."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.emulator.clock import Clock
from tests.emulator.routes import Refused


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``most`` calls in any ``seconds``."""

    most: int
    seconds: float
    message: str


REQUESTS: Final = Window(60, 60, "Rate limit exceeded. Retry after 60s.")
STARTS: Final = (
    Window(10, 60, "External Mogplex run rate limit exceeded"),
    Window(30, 3600, "External Mogplex run rate limit exceeded"),
    Window(150, 86400, "Daily external Mogplex run quota exceeded"),
)


class Limits:
    """Counts the calls of each token. Refused calls do not count; replayed and invalid starts
    do.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requests: defaultdict[str, deque[float]] = defaultdict(deque)
        self._starts: defaultdict[str, deque[float]] = defaultdict(deque)

    def admit_request(self, token: str) -> None:
        """Count a request of ``token``.

        Raises:
            Refused: 429. ``Retry-After`` is the whole window, as the service sends it.
        """
        self._admit(self._requests[token], (REQUESTS,), lambda window, _oldest: window.seconds)

    def admit_start(self, token: str) -> None:
        """Count a start of ``token``.

        Raises:
            Refused: 429. ``Retry-After`` is the time until the oldest start leaves the window.
        """
        now = self._clock.now()
        self._admit(
            self._starts[token], STARTS, lambda window, oldest: oldest + window.seconds - now
        )

    def _admit(
        self,
        times: deque[float],
        windows: tuple[Window, ...],
        wait: Callable[[Window, float], float],
    ) -> None:
        now = self._clock.now()
        while times and times[0] <= now - windows[-1].seconds:
            times.popleft()
        for window in windows:
            inside = [at for at in times if at > now - window.seconds]
            if len(inside) >= window.most:
                seconds = math.ceil(self._clock.real_seconds(wait(window, inside[0])))
                raise Refused("RATE_LIMITED", window.message, {"retry-after": str(max(1, seconds))})
        times.append(now)
