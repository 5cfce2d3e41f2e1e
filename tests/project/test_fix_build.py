"""The step of fix-build.yml that counts earlier attempts, run by bash as a runner does; gh is a stand-in with jq."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.require import require

WORKFLOW = Path(__file__).resolve().parents[2] / "examples" / "workflows" / "fix-build.yml"
GH = """#!/bin/sh
[ "$1 $2 $3 $4" = "api --paginate repos/acme/web/issues/7/comments --jq" ] || exit 2
jq -r "$5" <"$COMMENTS"
"""
MARK = "See its log. <!-- fix-build -->"


def comments(*authors: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"id": at, "user": {"type": kind}, "body": body} for at, (kind, body) in enumerate(authors)]


@pytest.mark.parametrize(
    ("earlier", "may_try"),
    [
        ([], True),
        (comments(*[("Bot", MARK)] * 2), True),
        (comments(*[("Bot", MARK)] * 3), False),
        (comments(*[("Bot", MARK)] * 2, *[("User", MARK), ("Bot", f"{MARK} A quotation")] * 3), True),
    ],
    ids=["the first", "the third", "the fourth", "comments of others"],
)
def test_a_fourth_attempt_is_not_made(tmp_path: Path, earlier: list[dict[str, Any]], may_try: bool) -> None:
    for program in ("bash", "jq"):
        require(program)
    counting, agent = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["fix"]["steps"][:2]
    assert agent["if"] == "steps.attempts.outputs.left == 'true'"
    output, gh, file = tmp_path / "output", tmp_path / "gh", tmp_path / "comments.json"
    gh.write_text(GH)
    gh.chmod(0o755)
    file.write_text(json.dumps(earlier))
    output.touch()
    env = {"GITHUB_REPOSITORY": "acme/web", "GITHUB_OUTPUT": str(output), "COMMENTS": str(file)}
    env |= {"NUMBER": "7", "MOST": counting["env"]["MOST"], "PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", counting["run"]], env=env, capture_output=True, text=True, check=True
    )
    assert output.read_text() == ("left=true\n" if may_try else "")
    assert (done.stdout.startswith("::notice::Agents have tried 3 times"), done.stderr) == (not may_try, "")
