"""The example that signs the record: the file that is signed is the one that the second job
verifies, and it uses nothing else.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.documents import claim
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.program import GitHubStep, executable
from tests.require import require
from tests.slow import slow

WORKFLOW: dict[str, Any] = yaml.safe_load(claim("examples/workflows/attest.yml").code)
GH = """#!/bin/sh
# gh, as far as it verifies: the file must be the one that was signed, by this workflow.
[ "$1 $2 $3" = "attestation verify record.json" ] || exit 2
[ "$4 $5" = "--repo acme/web" ] || exit 2
[ "$6 $7" = "--signer-workflow acme/web/.github/workflows/a-copy.yml" ] || exit 2
[ "$8 $9" = "--predicate-type {type}" ] || exit 2
[ "$(sha256sum < record.json)" = "{signed}  -" ] || { echo "no attestations found" >&2; exit 1; }
"""


def run_step(step: dict[str, Any], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step in a folder, with ``gh`` of the test."""
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={"PATH": f"{folder.parent / 'bin'}:/usr/local/bin:/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("is_changed", [False, *slow([True])])
def test_the_record_that_was_signed_is_used_and_no_other(tmp_path: Path, is_changed: bool) -> None:
    require("jq")
    agent, take, sign = WORKFLOW["jobs"]["agent"]["steps"]
    (use,) = WORKFLOW["jobs"]["use"]["steps"]
    with GitHub() as github, Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work(checks=Look([check("test", "success")])))
        given = {name: str(value) for name, value in agent["with"].items()}
        known = {"api-key": emulator.token, "github-token": TOKEN, "prompt": "Fix it"}
        inputs = given | known | {"base-url": emulator.url}
        step = GitHubStep(tmp_path / "agent", inputs, {"GITHUB_API_URL": github.url})
        ended = step.run()
        assert ended.code == 0, ended.out
        head = github.branches[step.outputs["branch"]]
    output = tmp_path / "agent" / "taken"
    taken = run_step(take, step.workspace, GITHUB_OUTPUT=str(output))
    assert taken.returncode == 0, taken.stderr
    assert sign["with"]["subject-path"] == sign["with"]["predicate-path"] == "record.json"
    signed = (step.workspace / sign["with"]["predicate-path"]).read_bytes()
    Draft202012Validator(load_schema("record")).validate(json.loads(signed))
    record = output.read_text(encoding="utf-8").removeprefix("record=").removesuffix("\n")
    if is_changed:
        record = record.replace(head, "0" * 40)
    job = tmp_path / "use"
    job.mkdir()
    script = GH.replace("{signed}", hashlib.sha256(signed).hexdigest())
    executable(tmp_path / "bin" / "gh", script.replace("{type}", sign["with"]["predicate-type"]))
    repository = "acme/web"
    verified = run_step(
        use,
        job,
        GITHUB_REPOSITORY=repository,
        RECORD=record,
        GITHUB_WORKFLOW_REF=f"{repository}/.github/workflows/a-copy.yml@refs/heads/main",
    )
    assert (verified.returncode == 0) is not is_changed, verified.stderr
    assert (f"Judged: {head}" in verified.stdout) is not is_changed
