"""What the step does not know for sure it does not say.

The service's doubt about the agent's last words stands wherever they are quoted, and the log has
the cause of a failed set-up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.github import TOKEN, GitHub
from tests.github_log import read_log
from tests.program import GitHubStep
from tests.slow import slow

WORDS = "All tests pass and the fix is pushed."
DOUBT = (
    "Mogplex doubts the agent's last words: no tool call shows tests passing, "
    "commits being pushed. Check before you rely on them"
)
NO_LIST = """\
steps:
  - status: streaming
  - {text: "All done."}
  - after: 100ms
    event: log
    message: "Verification check: the final message reports its reported results."
    payload: {check: claim_verification, unsupported: CLAIMS}
  - {status: success}
"""

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


def result_of(step: GitHubStep) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((step.workspace / "out/result.json").read_text())
    return result


def test_a_doubt_stands_wherever_the_words_are_quoted(step: GitHubStep) -> None:
    with Emulator("doubted", speed=50) as emulator, GitHub() as github:
        step.inputs |= {"comment-on": "42", "github-token": TOKEN}
        step.env["GITHUB_API_URL"] = github.url
        ended = against(emulator, step).run()
        (comment,) = github.comments
    assert ended.code == 0
    warnings = [each for each in read_log(ended.out).annotations if each.level == "warning"]
    assert [(each.properties["title"], each.text) for each in warnings] == [("Doubted", DOUBT)]
    assert ended.out.index(WORDS) < ended.out.index(DOUBT)
    page = (step.workspace / "out/report.html").read_text(encoding="utf-8")
    for text in (step.summary, comment["body"], page.replace("&#39;", "'")):
        told = text[text.index("last words") :]
        assert told.index(WORDS) < told.index("doubts the agent")
    assert result_of(step)["doubted_claims"] == ["tests passing", "commits being pushed"]


def test_a_doubt_is_marked_in_the_table_of_runs(step: GitHubStep) -> None:
    with Emulator("doubted", speed=50) as emulator:
        step.inputs["repo"] = "acme/*"
        assert against(emulator, step).run().code == 0
    assert step.summary.count("| ✔ success, doubted |") == len(result_of(step)["runs"]) > 1


@pytest.mark.parametrize(
    ("claims", "kept", "says"),
    [
        *slow([("[]", [], "shows what it reports."), ("null", [], "shows what it reports.")]),
        *slow([("[1, x]", ["x"], "shows x.")]),
        ('["::error::a"]', ["::error::a"], "shows ::error::a."),
    ],
)
def test_a_doubt_may_name_no_claim(
    step: GitHubStep, claims: str, kept: list[str], says: str
) -> None:
    scenario = step.folder / "scenario.yaml"
    scenario.write_text(NO_LIST.replace("CLAIMS", claims))
    with Emulator(scenario, speed=50) as emulator:
        ended = against(emulator, step).run()
    assert says in ended.out
    assert [each.level for each in read_log(ended.out).annotations if each.level == "error"] == []
    assert result_of(step)["doubted_claims"] == kept


def test_no_doubt_proves_nothing_and_says_nothing(step: GitHubStep) -> None:
    with Emulator("success", speed=50) as emulator:
        ended = against(emulator, step).run()
    assert "doubt" not in ended.out + step.summary
    assert result_of(step)["doubted_claims"] is None


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
    assert error.endswith("fix the repository's setup, or run the job again.")
    assert (requests.count("start"), requests.count("sandboxes")) == (1, 1)


@pytest.mark.parametrize("status", [403, *slow([404])])
def test_nothing_is_said_of_a_sandbox_whose_log_the_token_may_not_read(
    step: GitHubStep, status: int
) -> None:
    with Emulator("install-failure", speed=50) as emulator:
        body = {"ok": False, "error": {"code": "FORBIDDEN", "message": "no"}}
        emulator.inject("sandbox-logs", status=status, body=body, times="always")
        ended = against(emulator, step).run()
    assert ended.code == 1
    assert "Install failed (pnpm install)" in ended.out
    assert "The log of the installation" not in ended.out
    assert str(status) not in ended.out


def test_nobody_is_said_to_have_started_a_run_that_an_explicit_key_finds(step: GitHubStep) -> None:
    step.inputs["idempotency-key"] = "shared"
    with Emulator("success", speed=1e9) as emulator:
        assert against(emulator, step).run().code == 0
        ended = step.run()
    (run,) = emulator.runs
    assert f"Joined run {run.id} (success), started earlier with the same key" in ended.out
    told = [ended.out, step.summary, (step.workspace / "out/report.html").read_text("utf-8")]
    assert not [text for text in told if "earlier attempt" in text or "attempt started" in text]


@pytest.mark.parametrize("policy", ["detach", "cancel"])
def test_a_run_that_waits_at_the_deadline_is_said_to_start(step: GitHubStep, policy: str) -> None:
    """No policy for the next run changes that, and it costs nothing yet."""
    step.inputs |= {"timeout": "1s", "on-timeout": policy}
    with Emulator("slow", speed=1) as emulator:
        ended = against(emulator, step).run()
    (error,) = [each.text for each in read_log(ended.out).annotations if each.level == "error"]
    assert (
        error
        == "The timeout passed before the run got a sandbox. "
        + {
            "detach": "It still waits, and will start. Cancel it with the command below, or re-run the "
            "job to follow it.",
            "cancel": "This step has cancelled the run. Raise timeout to wait longer.",
        }[policy]
    )
    command = f"runs cancel {emulator.runs[0].id}"
    assert (command in ended.out.partition(error)[2]) is (policy == "detach"), ended.out
