"""The commands when the API refuses, fails or is away, and when their output is not read."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.contract.api import FakeClock
from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator
from tests.program import FAST_CLOCK
from tests.waits import wait_until

UNKNOWN = "99999999-9999-4999-8999-999999999999"
READER = "mog_EmulatorTokenThatMayOnlyRead0000"
WORLD = f"""\
users:
  - name: ada
    tokens: [{{token: mog_EmulatorTokenOpensNothingReal000, scopes: [write]}}, {{token: {READER}, scopes: [read]}}]
    repos: [{{id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001, full_name: acme/web, default_branch: main}}]
"""
SET_TOKEN = "Set MOGPLEX_API_KEY to a current token"
NOT_FOUND = "the API returned 404 (NOT_FOUND): "


NOBODY = "mog_" + "x" * 32
CANNOT: list[tuple[dict[str, str], str, int, str]] = [
    (
        {"API_KEY": ""},
        "repos list",
        64,
        f"MOGPLEX_API_KEY is not set (UNAUTHORIZED)\nhint: {SET_TOKEN}",
    ),
    ({"API_KEY": NOBODY}, "repos list", 64, "the API does not know this token (UNAUTHORIZED)"),
    ({"API_KEY": "'mog_x'"}, "repos list", 2, "api-key has quotation marks around it. Use "),
    ({"API_KEY": READER}, "run --repo acme/web Fix", 65, "the token may not do this (FORBIDDEN): "),
    (
        {"URL": "http://127.0.0.1:9"},
        f"runs events {UNKNOWN} --timeout 1",
        69,
        "127.0.0.1:9 refused",
    ),
    ({}, f"runs get {UNKNOWN}", 1, NOT_FOUND),
    ({}, f"runs events {UNKNOWN}", 1, NOT_FOUND),
    ({}, f"runs cancel {UNKNOWN}", 1, NOT_FOUND),
    ({}, f"run --repo {UNKNOWN} Fix", 69, "the API cannot start a run for this repo id, and this"),
]
"""Variables of ours, a command, its exit code, and what it says."""


@pytest.mark.parametrize(("given", "command", "code", "told"), CANNOT)
def test_what_cannot_be_done(
    terminal: Terminal, tmp_path: Path, given: dict[str, str], command: str, code: int, told: str
) -> None:
    (tmp_path / "world.yaml").write_text(WORLD)
    with Emulator("success", world=tmp_path / "world.yaml") as emulator:
        terminal.against(emulator)
        terminal.env |= {f"MOGPLEX_{name}": value for name, value in given.items()}
        ended = terminal.mogplex(*command.split(), through=FAST_CLOCK)
        assert emulator.runs == []
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.partition("error: ")[2].startswith(told)
    assert NOBODY not in ended.err


@pytest.mark.parametrize(("status", "code"), [(429, 75), (503, 69)])
def test_what_asks_to_wait_a_minute_ends_at_once(
    terminal: Terminal, status: int, code: int
) -> None:
    with Emulator("success") as emulator:
        emulator.inject("repos", status=status, headers={"retry-after": "60"})
        ended = terminal.against(emulator).mogplex("repos", "list")
        assert len(emulator.requests) == 1
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("error: ")


def test_following_outlasts_faults(terminal: Terminal) -> None:
    clock = FakeClock()
    with terminal.run("success", clock=clock, api="2026-08") as (run_id, emulator):
        emulator.inject("events", status=502, times=1)
        with terminal.start("runs", "events", run_id, "--follow") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stderr.readline() == "warning: the API is not available; trying again\n"
            clock.seconds = 60.0  # now the run ends
            assert process.stdout.read().splitlines()[-1] == f"--- run {run_id} success ---"
            assert process.stderr.read().startswith("warning: the API responds again after ")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("status", "warning", "code"),
    [
        pytest.param(503, "the API is not available; trying again", 69, id="an outage"),
        pytest.param(
            200,
            "This version does not know the status paused; it keeps following the run",
            2,
            id="an unknown status",
        ),
    ],
)
def test_what_lasts_to_the_timeout_has_its_own_code(
    terminal: Terminal, status: int, warning: str, code: int
) -> None:
    with terminal.run("slow") as (run_id, emulator):
        body = {"ok": True, "data": {"run": {"runId": run_id, "status": "paused"}, "events": []}}
        for route in ("run", "stream", "events"):
            emulator.inject(
                route, status=status, body=body, skip=int(route == "run"), times="always"
            )
        ended = terminal.run_past(
            lambda process: process.stderr and process.stderr.readline() == f"warning: {warning}\n",
            "runs",
            "events",
            run_id,
            "--follow",
        )
    assert ended.err == "error: --follow timed out after 1800s waiting for terminal status\n"
    assert ended.code == code


@pytest.mark.parametrize(
    "command", ["mogplex --help", "mogplex runs events $RUN --follow", "mogplex repos list"]
)
def test_a_reader_that_leaves_is_no_error(terminal: Terminal, command: str) -> None:
    with Emulator("success", speed=20) as emulator:
        terminal.env["RUN"] = terminal.against(emulator).started()
        ended = terminal.bash("-c", f"{command} | head -n 1")
    assert ended.out.count("\n") == 1
    assert (ended.code, ended.err) == (0, "")


def test_a_start_that_may_have_worked_names_the_key_to_ask_with_again(terminal: Terminal) -> None:
    with Emulator("slow") as emulator:
        emulator.inject("start", drop=True, when="after")
        emulator.inject("start", skip=1, status=503, headers={"retry-after": "60"})
        ended = terminal.against(emulator).mogplex("run", "--repo", "acme/web", "Fix it")
        (run,) = emulator.runs
        hint = f"It may have started all the same: run this again with --idempotency-key {run.key}"
        assert ended.err.splitlines()[-1] == f"hint: {hint}"
        again = terminal.mogplex(
            "run", "--repo", "acme/web", "--idempotency-key", run.key, "Fix it"
        )
        assert len(emulator.runs) == 1
    assert (ended.code, ended.out) == (69, "")
    assert again.out.startswith(f"matched existing run {run.id} (")


@pytest.mark.parametrize(("scenario", "status"), [("success",) * 2, ("paused", "awaiting_input")])
def test_a_pull_request_is_shown_with_its_run(
    terminal: Terminal, scenario: str, status: str
) -> None:
    with terminal.run(scenario, "--create-branch", speed=1e9) as (run_id, emulator):
        followed = terminal.mogplex("runs", "events", run_id, "--follow")
        listed = terminal.mogplex("runs", "events", run_id)
        seen = terminal.mogplex("runs", "get", run_id)
        (run,) = emulator.runs
        (url,) = set(re.findall(r"https://github\.com/acme/web/pull/\d+", str(run.feed(200))))
    assert followed.out.splitlines()[-2:] == [
        f"pull request: {url}",
        f"--- run {run_id} {status} ---",
    ]
    assert listed.out.splitlines()[-1] == f"pull request: {url}"
    assert seen.out.splitlines()[-1] == f"pull    {url}"


def test_a_start_that_is_stopped_names_its_key_so_that_a_repeated_one_finds_the_run(
    terminal: Terminal,
) -> None:
    with Emulator("slow") as emulator:
        emulator.inject("start", delay=60.0, when="after")
        with terminal.against(emulator).start("run", "--repo", "acme/web", "Fix it") as process:
            wait_until(lambda: bool(emulator.runs), process)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate()
        (run,) = emulator.runs
        again = terminal.mogplex(
            "run", "--repo", "acme/web", "--idempotency-key", run.key, "Fix it"
        )
        assert len(emulator.runs) == 1
    assert process.returncode == 143
    assert err == (
        "error: stopped by SIGTERM; a run may have been started: run this again with "
        f"--idempotency-key {run.key}\n"
    )
    assert again.out.startswith(f"matched existing run {run.id} (")
