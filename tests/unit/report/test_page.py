"""The HTML report is inert, and keeps its bounds. Golden texts show its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest

from mogplex_ci.report.page import PAGE_LIMIT, page, ticks
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import SUCCESSFUL, call, delta, event, facts, result

TOOLS = [item for number in range(40) for item in call(f"tool {number}", number, number)]


def page_of(ended: RunResult, **fields: Any) -> str:
    return "".join(page(facts(ended, **fields), Sanitizer()))


@pytest.mark.parametrize(
    "value", ['</style><script>alert(1)</script>" onload="x', "{{ 7 * 7 }}{% raw %}"]
)
def test_what_others_wrote_stays_text(value: str) -> None:
    items = (
        *(
            event("tool_started", value, 1, value, input=value),
            event("tool_finished", value, 2, value, output=value),
        ),
        *(event("assistant_message", value, 3), delta(value, 3), event(value, value, 4)),
        event(
            "log",
            value,
            5,
            stage="git_delivery",
            pull_request_url=f"javascript:{value}",
            working_branch=value,
        ),
    )
    text = page_of(result(Result.SUCCESS, *items), prompt=value)
    assert text.count("</style>") == 1
    assert not re.search('<script|javascript:|" onload', text)
    assert "49" not in re.sub(r"sha256-\S+", "", text.split("</style>")[1])


class _Tags(HTMLParser):
    """Keeps the tags that are open, and those that end without a beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "input", "br", "hr", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_every_tag_of_the_page_ends_where_it_should() -> None:
    tags = _Tags()
    tags.feed(page_of(result(Result.SUCCESS, *SUCCESSFUL)))
    assert (tags.open, tags.wrong) == ([], [])


def test_the_page_loads_nothing_sends_nothing_and_runs_nothing() -> None:
    """Not even if something that others wrote became markup."""
    found = re.findall(
        'http-equiv="Content-Security-Policy" content="([^"]+)"', page_of(result(Result.SUCCESS))
    )
    (policy,) = found
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    style = rules.pop("style-src")
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", style)
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        (
            [*call("Bash", 1, 2, state="denied"), *call("Edit", 3, 4)],
            ['class="bar call bad"', ">denied, 1s<", "2 tool calls over time, 1 of them failed"],
        ),
        ([delta("So:\n\n```\nif x:\n    y()\n```\n")], ["So:\n\n```\nif x:\n    y()\n```</span>"]),
    ],
    ids=["a denied call", "a fence"],
)
def test_a_part_of_the_page(items: Sequence[dict[str, Any]], shown: list[str]) -> None:
    text = page_of(result(Result.SUCCESS, *items))
    assert [text.count(part) for part in shown] == [1] * len(shown)


@pytest.mark.parametrize("seconds", [1, 59, 3_599, 90_000, 30 * 86_400, 900 * 366 * 86_400])
def test_bars_and_ticks_stay_inside(seconds: float) -> None:
    calls = [*call("Bash", 0, seconds), *call("Bash", seconds, seconds), *call("Bash", 5, 2)]
    text = page_of(result(Result.SUCCESS, event("log", "x", 0), *calls))
    for x, width in re.findall(r'<rect [^>]*x="([-\d.]+)%" [^>]*width="([-\d.]+)%"', text):
        assert 0 <= float(x) <= 100
        assert 0 < float(width) <= 100.001 - float(x)
    marks = ticks(seconds)
    assert marks[0] == (0, "00:00")
    assert len(marks) <= 7
    assert all(0 <= x <= 100 for x, _ in marks)


def test_what_unfolds_is_bounded_and_every_entry_is_listed() -> None:
    events = [event("log", f"line {n}.", text=f"{n} " * 9_000) for n in range(300)]
    text = page_of(result(Result.SUCCESS, *SUCCESSFUL, *events))
    assert all(f"line {number}." in text for number in range(300))
    assert PAGE_LIMIT < len(text) < 1.1 * PAGE_LIMIT
