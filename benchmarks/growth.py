"""Whether a long run costs more than a short one: requests and CPU in its first and its last
minutes.
"""

from __future__ import annotations

import io
import time
from itertools import pairwise
from statistics import mean

from benchmarks.table import ROUNDS, Row
from mogplex_ci.api.budget import PollInterval
from mogplex_ci.api.client import Client
from mogplex_ci.emulator import Emulator
from mogplex_ci.platforms.github import GITHUB, GitHubActions
from mogplex_ci.report.log_lines import JobLogLines
from mogplex_ci.report.run_log import RunLog
from mogplex_ci.run.follow import Follower
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.waiting import Stop
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualTime

MINUTES = 28
"""Minutes of the scenario ``slow``, which has an event now and then."""
COMPARED = 5


def measure() -> list[Row]:
    """Follow half an hour in a time that jumps."""
    early, late = slice(1, 1 + COMPARED), slice(-COMPARED, None)
    rounds = [_follow("2026-11") for _ in range(ROUNDS)]
    polled, _ = _follow(
        "2026-08"
    )  # the server is in this process, too, and writes longer and longer pages
    rows = [
        Row(
            what,
            [mean(each[late])],
            "",
            "first minutes",
            [mean(each[early])],
            limit=limit,
            ratio_limit=1.1,
        )
        for what, each, limit in [
            ("requests a minute, streamed", rounds[0][0], 3),
            ("requests a minute, polled", polled, 60),
        ]
    ]
    last, first = ([used for _, cpu in rounds for used in cpu[part]] for part in (late, early))
    return [
        *rows,
        Row(
            "CPU a minute, streamed", last, "ms", "first minutes", first, limit=100, ratio_limit=1.5
        ),
    ]


def _follow(api: str) -> tuple[list[float], list[float]]:
    """Return the requests, and the CPU milliseconds, of each minute."""
    virtual_time = VirtualTime()
    with Emulator(
        "slow", clock=virtual_time.monotonic, waiter=virtual_time.waiter, limits=False, api=api
    ) as emulator:
        client, clock = (
            virtual_time.connect(Client(emulator.url, emulator.token)),
            virtual_time.clock(),
        )
        log = RunLog(
            JobLogLines(GitHubActions(GITHUB, {}, io.StringIO()), Sanitizer()), typed_inputs()
        )
        run = client.start({"repoId": client.repos()[0].id, "prompt": "Fix it"}, "key").run
        marks: list[tuple[int, float]] = []
        for minute in range(MINUTES):
            clock.ring(
                60.0 * minute, lambda: marks.append((client.requests_sent, time.process_time()))
            )
        interval = PollInterval(clock, shortest=1.5, jobs_per_token=1)
        follower = Follower(Service(client, clock, Stop()), run, interval)
        for update in follower.follow(60.0 * MINUTES):
            log.on(update)
        clock.leave()
        client.close()
    requests = [float(later[0] - earlier[0]) for earlier, later in pairwise(marks)]
    return requests, [(later[1] - earlier[1]) * 1000 for earlier, later in pairwise(marks)]
