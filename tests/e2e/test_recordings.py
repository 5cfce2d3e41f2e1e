"""Dry runs: the package's recordings, and the ``events.ndjson`` of one step played by the next."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from mogplex_ci.dry_run.recording import shipped
from tests.contract import recorded
from tests.documents import claim
from tests.e2e.golden import check_golden, normalized
from tests.emulator import Emulator
from tests.program import GitHubStep, run_program, start_program
from tests.slow import mostly_slow
from tests.waits import LONG

COMMAND = claim("docs/recipes.md", "--dry-run events.ndjson").code
SPEED = 20
PLAIN = {"prompt": "Fix it", "output-dir": "out"}


class Case(NamedTuple):
    """A step, and how it ends."""

    scenario: str
    told: tuple[int, str, str, str]
    """Exit code, result, status and error code."""
    inputs: Mapping[str, str] = MappingProxyType({})


CASES = {
    "successful": Case("success", (0, "success", "success", "")),
    "failed": Case("failed", (1, "failed", "failed", "RUN_FAILED")),
    "rejected": Case("no-change", (1, "rejected", "success", "NO_CHANGE"), {"require": "change"}),
    "timed out": Case("slow", (1, "timeout", "streaming", "TIMEOUT"), {"timeout": "5s"}),
    "cancelled in time": Case(
        "slow", (1, "timeout", "cancelled", "TIMEOUT"), {"timeout": "5s", "on-timeout": "cancel"}
    ),
    "cancelled": Case("cancelled", (1, "cancelled", "cancelled", "CANCELLED")),
    "paused": Case("paused", (1, "paused", "awaiting_input", "PAUSED")),
}
"""A replay has no gates and no short timeout of its own."""


def outcome(step: GitHubStep, code: int) -> tuple[int, str, str, str]:
    outputs = step.outputs
    return code, outputs["result"], outputs["status"], outputs["error-code"]


def record(folder: Path, case: Case) -> Path:
    """Return the recording of a step."""
    step = GitHubStep(folder)
    with Emulator(case.scenario, speed=SPEED) as emulator:
        service = {"base-url": emulator.url, "api-key": emulator.token}
        step.inputs |= PLAIN | service | dict(case.inputs)
        ended = step.run()
    assert outcome(step, ended.code) == case.told, ended.out
    return step.workspace / "out/events.ndjson"


def replay(folder: Path, recording: str, **inputs: str) -> tuple[GitHubStep, int, str]:
    """Return a step that plays a recording, its exit code and its log."""
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    step = GitHubStep(folder, PLAIN | {"dry-run": "./events.ndjson"} | given)
    (step.workspace / "events.ndjson").write_text(recording, encoding="utf-8")
    ended = step.run()
    return step, ended.code, ended.out


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


@pytest.mark.parametrize("name", shipped())
def test_a_recording_has_events_as_the_service_writes_them(name: str) -> None:
    known = {recorded.shape(event) for event in recorded.events()}
    lines = [json.loads(line) for line in shipped()[name].read_text().splitlines()]
    unknown = [line for line in lines[:-1] if recorded.shape(line) not in known]
    assert unknown == []


@pytest.mark.parametrize("name", mostly_slow(CASES, every=3))
def test_a_replay_ends_as_the_recorded_step(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    recording = record(tmp_path / "first", case).read_text(encoding="utf-8")
    step, code, log = replay(tmp_path / "second", recording)
    assert outcome(step, code) == case.told, log
    assert "nothing is sent" in log
    assert step.outputs["run-id"] == json.loads(recording.splitlines()[-1])["runId"]


def test_a_recording_that_was_cut_off_ends_as_failed_and_says_so(tmp_path: Path) -> None:
    recording = record(tmp_path / "first", CASES["successful"]).read_text(encoding="utf-8")
    lines = recording.splitlines(keepends=True)[:-1]
    step, code, log = replay(tmp_path / "second", "".join(lines))
    assert outcome(step, code) == (1, "failed", "failed", "RUN_FAILED")
    assert "The recording is cut off: it does not say how the run ended." in log


LINES = [
    {"id": "1", "type": "started", "message": "Ready", "createdAt": "2026-11-20T09:00:00Z"},
    {"id": "2", "type": "log", "message": "Late", "createdAt": "2026-11-20T11:00:00Z"},
]
REPAIRED = [
    *LINES,
    {"runId": "run-1", "status": "success"},
    {**LINES[0], "message": "Second"},
    {"runId": "run-2", "status": "success", "result": "rejected", "errorCode": "CHECKS_FAILED"},
]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([*LINES, {"runId": "run-1", "status": "success"}], (0, "success", "success", "")),
        (REPAIRED, (1, "rejected", "success", "CHECKS_FAILED")),
        (
            [*LINES, {"runId": "run-1", "status": "pending", "result": "detached"}],
            (1, "failed", "failed", "RUN_FAILED"),
        ),
        ([{"runId": "run-1", "status": "failed"}], (1, "failed", "failed", "RUN_FAILED")),
        (
            [*LINES, {"id": "3", "unreadable": True}, {"runId": "run-1", "status": "success"}],
            (0, "success", "success", ""),
        ),
    ],
    ids=["without a result", "a repaired step", "not followed", "no events", "unreadable"],
)
def test_how_a_recording_ends(
    lines: list[dict[str, object]], told: tuple[int, str, str, str], tmp_path: Path
) -> None:
    """A silence of two hours is played as two seconds."""
    recording = "".join(f"{json.dumps(line)}\n" for line in lines)
    step, code, log = replay(tmp_path, recording, timeout="20s")
    assert outcome(step, code) == told, log
    assert ("Second" in log) == (lines is REPAIRED)
    assert ("Ready" in log) == ("Ready" in recording and lines is not REPAIRED)


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


def test_of_a_long_recording_no_event_is_missing(tmp_path: Path) -> None:
    """The service has pages of 200 events."""
    accepted = json.loads(shipped()["success"].read_text(encoding="utf-8").splitlines()[0])
    later = [{**accepted, "id": str(number), "type": "log"} for number in range(199)]
    lines = [accepted, *later, {"runId": "run-1", "status": "success"}]
    step, code, log = replay(tmp_path, "".join(f"{json.dumps(line)}\n" for line in lines))
    assert outcome(step, code) == (0, "success", "success", ""), log
    assert "missing" not in log.casefold()


def test_whatever_agent_and_worktree_are_named_exist(tmp_path: Path) -> None:
    inputs = {"dry_run": "success", "agent": "preset:Reviewer", "run_options": "worktreeId: 'x'"}
    step, code, log = replay(tmp_path, "", **inputs)
    assert (code, step.outputs["result"]) == (0, "success"), log
    assert "::warning" not in log


def test_a_recording_in_output_dir_is_left_as_it_is(tmp_path: Path) -> None:
    recording = shipped()["failed"].read_text(encoding="utf-8")
    step, code, _ = replay(tmp_path, recording, output_dir=".")
    assert (code, step.outputs["error-code"]) == (2, "USAGE")
    assert (step.workspace / "events.ndjson").read_text(encoding="utf-8") == recording


def test_the_command_of_the_page(tmp_path: Path) -> None:
    text = shipped()["failed"].read_text(encoding="utf-8")
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    ended = run_program(*shlex.split(COMMAND)[1:], env={}, cwd=tmp_path)
    assert (ended.code, re.search("RUN_FAILED, exit 1", ended.out) is not None) == (1, True)
