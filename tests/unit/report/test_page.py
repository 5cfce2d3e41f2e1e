"""The HTML report is inert, and keeps its bounds. Golden texts show its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.report.page import PAGE_LIMIT, page, ticks
from mogplex_ci.report.story import COMMENT, SUMMARY, report_of
from mogplex_ci.run.result import Result, Round, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.oracles.github_markdown import Page, rendered
from tests.unit.report.events import SUCCESSFUL, call, delta, event, facts, gate, item, result, run
from tests.unit.sanitize.test_markdown import markup


def page_of(ended: RunResult, **fields: Any) -> str:
    return "".join(page(facts(ended, **fields), Sanitizer()))


@pytest.mark.parametrize(
    "value", ['</style><script>alert(1)</script>" onload="x', "{{ 7 * 7 }}{% raw %}"]
)
def test_what_others_wrote_stays_text(value: str) -> None:
    items = (
        event("tool_started", value, 1, value, input=value),
        event("tool_finished", value, 2, value, output=value),
        event("assistant_message", value, 3),
        delta(value, 3),
        event(value, value, 4),
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


def told_of(words: str, kind: Result) -> list[Page]:
    """Return summary, comment and page of a step whose run has ``words`` in every place, as
    GitHub's parser and a browser read them.
    """
    text = Untrusted(words)
    check = item(words, "https://github.com/acme/web/runs/1", words)
    checks = gate("checks", "a check failed", check)
    paths = gate("allowed-paths", "a file is not allowed", item(words))
    items = (
        event("started", words, 0),
        event(words, words, 1),
        delta(words, 2),
        event("tool_started", words, 3, words, input=words),
        event("log", words, 4, logs=words),
        event("failed", words, 5, error=words, failure_code=words),
    )
    branch = {"base": f"x{words}", "working": f"y{words}", "createBranch": False}
    known = {
        "run": run("failed", branch=branch, harness=words),
        "gates": (checks, paths),
        "detail": text,
    }
    ended = result(
        kind, *items, **known, cause="a check failed", rounds=(Round("r1", None, (checks, paths)),)
    )
    step, safe = facts(ended, prompt=words), Sanitizer()
    markdown = [report_of(parts, step, safe, limit=10**6) for parts in (SUMMARY, COMMENT)]
    return [*map(rendered, markdown), Page("".join(page(step, safe)))]


@given(words=markup, kind=st.sampled_from([Result.FAILED, Result.REJECTED]))
def test_words_of_others_make_no_element_and_no_link_in_any_place(words: str, kind: Result) -> None:
    harmless = zip(told_of("plain", kind), told_of("", kind), strict=True)
    for hostile, (plain, empty) in zip(told_of(words, kind), harmless, strict=True):
        ours = {*plain.elements, *empty.elements}
        tags = {element.split()[0] for element in ours} | {"code"}
        assert {element.split()[0] for element in hostile.elements} <= tags
        links = [element for element in hostile.elements if element.startswith("a ")]
        of_branch = "https://github.com/acme/web/tree/y"
        assert [link for link in links if link not in ours and of_branch not in link] == []


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


@pytest.mark.slow
def test_what_unfolds_is_bounded_and_every_entry_is_listed() -> None:
    events = [event("log", f"line {n}.", text=f"{n} " * 9_000) for n in range(300)]
    text = page_of(result(Result.SUCCESS, *SUCCESSFUL, *events))
    assert all(f"line {number}." in text for number in range(300))
    assert PAGE_LIMIT < len(text) < 1.1 * PAGE_LIMIT
