"""Peak memory of a whole step that shows a full feed of large payloads."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import Row
from mogplex_ci.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
_SCENARIO = """\
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
"""
_POLLER = "import requests,sys; [requests.get(sys.argv[1], timeout=30) for _ in range(3)]"


def measure() -> list[Row]:
    """Compare with a process that only imports requests and asks three times."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "full.yaml")
        scenario.write_text(_SCENARIO.replace("TEXT", "x" * 1990), encoding="utf-8")
        ours, reference = [], []
        for _ in range(ROUNDS):
            with Emulator(scenario, limits=False) as emulator:
                step = {
                    "GITHUB_ACTIONS": "true",
                    "GITHUB_REPOSITORY": "acme/web",
                    "GITHUB_RUN_ID": "1",
                    "GITHUB_WORKSPACE": folder,
                    "INPUT_API-KEY": emulator.token,
                    "INPUT_PROMPT": "Fix it",
                    "INPUT_BASE-URL": emulator.url,
                }
                ours.append(_peak([str(ROOT / "entrypoint.py")], step, folder))
                reference.append(_peak(["-c", _POLLER, emulator.url], {}, folder))
    return [Row("full feed of 20 KB payloads: peak memory", ours, "MiB", "bare requests", reference, limit=64)]


def _peak(arguments: list[str], env: dict[str, str], folder: str) -> float:
    """Return the MiB that the process needed at most, as the kernel counted them."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], **env},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{arguments[0]} ended with {status}"
    return usage.ru_maxrss / 1024
