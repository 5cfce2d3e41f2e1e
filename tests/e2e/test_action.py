"""The main job, as a GitHub step sees it: a real process against the emulator over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.program import GitHubStep, step_against
from tests.waits import LONG, wait_until

PAGE = "https://github.com/acme/web/pull"


def test_a_run_that_succeeds_and_a_token_that_is_shown_nowhere(tmp_path: Path) -> None:
    with Emulator("success", speed=50) as emulator:
        step = step_against(emulator, tmp_path)
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


@pytest.mark.parametrize("scenario", ["success", "no-change"])
def test_a_plain_run_makes_a_handful_of_requests(tmp_path: Path, scenario: str) -> None:
    """Repository, start, stream, run, last events, and commit; the step says how many."""
    with Emulator(scenario, speed=50) as emulator:
        ended = step_against(emulator, tmp_path).run()
        routes = [str(request.route) for request in emulator.requests]
    assert ended.code == 0, ended.out
    assert 5 <= len(routes) <= 7, routes
    assert f" {len(routes)} requests\n" in ended.out


@pytest.mark.parametrize(
    ("flags", "inputs", "env", "is_written"),
    [
        ([], {}, {}, True),
        ([], {"summary": "False"}, {}, False),
        ([], {}, {"MOGPLEX_SUMMARY": "false"}, False),
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
    token = "sk-" + "aB3" * 12
    step = GitHubStep(tmp_path, {"timeout": "3x", "api-key": token, **inputs}, env)
    ended = step.run(*flags)
    assert (ended.code, ended.out.splitlines()[0]) == (2, f"::add-mask::{token}")
    assert ('- timeout: "3x" is not a duration' in step.summary) is is_written
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
