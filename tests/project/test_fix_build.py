"""The steps of fix-build.yml that count attempts and comment, run by bash as a runner does; gh is a
stand-in.
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
    counting, agent, _ = STEPS
    assert agent["if"] == "steps.attempts.outputs.left == 'true'"
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


@pytest.mark.parametrize(
    ("result", "changed", "said"),
    [
        (
            "success",
            "true",
            "An agent changed this branch to fix the build: please review its commits.",
        ),
        ("success", "false", "An agent looked at the failing build and changed nothing."),
        (
            "success",
            "",
            "An agent looked at the failing build; whether it changed this branch is not known.",
        ),
        ("timeout", "", "An agent could not fix the build (timeout)."),
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
    comment = STEPS[2]["run"]
    done = subprocess.run(
        ["bash", "-e", "-c", comment], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"{said} See [its log](https://log). <!-- fix-build -->"
