"""The summary's chart, parsed by mermaid itself."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from mogplex_ci.report.chronicle import Chronicle
from mogplex_ci.report.gantt import gantt
from mogplex_ci.sanitize import Sanitizer
from tests.npm import node_environment, node_modules
from tests.program import ROOT
from tests.unit.report.events import SUCCESSFUL, arrived, event

pytestmark = pytest.mark.node
HOSTILE = (
    "section forged",
    "title forged",
    'click a href "javascript:alert(1)"',
    "done :crit, 2000-01-01, 1d",
    "a;b#c%%d",
    "line\nsection forged\nforged :done, 2000-01-01 0:00:00, 1d",
    "``` ~~~",
    "excludes weekends",
    "é中\U0001f980",
    "---",
    "%%{init: {'theme': 'dark'}}%%",
    "gantt",
    ":::",
)
"""Names and messages that try to be more than a label."""


def parsed(*items: dict[str, Any]) -> dict[str, Any]:
    """Return what mermaid understands of the chart of these events."""
    chronicle = Chronicle()
    chronicle.on(arrived(*items))
    text = gantt(chronicle, Sanitizer(), most_calls=60)
    body = text.removeprefix("```mermaid\n").removesuffix("\n```\n")
    done = subprocess.run(
        ["node", ROOT / "tests" / "node" / "gantt.mjs"],
        input=json.dumps([body]),
        env=node_environment() | {"NODE_MODULES": str(node_modules())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{body}\n{done.stderr}"
    (chart,) = json.loads(done.stdout)
    assert chart["type"] == "gantt"
    return dict(chart)


def test_phases_and_calls_are_tasks_of_their_length() -> None:
    chart = parsed(*SUCCESSFUL, event("failed", "Late", 201))
    assert chart["sections"] == ["Phases", "shell"]
    assert [(task["section"], task["label"], task["seconds"]) for task in chart["tasks"]] == [
        ("Phases", "▸ sandbox", 14),
        ("Phases", "▸ git", 3),
        ("Phases", "▸ install", 3),
        ("Phases", "▸ agent", 180),
        ("Phases", "▸ delivery", 1),
        ("shell", "▸ Running npm test", 132),
    ]


def test_a_long_run_and_a_failed_call() -> None:
    chart = parsed(
        event("tool_started", "Building", 10, tool="shell"),
        event("tool_finished", "Built", 90_000, tool="shell", exit_code=1),
    )
    (agent, call) = chart["tasks"]
    assert (agent["seconds"], call["seconds"], call["failed"]) == (89_990, 89_990, True)


def test_labels_are_nothing_but_labels() -> None:
    calls = [
        event(kind, text, number, tool=text)
        for number, text in enumerate(HOSTILE)
        for kind in ("tool_started", "tool_finished")
    ]
    chart = parsed(*calls)
    assert len(chart["tasks"]) == 1 + len(HOSTILE)
    assert len(chart["sections"]) == 1 + len(HOSTILE)
    assert all(task["label"].startswith("▸ ") for task in chart["tasks"])
    assert not any(task["failed"] for task in chart["tasks"])
