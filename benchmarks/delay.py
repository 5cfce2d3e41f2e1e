"""How late a step is: from an event at the service to its line in the log, and from the run's end
to the exit.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.table import ROUNDS, Row
from mogplex_ci.emulator import Emulator
from tests.program import GitHubStep

ROOT = Path(__file__).resolve().parent.parent
_END = """\
steps:
  - after: 1s
    status: streaming
  - after: 2s
    event: log
    message: The agent works
  - after: {last}ms
    event: finished
  - after: 20ms
    status: success
"""
_COMMIT = """\
  - after: 0
    commit: 0123456789abcdef0123456789abcdef01234567
"""
_EVENTS = """\
steps:
  - after: 500ms
    status: streaming
  - repeat: 40
    steps:
      - after: 170ms
        event: log
        message: "marker {{ i }}."
  - after: 100ms
    event: finished
  - after: 20ms
    status: success
"""
_MARKER = re.compile(r"marker (\d+)\.")
_POLLER = """
import requests, sys, time
url, headers = sys.argv[1] + "/api/v1/mogplex", {"Authorization": "Bearer " + sys.argv[2], "Idempotency-Key": "k"}
repo = requests.get(url + "/repos", headers=headers, timeout=30).json()["data"]["repos"][0]["id"]
body = {"repoId": repo, "prompt": "x"}
run_id = requests.post(url + "/runs", headers=headers, json=body, timeout=30).json()["data"]["runId"]
while True:
    answer = requests.get(f"{url}/runs/{run_id}", headers=headers, timeout=30).json()
    if answer["data"]["run"]["status"] in ("success", "failed", "cancelled"):
        break
    time.sleep(1.5)
"""
_SHELL = """
set -e
api="$1/api/v1/mogplex"; auth="Authorization: Bearer $2"
repo=$(curl -sf -H "$auth" "$api/repos" | jq -r '.data.repos[0].id')
body=$(jq -nc --arg repo "$repo" '{repoId: $repo, prompt: "x"}')
id=$(curl -sf -H "$auth" -H "Idempotency-Key: k" -d "$body" "$api/runs" | jq -r .data.runId)
while :; do
  status=$(curl -sf -H "$auth" "$api/runs/$id" | jq -r .data.run.status)
  case $status in success|failed|cancelled) break ;; esac
  sleep 1.5
done
"""


def measure() -> list[Row]:
    """Compare the stream with polls, and the end with the loops that a user would write."""
    return [*_lines(), *_ends()]


def _lines() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "events.yaml")
        scenario.write_text(_EVENTS, encoding="utf-8")
        streamed, polled = (_line_delays(scenario, folder, api) for api in ("2026-11", "2026-08"))
    return [
        Row(
            "event written to line in the log",
            streamed,
            "s",
            "the same by polling",
            polled,
            limit=0.3,
        )
    ]


def _line_delays(scenario: Path, folder: str, api: str) -> list[float]:
    """Return the seconds from each event's time to its line on the pipe."""
    seen: dict[str, float] = {}
    with Emulator(scenario, limits=False, api=api) as emulator:
        step = GitHubStep(
            Path(folder), {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
        )
        process = step.start()
        assert process.stdout is not None
        for line in process.stdout:
            seen |= {number: time.time() for number in _MARKER.findall(line) if number not in seen}
        assert process.wait() == 0
        (run,) = emulator.runs
        written = {
            found[1]: _seconds(event["createdAt"])
            for event in run.events
            if (found := _marker(event))
        }
    assert seen.keys() == written.keys()
    return [seen[number] - at for number, at in written.items()]


def _marker(event: dict[str, Any]) -> re.Match[str] | None:
    return _MARKER.fullmatch(event["message"] or "")


def _ends() -> list[Row]:
    step = [sys.executable, str(ROOT / "entrypoint.py")]
    ours = _end_delays(step, _END + _COMMIT)
    without_commit = _end_delays(step, _END)
    plain = _end_delays([sys.executable, "-c", _POLLER], _END + _COMMIT)
    shell = _end_delays(["sh", "-c", _SHELL, "sh"], _END + _COMMIT)
    what = "terminal status, with its commit, to exit"
    return [
        Row(what, ours, "s", "1.5 s poller", plain, limit=0.6),
        Row(what, ours, "s", "curl and jq loop", shell),
        Row("terminal status, without a commit, to exit", without_commit, "s", limit=3.5),
    ]


def _end_delays(command: list[str], script: str) -> list[float]:
    """Return the seconds to the exit for ends in different phases against the interval: what a
    step meets by chance.
    """
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "end.yaml")
        delays = []
        for number in range(ROUNDS):
            scenario.write_text(
                script.format(last=1000 + 1500 * number // ROUNDS), encoding="utf-8"
            )
            delays.append(_delay(command, scenario, folder))
        return delays


def _delay(command: list[str], scenario: Path, folder: str) -> float:
    with Emulator(scenario, limits=False) as emulator:
        step = GitHubStep(
            Path(folder), {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
        )
        arguments = [] if "entrypoint.py" in command[-1] else [emulator.url, emulator.token]
        subprocess.run(
            [*command, *arguments],
            env={"PATH": os.environ["PATH"], **step.environment},
            cwd=folder,
            capture_output=True,
            check=True,
        )
        ended = time.time()
        (run,) = emulator.runs
        return ended - _seconds(str(run.detail()["updatedAt"]))


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
