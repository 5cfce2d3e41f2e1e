"""Connections that break behind TLS and a proxy: whole processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from select import select
from typing import get_args

import pytest

from tests.emulator import Emulator
from tests.https_proxy import Break, Front, How, HttpsProxy, Refusal, TlsFront, certificate
from tests.program import GitHubStep
from tests.slow import slow
from tests.waits import LONG

START = "POST .*/runs "
CANCEL = "POST .*/cancel "
AT_ONCE = 1e9
"""Speed at which a run has ended before its start is asked for again."""


ENDED = ("success", "failed", "cancelled")


@contextmanager
def served(
    folder: Path, way: str, scenario: str, speed: float
) -> Iterator[tuple[GitHubStep, Emulator, Front]]:
    """Serve ``scenario`` behind TLS, ``direct`` or behind a ``proxy``, to a step."""
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(scenario, speed=speed, limits=False))
        host = "mogplex.example" if way == "proxy" else "127.0.0.1"
        public = certificate(folder, host)
        kind: type[HttpsProxy | TlsFront] = HttpsProxy if way == "proxy" else TlsFront
        front = stack.enter_context(kind(emulator.url, public).serving())
        step = GitHubStep(folder, {"prompt": "Fix it", "api-key": emulator.token})
        step.env["REQUESTS_CA_BUNDLE"] = str(public)
        if way == "proxy":
            step.env["HTTPS_PROXY"] = f"http://127.0.0.1:{front.server_port}"
        else:
            host += f":{front.server_port}"
        step.inputs["base-url"] = f"https://{host}"
        yield step, emulator, front


ROUTES = ("GET .*/repos", CANCEL, CANCEL, "GET .*/events", "GET .*/stream", "GET .*/runs/")
EVERYDAY = (6, 8)
"""Plays that lost or doubled a run before a connection noted whether it was made."""
RESULTS = {0: "success", 1: "failed timeout", 69: "error", 130: "interrupted", 143: "interrupted"}
# While Python ends itself, behind the last line, a signal ends it as it ends any program.
RESULTS |= {-signal.SIGTERM: "success failed timeout error"}
"""By exit code."""
SIGNALS = (None, signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


@pytest.mark.parametrize(
    "seed", [*EVERYDAY, *slow(seed for seed in range(40) if seed not in EVERYDAY)]
)
def test_whatever_breaks_no_run_is_left_behind_or_paid_twice(tmp_path: Path, seed: int) -> None:
    """A play of faults and signals: behind a proxy if the seed is even, directly if it is odd."""
    random = Random(seed)  # noqa: S311 - not a secret
    way = "direct" if seed % 2 else "proxy"
    number = random.choice(SIGNALS)
    scenario = random.choice(["success", "failed", "slow"])
    speed = random.choice([1.0, 20.0, AT_ONCE])
    with served(tmp_path, way, scenario, speed) as (step, emulator, front):
        step.inputs |= {"timeout": f"{random.randint(2, 6)}s", "on-timeout": "cancel"}
        routes = [START, *random.choices(ROUTES, k=random.randint(0, 2))]
        front.breaks = [
            Break(
                route,
                random.choice(get_args(How)),
                carried_out=random.random() < 0.7,
                times=random.choice([1, 2, 99]),
            )
            for route in routes
        ]
        if isinstance(front, HttpsProxy):
            healthy = random.randint(0, 4)
            refusals = random.choices(get_args(Refusal), k=random.randint(0, 2))
            front.refusals = [*[None] * healthy, *refusals]
        with step.start() as process:
            if number is not None:
                # Until its first words, a signal ends it as it ends any program.
                assert process.stdout is not None
                select([process.stdout], [], [], LONG)
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=random.uniform(0.5, 5.0))
                process.send_signal(number)
            log, _ = process.communicate(timeout=LONG)
        code = process.returncode
        assert code == -signal.SIGKILL or step.outputs["result"] in RESULTS[code]
        front.breaks.clear()
        if isinstance(front, HttpsProxy):
            front.refusals.clear()
        ended = step.run("post")
        assert ended.code == 0, ended.out
        assert [run.status for run in emulator.runs if run.status not in ENDED] == [], log
        assert len(emulator.runs) <= 1, log
        if "No run was started" in log:
            assert emulator.runs == []
        if emulator.runs and number != signal.SIGKILL:
            assert step.outputs["idempotency-key"] == emulator.runs[0].key
