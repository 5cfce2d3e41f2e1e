"""How long ``include-event`` takes with the longest bodies that GitHub takes, made to be slow."""

from __future__ import annotations

import os

from benchmarks.table import Row
from mogplex_ci.words.github_markdown import github_texts
from tests.unit.words.test_page_text import HOSTILE

_USUAL = "The login form crashes:\n\n- type `Jürgen`\n- press **Enter**\n\n"


def measure() -> list[Row]:
    """Measure each hostile body in a process of its own, as a step does."""
    hostile = [_seconds(body) for body in HOSTILE.values()]
    usual = [_seconds(_USUAL * 1_000) for _ in hostile]
    return [
        Row("64 KB for `include-event`, made to be slow: CPU", hostile, "s", "usual text", usual),
        Row("the slowest body for `include-event`: CPU", [max(hostile)], "s", limit=3.0),
    ]


def _seconds(body: str) -> float:
    """Return the CPU time of the process that reads ``body``."""
    before = os.times()
    github_texts([body])
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system
