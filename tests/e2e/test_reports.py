"""The reports of a step: its log, its files and the line on a terminal, of real processes."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.emulator import Emulator
from tests.github_log import read_log
from tests.program import GitHubStep
from tests.screen import Shown, show
from tests.slow import slow
from tests.waits import asked, wait_until

SPEED = 20
FILES = {"output-dir": "out"}
IMAGE = "sha256:" + "0123456789abcdef" * 4
WRITTEN = {"diagnostics.jsonl", "events.ndjson", "report.html", "result.json"}
BUSY = """
steps:
  - status: streaming
  - repeat: 2000
    steps:
      - {after: 100ms, event: tool_started, tool: shell, message: "Step {{ i }}", payload: {input: {command: make}}}
      - {after: 100ms, event: tool_finished, tool: shell, message: "Step {{ i }} done", payload: {output: "a\\nb"}}
"""
"""Something to fold at any moment."""


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    return GitHubStep(
        tmp_path, inputs={"prompt": "Fix the failing test", "poll-interval": "100ms", **FILES}
    )


def against(emulator: Emulator, step: GitHubStep) -> GitHubStep:
    step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
    return step


def result_of(step: GitHubStep) -> dict[str, Any]:
    """Return the result file, which must be as its schema says."""
    result: dict[str, Any] = json.loads(
        (step.workspace / "out/result.json").read_text(encoding="utf-8")
    )
    Draft202012Validator(load_schema("result")).validate(result)
    return result


def test_every_file_is_written_and_named(step: GitHubStep) -> None:
    step.env["MOGPLEX_IMAGE"] = f"ghcr.io/mogplex/run-action:1@{IMAGE}"
    with Emulator("success", speed=SPEED) as emulator:
        ended = against(emulator, step).run()
    assert ended.code == 0, ended.out
    assert {path.name for path in (step.workspace / "out").iterdir()} == WRITTEN
    result = result_of(step)
    assert result["result"] == "success"
    assert result["pull_request_url"] == step.outputs["pull-request-url"]
    assert result["commit"] == step.outputs["commit-sha"]
    assert result["image"] == IMAGE
    assert result["last_words"] == step.outputs["message"]
    assert [phase["name"] for phase in result["phases"]] == [
        "sandbox",
        "git",
        "install",
        "agent",
        "delivery",
    ]
    events = [
        json.loads(line) for line in (step.workspace / "out/events.ndjson").read_text().splitlines()
    ]
    assert events.pop() == {
        "runId": result["run"]["id"],
        "status": "success",
        "terminalCommitSha": result["commit"],
        "result": "success",
    }
    assert [event["type"] for event in events][-1] == "finished"
    assert len({event["id"] for event in events}) == len(events) == result["events"]["count"]
    page = (step.workspace / "out/report.html").read_text(encoding="utf-8")
    assert "Run succeeded" in page
    assert "https://github.com/acme/web/pull/42" in page


def test_files_of_an_earlier_step_are_gone_before_a_run_starts(step: GitHubStep) -> None:
    """A step that is killed must not leave another one's success behind."""
    folder = step.workspace / "out"
    folder.mkdir()
    with Emulator("slow") as emulator:
        against(emulator, step)
        for name in (*WRITTEN, "artifact.json"):
            (folder / name).write_text("old")
        with step.start() as process:
            wait_until(asked(emulator, "start"), process)
            process.kill()
    assert [path.name for path in folder.iterdir() if path.read_text() == "old"] == []


def test_files_of_an_earlier_step_are_replaced_when_inputs_are_wrong(step: GitHubStep) -> None:
    folder = step.workspace / "out"
    folder.mkdir()
    for name in (*WRITTEN, "artifact.json"):
        (folder / name).write_text("old")
    step.inputs |= {"timeout": "soon"}
    assert step.run().code == 2
    assert [path.name for path in folder.iterdir() if path.read_text() == "old"] == []
    assert result_of(step)["error"]["code"] == "USAGE"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), *slow([(signal.SIGINT, 130), (signal.SIGQUIT, 131)])],
)
def test_an_interrupt_leaves_whole_files_and_no_open_group(
    step: GitHubStep, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    scenario = tmp_path / "busy.yaml"
    scenario.write_text(BUSY)
    events = step.workspace / "out/events.ndjson"
    with Emulator(scenario) as emulator, against(emulator, step).start() as process:
        assert process.stdout is not None
        seen = ""
        while "Step 8" not in seen:
            seen += process.stdout.readline()
        written = events.read_text(encoding="utf-8")
        process.send_signal(number)
        assert process.stderr is not None
        seen += process.stdout.read()
        errors = process.stderr.read()
    assert process.returncode == code
    assert errors == ""
    assert [json.loads(line)["message"] for line in written.splitlines()][1:4] == [
        "Step 1",
        "Step 1 done",
        "Step 2",
    ]
    log = read_log(seen)
    assert any(group.title.endswith("Step 8 → Step 8 done (0.1s)") for group in log.groups)
    assert result_of(step)["result"] == "interrupted"


def on_a_terminal(step: GitHubStep, **variables: str) -> Shown:
    """Run the step with a terminal as its standard output and return what the terminal shows."""
    with Emulator("success", speed=SPEED) as emulator:
        env = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_REPO": "acme/web",
            "MOGPLEX_PROMPT": "Fix it",
            **variables,
        }
        shown = show(env=env, cwd=step.workspace)
    assert shown.code == 0, shown.left
    return shown


@pytest.mark.parametrize("env", [{"CI": "true"}, {"NO_COLOR": "1"}], ids=" ".join)
def test_the_terminal_of_a_ci_system_and_without_colour_has_no_controls(
    step: GitHubStep, env: dict[str, str]
) -> None:
    assert "\x1b" not in on_a_terminal(step, **env).raw


def test_a_terminal_shows_in_colour_how_the_run_ended(step: GitHubStep) -> None:
    raw = on_a_terminal(step, MOGPLEX_DEBUG="1").raw
    assert re.search(r"\x1b\[31m\[00:0\d\] ✘ Command \(failed, .*\)\x1b\[0m\r?\n", raw)
    assert re.search(r"\x1b\[32m✔ Run succeeded after .*\x1b\[0m\r?\n", raw)


def test_what_a_step_does_not_write_is_not_loaded(tmp_path: Path) -> None:
    step = GitHubStep(
        tmp_path, inputs={"prompt": "Fix", "wait": "false"}, env={"PYTHONPROFILEIMPORTTIME": "1"}
    )
    with Emulator("success") as emulator:
        loaded = against(emulator, step).run().err
        step.inputs["output-dir"] = "."
        loaded_for_a_report = step.run().err
    assert "mogplex_ci.report.log" in loaded
    assert not [name for name in ("markdown_it", "tests.emulator") if name in loaded]
    assert "markdown_it" in loaded_for_a_report
