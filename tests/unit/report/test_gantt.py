"""The summary's chart, parsed by mermaid itself."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from mogplex_ci.report.summary import gantt
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import Sanitizer
from tests.npm import node_environment, node_modules
from tests.program import ROOT
from tests.unit.report.events import SUCCESSFUL, call, event, facts, result

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
    text = gantt(facts(result(Result.SUCCESS, *items)), Sanitizer(), most_calls=60)
    assert text is not None
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
    assert chart["sections"] == ["Phases", "Command"]
    assert [(task["section"], task["label"], task["seconds"]) for task in chart["tasks"]] == [
        ("Phases", "▸ sandbox", 14),
        ("Phases", "▸ git", 3),
        ("Phases", "▸ install", 3),
        ("Phases", "▸ agent", 180),
        ("Phases", "▸ delivery", 1),
        ("Command", "▸ Command", 132),
    ]


def test_a_long_run_and_a_failed_call() -> None:
    chart = parsed(
        event("tool_started", "Building", 10, "shell"),
        event("tool_finished", "Built", 90_000, "shell", exit_code=1),
    )
    (agent, shell) = chart["tasks"]
    assert (agent["seconds"], shell["seconds"], shell["failed"]) == (89_990, 89_990, True)


def test_a_call_that_was_denied_is_marked() -> None:
    chart = parsed(*call("Bash", 1, 2, state="denied"))
    assert [task["failed"] for task in chart["tasks"]] == [False, True]


@pytest.mark.parametrize("year", [1, 9999])
def test_a_clock_that_is_far_off(year: int) -> None:
    late = event("tool_started", "Building", 0, "shell") | {"createdAt": f"{year:04}-01-01T00:00:00Z"}
    chart = parsed(*call("Bash", 1, 2), late)
    assert {task["section"] for task in chart["tasks"]} == {"Phases", "Bash", "shell"}


def test_labels_are_nothing_but_labels() -> None:
    calls = [
        event(kind, text, number, text)
        for number, text in enumerate(HOSTILE)
        for kind in ("tool_started", "tool_finished")
    ]
    chart = parsed(*calls)
    assert len(chart["tasks"]) == 1 + len(HOSTILE)
    assert len(chart["sections"]) == 1 + len(HOSTILE)
    assert all(task["label"].startswith("▸ ") for task in chart["tasks"])
    assert not any(task["failed"] for task in chart["tasks"])
