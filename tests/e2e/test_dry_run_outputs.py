"""Dry runs on GitHub: what later steps get leads nowhere, and the reports link nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.github_log import read_log
from tests.program import GitHubStep
from tests.slow import slow

NO_COMMIT = "0" * 40


def step_of(folder: Path, scenario: str, **inputs: str) -> GitHubStep:
    wanted = {name.replace("_", "-"): value for name, value in inputs.items()}
    given = {"prompt": "Fix it", "dry-run": scenario, "output-dir": "out", **wanted}
    return GitHubStep(folder, given, {"GITHUB_REPOSITORY": "acme/web"})


@pytest.mark.parametrize("scenario", ["true", *slow(["success"])])
@pytest.mark.parametrize("branch", ["feature/login", *slow([""])])
def test_the_outputs_lead_nowhere(tmp_path: Path, scenario: str, branch: str) -> None:
    step = step_of(tmp_path, scenario, branch=branch, create_branch="true")
    assert step.run().code == 0
    outputs = step.outputs
    worked_on = outputs["branch"]
    assert worked_on.startswith(f"dry-run/{branch or 'mogplex/external/'}")
    assert outputs["pull-request-url"] == "https://github.com/acme/web/pull/0"
    assert outputs["commit-sha"] == NO_COMMIT
    result = json.loads((step.workspace / "out/result.json").read_text())
    assert (result["commit"], result["pull_request_url"]) == (
        NO_COMMIT,
        outputs["pull-request-url"],
    )
    assert result["compare_url"] == f"https://github.com/acme/web/compare/main...{worked_on}"


@pytest.mark.slow
def test_a_preview_leads_nowhere_either(tmp_path: Path) -> None:
    step = step_of(tmp_path, "paused")
    ended = step.run()
    assert (ended.code, step.outputs["result"]) == (1, "paused")
    result = json.loads((step.workspace / "out/result.json").read_text())
    assert result["preview_url"] == "https://dry-run.invalid/"
    assert "Preview" not in ended.out


@pytest.mark.parametrize("scenario", ["true", *slow(["success", "paused"])])
def test_the_reports_link_nothing(tmp_path: Path, scenario: str) -> None:
    step = step_of(tmp_path, scenario, summary="true")
    step.run()
    links = re.findall(r'href="(https[^"]*)"', (step.workspace / "out/report.html").read_text())
    links += re.findall(r"https://[^\s)>]+", step.summary)
    assert [link for link in links if "acme/web" in link or ".invalid" in link] == []


@pytest.mark.parametrize(
    "gates",
    [
        *slow([{"require": "change, pull-request, checks", "branch": "feature/login"}]),
        {"protected-paths": ".github/", "repair": "2", "require": "change"},
    ],
    ids=["an existing branch", "a repair"],
)
def test_a_green_step_has_no_red_annotation(tmp_path: Path, gates: dict[str, str]) -> None:
    step = step_of(tmp_path, "true", **gates)
    ended = step.run()
    assert (ended.code, step.outputs["result"]) == (0, "dry-run"), ended.out
    assert [each for each in read_log(ended.out).annotations if each.level == "error"] == []
    assert "✘" not in step.summary
