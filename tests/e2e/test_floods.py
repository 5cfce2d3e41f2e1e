"""Answers and events as large as they may be, and larger: the step stays small, and ends as its run
does.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.api.client import Client
from tests.emulator import Emulator
from tests.github_log import read_log
from tests.program import ENTRY, GitHubStep
from tests.slow import mostly_slow, slow

MOST_MIB = 250
"""The largest flood takes 220: events of a stream, all of which a page has once more when the run
has ended.
"""
FILES = {"output-dir": "out"}


def events(count: int, **fields: Any) -> list[dict[str, Any]]:
    time = "2026-11-24T13:45:40Z"
    each = [
        {"id": f"e-{at}", "type": "log", "createdAt": time, "payload": {}, **fields}
        for at in range(count)
    ]
    return [
        *each,
        {"id": "end", "type": "finished", "createdAt": time, "message": "Done", "payload": {}},
    ]


DELTA = {"kind": "assistant_delta"}
FLOODS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "empty lists": lambda: events(1, payload={"value": [[]] * 490_000}),
    "keys": lambda: events(1, payload={f"key-{number}": number for number in range(400_000)}),
    "texts with an emoji": lambda: events(50, message="\U0001f600" + "text " * 19_000),
    "the agent's words": lambda: events(1, message="\U0001f600\n```\n" * 500_000, payload=DELTA),
}


def attached(emulator: Emulator, folder: Path) -> tuple[str, GitHubStep]:
    """Start a run; return its id and a step that follows it."""
    client = Client(emulator.url, emulator.token)
    run_id = client.start({"repoId": client.repos()[0].id, "prompt": "Fix it"}, "key").run.id
    client.close()
    inputs = {"run-id": run_id, "base-url": emulator.url, "api-key": emulator.token}
    return run_id, GitHubStep(folder, inputs | FILES)


def followed(step: GitHubStep) -> tuple[int, str, float]:
    """Run the step; return its exit code, its log and the MiB that it needed at most."""
    log, peak = step.folder / "log", 0.0
    env = {"PATH": "/usr/bin:/bin", **step.environment}
    with log.open("wb") as out:
        process = subprocess.Popen(ENTRY, env=env, cwd=step.workspace, stdout=out)
        while process.poll() is None:
            # Not wait4's: that begins with the parent's size.
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            peak = max(peak, int(found[1]) / 1024) if found else peak
            time.sleep(0.01)
    return process.returncode, log.read_text(encoding="utf-8"), peak


def inject(emulator: Emulator, route: str, kind: str, body: str, status: int = 200) -> None:
    headers = {"Content-Type": kind}
    emulator.inject(route, status=status, headers=headers, body=body, times="always")


def inject_page(emulator: Emulator, run_id: str, flood: list[dict[str, Any]]) -> None:
    run = {"runId": run_id, "status": "success"}
    page = json.dumps({"ok": True, "data": {"run": run, "events": flood}}, ensure_ascii=False)
    inject(emulator, "events", "application/json", page)


def inject_stream(emulator: Emulator, run_id: str, flood: list[dict[str, Any]]) -> None:
    records = [("run", {"runId": run_id, "status": "streaming"})]
    records += [("event", event) for event in flood]
    text = "".join(
        f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n" for kind, data in records
    )
    inject(emulator, "stream", "text/event-stream", text)


def inject_no_stream(emulator: Emulator) -> None:
    inject(emulator, "stream", "text/html", "<html>", status=404)


def check_success(step: GitHubStep) -> int:
    """Run the step, and return how many events it has seen."""
    code, log, peak = followed(step)
    assert code == 0, log[-5_000:]
    assert any(line.startswith("✔ Run succeeded") for line in read_log(log).timeline)
    result = json.loads((step.workspace / "out/result.json").read_text(encoding="utf-8"))
    assert (result["result"], peak < MOST_MIB) == ("success", True), peak
    return int(result["events"]["count"])


@pytest.mark.parametrize("streams", [False, *slow([True])], ids=["polled", "streamed"])
@pytest.mark.parametrize("name", mostly_slow(FLOODS, every=4))
def test_a_flood_costs_bounded_memory_and_hides_no_end(
    name: str, streams: bool, tmp_path: Path
) -> None:
    flood = FLOODS[name]()
    # Only a run that works has a stream.
    with Emulator("success", speed=1 if streams else 50) as emulator:
        run_id, step = attached(emulator, tmp_path)
        inject_page(emulator, run_id, flood)
        inject_stream(emulator, run_id, flood) if streams else inject_no_stream(emulator)
        assert check_success(step) >= len(flood)


@pytest.mark.slow
def test_a_flood_of_words_holds_no_step_past_its_deadline(tmp_path: Path) -> None:
    """300,000 pieces of the agent's words: the step ends, with all its files, ten seconds after its
    deadline.
    """
    flood = events(300_000, message="at the `tests`\n\n", payload=DELTA)
    with Emulator("slow") as emulator:
        run_id, step = attached(emulator, tmp_path)
        step.inputs["timeout"] = "20s"
        inject_stream(emulator, run_id, flood[:-1])
        began = time.monotonic()
        code, log, peak = followed(step)
        assert time.monotonic() - began < 30
    assert (code, "Timed out" in log, peak < MOST_MIB) == (1, True, True)
    found = json.loads((step.workspace / "out/result.json").read_text(encoding="utf-8"))
    assert found["events"]["count"] > 1_000, "the machine may be busy"
    assert "Timed out" in (step.workspace / "out/report.html").read_text(encoding="utf-8")
