"""Runs and events of which the API tells less than usual, or more, and the colours of lines."""

from __future__ import annotations

import pytest

from mogplex_ci.api import answers
from mogplex_ci.commands import runs
from mogplex_ci.platforms.job_log import coloured, for_terminal
from mogplex_ci.sanitize import Sanitizer

SAFE = Sanitizer()
RUN = {"runId": "r-1", "status": "pending"}
AT = "2026-05-17T10:14:10"


def test_a_run_of_which_nothing_else_is_known() -> None:
    assert list(runs.run_lines(answers.run(RUN), SAFE)) == [
        "run     r-1",
        "status  pending",
        "harness -",
        "repo    -",
        "branch  -",
        "sandbox -",
        "events  -",
        "cancel  -",
        "created unknown",
        "updated unknown",
    ]


def test_what_newer_services_know_follows_the_documented_lines() -> None:
    more = {
        "error": "Out of\ntime.",
        "agentId": "a-1",
        "mode": "SAFE",
        "worktreeId": "w-1",
        "terminalCommitSha": "c-1",
    }
    *_, error, agent, mode, tree, commit = runs.run_lines(answers.run(RUN | more), SAFE)
    assert (error, agent, mode) == ("error   Out of time.", "agent   a-1", "mode    SAFE")
    assert (tree, commit) == ("tree    w-1", "commit  c-1")


@pytest.mark.parametrize(
    ("branch", "line"),
    [
        ({"base": "main", "working": "feat/x", "createBranch": False}, "feat/x (base main)"),
        (
            {"base": "main", "working": "feat/x", "createBranch": True},
            "feat/x (base main, created)",
        ),
        ({"base": None, "working": "feat/x", "createBranch": False}, "feat/x"),
        ({"base": "main", "working": None, "createBranch": False}, "- (base main)"),
    ],
)
def test_a_branch(branch: dict[str, object], line: str) -> None:
    assert f"branch  {line}" in list(runs.run_lines(answers.run({**RUN, "branch": branch}), SAFE))


def test_a_run_that_could_not_be_queued_says_why() -> None:
    run = answers.run({**RUN, "status": "failed", "error": "Queue\nis full."})
    assert "error   Queue is full." in list(runs.started_lines(run, joined=False, safe=SAFE))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"type": "log", "message": "x", "createdAt": f"{AT}+00:00"},
            f"{AT}.000Z  log             x",
        ),
        (
            {"type": "log", "message": "x", "createdAt": "2026-05-17T12:14:10.0004+02:00"},
            f"{AT}.000Z  log             x",
        ),
        ({"type": "log", "message": "x"}, "unknown                   log             x"),
        (
            {"type": "started", "toolName": None, "message": "", "createdAt": f"{AT}Z"},
            f"{AT}.000Z  started",
        ),
        (
            {"type": "tool_call", "toolName": "a\nb", "message": "1\n::error::2"},
            "unknown                   tool_call       tool=a b  1 ::error::2",
        ),
    ],
)
def test_an_event_is_one_line_whose_time_is_in_utc(fields: dict[str, object], line: str) -> None:
    (event,) = answers.events([{"id": "e-1", **fields}])
    assert runs.event_line(event, SAFE) == line


@pytest.mark.parametrize(
    ("colour", "line"),
    [
        *(
            ("32", line)
            for line in ("status  success", "--- run r-1 success ---", "[acme/web] ✔ x", "v token")
        ),
        *(
            ("31", line)
            for line in (
                "status  failed",
                "--- run r-1 failed ---",
                "error: x",
                "ERROR: x",
                "✘ x",
                "x ci",
            )
        ),
        *(
            ("33", line)
            for line in (
                "status  cancelled",
                "--- run r-1 awaiting_input ---",
                "warning: x",
                "→ x",
                "! ci",
            )
        ),
    ],
)
def test_a_line_has_the_colour_of_what_it_begins_with(colour: str, line: str) -> None:
    assert coloured(line) == f"\x1b[{colour}m{line}\x1b[0m"


def test_ids_and_links_are_dim_on_a_terminal() -> None:
    run = "99999999-8888-4777-8666-555555555555"
    shown = for_terminal(f"✔ {run}: https://github.com/acme/web/pull/7 (new)")
    assert shown == (
        f"\x1b[32m✔ \x1b[2m{run}\x1b[22m: \x1b[2mhttps://github.com/acme/web/pull/7\x1b[22m "
        "(new)\x1b[0m"
    )
