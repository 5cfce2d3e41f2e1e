"""The job summary: the answer first, everything inert, and never larger than it may be."""

from __future__ import annotations

import pytest

from mogplex_ci.errors import Problem
from mogplex_ci.models import Untrusted
from mogplex_ci.report.chronicle import Chronicle
from mogplex_ci.report.summary import LIMIT, summary
from mogplex_ci.run.outcome import Outcome, Result, Verdict
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import RUN_ID, SUCCESS, SUCCESSFUL, arrived, event, outcome, run


def summary_of(ended: Outcome, *items: dict[str, object], limit: int = LIMIT) -> str:
    chronicle = Chronicle()
    chronicle.on(arrived(*items))
    return summary(ended, chronicle, Sanitizer(), attempt="2", limit=limit)


def test_a_success_leads_with_the_pull_request() -> None:
    text = summary_of(outcome(SUCCESS, *SUCCESSFUL), *SUCCESSFUL)
    title, _, _, _, first, *_ = text.splitlines()
    assert title == "## ✔ Run succeeded after 12m 07s"
    assert first.startswith("| Pull request | [")
    assert first.endswith("](https://github.com/acme/web/pull/42) |")
    assert "| Attempt | <code>2</code> |" in text
    assert "| Events | 9 |\n| Requests | 31 |" in text
    assert "| <code>shell</code> | 1 |  | 2m 12s |" in text
    assert "git fetch origin mogplex/agent-1" in text


def test_a_failure_leads_with_why() -> None:
    verdict = Verdict(Result.FAILED, 1, "the run failed", "Try again.", Untrusted("Tests fail\n```\n# no title"))
    text = summary_of(outcome(verdict))
    assert text.startswith(
        "## ✘ Run failed after 12m 07s\n\n````text\nTests fail\n```\n# no title\n````\n\nTry again.\n\n| | |\n"
    )


def test_wrong_inputs_are_listed() -> None:
    faults = (
        Problem("wait", "is no boolean", "true, false", Untrusted("<b>")),
        Problem("prompt", "is missing", "set it"),
    )
    verdict = Verdict(Result.ERROR, 2, "wait: …; prompt: …", problems=faults)
    text = summary_of(outcome(verdict, run=None))
    assert (
        "- <code>Input wait&#58; is no boolean&#44; got &#39;&#60;b&#62;&#39;&#59; allowed&#58; true&#44; false</code>"
        in text
    )
    assert "- <code>Input prompt" in text


def test_a_run_that_goes_on_says_how_to_follow_it() -> None:
    verdict = Verdict(Result.TIMEOUT, 1, "the timeout passed while the run was streaming", "Raise timeout.")
    text = summary_of(outcome(verdict, run=run()))
    assert "**The timeout passed while the run was streaming**" in text
    assert f"mogplex runs events {RUN_ID} --follow" in text
    assert f"mogplex runs cancel {RUN_ID}" in text


def test_the_agent_has_the_last_word() -> None:
    said = [event("assistant_message", "First, a look."), event("assistant_message", "Fixed:\n- the test")]
    text = summary_of(outcome(SUCCESS), *said)
    assert "**What the agent said last**\n\n```text\nFixed:\n- the test\n```\n" in text
    assert "First, a look." not in text


@pytest.mark.parametrize("value", ["a | b", "<img src=x>", "[x](javascript:1)", "@acme", "**b**", "`c`", "a\n\n## b"])
def test_what_others_wrote_is_shown_and_does_nothing(value: str) -> None:
    calls = [event("tool_started", value, tool=value, at=1), event("tool_finished", value, tool=value, at=2)]
    text = summary_of(outcome(SUCCESS), *calls)
    table = next(line for line in text.splitlines() if line.endswith("| 1 |  | 1s |"))
    assert table.startswith("| <code>")
    shown = table.removeprefix("| <code>").split("</code>")[0].replace("<wbr>", "")
    assert not any(mark in shown for mark in "|<>[]@*`")
    assert "\n## b" not in text


def test_it_degrades_in_steps_until_it_fits() -> None:
    words = event("assistant_message", "é" * 30_000, 1)
    calls = [
        event(kind, f"step {number}", number + (kind == "tool_finished"), tool=f"tool-{number % 40}")
        for number in range(90)
        for kind in ("tool_started", "tool_finished")
    ]
    ended = outcome(SUCCESS, *SUCCESSFUL)
    full = summary_of(ended, words, *calls)
    assert full.count(" :done, ") == 61
    assert "the 60 longest of 90 calls" in full
    sizes = []
    for limit in (40_000, 9_000, 5_000, 2_500, 1):
        text = summary_of(ended, words, *calls, limit=limit)
        sizes.append(len(text.encode()))
        assert "https://github.com/acme/web/pull/42" in text
        assert sizes[-1] <= limit or limit == 1
    assert sizes == sorted(sizes, reverse=True)
    assert len(full.encode()) > sizes[0]


def test_nothing_is_made_up_where_no_run_was_started() -> None:
    text = summary_of(outcome(Verdict(Result.SKIPPED, 0, remedy="There is no api-key."), run=None))
    assert text == (
        "## → Skipped after 12m 07s\n\nThere is no api-key.\n\n| | |\n| --- | --- |\n| Attempt | <code>2</code> |\n"
        "| Duration | 12m 07s |\n"
    )
