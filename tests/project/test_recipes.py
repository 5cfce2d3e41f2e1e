"""The shell of the recipes that look before they pay, count attempts and comment, run by bash as a
runner does; gh is a stand-in.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import claim
from tests.program import executable
from tests.require import require

STEPS = yaml.safe_load(claim("examples/workflows/fix-build.yml").code)["jobs"]["fix"]["steps"]
ANSWERING_GH = """#!/bin/sh
while [ "$1" != --jq ]; do echo "$1" >>"$ASKED"; shift; done
[ -s "$ANSWER" ] && jq -r "$2" <"$ANSWER"
"""
"""Answers any question from a file, and fails without one."""
GH = """#!/bin/sh
[ "$1 $2 $3 $4" = "api --paginate repos/acme/web/issues/7/comments --jq" ] || exit 2
jq -r "$5" <"$COMMENTS"
"""
MARK = "See its log. <!-- fix-build -->"


def comments(*authors: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": at, "user": {"type": kind}, "body": body} for at, (kind, body) in enumerate(authors)
    ]


@pytest.mark.parametrize(
    ("earlier", "may_try"),
    [
        ([], True),
        (comments(*[("Bot", MARK)] * 2), True),
        (comments(*[("Bot", MARK)] * 3), False),
        (
            comments(*[("Bot", MARK)] * 2, *[("User", MARK), ("Bot", f"{MARK} A quotation")] * 3),
            True,
        ),
    ],
    ids=["the first", "the third", "the fourth", "comments of others"],
)
def test_a_fourth_attempt_is_not_made(
    tmp_path: Path, earlier: list[dict[str, Any]], may_try: bool
) -> None:
    for program in ("bash", "jq"):
        require(program)
    counting, _, agent, _ = STEPS
    assert agent["if"].startswith("steps.attempts.outputs.left == 'true' && ")
    assert counting["shell"] == "bash"
    output, file = tmp_path / "output", tmp_path / "comments.json"
    executable(tmp_path / "gh", GH)
    file.write_text(json.dumps(earlier))
    output.touch()
    env = {"GITHUB_REPOSITORY": "acme/web", "GITHUB_OUTPUT": str(output), "COMMENTS": str(file)}
    env |= {"NUMBER": "7", "MOST": counting["env"]["MOST"], "PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", counting["run"]],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert output.read_text() == ("left=true\n" if may_try else "")
    assert (done.stdout.startswith("::notice::Agents have tried 3 times"), done.stderr) == (
        not may_try,
        "",
    )


def test_no_attempt_is_made_when_they_cannot_be_counted(tmp_path: Path) -> None:
    require("bash")
    executable(tmp_path / "gh", "#!/bin/sh\nexit 1\n")
    (tmp_path / "output").touch()
    env = {
        "GITHUB_REPOSITORY": "acme/web",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "NUMBER": "7",
    }
    env |= {"MOST": "3", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    # as the runner starts `shell: bash`
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEPS[0]["run"]]
    done = subprocess.run(shell, env=env, check=False)
    assert (done.returncode, (tmp_path / "output").read_text()) == (1, "")


@pytest.mark.parametrize(
    ("result", "changed", "said"),
    [
        (
            "success",
            "true",
            "An agent changed this branch to fix the build: please review its commits.",
        ),
        ("success", "false", "An agent investigated the failing build and changed nothing."),
        (
            "success",
            "",
            "An agent worked on the failing build; it is unknown whether it changed this branch.",
        ),
        ("timeout", "", "An agent could not fix the build (timeout)."),
        ("paused", "", "An agent has a question about the failing build."),
    ],
)
def test_the_comment_calls_no_unknown_change_none(
    tmp_path: Path, result: str, changed: str, said: str
) -> None:
    require("bash")
    executable(tmp_path / "gh", '#!/bin/sh\nprintf "%s\n" "$@"\n')
    env = {
        "RESULT": result,
        "CHANGED": changed,
        "NUMBER": "7",
        "LOG": "https://log",
        "GITHUB_REPOSITORY": "acme/web",
    }
    env |= {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    comment = STEPS[3]["run"]
    done = subprocess.run(
        ["bash", "-e", "-c", comment], env=env, capture_output=True, text=True, check=True
    )
    mark = "" if result == "paused" else "<!-- fix-build -->"  # a question is no attempt
    assert done.stdout.splitlines()[-1] == f"{said} See [its log](https://log). {mark}"


def step(example: str, key: str) -> dict[str, Any]:
    """Return a step of an example, which has one job, by its id."""
    text = claim(f"examples/workflows/{example}.yml").code
    (job,) = yaml.safe_load(text)["jobs"].values()
    found: dict[str, Any] = next(each for each in job["steps"] if each.get("id") == key)
    return found


def asking(
    folder: Path, step: dict[str, Any], answer: Any
) -> tuple[subprocess.CompletedProcess[str], str, str]:
    """Run a step that asks GitHub once; return how it ended, its outputs, and what it asked."""
    for program in ("bash", "jq"):
        require(program)
    executable(folder / "gh", ANSWERING_GH)
    output, file, asked = (folder / name for name in ("output", "answer.json", "asked"))
    file.write_text("" if answer is None else json.dumps(answer))
    for each in (output, asked):
        each.touch()
    env = step["env"] | {"NUMBER": "12", "TESTED": "c0ffee", "GITHUB_REPOSITORY": "acme/web"}
    env |= {"GITHUB_OUTPUT": str(output), "ANSWER": str(file), "ASKED": str(asked)}
    env["PATH"] = f"{folder}:/usr/bin:/bin"
    # as the runner starts a script that names no shell
    command = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done, output.read_text(), asked.read_text()


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
    look, agent = step(name, "check"), step(name, "agent")
    done, output, _ = asking(tmp_path, look, answer)
    assert done.stderr == ""
    assert done.stdout.startswith("::notice::No agent is started: ") is not starts
    outputs = dict(line.split("=") for line in output.splitlines())
    condition = agent["if"].rpartition("steps.check.outputs.")[2]
    wanted, _, value = condition.partition(" == ")
    assert (outputs.get(wanted) == value.strip("'")) is starts
    assert len(look["run"].splitlines()) == 3


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
    look = step(example, "check")
    names = {**look["env"], "FAMILY": "upkeep/", "OWN": OWN}
    answer = [{"headRefName": name, "isCrossRepository": fork} for name, fork in open_ones]
    done, output, asked = asking(tmp_path, {**look, "env": names}, answer)
    assert (done.returncode, done.stderr) == (0, "")
    assert (output == "others=0\n") is starts
    assert done.stdout.startswith("::notice::No agent is started: ") is not starts
    assert asked.startswith("pr\nlist\n--repo\nacme/web\n")


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
    done, outputs, asked = asking(tmp_path, step("comment", "head"), answer)
    assert (done.returncode, asked) == (0, "api\nrepos/acme/web/pulls/12\n")
    assert outputs == f"is-fork={is_fork}\nbranch=feature/login\nbase=main\n"
    assert done.stdout.startswith("::notice::No agent is started: #12 ") is (is_fork == "true")


@pytest.mark.parametrize(
    ("example", "key"),
    [("comment", "head"), ("comment", "check"), ("nightly", "check"), ("label", "check")],
)
def test_a_failure_of_the_api_starts_nothing(tmp_path: Path, example: str, key: str) -> None:
    done, outputs, _ = asking(tmp_path, step(example, key), None)
    assert (done.returncode != 0, outputs) == (True, "")
