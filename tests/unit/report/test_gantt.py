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
    *(
        "section forged",
        "title forged",
        'click a href "javascript:alert(1)"',
        "done :crit, 2000-01-01, 1d",
        "a;b#c%%d",
    ),
    *(
        "line\nsection forged\nforged :done, 2000-01-01 0:00:00, 1d",
        "``` ~~~",
        "excludes weekends",
        "é中\U0001f980",
    ),
    *("---", "%%{init: {'theme': 'dark'}}%%", "gantt", ":::"),
)
"""Names and messages that try to be more than a label."""
LATE = event("tool_started", "Building", 0, "shell")
CHARTS = {
    "a success": (*SUCCESSFUL, event("failed", "Late", 201)),
    "a long run": (
        event("tool_started", "Building", 10, "shell"),
        event("tool_finished", "Built", 90_000, "shell", exit_code=1),
    ),
    "a denied call": call("Bash", 1, 2, state="denied"),
    "a clock far behind": (*call("Bash", 1, 2), LATE | {"createdAt": "0001-01-01T00:00:00Z"}),
    "a clock far ahead": (*call("Bash", 1, 2), LATE | {"createdAt": "9999-01-01T00:00:00Z"}),
    "hostile": [
        event(kind, text, number, text)
        for number, text in enumerate(HOSTILE)
        for kind in ("tool_started", "tool_finished")
    ],
}


@pytest.fixture(scope="module")
def charts() -> dict[str, Any]:
    """Return the charts as mermaid understands them."""
    runs = [facts(result(Result.SUCCESS, *items)) for items in CHARTS.values()]
    texts = [gantt(run.times, run.times.timeline.calls, Sanitizer()) for run in runs]
    bodies = [text.removeprefix("```mermaid\n").removesuffix("\n```\n") for text in texts]
    done = subprocess.run(
        ["node", ROOT / "tests" / "node" / "gantt.mjs"],
        input=json.dumps(bodies),
        env=node_environment() | {"NODE_MODULES": str(node_modules())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(CHARTS, json.loads(done.stdout), strict=True))


def test_phases_and_calls_are_tasks_of_their_length(charts: dict[str, Any]) -> None:
    chart = charts["a success"]
    assert (chart["type"], chart["sections"]) == ("gantt", ["Phases", "Command"])
    assert [(task["section"], task["label"], task["seconds"]) for task in chart["tasks"]] == [
        *(
            ("Phases", "▸ sandbox", 14),
            ("Phases", "▸ git", 3),
            ("Phases", "▸ install", 3),
            ("Phases", "▸ agent", 180),
        ),
        *(("Phases", "▸ delivery", 1), ("Command", "▸ Command", 132)),
    ]
    agent, shell = charts["a long run"]["tasks"]
    assert (agent["seconds"], shell["seconds"], shell["failed"]) == (89_990, 89_990, True)
    assert [task["failed"] for task in charts["a denied call"]["tasks"]] == [False, True]
    for name in ("a clock far behind", "a clock far ahead"):
        assert {task["section"] for task in charts[name]["tasks"]} == {"Phases", "Bash", "shell"}


def test_labels_are_nothing_but_labels(charts: dict[str, Any]) -> None:
    chart = charts["hostile"]
    assert len(chart["tasks"]) == len(chart["sections"]) == 1 + len(HOSTILE)
    assert all(task["label"].startswith("▸ ") and not task["failed"] for task in chart["tasks"])
