"""A disk that is full, for each file of ``output-dir``: no report changes how a step ends.

The files are on a small file system of their own. With several sizes every one of them is the
first for which there is no room.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.outputs import (
    ARTIFACT_FILE,
    DIAGNOSTICS_FILE,
    EVENTS_FILE,
    PAGE_FILE,
    RESULT_FILE,
)
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.program import GitHubStep, run_program
from tests.require import unavailable
from tests.waits import LONG, asked, wait_until

GROWING = (EVENTS_FILE, DIAGNOSTICS_FILE)
WHOLE = (RESULT_FILE, ARTIFACT_FILE)
FILES = {*GROWING, *WHOLE, PAGE_FILE}
SCENARIO = Path(__file__).parent / "scenarios" / "artifact.yaml"
PAGE = os.sysconf("SC_PAGE_SIZE")
WARNING = re.compile(r"Could not write (\S+): No space left on device")
each_service = pytest.mark.parametrize("api", ["2026-11", "2026-08"], ids=["streamed", "polled"])


@contextlib.contextmanager
def small_disk(folder: Path, pages: int) -> Iterator[None]:
    """Mount a file system with room for so many pages at ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={pages * PAGE}", "none", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
        problem = made.stderr.strip() if made.returncode else ""
    except FileNotFoundError:
        problem = "there is no mount"
    if problem:
        unavailable("mount", f"no file system can be mounted: {problem}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no room on the file system of ``folder``."""
    with contextlib.suppress(OSError), (folder / "ballast").open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * PAGE)


def step_against(emulator: Emulator, folder: Path, **inputs: str) -> GitHubStep:
    given = {"base-url": emulator.url, "api-key": emulator.token, "prompt": "Fix it"}
    return GitHubStep(folder, given | {"output-dir": "out", "poll-interval": "100ms"} | inputs)


def check_files(out: Path, log: str) -> set[str]:
    """Check that each file is whole or ends early, and return those of which the log warns."""
    for name in GROWING:
        if (out / name).exists():
            for line in (out / name).read_text().splitlines():
                json.loads(line)
    for name in WHOLE:
        if (out / name).exists():
            json.loads((out / name).read_text())
    warned = WARNING.findall(log)
    assert len(warned) == len(set(warned)), "each file is warned of once"
    left_over = {path.name for path in out.iterdir()} - FILES - {"ballast"}
    assert left_over == set(), "no part of a file is left"
    return set(warned)


def inputs_for(api: str) -> dict[str, str]:
    """Ask for an artifact where the service has artifacts."""
    return {"artifact": "report"} if api == "2026-11" else {}


def files_of(api: str) -> set[str]:
    return FILES if api == "2026-11" else FILES - {ARTIFACT_FILE}


@each_service
def test_a_disk_that_fills_up_in_the_midst_of_a_run(tmp_path: Path, api: str) -> None:
    """With one size or another each file is one of those for which there is no room."""
    failed: set[str] = set()
    for pages in (1, 2, 4, 5, 6, 8):
        with Emulator(SCENARIO, speed=100, api=api) as emulator:
            step = step_against(emulator, tmp_path / str(pages), **inputs_for(api))
            out = step.workspace / "out"
            with small_disk(out, pages):
                ended = step.run()
                failed |= check_files(out, ended.out)
        assert (ended.code, step.outputs["result"]) == (0, "success"), ended.out
    assert failed >= files_of(api) - {DIAGNOSTICS_FILE}, "diagnostics get the first page"


@each_service
def test_a_disk_that_is_full_from_the_start(tmp_path: Path, api: str) -> None:
    with Emulator(SCENARIO, speed=100, api=api) as emulator:
        step = step_against(emulator, tmp_path, **inputs_for(api))
        out = step.workspace / "out"
        with small_disk(out, 8):
            fill(out)
            ended = step.run()
            assert check_files(out, ended.out) == files_of(api)
            assert {path.name for path in out.iterdir()} == {*GROWING, "ballast"}
    assert (ended.code, step.outputs["result"], len(step.outputs["run-id"])) == (0, "success", 36)


@each_service
def test_a_full_disk_keeps_no_timeout_from_cancelling(tmp_path: Path, api: str) -> None:
    with Emulator("slow", api=api) as emulator:
        step = step_against(emulator, tmp_path, **{"on-timeout": "cancel"})
        out = step.workspace / "out"
        with small_disk(out, 2):
            fill(out)
            route = "stream" if api == "2026-11" else "events"
            ended = step.run_past(asked(emulator, route))
            check_files(out, ended.out)
        assert [run.status for run in emulator.runs] == ["cancelled"]
    assert (ended.code, step.outputs["result"], step.outputs["error-code"]) == (
        1,
        "timeout",
        "TIMEOUT",
    )


@pytest.mark.slow
@pytest.mark.parametrize("pages", [4, 6, 10])
def test_a_disk_that_fills_up_between_rounds(tmp_path: Path, pages: int) -> None:
    looks = [Look([check("test", state)]) for state in ("failure", "success")]
    work = [Work({"login.tsx": f"try {n}"}, checks=look) for n, look in enumerate(looks)]
    with GitHub() as api, Emulator(speed=50) as emulator:
        api.works_for(emulator, *work)
        gates = {"checks": "test", "repair": "3", "github-token": TOKEN}
        step = step_against(emulator, tmp_path, **gates)
        step.env["GITHUB_API_URL"] = api.url
        out = step.workspace / "out"
        with small_disk(out, pages):
            ended = step.run()
            warned = check_files(out, ended.out)
    assert (ended.code, step.outputs["result"]) == (0, "success"), ended.out
    assert (step.outputs["rounds"], bool(warned)) == ("2", True)


def test_no_run_is_started_without_room_for_outputs(tmp_path: Path) -> None:
    """To open the file works on a full disk, too."""
    with Emulator("success") as emulator:
        step = step_against(emulator, tmp_path)
        disk = tmp_path / "disk"
        with small_disk(disk, 4):
            (disk / "file").touch()
            fill(disk)
            step.env["GITHUB_OUTPUT"] = str(disk / "file")
            ended = step.run()
            assert (disk / "file").stat().st_size < PAGE
        assert emulator.runs == []
    assert ended.code == 2, ended.out
    assert "GITHUB_OUTPUT cannot be written" in ended.out
    check_no_space(ended.out)


def test_no_run_is_started_without_room_for_the_state(tmp_path: Path) -> None:
    with Emulator("success") as emulator:
        step = step_against(emulator, tmp_path)
        disk = tmp_path / "disk"
        with small_disk(disk, 4):
            fill(disk)
            step.env["GITHUB_STATE"] = str(disk / "file")
            ended = step.run()
        assert emulator.runs == []
    assert ended.code == 2, ended.out
    check_no_space(ended.out)


def check_no_space(log: str) -> None:
    """Check that a full disk is blamed, and not the inputs."""
    assert "cannot be written" in log
    assert "No space left on device" in log
    assert "wrong inputs" not in log
    assert "\nRESOURCES, exit 2: " in log


@pytest.mark.parametrize(
    ("scenario", "repo", "result"),
    [
        ("success", "acme/web", "error"),
        ("failed", "acme/web", "failed"),
    ],
)
def test_a_step_whose_outputs_cannot_be_written_in_the_end_is_not_green(
    tmp_path: Path, scenario: str, repo: str, result: str
) -> None:
    """A later job would act on outputs that are not there. A run that failed stays what it is."""
    with Emulator(scenario, speed=20) as emulator:
        step = step_against(emulator, tmp_path, repo=repo)
        disk = tmp_path / "disk"
        with small_disk(disk, 20):
            (disk / "file").touch()
            step.env["GITHUB_OUTPUT"] = str(disk / "file")
            with step.start() as process:
                wait_until(asked(emulator, "stream"), process)
                fill(disk)
                with (disk / "file").open("ab") as file:
                    file.write(b"\n" * (-file.tell() % PAGE))  # the page that it has already
                out, _ = process.communicate(timeout=LONG)
    assert process.returncode == 1, out
    why = "GITHUB_OUTPUT cannot be written (No space left on device)"
    told = json.loads((step.workspace / "out" / RESULT_FILE).read_text())
    assert told["result"] == result
    if result == "failed":
        assert f"::warning title=Outputs::Could not write the outputs: {why}" in out
    else:
        assert f"The outputs could not be written: {why}. Free some space on its disk." in out
        assert "RESOURCES, exit 1: " in out


@pytest.mark.parametrize("full", ["mogplex.env", ".mogplex"])
def test_no_run_is_started_without_room_for_the_files_of_other_systems(
    tmp_path: Path, full: str
) -> None:
    with Emulator("success") as emulator:
        env = {
            "CI": "true",
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_PROMPT": "x",
        }
        folder = tmp_path / ("." if full == "mogplex.env" else full)
        if full == "mogplex.env":
            env["MOGPLEX_DOTENV"] = "disk/mogplex.env"
            folder = tmp_path / "disk"
        with small_disk(folder, 4):
            fill(folder)
            ended = run_program(
                *("--repo", "acme/web", "--idempotency-key", "k"), env=env, cwd=tmp_path
            )
        assert (ended.code, emulator.runs) == (2, []), ended.out
    assert re.search(r"cannot be written.*No space left on device", ended.out)
    assert re.search("Free some space|Make room there", ended.out)
