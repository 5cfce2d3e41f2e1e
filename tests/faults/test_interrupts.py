"""A cancelled job, at every moment: real processes, real signals. Nothing may be left running,
nothing unsaid.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.program import GitHubStep, run_program
from tests.slow import slow
from tests.waits import LONG, asked, wait_until

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
HANGS = 10 * LONG
"""Seconds that an answer is held back: longer than a test waits for the end of the step."""


@pytest.fixture
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A service of the newest generation, or of the one that a test names."""
    with Emulator("slow", api=getattr(request, "param", "2026-11")) as emulator:
        yield emulator


@pytest.fixture
def step(tmp_path: Path, emulator: Emulator) -> GitHubStep:
    inputs = {
        "prompt": "Fix it",
        "base-url": emulator.url,
        "api-key": emulator.token,
        "poll-interval": "100ms",
    }
    return GitHubStep(tmp_path, inputs=inputs)


def followed(emulator: Emulator) -> Callable[[], bool]:
    """Return a condition: a run's events are streamed or polled."""
    return lambda: asked(emulator, "stream")() or asked(emulator, "events", 2)()


@contextmanager
def stopped(
    step: GitHubStep, moment: Callable[[], bool], number: signal.Signals, others: Sequence[int] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Start the step, stop it at ``moment``, and check how it ends: with the signal's code, or one
    of ``others``.

    The block runs between signal and end.
    """
    process = step.start()
    try:
        wait_until(moment, process)
        process.send_signal(number)
        yield process
        out, err = process.communicate(timeout=LONG)
        assert (err, "Traceback" in out) == ("", False)
        assert process.returncode in (CODES[number], *others)
        assert (step.outputs["result"], step.outputs["error-code"]) == (
            "interrupted",
            "INTERRUPTED",
        )
    finally:
        process.kill()


def post(step: GitHubStep) -> int:
    """Run the post step as the runner does."""
    return run_program("post", env=step.environment, cwd=step.workspace).code


def statuses(emulator: Emulator) -> list[str]:
    """Return whether each run is cancelled, or still at work."""
    return [run.status if run.status == "cancelled" else "at work" for run in emulator.runs]


@pytest.mark.parametrize(
    ("number", "route", "fault", "runs"),
    [
        (signal.SIGHUP, "repos", {"delay": HANGS}, []),
        *slow([(signal.SIGINT, "start", {"delay": HANGS}, ["cancelled"])]),
        (signal.SIGTERM, "start", {"delay": HANGS, "when": "after"}, ["cancelled"]),
    ],
)
def test_before_the_start_is_answered(
    step: GitHubStep,
    emulator: Emulator,
    number: signal.Signals,
    route: str,
    fault: dict[str, Any],
    runs: list[str],
) -> None:
    emulator.inject(route, **fault)
    with stopped(step, asked(emulator, route), number):
        pass
    assert statuses(emulator) == runs


@pytest.mark.parametrize(
    ("emulator", "number"),
    [("2026-11", signal.SIGINT), ("2026-08", signal.SIGTERM), ("2026-11", signal.SIGHUP)],
    indirect=["emulator"],
)
def test_while_following(step: GitHubStep, emulator: Emulator, number: signal.Signals) -> None:
    with stopped(step, followed(emulator), number):
        pass
    assert statuses(emulator) == ["cancelled"]
    assert (step.outputs["status"], step.outputs["run-id"]) == ("cancelled", emulator.runs[0].id)
    assert post(step) == 0
    assert not asked(emulator, "cancel", 2)()


@pytest.mark.parametrize("emulator", ["2026-11", *slow(["2026-08"])], indirect=True)
def test_while_a_call_hangs(step: GitHubStep, emulator: Emulator) -> None:
    for route in ("stream", "events", "run"):
        emulator.inject(route, delay=HANGS, times="always")
    with stopped(
        step, lambda: asked(emulator, "stream")() or asked(emulator, "events")(), signal.SIGINT
    ):
        pass
    assert statuses(emulator) == ["cancelled"]


@pytest.mark.parametrize(("number", "pause"), [(signal.SIGINT, 0.002), (signal.SIGHUP, 0.05)])
def test_signals_until_the_end(
    step: GitHubStep, emulator: Emulator, number: signal.Signals, pause: float
) -> None:
    """One that meets the interpreter while it shuts down ends it, with the code that a shell
    reports for a signal.
    """
    with stopped(step, followed(emulator), signal.SIGTERM, others=[-number]) as process:
        while process.poll() is None:
            time.sleep(pause)
            process.send_signal(number)
    assert statuses(emulator) == ["cancelled"]


@pytest.mark.parametrize("is_attached", [False, True], ids=["own run", "run-id"])
def test_post_finishes_the_cancel_of_a_timeout_though_interrupts_leave_the_run(
    step: GitHubStep, emulator: Emulator, is_attached: bool
) -> None:
    """Interrupts leave a run that is followed by its id, unless the inputs say otherwise."""
    if is_attached:
        step.inputs["wait"] = "false"
        assert step.run().code == 0
        step.inputs = {name: step.inputs[name] for name in ("base-url", "api-key")}
        step.inputs["run-id"] = step.outputs["run-id"]
    else:
        step.inputs["on-interrupt"] = "detach"
    step.inputs["on-timeout"] = "cancel"
    refused = {"ok": False, "error": {"code": "FORBIDDEN", "message": "Missing required scope."}}
    emulator.inject("cancel", status=403, body=refused)
    step.run_past(followed(emulator))
    assert (step.outputs["result"], statuses(emulator)) == ("timeout", ["at work"])
    assert post(step) == 0
    assert statuses(emulator) == ["cancelled"]
