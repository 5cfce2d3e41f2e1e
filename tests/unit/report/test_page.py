"""The HTML report's text: complete for every way a step can end, and inert."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mogplex_ci.errors import Problem
from mogplex_ci.models import Untrusted
from mogplex_ci.report.chronicle import Chronicle
from mogplex_ci.report.html.page import page
from mogplex_ci.report.html.timeline import Scale
from mogplex_ci.run.outcome import Outcome, Result, Verdict
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import SUCCESS, SUCCESSFUL, arrived, event, outcome, run


def page_of(ended: Outcome, *items: dict[str, Any], task: str = "Fix it") -> str:
    chronicle = Chronicle()
    chronicle.on(arrived(*items))
    return page(ended, chronicle, Sanitizer(), task=task)


@pytest.mark.parametrize("result", Result)
@pytest.mark.parametrize("with_run", [True, False])
def test_every_ending_has_a_page(result: Result, with_run: bool) -> None:
    verdict = Verdict(result, 1, "something happened", "Do something.", Untrusted("<why>"), "CODE")
    text = page_of(outcome(verdict, run=run() if with_run else None))
    assert "&lt;why&gt;" in text
    assert "Do something." in text
    assert ("<dt>Run</dt>" in text) is with_run
    assert "What happened" not in text


def test_wrong_inputs_are_listed() -> None:
    fault = Problem("wait", "is no boolean", "true, false", Untrusted("</li><script>"))
    text = page_of(outcome(Verdict(Result.ERROR, 2, "…", problems=(fault,)), run=None))
    assert "<li>Input wait: is no boolean, got &#39;&lt;/li&gt;&lt;script&gt;&#39;; allowed: true, false</li>" in text


@pytest.mark.parametrize(
    "value", ["<script>alert(1)</script>", '" onload="x', "</style><b>", "{{ 7 * 7 }}", "{% raw %}"]
)
def test_what_others_wrote_stays_text(value: str) -> None:
    items = (
        event("tool_started", value, 1, tool=value, input=value),
        event("tool_finished", value, 2, tool=value, output=value, error=value),
        event("assistant_message", value, 3),
        event(value, value, 4),
        event("log", value, 5, stage="git_delivery", pull_request_url=f"javascript:{value}", working_branch=value),
    )
    text = page_of(outcome(SUCCESS, *items), *items, task=value)
    assert "<script" not in text
    assert "javascript:" not in text
    assert "49" not in re.sub(r"sha256-\S+", "", text.split("</style>")[1])
    assert text.count("</style>") == 1
    assert not re.search(r"<[^>]*\sonload=", text)


def test_a_run_with_many_tools_has_a_dozen_filters() -> None:
    items = [
        event(kind, "x", number, tool=f"tool {number}")
        for number in range(40)
        for kind in ("tool_started", "tool_finished")
    ]
    text = page_of(outcome(SUCCESS), *items)
    assert text.count('<input type="radio"') == 1 + 12
    assert "other tools<b>29</b>" in text


def test_an_unfinished_call_goes_on_to_the_end() -> None:
    text = page_of(outcome(SUCCESS), *SUCCESSFUL[:6], event("log", "Later", 130))
    assert 'class="bar call" x="50.0%" y="59" width="50.0%"' in text


@pytest.mark.parametrize("seconds", [0, 0.4, 59, 3_599, 90_000, 30 * 86_400])
def test_bars_and_ticks_stay_inside(seconds: float) -> None:
    scale = Scale(seconds)
    bars = [
        scale.bar(0, seconds, "k", "t"),
        scale.bar(seconds, seconds, "k", "t"),
        scale.bar(-1, seconds * 2, "k", "t"),
    ]
    assert all(bar.x >= 0 and bar.width > 0 and bar.x + bar.width <= 100.001 for bar in bars)
    ticks = scale.ticks()
    assert ticks[0].x == 0
    assert len(ticks) <= 32
    assert all(0 <= tick.x <= 100 for tick in ticks)
