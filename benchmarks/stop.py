"""From a stop signal to the exit of the step; GitLab kills after 6 s, GitHub after 10 s."""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.table import ROUNDS, Row
from tests.emulator import Emulator
from tests.program import GitHubStep

LIMIT = 5.0
HANGS = 60
CASES: dict[str, tuple[str, dict[str, dict[str, Any]], int]] = {
    "while following": ("stream", {}, ROUNDS),
    "while the start call hangs": ("start", {"start": {"delay": HANGS, "when": "after"}}, ROUNDS),
    "while the API hangs for good": ("stream", {"cancel": {"delay": HANGS, "times": "always"}}, 3),
}
"""When the signal comes: after the first request of a route, with which faults, and how many
rounds.
"""


def measure() -> list[Row]:
    """Stop a step at different moments."""
    return [
        Row(
            f"SIGTERM {name} to exit",
            [_stop(route, faults) for _ in range(rounds)],
            "s",
            limit=LIMIT,
        )
        for name, (route, faults, rounds) in CASES.items()
    ]


def _stop(route: str, faults: dict[str, dict[str, Any]]) -> float:
    with tempfile.TemporaryDirectory() as folder, Emulator("slow", limits=False) as emulator:
        for broken, fields in faults.items():
            emulator.inject(broken, **fields)
        inputs = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
        process = GitHubStep(Path(folder), inputs=inputs).start()
        while not any(each.route == route for each in emulator.requests):
            time.sleep(0.01)
        time.sleep(0.1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate()
        return time.monotonic() - began
