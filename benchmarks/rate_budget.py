"""``python -m benchmarks.rate_budget``: jobs that share one token, against the service's own
limits.

All jobs and the service live in one virtual time, over real HTTP: only waiting takes time there,
and an hour of it passes in seconds. The hard case is measured: the jobs begin within five seconds,
and their runs end about five minutes later, together. Each run has a branch of its own, whose
commit the service records soon after the end. Exit 1 when a limit is not kept. ``--write`` puts the
table into benchmarks/figures.md, and numbers as arguments are the numbers of jobs to try.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.table import Row
from mogplex_ci.api.client import Client
from mogplex_ci.run.execution import Execution
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.service import Service
from mogplex_ci.run.start import Key
from mogplex_ci.waiting import Stop
from tests.emulator import Emulator
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualClock, VirtualTime

COMMAND = "python -m benchmarks.rate_budget"
JOBS = (1, 8, 14, 32)
FEWEST_ROUNDS = 5
MOST_SAMPLES = 32
"""Few jobs need more rounds, so that their polls meet the end at any time."""
PATIENCE = 3 * 3600.0
"""Seconds. The service allows 30 starts an hour, so that some of 32 jobs wait for an hour before
theirs.
"""
BEGIN_WITHIN = 5.0
END_WITHIN = 10.0
MOST_REQUESTS = 6
"""Requests allowed for each job on the stream, beside a status check a minute and the starts that
were refused.
"""
MOST_STREAM_DELAY = 2.0
"""Largest delay allowed on the stream, in seconds."""
MOST_POLL_DELAY = 1.5
"""Largest mean delay allowed while polling, in optima; where a job is alone, poll-interval sets the
pace instead.
"""
MOST_REFUSED_DELAY = 76.0
"""Largest delay allowed for jobs that do not know of each other, in seconds: three refusals make
polls 13 s apart, the first one after the end may be refused, too, the service then asks to wait for
a minute, and the step waits up to two seconds longer.
"""
INTERVAL = 1.5
LONG = """\
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
  - after: 800ms
    commit: "{{{{ commit_sha }}}}"
"""
SHORT = """\
steps:
  - after: 1s
    status: streaming
  - event: started
  - after: {last}s
    event: finished
  - after: 2ms
    status: success
  - after: 5s
    commit: "{{{{ commit_sha }}}}"
"""
"""Start and end lie in the same minute, and the commit comes late."""
MINUTES = {LONG: 5, SHORT: 0}
"""How long the runs last."""


@dataclass(frozen=True)
class Round:
    """The figures of one round."""

    requests: int
    """Requests in all, without those for starts that were refused."""
    busiest: int
    """Most requests that the service took within any minute."""
    refused_before: int
    """429 to lookups and starts."""
    refused_after: int
    """429 to a job whose run was started."""
    failed: int
    """Jobs that did not learn of their run's success."""
    delays: Sequence[float]
    """Seconds from the terminal status at the service to the last question about the run."""


@dataclass(frozen=True)
class Case:
    """Some jobs that share a token of one generation of the service."""

    api: str
    jobs: int
    known: bool = True
    """Whether each job knows of the others."""
    script: str = LONG

    @property
    def name(self) -> str:
        """How the table names it."""
        if not self.known:
            return f"{self.jobs}, not a matrix"
        return f"{self.jobs}, short runs" if self.script == SHORT else str(self.jobs)

    @property
    def most_requests(self) -> int:
        """Requests allowed on the stream."""
        return self.jobs * (MOST_REQUESTS + MINUTES[self.script])

    def rounds(self) -> list[Round]:
        """Play as many rounds as give enough samples."""
        return [play(self, seed) for seed in range(max(FEWEST_ROUNDS, MOST_SAMPLES // self.jobs))]

    def is_kept(self, rounds: Sequence[Round]) -> bool:
        """Return whether the limits are kept."""
        delays = [delay for each in rounds for delay in each.delays]
        if any(each.failed for each in rounds) or not delays:
            return False
        if self.known and any(each.refused_after for each in rounds):
            return False
        if self.api == "2026-11":
            most = max(each.requests for each in rounds)
            return most <= self.most_requests and max(delays) <= MOST_STREAM_DELAY
        if not self.known:
            return max(delays) <= MOST_REFUSED_DELAY
        return statistics.mean(delays) <= max(optimum(self.jobs), INTERVAL) * MOST_POLL_DELAY


def do_job(case: Case, emulator: Emulator, clock: VirtualClock, number: int) -> bool:
    """Take a step of a job from its start to its end; return whether it learned of the success."""
    client = clock.time.connect(Client(emulator.url, emulator.token))
    prompt = f"scenario: run-{number}"
    plan = Plan(
        typed_inputs(prompt=prompt, timeout=PATIENCE, poll_interval=INTERVAL),
        key=Key(_key(number), explicit=False, attempt="1", later_attempt=False),
        jobs_per_token=case.jobs if case.known else 1,
    )
    execution = Execution(Service(client, clock, Stop(), timeout=PATIENCE), plan)
    result = execution.perform()
    client.close()
    return result.ending.exit_code == 0


def play(case: Case, seed: int) -> Round:
    """Let the jobs of a case work once."""
    time, chance = VirtualTime(), random.Random(seed)  # noqa: S311 - not a secret
    succeeded: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scenarios = [Path(folder, f"run-{number}.yaml") for number in range(case.jobs)]
        for scenario in scenarios:
            last = chance.uniform(10, 10 + END_WITHIN)
            scenario.write_text(case.script.format(last=last), encoding="utf-8")
        with Emulator(
            others=scenarios, clock=time.monotonic, waiter=time.waiter, api=case.api
        ) as emulator:

            def work(number: int, clock: VirtualClock, begins: float) -> None:
                clock.sleep(begins)
                try:
                    if do_job(case, emulator, clock, number):
                        succeeded.append(_key(number))
                finally:
                    clock.leave()

            # All clocks first: time waits for those that are there.
            clocks = [time.clock(seed * 1000 + number) for number in range(case.jobs)]
            threads = [
                threading.Thread(target=work, args=(number, clock, chance.uniform(0, BEGIN_WITHIN)))
                for number, clock in enumerate(clocks)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return _measured(emulator, case.jobs, succeeded)


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
            script = run.scenario.steps
            lasted = next(step.at for step in script if step.status == "success")
            delays.append(last_look - _seconds(str(run.detail()["createdAt"])) - lasted)
    return Round(
        requests=len(taken) + len(started),
        busiest=max(sum(1 for other in taken if at <= other < at + 60) for at in taken),
        refused_before=len(refused) - len(started),
        refused_after=len(started),
        failed=jobs - len(succeeded),
        delays=delays,
    )


def _key(number: int) -> str:
    return f"job-{number}"


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def optimum(jobs: int) -> float:
    """Mean seconds to learn of the end when ``jobs`` jobs poll in turn, 60 times a minute
    together.
    """
    return jobs / 2


def measure() -> list[Row]:
    """Return the rows of ``python -m benchmarks``: a matrix of fourteen jobs, the case in which
    start and end of short runs lie in the same minute among them.
    """
    rows = []
    for words, case in (
        ("streamed", Case("2026-11", 14)),
        ("streamed, short runs", Case("2026-11", 14, script=SHORT)),
        ("polled", Case("2026-08", 14)),
    ):
        rounds = case.rounds()
        assert not any(each.failed for each in rounds), "a job failed"
        delays = [delay for each in rounds for delay in each.delays]
        what = f"14 jobs on one token, {words}"
        limit = optimum(case.jobs) * MOST_POLL_DELAY
        if case.api == "2026-11":
            limit = MOST_STREAM_DELAY
            requests = max(each.requests for each in rounds)
            rows.append(Row(f"{what}: requests", [requests], "", limit=case.most_requests))
        refused = sum(each.refused_after for each in rounds)
        rows += [
            Row(f"{what}: refused after the start", [refused], "", limit=0),
            Row(f"{what}: mean delay", [statistics.mean(delays)], "s", limit=limit),
        ]
    return rows


HEAD = ("service", "jobs", "requests", "busiest minute", "429 before, after the start")


def main() -> int:
    """Print the table; return 1 when a limit is not kept."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("jobs", nargs="*", type=int, default=JOBS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cases = []
    for api in ("2026-11", "2026-08"):
        for jobs in options.jobs:
            cases.append(Case(api, jobs))
            if jobs == 8:
                cases.append(Case(api, jobs, known=False))
            if jobs == 14 and api == "2026-11":
                cases.append(Case(api, jobs, script=SHORT))
    kept = True
    lines = [_line([*HEAD, "delay: mean, worst"]), _line(["---"] * (len(HEAD) + 1))]
    for case in cases:
        rounds = case.rounds()
        lines.append(_row(case, rounds))
        print(lines[-1], flush=True)
        if not case.is_kept(rounds):
            print("  its limits are not kept")
            kept = False
    print("\n".join(["", *lines]))
    if options.write:
        assert tuple(options.jobs) == JOBS, "the page has all numbers of jobs"
        Figures(COMMAND).write(tables={"benchmarks/figures.md": lines})
    return 0 if kept else 1


def _row(case: Case, rounds: Sequence[Round]) -> str:
    delays = [delay for each in rounds for delay in each.delays]
    refused = [
        _range([each.refused_before for each in rounds]),
        _range([each.refused_after for each in rounds]),
    ]
    requests = _range([each.requests for each in rounds])
    busiest = _range([each.busiest for each in rounds])
    delay = f"{statistics.mean(delays):.1f} s, {max(delays):.1f} s" if delays else "–"
    return _line([case.api, case.name, requests, busiest, ", ".join(refused), delay])


def _line(columns: Sequence[str]) -> str:
    return f"| {' | '.join(columns)} |"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"


if __name__ == "__main__":
    sys.exit(main())
