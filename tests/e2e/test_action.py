"""The main job, as a GitHub step sees it: a real process against the emulator over real HTTP."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.program import GitHubStep, run_program
from tests.slow import slow
from tests.waits import LONG, wait_until

SPEED = 20
PAGE = "https://github.com/acme/web/pull"


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    return GitHubStep(tmp_path, inputs={"prompt": "Fix the failing test", "poll-interval": "100ms"})


def test_a_run_that_succeeds_and_a_token_that_is_shown_nowhere(step: GitHubStep) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
        ended = step.run()
        (run,) = emulator.runs
    assert (ended.code, ended.err) == (0, ""), ended.out
    first, *rest = ended.out.splitlines()
    assert first == f"::add-mask::{emulator.token}"
    shown = "\n".join(rest) + step.summary + json.dumps(step.outputs)
    assert (emulator.token in shown, step.saved) == (False, [])
    wanted = {
        "result": "success",
        "status": "success",
        "run-id": run.id,
        "repo": "acme/web",
        "idempotency-key": run.key,
    }
    wanted |= {"pull-request-url": f"{PAGE}/42", "changed": "true", "replayed": "false"}
    assert {name: step.outputs[name] for name in wanted} == wanted
    assert run.key.startswith("github-acme/web-9876543210-build-")
    assert f"{PAGE}/42" in ended.out


@pytest.mark.parametrize("scenario", ["success", "codex", "claude-code", "mogplex", "no-change"])
def test_a_plain_run_makes_a_handful_of_requests(step: GitHubStep, scenario: str) -> None:
    """Repository, start, stream, run, last events, and commit; the step says how many."""
    with Emulator(scenario, speed=SPEED) as emulator:
        step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
        ended = step.run()
        routes = [str(request.route) for request in emulator.requests]
    assert ended.code == 0, ended.out
    assert 5 <= len(routes) <= 7, routes
    assert f" {len(routes)} requests\n" in ended.out


@pytest.mark.parametrize("env", [{}, {"CI": "true"}])
def test_only_an_unknown_ci_system_is_warned_of_retries(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        env = env | {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url}
        ended = run_program(
            "--repo", "acme/web", "--prompt", "Fix it", "--wait", "false", env=env, cwd=tmp_path
        )
    assert ended.code == 0
    assert ("a retry starts a second run" in ended.out) == ("CI" in env)


@pytest.mark.parametrize(
    ("status", "code", "result"),
    [("success", 0, "success"), ("failed", 1, "failed"), ("awaiting_input", 1, "paused")],
)
def test_a_dry_run_says_at_the_top_of_its_reports_that_nothing_was_sent(
    tmp_path: Path, status: str, code: int, result: str
) -> None:
    """And nothing in them leads to a run, branch or pull request."""
    inputs = {"prompt": "Fix it", "dry-run": "./quick (1).ndjson", "output-dir": "out"}
    step = GitHubStep(tmp_path, inputs=inputs)
    delivery = {
        "stage": "git_delivery",
        "working_branch": "agent/1",
        "changed": True,
        "pull_request_url": f"{PAGE}/1",
    }
    event = {"id": "1", "type": "log", "message": "Ready", "createdAt": "2026-11-20T09:00:00Z"}
    lines = [event | {"payload": delivery}, {"runId": "run-1", "status": status}]
    recording = "".join(f"{json.dumps(line)}\n" for line in lines)
    (step.workspace / "quick (1).ndjson").write_text(recording, encoding="utf-8")
    ended = step.run()
    assert ended.code == code, ended.out
    reports = [
        step.summary,
        (step.workspace / "out/report.html").read_text(encoding="utf-8").split("<main>")[1],
    ]
    assert (
        "Dry run of file quick (1).ndjson: nothing is sent to https://mogplex.com. Request"
        in ended.out.splitlines()[0]
    )
    for text in (ended.out, *reports):
        assert not re.search(
            r"mogplex runs|run-action:1 runs|git fetch|tree/agent|\.\.\.agent", text
        )
    assert [f"{PAGE}/1" in text for text in (ended.out, step.summary)] == [False, False]
    assert f'href="{PAGE}/1"' not in reports[1]  # it is in the event's text
    for text in reports:
        assert "Dry run of file quick (1).ndjson: nothing was sent." in html.unescape(text[:200])
    assert (step.outputs["result"], step.outputs["pull-request-url"]) == (result, f"{PAGE}/0")


def test_a_dry_run_needs_no_token_and_shows_the_request_with_the_prompt_of_standard_input(
    tmp_path: Path,
) -> None:
    step = GitHubStep(tmp_path, inputs={"prompt-file": "-", "dry-run": "true"})
    with step.start() as process:
        out, _ = process.communicate("Fix the tests\n", timeout=LONG)
    assert (process.returncode, step.outputs["result"]) == (0, "dry-run")
    assert '"prompt": "Fix the tests"' in out.replace("\xa0", " ")
    assert "Bearer ***" in out
    assert step.run().code == 2, "nothing stands on it"


@pytest.mark.parametrize(
    ("env", "left"),
    [
        ({}, []),
        *slow(
            [
                ({"CI": "true"}, ["mogplex.env"]),
                ({"MOGPLEX_DOTENV": "run.env"}, ["run.env"]),
            ]
        ),
    ],
)
def test_a_dry_run_on_a_laptop_leaves_no_file_and_counts_no_requests(
    tmp_path: Path, env: dict[str, str], left: list[str]
) -> None:
    flags = ("--dry-run=no-change", "--repo=acme/web", "--prompt=Fix it")
    ended = run_program(*flags, env=env, cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert [file.name for file in tmp_path.iterdir()] == left
    assert ", 0 requests" in ended.out


@pytest.mark.parametrize(
    ("flags", "inputs", "env", "is_written"),
    [
        ([], {}, {}, True),
        ([], {"summary": "False"}, {}, False),
        ([], {}, {"MOGPLEX_SUMMARY": "false"}, False),
        ([], {}, {"MOGPLEX_SUMMARY": "true"}, True),
        (["--summary", "false"], {}, {}, False),
        (["--summary", "true"], {}, {"MOGPLEX_SUMMARY": "false"}, True),
    ],
)
def test_a_step_with_wrong_inputs_has_a_summary_unless_it_is_not_wanted(
    tmp_path: Path,
    flags: list[str],
    inputs: dict[str, str],
    env: dict[str, str],
    *,
    is_written: bool,
) -> None:
    step = GitHubStep(tmp_path, inputs, env)
    assert step.run(*flags, "--bogus").code == 2
    assert bool(step.summary) is is_written


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
def test_a_step_that_waits_for_its_prompt_can_be_stopped(tmp_path: Path) -> None:
    step = GitHubStep(tmp_path, inputs={"prompt-file": "-"})
    with step.start() as process:
        wait_until(
            lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1, process
        )  # one of them reads
        process.terminate()
        assert process.wait(timeout=LONG) == 143
