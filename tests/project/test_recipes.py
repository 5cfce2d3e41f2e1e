"""The shell of the recipes that look before they pay, count attempts and comment, run by bash as a
runner does; gh is a stand-in.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.documents import claim
from tests.program import executable
from tests.require import require

GH = """#!/bin/sh
while [ $# -gt 0 ] && [ "$1" != --jq ]; do echo "$1" >>"$ASKED"; shift; done
[ -z "$2" ] || { [ -s "$ANSWER" ] && jq -r "$2" <"$ANSWER"; }
"""
"""Answers any question from a file, and fails without one; what it is told to write is noted."""
MARK = "See its log. <!-- fix-build -->"


class Done(NamedTuple):
    """A script that has ended."""

    code: int
    said: str
    outputs: str
    asked: list[str]
    """The arguments of gh, one after the other."""


def step(example: str, key: str) -> dict[str, Any]:
    """Return a step of an example, which has one job, by its id or name."""
    text = claim(f"examples/workflows/{example}.yml").code
    (job,) = yaml.safe_load(text)["jobs"].values()
    steps: list[dict[str, Any]] = job["steps"]
    return next(each for each in steps if key in (each.get("id"), each.get("name")))


def run(folder: Path, step: dict[str, Any], answer: Any, **env: str) -> Done:
    """Run the script of a step as the runner does; GitHub answers this, or None: not at all."""
    for program in ("bash", "jq"):
        require(program)
    executable(folder / "gh", GH)
    output, file, asked = (folder / name for name in ("output", "answer.json", "asked"))
    file.write_text("" if answer is None else json.dumps(answer))
    for each in (output, asked):
        each.touch()
    known = {"NUMBER": "12", "TESTED": "c0ffee", "GITHUB_REPOSITORY": "acme/web"}
    files = {"GITHUB_OUTPUT": str(output), "ANSWER": str(file), "ASKED": str(asked)}
    options = ["-e", "-o", "pipefail"] if step.get("shell") == "bash" else ["-e"]
    done = subprocess.run(
        ["bash", *options, "-c", step["run"]],
        env={**step["env"], **known, **files, "PATH": f"{folder}:/usr/bin:/bin", **env},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, output.read_text(), asked.read_text().splitlines())


def comments(*authors: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"user": {"type": kind}, "body": body} for kind, body in authors]


@pytest.mark.parametrize(
    ("earlier", "may_try"),
    [
        ([], True),
        (comments(*[("Bot", MARK)] * 2), True),
        (comments(*[("Bot", MARK)] * 3), False),
        (comments(*[("Bot", MARK)] * 2, *[("User", MARK), ("Bot", f"{MARK} Quoted")] * 3), True),
    ],
    ids=["the first", "the third", "the fourth", "comments of others"],
)
def test_a_fourth_attempt_is_not_made(
    tmp_path: Path, earlier: list[dict[str, Any]], may_try: bool
) -> None:
    agent = step("fix-build", "agent")
    assert agent["if"].startswith("steps.attempts.outputs.left == 'true' && ")
    done = run(tmp_path, step("fix-build", "attempts"), earlier)
    assert (done.code, done.outputs) == (0, "left=true\n" if may_try else "")
    assert done.said.startswith("::notice::Agents have tried 3 times") is not may_try


@pytest.mark.parametrize(
    ("result", "changed", "said"),
    [
        ("success", "true", "An agent changed this branch to fix the build: please review its"),
        ("success", "false", "An agent investigated the failing build and changed nothing."),
        ("success", "", "An agent worked on the failing build; it is unknown whether it changed"),
        ("timeout", "", "An agent could not fix the build (timeout)."),
        ("paused", "", "An agent has a question about the failing build."),
    ],
)
def test_the_comment_calls_no_unknown_change_none(
    tmp_path: Path, result: str, changed: str, said: str
) -> None:
    comment = step("fix-build", "Comment on the pull request")
    done = run(tmp_path, comment, None, RESULT=result, CHANGED=changed, LOG="https://log")
    assert done.asked[-1].startswith(said)
    is_attempt = result != "paused"
    assert done.asked[-1].endswith("<!-- fix-build -->") is is_attempt


@pytest.mark.parametrize(
    ("name", "answer", "starts"),
    [
        ("fix-build", {"state": "open", "head": {"sha": "c0ffee"}}, True),
        ("fix-build", {"state": "open", "head": {"sha": "newer"}}, False),
        ("fix-build", {"state": "closed", "head": {"sha": "c0ffee"}}, False),
        ("comment", {"state": "open"}, True),
        ("comment", {"state": "closed"}, False),
    ],
)
def test_a_recipe_looks_whether_there_is_anything_to_do_before_it_pays(
    tmp_path: Path, name: str, answer: Any, starts: bool
) -> None:
    done = run(tmp_path, step(name, "check"), answer)
    assert done.said.startswith("::notice::No agent is started: ") is not starts
    outputs = dict(line.split("=") for line in done.outputs.splitlines())
    condition = step(name, "agent")["if"].rpartition("steps.check.outputs.")[2]
    wanted, _, value = condition.partition(" == ")
    assert (outputs.get(wanted) == value.strip("'")) is starts


OWN = "upkeep/99"
OTHERS = ["upkeep", "upkeeper/1", "docs/upkeep/1"]


@pytest.mark.parametrize("example", ["nightly", "label"])
@pytest.mark.parametrize(
    ("open_ones", "starts"),
    [
        ([], True),
        ([(OWN, False)], True),
        ([("upkeep/98", True)], True),
        ([(name, False) for name in OTHERS], True),
        ([("upkeep/98", False)], False),
        ([(OWN, False), ("upkeep/7", False)], False),
    ],
    ids=["none", "a re-run's own", "a fork's", "of other branches", "an earlier one", "both"],
)
def test_nothing_starts_while_an_earlier_pull_request_is_open(
    tmp_path: Path, example: str, open_ones: list[tuple[str, bool]], starts: bool
) -> None:
    answer = [{"headRefName": name, "isCrossRepository": fork} for name, fork in open_ones]
    done = run(tmp_path, step(example, "check"), answer, FAMILY="upkeep/", OWN=OWN)
    assert (done.code, done.outputs == "others=0\n") == (0, starts)
    assert done.said.startswith("::notice::No agent is started: ") is not starts


WEB, FORK = {"id": 1}, {"id": 2}


@pytest.mark.parametrize(
    ("repo", "is_fork"),
    [(WEB, "false"), (FORK, "true"), (None, "true")],
    ids=["own", "fork", "gone"],
)
def test_a_comment_on_a_pull_request_finds_its_branch(
    tmp_path: Path, repo: dict[str, int] | None, is_fork: str
) -> None:
    answer = {"head": {"ref": "feature/login", "repo": repo}, "base": {"ref": "main", "repo": WEB}}
    done = run(tmp_path, step("comment", "head"), answer)
    assert (done.code, done.asked) == (0, ["api", "repos/acme/web/pulls/12"])
    assert done.outputs == f"is-fork={is_fork}\nbranch=feature/login\nbase=main\n"
    assert done.said.startswith("::notice::No agent is started: #12 ") is (is_fork == "true")


@pytest.mark.parametrize(
    ("example", "key"),
    [
        ("fix-build", "attempts"),
        ("comment", "head"),
        ("comment", "check"),
        ("nightly", "check"),
        ("label", "check"),
    ],
)
def test_a_failure_of_the_api_starts_nothing(tmp_path: Path, example: str, key: str) -> None:
    done = run(tmp_path, step(example, key), None)
    assert (done.code != 0, done.outputs) == (True, "")
