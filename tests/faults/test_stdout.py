"""The log does not hold the step: its reader leaves, its disk is full, a pipe is read by nobody, or
there is none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.program import ENTRY, GitHubStep
from tests.slow import mostly_slow, slow
from tests.waits import LONG, asked, wait_until

SYSTEM = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@contextlib.contextmanager
def pipe(*, is_full: bool) -> Iterator[tuple[int, int]]:
    """A pipe with room for one page, which nothing reads."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    if is_full:
        os.write(writer, b"." * 4096)
    try:
        yield reader, writer
    finally:
        for end in (reader, writer):
            with contextlib.suppress(OSError):
                os.close(end)


@contextlib.contextmanager
def stdout(kind: str) -> Iterator[int]:
    """A full disk, or a pipe that fills, or whose reader leaves: at once, or when the run's events
    come.
    """
    if kind == "full disk":
        with Path("/dev/full").open("w") as file:
            yield file.fileno()
        return
    with pipe(is_full=kind == "full pipe") as (reader, writer):
        if kind == "left at events":
            subprocess.Popen(["grep", "-m1", "sandbox"], stdin=reader, stdout=subprocess.DEVNULL)
        if kind.startswith("left"):
            os.close(reader)
        yield writer


KINDS = ["full disk", "full pipe", "pipe that fills", "left at once", "left at events"]


def start(step: GitHubStep, out: int, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*ENTRY, *command],
        env=SYSTEM | step.environment,
        cwd=step.workspace,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    )


def step_against(emulator: Emulator, tmp_path: Path, **inputs: str) -> GitHubStep:
    given = {"base-url": emulator.url, "api-key": emulator.token, "prompt": "Fix it", **inputs}
    return GitHubStep(tmp_path, inputs=given)


@pytest.mark.parametrize("kind", mostly_slow(KINDS, every=5))
def test_the_run_is_followed_to_its_end(kind: str, tmp_path: Path) -> None:
    with Emulator("success", speed=50) as emulator:
        step = step_against(emulator, tmp_path, **{"output-dir": "out"})
        with stdout(kind) as out, start(step, out) as process:
            _, err = process.communicate(timeout=LONG)
        assert (process.returncode, err) == (0, "")
        assert {run.status for run in emulator.runs} == {"success"}
    assert step.outputs["result"] == "success"
    assert (step.workspace / "out" / "result.json").exists()


@pytest.mark.parametrize("kind", ["full pipe", *slow(["full disk", "left at once"])])
def test_a_stop_signal_cancels_within_five_seconds(kind: str, tmp_path: Path) -> None:
    with Emulator("slow", speed=1) as emulator:
        step = step_against(emulator, tmp_path)
        with stdout(kind) as out, start(step, out) as process:
            wait_until(lambda: len(emulator.runs) == 1, process)
            wait_until(asked(emulator, "stream"), process)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LONG)
            assert time.monotonic() - began < 6
        assert process.returncode == 143
        assert {run.status for run in emulator.runs} == {"cancelled"}
    assert step.outputs["result"] == "interrupted"


def test_a_step_without_stdout(tmp_path: Path) -> None:
    """The descriptor is free then: no file of the step must get it, and with it the log."""
    with Emulator("success", speed=50) as emulator:
        step = step_against(emulator, tmp_path, **{"output-dir": "out"})
        done = subprocess.run(
            ENTRY,
            env=SYSTEM | step.environment,
            cwd=step.workspace,
            preexec_fn=lambda: os.close(1),
            timeout=LONG,
            check=False,
        )
    assert done.returncode == 0
    lines = (step.workspace / "out" / "events.ndjson").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("{") for line in lines)


@pytest.mark.slow
def test_what_was_left_out_is_told_once_the_log_is_read(tmp_path: Path) -> None:
    with Emulator("slow", speed=1) as emulator, pipe(is_full=True) as (reader, writer):
        step = step_against(emulator, tmp_path)
        with start(step, writer) as process:
            wait_until(asked(emulator, "stream"), process)
            os.close(writer)
            os.read(reader, 4096)
            process.send_signal(signal.SIGTERM)
            with os.fdopen(os.dup(reader), encoding="utf-8") as log:
                shown = log.read()
    assert " lines left out here: nothing read the log\n" in shown
    assert "Interrupted" in shown
