"""Connections that break behind TLS and a proxy, and a machine that has no thread left: whole
processes.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from tests.altered import NO_THREAD, THREADS_AGAIN
from tests.emulator import Emulator
from tests.emulator.run import Run
from tests.https_proxy import Break, Front, How, HttpsProxy, Refusal, TlsFront, certificate
from tests.program import FEW_THREADS, GitHubStep
from tests.slow import slow
from tests.waits import LONG, asked, wait_until

START = "POST .*/runs "
CANCEL = "POST .*/cancel "
AT_ONCE = 1e9
"""Speed at which a run has ended before its start is asked for again."""


class Scene:
    """A step, and the service behind TLS."""

    def __init__(self, step: GitHubStep, emulator: Emulator, front: Front) -> None:
        self.step = step
        self.emulator = emulator
        self.front = front

    @property
    def live(self) -> list[Run]:
        """The runs that are at work."""
        return [run for run in self.emulator.runs if run.status not in ENDED]

    def stopped(self, process: subprocess.Popen[str], by: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop the step and return its exit code and log."""
        process.send_signal(by)
        log, _ = process.communicate(timeout=LONG)
        return process.returncode, log

    def post(self) -> str:
        """Run the clean-up, with a service that is well, and return its log."""
        self.front.breaks.clear()
        if isinstance(self.front, HttpsProxy):
            self.front.refusals.clear()
        ended = self.step.run("post")
        assert ended.code == 0, ended.out
        return ended.out


ENDED = ("success", "failed", "cancelled")


@contextmanager
def scene(folder: Path, way: str, scenario: str, speed: float = 1.0) -> Iterator[Scene]:
    """Serve ``scenario`` behind TLS, ``direct`` or behind a ``proxy``."""
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
        yield Scene(step, emulator, front)


@pytest.mark.parametrize("refusal", ["hang up", *slow(["503", "no certificate"])])
def test_without_a_connection_to_the_service_nothing_was_started(
    tmp_path: Path, refusal: Refusal
) -> None:
    with scene(tmp_path, "proxy", "success") as at:
        proxy = at.front
        assert isinstance(proxy, HttpsProxy)
        at.step.inputs["repo"] = "1c1b4f6e-3d59-4b0e-9d8e-1a2b3c4d5e6f"
        proxy.refusals = [refusal] * 99
        with at.step.start() as process:
            wait_until(lambda: len(proxy.connected) > 1, process)
            code, log = at.stopped(process)
        assert code == 143, log
        assert "No run was started" in log
        assert at.step.saved == []


@pytest.mark.slow
@pytest.mark.parametrize("ends_in_cancel", [False, True])
def test_a_step_outlives_a_time_without_threads(tmp_path: Path, ends_in_cancel: bool) -> None:
    with Emulator("slow" if ends_in_cancel else "success", limits=False) as emulator:
        inputs = {"prompt": "Fix it", "api-key": emulator.token, "base-url": emulator.url}
        step = GitHubStep(tmp_path, inputs)
        emulator.inject("stream", close="1s")
        with step.start(through=FEW_THREADS) as process:
            wait_until(asked(emulator, "stream"), process)
            process.send_signal(NO_THREAD)
            with pytest.raises(subprocess.TimeoutExpired):
                process.communicate(timeout=4.0)
            if ends_in_cancel:
                process.send_signal(signal.SIGTERM)
                time.sleep(1.0)
            process.send_signal(THREADS_AGAIN)
            log, _ = process.communicate(timeout=LONG)
        assert process.returncode == (143 if ends_in_cancel else 0), log
        assert emulator.runs[0].status == ("cancelled" if ends_in_cancel else "success")


ROUTES = ("GET .*/repos", CANCEL, CANCEL, "GET .*/events", "GET .*/stream", "GET .*/runs/")
EVERYDAY = (6, 8)
"""Plays that lost or doubled a run before a connection noted whether it was made."""
RESULTS = {0: "success", 1: "failed timeout", 69: "error", 130: "interrupted", 143: "interrupted"}
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
    with scene(tmp_path, way, scenario, speed=random.choice([1.0, 20.0, AT_ONCE])) as at:
        at.step.inputs |= {"timeout": f"{random.randint(2, 6)}s", "on-timeout": "cancel"}
        routes = [START, *random.choices(ROUTES, k=random.randint(0, 2))]
        at.front.breaks = [
            Break(
                route,
                random.choice(get_args(How)),
                carried_out=random.random() < 0.7,
                times=random.choice([1, 2, 99]),
            )
            for route in routes
        ]
        if isinstance(at.front, HttpsProxy):
            healthy = random.randint(0, 4)
            refusals = random.choices(get_args(Refusal), k=random.randint(0, 2))
            at.front.refusals = [*[None] * healthy, *refusals]
        with at.step.start() as process:
            if number is None:
                log, _ = process.communicate(timeout=LONG)
            else:
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=random.uniform(0.5, 5.0))
                log = at.stopped(process, number)[1]
        assert (
            process.returncode == -signal.SIGKILL
            or at.step.outputs["result"] in RESULTS[process.returncode]
        )
        at.post()
        assert [run.status for run in at.emulator.runs if run in at.live] == [], log
        assert len(at.emulator.runs) <= 1, log
        if "No run was started" in log:
            assert at.emulator.runs == []
        if at.emulator.runs and number != signal.SIGKILL:
            assert at.step.outputs["idempotency-key"] == at.emulator.runs[0].key
