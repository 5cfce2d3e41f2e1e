"""Dry runs: the package's recordings, and the ``events.ndjson`` of one step played by the next.
What later steps get leads nowhere, and the reports link nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.dry_run.recording import shipped
from tests.contract import recorded
from tests.documents import claim
from tests.e2e.golden import check_golden, normalized
from tests.emulator import Emulator
from tests.github_log import read_log
from tests.program import FAST_CLOCK, GitHubStep, run_program, start_program, step_against
from tests.slow import mostly_slow
from tests.waits import LONG

COMMAND = claim("docs/recipes.md", "--dry-run events.ndjson").code
NO_COMMIT = "0" * 40
SUCCESS = (0, "success", "success", "")
FAILED = (1, "failed", "failed", "RUN_FAILED")
CASES: dict[str, tuple[str, dict[str, str], tuple[int, str, str, str]]] = {
    "successful": ("success", {}, SUCCESS),
    "failed": ("failed", {}, FAILED),
    "rejected": ("no-change", {"require": "change"}, (1, "rejected", "success", "NO_CHANGE")),
    "timed out": ("slow", {"timeout": "60s"}, (1, "timeout", "streaming", "TIMEOUT")),
    "cancelled": ("cancelled", {}, (1, "cancelled", "cancelled", "CANCELLED")),
    "paused": ("paused", {}, (1, "paused", "awaiting_input", "PAUSED")),
}
"""The scenario of a step, its inputs, and its exit code, result, status and error code. A replay
has no gates and no short timeout of its own.
"""


def outcome(step: GitHubStep, code: int) -> tuple[int, str, str, str]:
    outputs = step.outputs
    return code, outputs["result"], outputs["status"], outputs["error-code"]


def replay(folder: Path, recording: str, **inputs: str) -> tuple[GitHubStep, int, str]:
    """Return a step that plays a recording, its exit code and its log."""
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    known = {"prompt": "Fix it", "output-dir": "out", "dry-run": "./quick (1).ndjson"}
    step = GitHubStep(folder, known | given)
    (step.workspace / "quick (1).ndjson").write_text(recording, encoding="utf-8")
    ended = step.run(through=FAST_CLOCK)
    return step, ended.code, ended.out


def lines_of(*lines: object) -> str:
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def test_each_recording_of_the_package_is_played_as_its_golden_log(tmp_path: Path) -> None:
    """At its own pace, up to ten seconds: all at the same time."""
    with contextlib.ExitStack() as stack:
        played = {}
        for name in shipped():
            flags = ("--dry-run", name, "--repo", "me/shop", "--prompt", "Fix it")
            played[name] = stack.enter_context(start_program(*flags, env={}, cwd=tmp_path))
        for name, process in played.items():
            out, _ = process.communicate(timeout=LONG)
            check_golden(f"recordings/{name}.txt", normalized(out))


def test_a_recording_has_events_as_the_service_writes_them() -> None:
    known = {recorded.shape(event) for event in recorded.events()}
    for file in shipped().values():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [line for line in lines[:-1] if recorded.shape(line) not in known] == []


@pytest.mark.parametrize("name", mostly_slow(CASES, every=2))
def test_a_replay_ends_as_the_recorded_step(name: str, tmp_path: Path) -> None:
    scenario, inputs, told = CASES[name]
    with Emulator(scenario, speed=100) as emulator:
        first = step_against(emulator, tmp_path / "first", output_dir="out", **inputs)
        ended = first.run(through=FAST_CLOCK)
    assert outcome(first, ended.code) == told, ended.out
    recording = (first.workspace / "out/events.ndjson").read_text(encoding="utf-8")
    step, code, log = replay(tmp_path / "second", recording)
    assert outcome(step, code) == told, log
    assert step.outputs["run-id"] == first.outputs["run-id"]


EVENTS = [
    {"id": "1", "type": "started", "message": "Ready", "createdAt": "2026-11-20T09:00:00Z"},
    {"id": "2", "type": "log", "message": "Late", "createdAt": "2026-11-20T11:00:00Z"},
]
RUN = {"runId": "run-1", "status": "success"}
REJECTED = {"runId": "run-2", "status": "success", "result": "rejected", "errorCode": "TIMEOUT"}
ACCEPTED = json.loads(shipped()["success"].read_text(encoding="utf-8").splitlines()[0])
MANY = [ACCEPTED, *({**ACCEPTED, "id": str(number), "type": "log"} for number in range(199))]
CUT_OFF = "The recording is cut off: it does not say how the run ended."


@pytest.mark.parametrize(
    ("lines", "told", "says"),
    [
        ([*EVENTS, RUN], SUCCESS, "Ready"),
        ([*EVENTS, RUN, EVENTS[0], REJECTED], (1, "rejected", "success", "TIMEOUT"), "Ready"),
        ([*EVENTS, {**RUN, "status": "pending", "result": "detached"}], FAILED, "Ready"),
        ([{**RUN, "status": "failed"}], FAILED, "Run failed"),
        ([*EVENTS, {"id": "3", "unreadable": True}, RUN], SUCCESS, "Ready"),
        (EVENTS, FAILED, CUT_OFF),
        ([*MANY, RUN], SUCCESS, "200 events"),
    ],
    ids=[
        "without a result",
        "a repaired step",
        "not followed",
        "no events",
        "unreadable",
        "cut off",
        "more than a page",
    ],
)
def test_how_a_recording_ends(
    lines: list[dict[str, object]], told: tuple[int, str, str, str], says: str, tmp_path: Path
) -> None:
    """A silence of two hours is played as two seconds."""
    step, code, log = replay(tmp_path, lines_of(*lines), timeout="20s")
    assert outcome(step, code) == told, log
    assert says in log
    assert "missing" not in log.casefold()


def test_gates_of_the_replay_reject_by_the_delivery_event(tmp_path: Path) -> None:
    recording = shipped()["no-change"].read_text(encoding="utf-8")
    gates = {"require": "change", "protected_paths": "src/"}
    step, code, log = replay(tmp_path, recording, **gates)
    assert outcome(step, code) == (1, "rejected", "success", "NO_CHANGE"), log
    assert "Not judged in a dry run: protected-paths\n" in log


def test_a_recorded_success_hides_no_failure_of_the_replay(tmp_path: Path) -> None:
    """The replay is over before the recording is: no gate has judged anything."""
    recording = shipped()["success"].read_text(encoding="utf-8")
    step, code, log = replay(tmp_path, recording, require="change", timeout="2s")
    assert outcome(step, code)[:2] == (1, "timeout"), log


@pytest.mark.parametrize("missing", [None, -20], ids=["whole", "torn"])
def test_a_recording_in_output_dir_is_left_as_it_is(tmp_path: Path, missing: int | None) -> None:
    recording = shipped()["failed"].read_text(encoding="utf-8")[:missing]
    inputs = {"prompt": "Fix it", "output-dir": ".", "dry-run": "./events.ndjson"}
    step = GitHubStep(tmp_path, inputs)
    (step.workspace / "events.ndjson").write_text(recording, encoding="utf-8")
    ended = step.run()
    assert (ended.code, step.outputs["error-code"]) == (2, "USAGE")
    assert (step.workspace / "events.ndjson").read_text(encoding="utf-8") == recording


def test_the_command_of_the_page(tmp_path: Path) -> None:
    text = shipped()["failed"].read_text(encoding="utf-8")
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    argv = shlex.split(COMMAND)[1:]
    ended = run_program(*argv, env={}, cwd=tmp_path, through=FAST_CLOCK)
    assert (ended.code, "RUN_FAILED, exit 1" in ended.out) == (1, True)


@pytest.mark.parametrize("dry_run", ["true", "success", "paused", "./quick (1).ndjson"])
def test_nothing_that_is_handed_on_leads_anywhere(tmp_path: Path, dry_run: str) -> None:
    """And the log, the summary and the page say at their top that nothing was sent."""
    delivery = {"stage": "git_delivery", "working_branch": "fix", "changed": True}
    delivery |= {"pull_request_url": "https://github.com/acme/web/pull/1"}
    recording = lines_of(EVENTS[1] | {"payload": delivery}, RUN)
    gates = {"protected_paths": ".github/", "repair": "2"} if dry_run == "true" else {}
    branch = {"branch": "fix", "create_branch": "true", "agent": "preset:Reviewer"}
    step, code, log = replay(tmp_path, recording, dry_run=dry_run, **branch, **gates)
    outputs = step.outputs
    assert (code, outputs["result"] == "paused") == (int(dry_run == "paused"), dry_run == "paused")
    assert (outputs["result"] == "dry-run") is (dry_run == "true")
    result: dict[str, Any] = json.loads((step.workspace / "out/result.json").read_text())
    if code == 0:
        assert outputs["branch"].startswith("dry-run/fix")
        nowhere = "https://github.com/acme/web/pull/0"
        assert outputs["pull-request-url"] == result["pull_request_url"] == nowhere
        assert outputs["commit-sha"] == (result["commit"] or "")
        assert outputs["commit-sha"] in (NO_COMMIT, "")
        assert read_log(log).texts("error") == read_log(log).texts("warning") == []
    else:
        assert result["preview_url"] == "https://dry-run.invalid/"
    page = (step.workspace / "out/report.html").read_text()
    assert re.search(r"/pull/[1-9]", page + step.summary + log) is None
    links = re.findall(r'href="(https[^"]*)"', page)
    links += re.findall(r"https://[^\s)>]+", step.summary)
    assert [link for link in links if "acme/web" in link or ".invalid" in link] == []
    for text in (log, step.summary, page.split("<main>")[1]):
        assert "Dry run of " in text[:200]
        assert "sent" in text[:200]
        assert not re.search(r"mogplex runs|run-action:1 runs|git fetch|\.\.\.agent", text)


def test_no_token_is_needed_and_the_request_is_shown_with_the_prompt_of_standard_input(
    tmp_path: Path,
) -> None:
    step = GitHubStep(tmp_path, inputs={"prompt-file": "-", "dry-run": "true"})
    with step.start(through=FAST_CLOCK) as process:
        out, _ = process.communicate("Fix the tests\n", timeout=LONG)
    assert (process.returncode, step.outputs["result"]) == (0, "dry-run")
    assert '"prompt": "Fix the tests"' in out.replace("\xa0", " ")
    assert "Bearer ***" in out


@pytest.mark.parametrize(
    ("env", "left"),
    [
        ({}, []),
        ({"CI": "true"}, ["mogplex.env"]),
        ({"MOGPLEX_DOTENV": "run.env"}, ["run.env"]),
    ],
)
def test_a_dry_run_on_a_laptop_leaves_no_file_and_counts_no_requests(
    tmp_path: Path, env: dict[str, str], left: list[str]
) -> None:
    flags = ("--dry-run=no-change", "--repo=acme/web", "--prompt=Fix it")
    ended = run_program(*flags, env=env, cwd=tmp_path, through=FAST_CLOCK)
    assert (ended.code, ended.err) == (0, "")
    assert [file.name for file in tmp_path.iterdir()] == left
    assert ", 0 requests" in ended.out
