"""The main job, as a GitHub step sees it: a real process against the emulator over real HTTP."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.program import GitHubStep, run_program
from tests.waits import LONG, wait_until

SPEED = 20
PAGE = "https://github.com/acme/web/pull"


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    return GitHubStep(tmp_path, inputs={"prompt": "Fix the failing test", "poll-interval": "100ms"})


def against(emulator: Emulator, step: GitHubStep) -> GitHubStep:
    step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
    return step


def test_success_sets_outputs_and_exits_zero(step: GitHubStep) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        ended = against(emulator, step).run()
        (run,) = emulator.runs
    assert ended.code == 0, ended.out
    outputs = step.outputs
    assert outputs["result"] == outputs["status"] == "success"
    assert outputs["run-id"] == run.id
    assert outputs["repo"] == "acme/web"
    assert outputs["pull-request-url"] == "https://github.com/acme/web/pull/42"
    assert outputs["changed"] == "true"
    assert outputs["replayed"] == "false"
    assert outputs["idempotency-key"] == run.key
    assert run.key.startswith("github-acme/web-9876543210-build-")
    assert "https://github.com/acme/web/pull/42" in ended.out
    assert ended.err == ""


def test_the_token_is_masked_first_and_shown_nowhere_else(step: GitHubStep) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        ended = against(emulator, step).run()
    first, *rest = ended.out.splitlines()
    assert first == f"::add-mask::{emulator.token}"
    assert emulator.token not in "\n".join(rest) + step.summary + json.dumps(step.outputs) + json.dumps(step.state)


def test_failure_is_one_error_annotation_and_exit_one(step: GitHubStep) -> None:
    with Emulator("failed", speed=SPEED) as emulator:
        ended = against(emulator, step).run()
    assert ended.code == 1
    assert step.outputs["result"] == step.outputs["status"] == "failed"
    assert step.outputs["error"] != ""
    assert ended.out.count("::error") == 1


def test_the_same_step_tried_again_joins_its_run(step: GitHubStep) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        first = against(emulator, step).run()
        run_id = step.outputs["run-id"]
        second = step.run()
        assert len(emulator.runs) == 1
    assert (first.code, second.code) == (0, 0)
    assert step.outputs["run-id"] == run_id
    assert step.outputs["replayed"] == "true"


@pytest.mark.parametrize(
    ("environment", "code", "error_code"),
    [
        ({"INPUT_API-KEY": "mog_" + "x" * 32}, 64, "UNAUTHORIZED"),
        ({"INPUT_API-KEY": ""}, 64, "UNAUTHORIZED"),
        ({"INPUT_BASE-URL": "http://127.0.0.1:9", "INPUT_TIMEOUT": "1s"}, 69, "UNREACHABLE"),
        ({"INPUT_REPO": "acme/wob"}, 2, "USAGE"),
        ({"GITHUB_EVENT_NAME": "issues"}, 2, "UNTRUSTED_TRIGGER"),
    ],
)
def test_what_cannot_start_says_why_and_starts_nothing(
    step: GitHubStep, environment: dict[str, str], code: int, error_code: str
) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        against(emulator, step).env |= environment
        ended = step.run()
        assert emulator.runs == []
    assert ended.code == code, ended.out
    assert step.outputs["result"] == "error"
    assert step.outputs["error-code"] == error_code
    assert ended.out.count("::error") == 1
    assert "Traceback" not in ended.out + ended.err


def test_no_token_can_be_a_notice_instead(step: GitHubStep) -> None:
    step.inputs["on-blocked"] = "skip"
    ended = step.run()
    assert ended.code == 0
    assert step.outputs["result"] == "skipped"


@pytest.mark.parametrize("env", [{}, {"CI": "true"}])
def test_only_an_unknown_ci_system_is_warned_of_retries(tmp_path: Path, env: dict[str, str]) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        env = env | {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url}
        ended = run_program("--repo", "acme/web", "--prompt", "Fix it", "--wait", "false", env=env, cwd=tmp_path)
    assert ended.code == 0
    assert ("a retry starts a second run" in ended.out) == ("CI" in env)


def test_dry_run_needs_no_token_and_shows_the_request(tmp_path: Path) -> None:
    arguments = ["--dry-run", "--repo", "my-org/app", "--prompt", "Fix it"]
    ended = run_program(*arguments, env={}, cwd=tmp_path)
    assert ended.code == 0, ended.out
    assert "Fix it" in ended.out
    assert "Bearer ***" in ended.out
    assert "MOGPLEX_RESULT=dry-run\n" in (tmp_path / "mogplex.env").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "code", "result"),
    [("success", 0, "success"), ("failed", 1, "failed"), ("awaiting_input", 1, "paused")],
)
def test_dry_run_of_a_scenario_ends_as_the_scenario_does(tmp_path: Path, status: str, code: int, result: str) -> None:
    """And says so at the top of its reports, where nothing asks for or leads to a run, branch or pull request."""
    step = GitHubStep(tmp_path, inputs={"prompt": "Fix it", "dry-run": "./quick.yaml", "output-dir": "."})
    delivery = {"stage": "git_delivery", "working_branch": "agent/1", "changed": True, "pull_request_url": f"{PAGE}/1"}
    steps = [{"status": "streaming"}, {"event": "log", "message": "Ready", "payload": delivery}, {"status": status}]
    (step.workspace / "quick.yaml").write_text(json.dumps({"steps": steps}), encoding="utf-8")
    ended = step.run()
    assert ended.code == code, ended.out
    reports = [step.summary, (step.workspace / "report.html").read_text(encoding="utf-8").split("<main>")[1]]
    assert "Dry run: nothing is sent to https://mogplex.com, and quick.yaml is played" in ended.out.splitlines()[0]
    for text in (ended.out, *reports):
        assert not re.search(r"mogplex runs|run-action:1 runs|git fetch|tree/agent|\.\.\.agent", text)
    assert [f"{PAGE}/1" in text for text in (ended.out, step.summary)] == [False, False]
    assert f'href="{PAGE}/1"' not in reports[1]  # it is in the event's text
    for text in reports:
        assert "Dry run: nothing was sent, and quick.yaml was played." in html.unescape(text[:200])
    assert (step.outputs["result"], step.outputs["pull-request-url"]) == (result, f"{PAGE}/1")


def test_a_prompt_on_standard_input(tmp_path: Path) -> None:
    step = GitHubStep(tmp_path, inputs={"prompt-file": "-", "dry-run": "true"})
    with step.start() as process:
        out, _ = process.communicate("Fix the tests\n", timeout=LONG)
    assert process.returncode == 0
    assert '"prompt": "Fix the tests"' in out
    assert step.run().code == 2, "nothing stands on it"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
def test_a_step_that_waits_for_its_prompt_can_be_stopped(tmp_path: Path) -> None:
    step = GitHubStep(tmp_path, inputs={"prompt-file": "-"})
    with step.start() as process:
        wait_until(lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1, process)  # one of them reads
        process.terminate()
        assert process.wait(timeout=LONG) == 143
