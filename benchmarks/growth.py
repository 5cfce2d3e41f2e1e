"""Whether a long run costs more than a short one: requests and CPU in its first and its last minutes."""

from __future__ import annotations

import io
import time
from itertools import pairwise
from statistics import mean

from benchmarks.table import Row
from mogplex_ci.api.budget import PollInterval
from mogplex_ci.api.client import Client
from mogplex_ci.emulator import Emulator
from mogplex_ci.platforms.github import GITHUB, GitHubActions
from mogplex_ci.report.run_log import RunLog
from mogplex_ci.run.follow import Follower
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.waiting import Stop
from tests.virtual_time import VirtualTime

MINUTES = 28
"""Minutes of the scenario ``slow``, which has an event now and then."""
COMPARED = 5


def measure() -> list[Row]:
    """Follow half an hour in a time that jumps."""
    early, late = slice(1, 1 + COMPARED), slice(-COMPARED, None)
    streamed, cpu = _follow("2026-11")
    polled, _ = _follow("2026-08")  # the server is in this process, too, and writes longer and longer pages
    figures = [
        ("requests a minute, streamed", "", streamed, 3, 1.1),
        ("requests a minute, polled", "", polled, 60, 1.1),
    ]
    return [
        Row(what, [mean(each[late])], unit, "first minutes", [mean(each[early])], limit=limit, ratio_limit=ratio)
        for what, unit, each, limit, ratio in [*figures, ("CPU a minute, streamed", "ms", cpu, 100, 1.5)]
    ]


def _follow(api: str) -> tuple[list[float], list[float]]:
    """Return the requests, and the CPU milliseconds, of each minute."""
    virtual_time = VirtualTime()
    with Emulator("slow", clock=virtual_time.monotonic, waiter=virtual_time.waiter, limits=False, api=api) as emulator:
        client, clock = virtual_time.connect(Client(emulator.url, emulator.token)), virtual_time.clock()
        log = RunLog(GitHubActions(GITHUB, {}, io.StringIO()), Sanitizer())
        run = client.start({"repoId": client.repos()[0].id, "prompt": "Fix it"}, "key").run
        marks: list[tuple[int, float]] = []
        for minute in range(MINUTES):
            clock.ring(60.0 * minute, lambda: marks.append((client.requests_sent, time.process_time())))
        interval = PollInterval(clock, shortest=1.5, jobs_per_token=1)
        follower = Follower(Service(client, clock, Stop()), run, interval)
        for update in follower.follow(60.0 * MINUTES):
            log.on(update)
        clock.leave()
        client.close()
    requests = [float(later[0] - earlier[0]) for earlier, later in pairwise(marks)]
    return requests, [(later[1] - earlier[1]) * 1000 for earlier, later in pairwise(marks)]
