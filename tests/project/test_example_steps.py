"""Steps of the examples that ask GitHub, run by bash as a runner does; gh is a stand-in, and jq its
query language.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.program import ROOT, executable
from tests.require import require

GH = """#!/bin/sh
while [ "$1" != --jq ]; do echo "$1" >>"$ASKED"; shift; done
[ -s "$ANSWER" ] || exit 1
jq --raw-output "$2" <"$ANSWER"
"""
WEB, FORK = {"id": 1}, {"id": 2}


def step(example: str, key: str) -> dict[str, Any]:
    text = (ROOT / "examples" / "workflows" / f"{example}.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    found: dict[str, Any] = next(each for each in job["steps"] if each.get("id") == key)
    return found


def run(folder: Path, example: str, key: str, answer: object) -> tuple[int, str, str]:
    """Return exit code, outputs and what gh was asked."""
    for program in ("bash", "jq"):
        require(program)
    executable(folder / "gh", GH)
    (folder / "answer").write_text(json.dumps(answer) if answer is not None else "")
    for name in ("output", "asked"):
        (folder / name).touch()
    env = {"GITHUB_REPOSITORY": "acme/web", "GITHUB_OUTPUT": str(folder / "output"), "NUMBER": "12"}
    env |= {"ANSWER": str(folder / "answer"), "ASKED": str(folder / "asked")}
    env["PATH"] = f"{folder}:/usr/local/bin:/usr/bin:/bin"
    script = step(example, key)["run"]
    done = subprocess.run(["bash", "-e", "-c", script], env=env, check=False)
    return done.returncode, (folder / "output").read_text(), (folder / "asked").read_text()


@pytest.mark.parametrize(
    ("repo", "is_fork"),
    [(WEB, "false"), (FORK, "true"), (None, "true")],
    ids=["own", "fork", "gone"],
)
def test_a_comment_on_a_pull_request_finds_its_branch(
    tmp_path: Path, repo: dict[str, int] | None, is_fork: str
) -> None:
    answer = {"head": {"ref": "feature/login", "repo": repo}, "base": {"ref": "main", "repo": WEB}}
    code, outputs, asked = run(tmp_path, "comment", "head", answer)
    assert (code, asked) == (0, "api\nrepos/acme/web/pulls/12\n")
    assert outputs == f"is-fork={is_fork}\nbranch=feature/login\nbase=main\n"


def pull(ref: str, repo: dict[str, int] | None = WEB) -> dict[str, object]:
    return {
        "head": {"ref": ref, "repo": repo},
        "base": {"ref": "main", "repo": WEB},
        "html_url": "https://github.com/acme/web/pull/7",
    }


@pytest.mark.parametrize(
    ("example", "branch"), [("nightly", "nightly-upkeep/7"), ("dependencies", "dependencies/7")]
)
def test_nothing_starts_at_night_while_the_last_pull_request_is_open(
    tmp_path: Path, example: str, branch: str
) -> None:
    code, outputs, _ = run(tmp_path, example, "earlier", [pull("fix"), pull(branch)])
    assert (code, outputs) == (0, "")
    others = [pull("fix"), pull(branch, FORK), pull(branch, None)]
    code, outputs, asked = run(tmp_path, example, "earlier", others)
    assert (code, outputs) == (0, "none=true\n"), "nobody else's counts"
    assert "repos/acme/web/pulls?state=open&per_page=100" in asked


@pytest.mark.parametrize(
    ("example", "key"), [("comment", "head"), ("nightly", "earlier"), ("dependencies", "earlier")]
)
def test_a_failure_of_the_api_fails_the_step(tmp_path: Path, example: str, key: str) -> None:
    code, outputs, _ = run(tmp_path, example, key, None)
    assert (code, outputs) == (1, "")
