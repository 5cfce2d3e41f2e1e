"""What the log says of a run that got no sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.github_log import read_log
from tests.program import GitHubStep

INSTALL = """\
install_log: |
{log}
steps:
  - {{after: 100ms, status: failed, error: Install failed (npm ci)}}
"""


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    inputs = {"prompt": "Fix it", "repo": "acme/web", "harness": "mogplex", "output-dir": "out"}
    return GitHubStep(tmp_path, inputs=inputs)


def against(emulator: Emulator, step: GitHubStep) -> GitHubStep:
    step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
    return step


def test_the_log_of_an_installation_that_failed_is_shown(step: GitHubStep, tmp_path: Path) -> None:
    """The service neither cuts nor redacts it."""
    secret = "npm_" + "aB3" * 12
    lines = [f"  line {number}" for number in range(1, 100)]
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(INSTALL.format(log="\n".join([*lines, f"  ::error::{secret}"])))
    with Emulator(scenario, speed=50) as emulator:
        ended = against(emulator, step).run()
        requests = [request.route for request in emulator.requests]
    assert ended.code == 1
    log = read_log(ended.out)
    (group,) = [each for each in log.groups if "installation" in each.title]
    assert group.title == "The log of the installation in the sandbox, the last 50 lines"
    assert len(group.lines) == 50
    assert group.lines[0].endswith("line 51")
    assert secret not in ended.out + step.summary
    (error,) = [each.text for each in log.annotations if each.level == "error"]
    assert "Install failed (npm ci)" in error
    assert error.endswith("Fix the repository's setup, or run the job again.")
    assert (requests.count("start"), requests.count("sandboxes")) == (1, 1)


def test_nothing_is_said_of_a_sandbox_whose_log_the_token_may_not_read(step: GitHubStep) -> None:
    with Emulator("install-failure", speed=50) as emulator:
        body = {"ok": False, "error": {"code": "FORBIDDEN", "message": "no"}}
        emulator.inject("sandbox-logs", status=403, body=body, times="always")
        ended = against(emulator, step).run()
    assert (ended.code, "403" in ended.out) == (1, False)
    assert "Install failed (pnpm install)" in ended.out
    assert "The log of the installation" not in ended.out
