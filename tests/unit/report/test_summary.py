"""The job summary: the answer first, everything inert, and never larger than it may be."""

from __future__ import annotations

import pytest

from mogplex_ci.errors import Problem
from mogplex_ci.report.facts import facts_of
from mogplex_ci.report.summary import LIMIT, summary_of
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import (
    BRANCH,
    PULL_REQUEST,
    RUN_ID,
    SUCCESSFUL,
    call,
    delivery,
    delta,
    event,
    facts,
    github,
    inputs,
    result,
)

BRANCH_LINK = f"[<code>{BRANCH}</code>](https://github.com/acme/web/tree/{BRANCH})"
COMPARE = f"https://github.com/acme/web/compare/main...{BRANCH}"


def summary(ended: RunResult, *, limit: int = LIMIT, **fields: str) -> str:
    return summary_of(facts(ended, **fields), Sanitizer(), limit=limit)


def test_a_success_leads_with_the_task_and_the_pull_request() -> None:
    text = summary(result(Result.SUCCESS, *SUCCESSFUL))
    assert text.startswith(
        "## ✔ Fix the failing login test\n\n"
        f"**Run succeeded** after 12m 07s · [Pull request #42]({PULL_REQUEST}) · {BRANCH_LINK}\n\n"
        "### The agent's last words\n\n"
        "> The test compared times of two time zones.<br>\n>\n"
        "> Fixed:<br>\n> &#45; the test<br>\n> &#45; the clock<br>\n"
    )
    assert "| Attempt | <code>2</code> |\n| Events | 13 |\n| Requests | 31 |" in text
    assert "| <code>Command</code> | 1 | 0 | 2m 12s |" in text


def test_a_failure_leads_with_why() -> None:
    why = {"cause": "the run failed", "remedy": "Try again.", "detail": Untrusted("Tests fail\n```\n# no title")}
    assert summary(result(Result.FAILED, **why)).startswith(
        "## ✘ Fix the failing login test\n\n"
        f"**Run failed** after 12m 07s · {BRANCH_LINK}\n\n"
        "> Tests fail<br>\n> &#96;&#96;&#96;<br>\n> &#35; no title<br>\n\nTry again.\n\n### Next\n\n"
    )


def test_a_cause_that_says_more_than_the_headline_is_shown() -> None:
    text = summary(result(Result.TIMEOUT, cause="the timeout passed while the run was streaming"))
    assert "**The timeout passed while the run was streaming**\n" in text


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        (result(Result.SUCCESS, delivery(changed=False)), "no change"),
        (result(Result.SUCCESS, *call("Bash", 0, 1)), f"[pull request and change unknown]({COMPARE})"),
    ],
)
def test_what_is_not_there_or_not_known_is_said(ended: RunResult, shown: str) -> None:
    assert f"after 12m 07s · {shown} · " in summary(ended)


def test_commands_run_where_nothing_but_docker_is_installed() -> None:
    docker = "docker run --rm -it -e MOGPLEX_API_KEY ghcr.io/mogplex/run-action:1"
    assert (
        f"```sh\n# look at the work\ngit fetch origin {BRANCH} && git switch {BRANCH}\n"
        f"# read the run's events again\n{docker} runs events {RUN_ID}\n```\n"
    ) in summary(result(Result.SUCCESS, *SUCCESSFUL))
    assert (
        f"```sh\n# follow the run\n{docker} runs events {RUN_ID} --follow\n"
        f"# cancel the run\n{docker} runs cancel {RUN_ID}\n```\n"
    ) in summary(result(Result.TIMEOUT))


def test_commands_name_a_server_of_ones_own() -> None:
    text = summary(result(Result.TIMEOUT), base_url="https://mogplex.acme.example/")
    assert "-e MOGPLEX_API_KEY -e MOGPLEX_URL=https://mogplex.acme.example/ ghcr.io" in text


def test_commands_at_the_terminal_of_a_machine_with_the_program_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/mogplex"])
    assert "docker run" in summary(result(Result.TIMEOUT)), "it is no terminal"
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout.isatty", lambda: True)
        text = summary(result(Result.TIMEOUT), base_url="https://mogplex.acme.example")
    assert f"\nMOGPLEX_URL=https://mogplex.acme.example mogplex runs cancel {RUN_ID}\n" in text


def test_wrong_inputs_are_listed() -> None:
    faults = (
        Problem("wait", "is no boolean", "Use true or false.", Untrusted("<b>")),
        Problem("prompt", "is missing", "Set it."),
    )
    ended = result(Result.ERROR, cause="wrong inputs: wait, prompt", problems=faults, run=None, repo=None, key="")
    text = summary_of(facts_of(ended, Sanitizer(), github(), None), Sanitizer())
    assert text.startswith('## ✘ Step failed\n\n**Step failed** after 12m 07s\n\n- wait: "')
    assert "&#60;b>" in text
    assert "\n- prompt" in text


def test_a_chart_that_is_tall_is_folded() -> None:
    few, many = (
        summary(result(Result.SUCCESS, *(item for at in range(calls) for item in call("Bash", at, at + 1))))
        for calls in (5, 15)
    )
    assert "### Where the time went\n\nagent 5s\n\n```mermaid\n" in few
    title = "Phases and the 15 longest of 15 tool calls"
    assert f"agent 15s\n\n<details>\n<summary>{title}</summary>\n\n```mermaid\n" in many


def test_a_chart_that_says_no_more_than_the_times_is_not_drawn() -> None:
    text = summary(result(Result.SUCCESS, *SUCCESSFUL))
    assert "sandbox 14s · git 3s · install 3s · agent 3m 00s · delivery 0s\n" in text
    assert "mermaid" not in text


@pytest.mark.parametrize("value", ["a | b", "<img src=x>", "[x](javascript:1)", "@acme", "**b**", "`c`", "a\n\n## b"])
def test_what_others_wrote_is_shown_and_does_nothing(value: str) -> None:
    calls = [event("tool_started", value, 1, value), event("tool_finished", value, 2, value)]
    text = summary(result(Result.SUCCESS, *calls), prompt=value)
    table = next(line for line in text.splitlines() if line.endswith("| 1 | 0 | 1s |"))
    assert table.startswith("| <code>")
    shown = table.removeprefix("| <code>").split("</code>")[0].replace("<wbr>", "")
    title = text.splitlines()[0].replace("<wbr>", "").removeprefix("## ")
    assert not any(mark in shown + title for mark in "|<[]*`")
    assert "\n## b" not in text


def test_it_says_less_until_it_fits() -> None:
    words = delta("é" * 30_000, 1000)
    calls = [item for number in range(90) for item in call(f"tool-{number % 40}", number, number + 1)]
    ended = result(Result.SUCCESS, *SUCCESSFUL, *calls, words)
    full = summary(ended)
    assert full.count("\n  ▸ ") == 65
    assert "the 60 longest of 91 tool calls" in full
    sizes = []
    for limit in (24_000, 9_000, 6_000, 3_000, 1):
        text = summary(ended, limit=limit)
        sizes.append(len(text.encode()))
        assert PULL_REQUEST in text
        assert sizes[-1] <= limit or limit == 1
    assert sizes == sorted(sizes, reverse=True)
    assert len(full.encode()) > sizes[0]


def test_nothing_is_made_up_where_no_run_was_started() -> None:
    ended = result(Result.SKIPPED, run=None, repo=None, key="", exit_code=0, remedy="There is no api-key.")
    assert summary_of(facts_of(ended, Sanitizer(), github(), inputs()), Sanitizer()) == (
        "## → Fix the failing login test\n\n**Skipped** after 12m 07s\n\nThere is no api-key.\n\n"
        "<details>\n<summary>Ids and counts</summary>\n\n"
        "|  |  |\n| --- | --- |\n| Attempt | <code>2</code> |\n\n</details>\n"
    )
