"""Peak memory: of a step that shows a full feed of large payloads, and of one whose next round is
told the end of a large log.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row
from tests.emulator import Emulator
from tests.program import GitHubStep

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
FULL_FEED = """\
steps:
  - status: streaming
  - repeat: 198
    steps:
      - event: tool_finished
        tool: shell
        message: Round {{ i }}
        payload: {output: TEXT, more: TEXT, rest: [TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT]}
  - event: finished
  - status: success
""".replace("TEXT", "x" * 1990)
_POLLER = "import requests,sys; [requests.get(sys.argv[1], timeout=30) for _ in range(3)]"


def measure() -> list[Row]:
    """Measure both."""
    return [_full_feed()]


def _full_feed() -> Row:
    """Compare with a process that only imports requests and asks three times."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "full.yaml")
        scenario.write_text(FULL_FEED, encoding="utf-8")
        ours, reference = [], []
        for _ in range(ROUNDS):
            with Emulator(scenario, limits=False) as emulator:
                inputs = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
                step = GitHubStep(Path(folder), inputs)
                ours.append(peak([str(ROOT / "entrypoint.py")], step.environment, folder))
                reference.append(peak(["-c", _POLLER, emulator.url], {}, folder))
    return Row(
        "full feed of 20 KB payloads: peak memory",
        ours,
        "MiB",
        "bare requests",
        reference,
        limit=64,
    )


def peak(arguments: list[str], env: dict[str, str], folder: str) -> float:
    """Return the MiB that the process needed at most.

    The kernel's high-water mark, read until the process ends: what ``wait4`` reports begins with
    the parent's size.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], **env},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0.0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        peak = max(peak, float(found[1]) / 1024) if found else peak
        time.sleep(0.01)
    assert process.returncode == 0, f"{arguments[0]} ended with {process.returncode}"
    return peak
