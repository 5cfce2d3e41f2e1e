"""From the terminal status at the server to the exit of the step, at the default interval."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from benchmarks.table import ROUNDS, Row
from mogplex_ci.emulator import Emulator
from tests.program import GitHubStep

ROOT = Path(__file__).resolve().parent.parent
_SCENARIO = """\
steps:
  - after: 1s
    status: streaming
  - after: 2s
    event: tool_started
    tool: shell
  - after: {last}ms
    event: finished
  - after: 2ms
    status: success
"""
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
    """Compare with a plain 1.5 s poller, and with the shell loop that a user would write."""
    commands: dict[str, list[str]] = {
        "ours": [sys.executable, str(ROOT / "entrypoint.py")],
        "plain": [sys.executable, "-c", _POLLER],
        "shell": ["sh", "-c", _SHELL, "sh"],
    }
    delays: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            # Different phases against the interval: what a step meets by chance.
            scenario = Path(folder, "end.yaml")
            scenario.write_text(_SCENARIO.format(last=1000 + 1500 * number // ROUNDS), encoding="utf-8")
            for name, command in commands.items():
                delays[name].append(_delay(command, scenario, folder))
    ours, plain, shell = delays.values()
    what = "terminal status to exit"
    return [
        Row(what, ours, "s", "1.5 s poller", plain, limit=2.5),
        Row(what, ours, "s", "curl and jq loop", shell),
    ]


def _delay(command: list[str], scenario: Path, folder: str) -> float:
    with Emulator(scenario, limits=False) as emulator:
        step = GitHubStep(Path(folder), {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token})
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
        return ended - datetime.fromisoformat(str(run.detail()["updatedAt"])).timestamp()
