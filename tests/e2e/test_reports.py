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
from tests.program import GitHubStep, step_against
from tests.screen import show
from tests.waits import LONG, asked, wait_until

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


def result_of(step: GitHubStep) -> dict[str, Any]:
    """Return the result file, which must be as its schema says."""
    text = (step.workspace / "out/result.json").read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)
    Draft202012Validator(load_schema("result")).validate(result)
    return result


def test_every_file_is_written_and_named(tmp_path: Path) -> None:
    env = {"MOGPLEX_IMAGE": f"ghcr.io/mogplex/run-action:1@{IMAGE}"}
    with Emulator("success", speed=50) as emulator:
        step = step_against(emulator, tmp_path, env, output_dir="out")
        ended = step.run()
    assert ended.code == 0, ended.out
    assert {path.name for path in (step.workspace / "out").iterdir()} == WRITTEN
    result, outputs = result_of(step), step.outputs
    shared = {"result": "result", "pull_request_url": "pull-request-url"}
    shared |= {"commit": "commit-sha", "last_words": "message"}
    for name, output in shared.items():
        assert result[name] == outputs[output], name
    assert result["image"] == IMAGE
    phases = ["sandbox", "git", "install", "agent", "delivery"]
    assert [phase["name"] for phase in result["phases"]] == phases
    lines = (step.workspace / "out/events.ndjson").read_text().splitlines()
    *events, end = [json.loads(line) for line in lines]
    assert (end["runId"], end["status"], end["result"]) == (
        result["run"]["id"],
        "success",
        "success",
    )
    assert end["terminalCommitSha"] == result["commit"]
    assert events[-1]["type"] == "finished"
    assert len({event["id"] for event in events}) == len(events) == result["events"]["count"]
    page = (step.workspace / "out/report.html").read_text(encoding="utf-8")
    assert "Run succeeded" in page
    assert outputs["pull-request-url"] in page


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "wrong inputs"])
def test_files_of_an_earlier_step_are_gone_before_a_run_starts(
    tmp_path: Path, is_killed: bool
) -> None:
    """A step that is killed must not leave another one's success behind."""
    with Emulator("slow") as emulator:
        step = step_against(emulator, tmp_path, output_dir="out")
        folder = step.workspace / "out"
        folder.mkdir()
        for name in (*WRITTEN, "artifact.json"):
            (folder / name).write_text("old")
        if is_killed:
            with step.start() as process:
                wait_until(asked(emulator, "start"), process)
                process.kill()
        else:
            step.inputs["timeout"] = "soon"
            assert step.run().code == 2
            assert result_of(step)["error"]["code"] == "USAGE"
    assert [path.name for path in folder.iterdir() if path.read_text() == "old"] == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGQUIT, 131)]
)
def test_an_interrupt_leaves_whole_files_and_no_open_group(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    scenario = tmp_path / "busy.yaml"
    scenario.write_text(BUSY)
    with Emulator(scenario) as emulator:
        step = step_against(emulator, tmp_path, output_dir="out")
        with step.start() as process:
            assert process.stdout is not None
            assert process.stderr is not None
            seen = ""
            while "Step 8" not in seen:
                seen += process.stdout.readline()
            written = (step.workspace / "out/events.ndjson").read_text(encoding="utf-8")
            process.send_signal(number)
            rest = process.stdout.read()  # communicate() skips what readline() has buffered
            errors = process.stderr.read()
            process.wait(timeout=LONG)
    assert (process.returncode, errors) == (code, "")
    messages = [json.loads(line)["message"] for line in written.splitlines()]
    assert messages[1:4] == ["Step 1", "Step 1 done", "Step 2"]
    titles = [group.title for group in read_log(seen + rest).groups]
    assert any(title.endswith("Step 8 → Step 8 done (0.1s)") for title in titles)
    assert result_of(step)["result"] == "interrupted"


def on_a_terminal(folder: Path, **variables: str) -> str:
    """Run the step with a terminal as its standard output and return what it writes."""
    with Emulator("success", speed=50) as emulator:
        inputs = {"URL": emulator.url, "API_KEY": emulator.token, "REPO": "acme/web", "PROMPT": "x"}
        env = {f"MOGPLEX_{name}": value for name, value in inputs.items()} | variables
        shown = show(env=env, cwd=folder)
    assert shown.code == 0, shown.left
    return shown.raw


@pytest.mark.parametrize("env", [{"CI": "true"}, {"NO_COLOR": "1"}], ids=" ".join)
def test_the_terminal_of_a_ci_system_and_without_colour_has_no_controls(
    tmp_path: Path, env: dict[str, str]
) -> None:
    assert "\x1b" not in on_a_terminal(tmp_path, **env)


def test_a_terminal_shows_in_colour_how_the_run_ended(tmp_path: Path) -> None:
    raw = on_a_terminal(tmp_path, MOGPLEX_DEBUG="1")
    assert re.search(r"\x1b\[31m\[00:0\d\] ✘ Command \(failed, .*\)\x1b\[0m\r?\n", raw)
    assert re.search(r"\x1b\[32m✔ Run succeeded after .*\x1b\[0m\r?\n", raw)


INSTALL = """\
install_log: |
{log}
steps:
  - {{after: 100ms, status: failed, error: Install failed (npm ci)}}
"""


def test_the_log_of_an_installation_that_failed_is_shown(tmp_path: Path) -> None:
    """The service neither cuts nor redacts it."""
    secret = "npm_" + "aB3" * 12
    lines = [f"  line {number}" for number in range(1, 100)]
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(INSTALL.format(log="\n".join([*lines, f"  ::error::{secret}"])))
    with Emulator(scenario, speed=50) as emulator:
        step = step_against(emulator, tmp_path, harness="mogplex", output_dir="out")
        ended = step.run()
    assert ended.code == 1
    log = read_log(ended.out)
    (group,) = [each for each in log.groups if "installation" in each.title]
    assert group.title == "The log of the installation in the sandbox, the last 50 lines"
    assert (len(group.lines), group.lines[0][-7:]) == (50, "line 51")
    assert secret not in ended.out + step.summary
    (error,) = log.texts("error")
    assert "Install failed (npm ci)" in error
    assert error.endswith("Fix the repository's setup, or try again.")
