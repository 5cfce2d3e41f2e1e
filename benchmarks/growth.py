"""Whether a long run costs more than a short one: requests and CPU in its first and its last minutes."""

from __future__ import annotations

import io
import time

from mogplex_ci.run.pace import Pace
from mogplex_ci.run.stop import Stop

from benchmarks.table import Row
from mogplex_ci.api.client import Client
from mogplex_ci.emulator import Emulator
from mogplex_ci.models import StartRequest
from mogplex_ci.platforms.github import GitHub
from mogplex_ci.report.log import LogReport
from mogplex_ci.run.follow import Follower
from mogplex_ci.sanitize import Sanitizer

MINUTES = 28
"""Minutes of the scenario ``slow``, which has an event now and then."""
INTERVAL = 1.5


class _JumpingClock:
    """Waits by jumping ahead; notes CPU and requests at every minute."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[tuple[float, float]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append((self.now, time.process_time()))
        self.now += seconds

    def spread(self, low: float, high: float) -> float:
        return (low + high) / 2


def measure() -> list[Row]:
    """Follow half an hour on a clock that jumps; the server's CPU is in the figures, it runs in this process."""
    clock = _JumpingClock()
    with Emulator("slow", clock=clock.monotonic, limits=False) as emulator:
        client = Client(emulator.url, emulator.token)
        log = LogReport(GitHub({}, io.StringIO()), Sanitizer())
        repo = client.repos()[0]
        run = client.start(_request(repo.id), "key").run
        follower = Follower(client, clock=clock, stop=Stop(), pace=Pace(clock, INTERVAL, 1), began=0.0)
        for happening in follower.follow(run, deadline=60.0 * MINUTES):
            log.on(happening)
        client.close()
    early, late = _minutes(clock, 1, 6), _minutes(clock, MINUTES - 6, MINUTES - 1)
    return [
        Row("requests a minute, last minutes", [late[0]], "", "first minutes", [early[0]], limit=60, ratio_limit=1.1),
        Row("CPU of a request, last minutes", [late[1]], "ms", "first minutes", [early[1]], ratio_limit=1.5),
    ]


def _request(repo_id: str) -> StartRequest:
    return StartRequest(repo_id=repo_id, prompt="Fix it")


def _minutes(clock: _JumpingClock, first: int, last: int) -> tuple[float, float]:
    """Return requests a minute, and CPU milliseconds a request, from minute ``first`` to ``last``."""
    inside = [cpu for at, cpu in clock.sleeps if first * 60 <= at < last * 60]
    return len(inside) / (last - first), (inside[-1] - inside[0]) / (len(inside) - 1) * 1000
