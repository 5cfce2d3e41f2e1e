"""``python -m benchmarks.rate_budget``: jobs that share one token, against the service's own
limits.

All jobs and the service live in one virtual time, over real HTTP: only waiting takes time there,
and an hour of it passes in seconds. The hard case is measured: the jobs begin within five seconds,
and their runs end about five minutes later, together. Exit 1 when a job fails, when jobs that a
matrix announced meet 429 after their start, or when they learn of the end too late: on the stream
after more than two seconds, while polling much later than 60 requests a minute allow.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from mogplex_ci.api.client import API_PATH, Client
from mogplex_ci.emulator import Emulator
from mogplex_ci.models import TERMINAL_STATUSES
from mogplex_ci.run.one import Execution, Plan
from mogplex_ci.run.service import Service
from mogplex_ci.run.start import Key
from mogplex_ci.waiting import Stop
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualClock, VirtualTime

JOBS = (1, 2, 8, 32)
FEWEST_ROUNDS = 5
MOST_SAMPLES = 32
"""Few jobs need more rounds, so that their polls meet the end at any time."""
PATIENCE = 3 * 3600.0
"""Seconds. The service allows 30 starts an hour, so that some of 32 jobs wait for an hour before
theirs.
"""
BEGIN_WITHIN = 5.0
END_WITHIN = 10.0
MOST_STREAM_DELAY = 2.0
"""Largest mean delay allowed on the stream, in seconds."""
MOST_POLL_DELAY = 1.5
"""The same while polling, in optima; where a job is alone, poll-interval sets the pace instead."""
INTERVAL = 1.5
_SCENARIO = """\
steps:
  - after: 20s
    status: streaming
  - event: started
  - repeat: 9
    steps:
      - after: 10s
        event: tool_started
        tool: shell
      - after: 20s
        event: tool_finished
        tool: shell
  - after: {last}s
    event: finished
  - after: 2ms
    status: success
"""

Job = Callable[[Emulator, VirtualClock, int], bool]
"""Does one job, given its number; returns whether it learned of the success."""


@dataclass(frozen=True)
class Round:
    """The figures of one round."""

    busiest: int
    """Most requests that the service took within any minute."""
    refused_before: int
    """429 to lookups and starts."""
    refused_after: int
    """429 to a job whose run was started."""
    failed: int
    """Jobs that did not learn of their run's success."""
    delays: Sequence[float]
    """Seconds from the terminal status at the service to the end of the job."""


def ours(jobs: int) -> Job:
    """Return a step of this project that knows of ``jobs`` jobs."""

    def job(emulator: Emulator, clock: VirtualClock, number: int) -> bool:
        client = clock.time.connect(Client(emulator.url, emulator.token))
        plan = Plan(
            typed_inputs(timeout=PATIENCE, poll_interval=INTERVAL),
            request=lambda repo_id, _: {"repoId": repo_id, "prompt": _prompt(number)},
            key=Key(_key(number), explicit=False, attempt="1", later_attempt=False),
            jobs_per_token=jobs,
        )
        execution = Execution(Service(client, clock, Stop(), timeout=PATIENCE), plan)
        for _ in execution.perform():
            pass
        client.close()
        return execution.result.exit_code == 0

    return job


def poller(*, gives_up: bool) -> Job:
    """Return a plain loop with a fixed pause; an error status ends it, or is taken for 'not
    yet'.
    """

    def job(emulator: Emulator, clock: VirtualClock, number: int) -> bool:
        url, session = emulator.url + API_PATH, requests.Session()
        session.headers.update(
            {"Authorization": f"Bearer {emulator.token}", "Idempotency-Key": _key(number)}
        )
        began = clock.monotonic()

        def ask(method: str, path: str, body: object = None) -> Any:
            while clock.monotonic() - began < PATIENCE:
                answer = session.request(method, url + path, json=body, timeout=60)
                if answer.ok:
                    return answer.json()["data"]
                if gives_up:
                    break
                clock.sleep(INTERVAL)
            return None

        repos = ask("GET", "/repos")
        started = repos and ask(
            "POST", "/runs", {"repoId": repos["repos"][0]["id"], "prompt": _prompt(number)}
        )
        while started and (answer := ask("GET", f"/runs/{started['runId']}/events")) is not None:
            if answer["run"]["status"] in TERMINAL_STATUSES:
                return bool(answer["run"]["status"] == "success")
            clock.sleep(INTERVAL)
        return False

    return job


def play(jobs: int, job: Job, seed: int, api: str) -> Round:
    """Let ``jobs`` jobs share a token of one generation of the service."""
    time, chance = VirtualTime(), random.Random(seed)  # noqa: S311 - not a secret
    succeeded: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scenarios = [Path(folder, f"run-{number}.yaml") for number in range(jobs)]
        for scenario in scenarios:
            scenario.write_text(
                _SCENARIO.format(last=chance.uniform(10, 10 + END_WITHIN)), encoding="utf-8"
            )
        with Emulator(
            others=scenarios, clock=time.monotonic, waiter=time.waiter, api=api
        ) as emulator:

            def work(number: int, clock: VirtualClock, begins: float) -> None:
                clock.sleep(begins)
                try:
                    if job(emulator, clock, number):
                        succeeded.append(_key(number))
                finally:
                    clock.leave()

            # All clocks first: time waits for those that are there.
            clocks = [time.clock(seed * 1000 + number) for number in range(jobs)]
            threads = [
                threading.Thread(target=work, args=(number, clock, chance.uniform(0, BEGIN_WITHIN)))
                for number, clock in enumerate(clocks)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return _measured(emulator, jobs, succeeded)


def _measured(emulator: Emulator, jobs: int, succeeded: Sequence[str]) -> Round:
    taken = sorted(_seconds(each.time) for each in emulator.requests if each.status != 429)
    refused = [each.route for each in emulator.requests if each.status == 429]
    started = [route for route in refused if route in ("stream", "events", "run", "cancel")]
    delays = []
    for run in emulator.runs:
        if run.key in succeeded:
            last_look = max(
                _seconds(each.time) for each in emulator.requests if run.id in each.path
            )
            delays.append(last_look - _seconds(str(run.detail()["updatedAt"])))
    return Round(
        busiest=max(sum(1 for other in taken if at <= other < at + 60) for at in taken),
        refused_before=len(refused) - len(started),
        refused_after=len(started),
        failed=jobs - len(succeeded),
        delays=delays,
    )


def _key(number: int) -> str:
    return f"job-{number}"


def _prompt(number: int) -> str:
    return f"scenario: run-{number}"


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def optimum(jobs: int) -> float:
    """Mean seconds to learn of the end when ``jobs`` jobs poll in turn, 60 times a minute
    together.
    """
    return jobs / 2


HEAD = (
    *(
        "service",
        "jobs",
        "busiest minute",
        "429 before, after the start",
        "failed",
        "delay: mean, worst",
    ),
    *(
        "best possible mean",
        "1.5 s poller: failed",
        "ignoring errors: 429",
        "its delay: mean, worst",
    ),
)


def main() -> int:
    """Print the table; return 1 when a limit is not kept. Arguments: numbers of jobs, instead of
    all.
    """
    kept = True
    for columns in (HEAD, ["---"] * len(HEAD)):
        _print(columns)
    for api in ("2026-11", "2026-08"):
        for jobs in map(int, sys.argv[1:]) if sys.argv[1:] else JOBS:
            kept &= _compare(api, jobs)
    return 0 if kept else 1


def _compare(api: str, jobs: int) -> bool:
    """Print one number of jobs on one generation beside plain pollers; return whether the limits
    are kept.
    """
    rounds = range(max(FEWEST_ROUNDS, MOST_SAMPLES // jobs))
    announced = [play(jobs, ours(jobs), seed, api) for seed in rounds]
    best = "–" if api == "2026-11" else f"{optimum(jobs):.1f} s"
    theirs = ["", "", ""]
    if api == "2026-08":  # they would poll the newest service just the same
        seeds = rounds if jobs < 32 else range(1)  # thousands of refused requests
        plain = [play(jobs, poller(gives_up=True), seed, api) for seed in seeds]
        stubborn = [play(jobs, poller(gives_up=False), seed, api) for seed in seeds]
        refused = [each.refused_before + each.refused_after for each in stubborn]
        theirs = [_range([each.failed for each in plain]), _range(refused), _delay(stubborn)]
    _print([api, str(jobs), *_columns(announced), best, *theirs])
    if jobs == 8:
        unaware = [play(jobs, ours(1), seed, api) for seed in rounds]
        _print([api, "8, not a matrix", *_columns(unaware), best, *theirs])
    return _is_kept(api, jobs, announced)


def _is_kept(api: str, jobs: int, rounds: Sequence[Round]) -> bool:
    delays = [delay for each in rounds for delay in each.delays]
    most = MOST_STREAM_DELAY if api == "2026-11" else max(optimum(jobs), INTERVAL) * MOST_POLL_DELAY
    in_time = bool(delays) and statistics.mean(delays) <= most
    return in_time and not any(each.failed or each.refused_after for each in rounds)


def _columns(rounds: Sequence[Round]) -> list[str]:
    refused = [
        _range([each.refused_before for each in rounds]),
        _range([each.refused_after for each in rounds]),
    ]
    busiest, failed = [each.busiest for each in rounds], [each.failed for each in rounds]
    return [_range(busiest), ", ".join(refused), _range(failed), _delay(rounds)]


def _delay(rounds: Sequence[Round]) -> str:
    delays = [delay for each in rounds for delay in each.delays]
    return f"{statistics.mean(delays):.1f} s, {max(delays):.1f} s" if delays else "–"


def _print(columns: Sequence[str]) -> None:
    print(f"| {' | '.join(columns)} |", flush=True)


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"


if __name__ == "__main__":
    sys.exit(main())
