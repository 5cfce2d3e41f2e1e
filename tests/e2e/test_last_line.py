"""The log of a step that failed ends with its code and where that is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mogplex_ci.errors import help_url
from tests.emulator import Emulator
from tests.program import ROOT, GitHubStep
from tests.slow import slow

PAGE = "https://github.com/mogplex/run-action/blob/main/docs/troubleshooting.md"


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    inputs = {"prompt": "Fix it", "repo": "acme/web", "output-dir": "out"}
    return GitHubStep(tmp_path, inputs=inputs)


def against(emulator: Emulator, step: GitHubStep) -> GitHubStep:
    step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
    return step


@pytest.mark.parametrize(
    ("scenario", "inputs", "code", "exit_code"),
    [
        ("failed", {}, "RUN_FAILED", 1),
        ("paused", {}, "PAUSED", 1),
        ("no-change", {"require": "change"}, "NO_CHANGE", 1),
        ("success", {"repo": "acme/unknown"}, "USAGE", 2),
        ("success", {"timeout": "soon"}, "USAGE", 2),
        *slow([("success", {"api-key": "mog_" + "x" * 32}, "UNAUTHORIZED", 64)]),
    ],
)
def test_a_step_that_failed_ends_with_where_its_code_is_explained(
    step: GitHubStep, scenario: str, inputs: dict[str, str], code: str, exit_code: int
) -> None:
    with Emulator(scenario, speed=50) as emulator:
        against(emulator, step).inputs |= inputs
        ended = step.run()
    where = f"{PAGE}#{code.lower()}"
    assert ended.code == exit_code
    assert ended.out.splitlines()[-1] == f"{code}, exit {exit_code}: {where}"
    assert where in step.summary
    result = json.loads((step.workspace / "out/result.json").read_text())
    assert (result["error"]["code"], result["error"]["help_url"]) == (code, where)


def test_a_code_that_only_the_service_knows_leads_to_the_table(step: GitHubStep) -> None:
    with Emulator("success") as emulator:
        error = {"code": "QUOTA_USED_UP", "message": "Your plan has no runs left"}
        emulator.inject("start", status=402, body={"ok": False, "error": error}, times="always")
        ended = against(emulator, step).run()
    assert ended.out.splitlines()[-1] == f"QUOTA_USED_UP, exit 1: {PAGE}#error-codes"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/mogplex/run-action:1.2.0@sha256:" + "a" * 64, "v1.2.0"),
        ("registry.example:5000/mirror/run-action:1", "v1"),
        ("ghcr.io/mogplex/run-action:latest", "main"),
        ("ghcr.io/mogplex/run-action@sha256:" + "a" * 64, "main"),
        ("ghcr.io/acme/tools:1.2.0", "main"),
    ],
)
def test_the_address_names_the_release_of_the_image(
    step: GitHubStep, image: str, version: str
) -> None:
    step.inputs["timeout"] = "soon"
    step.env["MOGPLEX_IMAGE"] = image
    assert step.run().out.splitlines()[-1] == (
        f"USAGE, exit 2: {PAGE.replace('main', version)}#usage"
    )


@pytest.mark.parametrize("scenario", ["success", "no-change"])
def test_a_step_that_did_not_fail_has_no_such_line(step: GitHubStep, scenario: str) -> None:
    with Emulator(scenario, speed=50) as emulator:
        ended = against(emulator, step).run()
    assert ended.code == 0
    assert "troubleshooting" not in ended.out + step.summary


def test_the_address_names_a_heading_of_the_page() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    assert re.search(r"^## Error codes$", page, re.MULTILINE)
    _, _, anchor = help_url("RUN_FAILED", "main").partition("#")
    assert re.search(rf"^### `{anchor.upper()}`$", page, re.MULTILINE)
