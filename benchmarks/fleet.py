"""Many runs in one step: how long they take within the token's limits, and what following them
costs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.memory import FULL_FEED, ROOT, peak
from benchmarks.table import Row
from tests.emulator import Emulator
from tests.faults.test_fleet import cases, perform, refused, results
from tests.faults.world import World
from tests.program import GitHubStep

RUNS, AT_ONCE = 30, 10
_STARTS_A_MINUTE = 10
IDLE_SECONDS = 20.0
_REPOS = [f"acme/repository-{number}" for number in range(RUNS)]


def measure() -> list[Row]:
    """Compare the makespan with the optimum under the start limits, and runner minutes with those
    of a matrix.
    """
    took, alone, refusals = _makespan()
    optimum = (RUNS / _STARTS_A_MINUTE - 1) * 60 + alone
    return [
        Row(
            f"{RUNS} runs, {AT_ONCE} at once: makespan",
            [took],
            "s",
            "optimum",
            [optimum],
            ratio_limit=1.15,
        ),
        Row("requests refused", [refusals], "", limit=0),
        Row("runner minutes", [took / 60], "min", "matrix", [_matrix_minutes(alone)]),
        Row(
            f"{RUNS} full feeds of 20 KB payloads, every report: peak memory",
            [_memory()],
            "MiB",
            limit=128,
        ),
        Row(f"CPU of a core while {AT_ONCE} runs are idle", [_idle_cpu()], "%", limit=3),
    ]


def _makespan() -> tuple[float, float, int]:
    """Return the seconds of a fleet and of a run alone, and the refusals, in virtual time."""
    world = World.serve(limits=True)
    with world.emulator:
        played = perform(world, cases(world, *["success"] * RUNS), AT_ONCE)
        assert results(played) == ["success"] * RUNS
    alone = World.serve(limits=True)
    with alone.emulator:
        return played[0].seconds, perform(alone, cases(alone, "success"))[0].seconds, refused(world)


def _matrix_minutes(alone: float) -> float:
    """Return what the same runs cost as jobs: each waits for its own run, and those refused for
    their start too.

    At best: jobs begin together, and a minute's start limit lets ten of them start at once.
    """
    waits = [number // _STARTS_A_MINUTE * 60 for number in range(RUNS)]
    return sum(wait + alone for wait in waits) / 60


def _memory() -> float:
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "full.yaml")
        scenario.write_text(FULL_FEED, encoding="utf-8")
        with Emulator(scenario, limits=False, repos=_REPOS) as emulator:
            step = _step(folder, emulator)
            step.inputs |= {"output-dir": "out"}
            environment = step.environment | _malloc_in_the_image()
            return peak([str(ROOT / "entrypoint.py")], environment, folder)


def _malloc_in_the_image() -> dict[str, str]:
    """Return the settings of malloc that the image has."""
    return dict(
        re.findall(r"(MALLOC_\w+)=(\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    )


def _idle_cpu() -> float:
    """Return the percentage of a core that a process needs while its runs are at work in
    silence.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator("slow", limits=False, repos=_REPOS) as emulator,
    ):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "entrypoint.py")],
            env={"PATH": os.environ["PATH"], **_step(folder, emulator).environment},
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        try:
            while sum(request.route == "stream" for request in emulator.requests) < AT_ONCE:
                time.sleep(0.1)
            before = _cpu_seconds(process.pid)
            time.sleep(IDLE_SECONDS)
            return 100 * (_cpu_seconds(process.pid) - before) / IDLE_SECONDS
        finally:
            process.terminate()
            process.wait()


def _step(folder: str, emulator: Emulator) -> GitHubStep:
    repos = "acme/repository-*"
    inputs = {"prompt": "Fix it", "repo": repos, "max-parallel": str(AT_ONCE)}
    return GitHubStep(Path(folder), inputs | {"base-url": emulator.url, "api-key": emulator.token})


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
