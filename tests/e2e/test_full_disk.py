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
from tests.ci_environments import environment
from tests.emulator import Emulator
from tests.program import GitHubStep, run_program, step_against
from tests.require import unavailable
from tests.waits import LONG, asked, wait_until

GROWING = (EVENTS_FILE, DIAGNOSTICS_FILE)
WHOLE = (RESULT_FILE, ARTIFACT_FILE)
FILES = {*GROWING, *WHOLE, PAGE_FILE}
SCENARIO = Path(__file__).parent / "scenarios" / "artifact.yaml"
PAGE = os.sysconf("SC_PAGE_SIZE")
WARNING = re.compile(r"Could not write (\S+): No space left on device")


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


def writing(emulator: Emulator, folder: Path, **inputs: str) -> GitHubStep:
    """Return a step that writes every file into ``out``."""
    known = {"output_dir": "out", "artifact": "report"}
    return step_against(emulator, folder, **(known | inputs))


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


def test_a_disk_that_fills_up_in_the_midst_of_a_run(tmp_path: Path) -> None:
    """With one size or another each file is one of those for which there is no room."""
    failed: set[str] = set()
    for pages in (1, 2, 4, 5, 6, 8):
        with Emulator(SCENARIO, speed=100) as emulator:
            step = writing(emulator, tmp_path / str(pages))
            out = step.workspace / "out"
            with small_disk(out, pages):
                ended = step.run()
                failed |= check_files(out, ended.out)
        assert (ended.code, step.outputs["result"]) == (0, "success"), ended.out
    assert failed >= FILES - {DIAGNOSTICS_FILE}, "diagnostics get the first page"


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    with Emulator(SCENARIO, speed=100) as emulator:
        step = writing(emulator, tmp_path)
        out = step.workspace / "out"
        with small_disk(out, 8):
            fill(out)
            ended = step.run()
            assert check_files(out, ended.out) == FILES
            assert {path.name for path in out.iterdir()} == {*GROWING, "ballast"}
    assert (ended.code, step.outputs["result"], len(step.outputs["run-id"])) == (0, "success", 36)


def test_a_full_disk_keeps_no_timeout_from_cancelling(tmp_path: Path) -> None:
    with Emulator("slow") as emulator:
        step = writing(emulator, tmp_path, on_timeout="cancel", artifact="")
        out = step.workspace / "out"
        with small_disk(out, 2):
            fill(out)
            ended = step.run_past(asked(emulator, "stream"))
            check_files(out, ended.out)
        assert [run.status for run in emulator.runs] == ["cancelled"]
    assert (ended.code, step.outputs["error-code"]) == (1, "TIMEOUT")


PLACES = [
    ("github", {"GITHUB_OUTPUT": "{disk}/file"}, "disk"),
    ("github", {"GITHUB_STATE": "{disk}/file"}, "disk"),
    ("plain", {"CI": "true", "MOGPLEX_DOTENV": "disk/mogplex.env"}, "disk"),
    ("plain", {"CI": "true"}, ".mogplex"),
]
"""By system: the variables that name files for outputs or the state, and the folder of a file."""


@pytest.mark.parametrize(("system", "variables", "folder"), PLACES)
def test_no_run_is_started_without_room_for_outputs_and_state(
    tmp_path: Path, system: str, variables: dict[str, str], folder: str
) -> None:
    """To open a file works on a full disk, too."""
    disk = tmp_path / "workspace" / folder
    with Emulator("success") as emulator, small_disk(disk, 4):
        (disk / "file").touch()
        fill(disk)
        env = environment(system, tmp_path) | {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
        }
        env |= {name: value.format(disk=disk) for name, value in variables.items()}
        flags = ("--prompt", "x", "--repo", "acme/web", "--idempotency-key", "k")
        ended = run_program(*flags, env=env, cwd=tmp_path / "workspace")
        assert (disk / "file").stat().st_size < PAGE
        assert (ended.code, emulator.runs) == (2, []), ended.out
    assert re.search(r"cannot be written.*No space left on device", ended.out)
    assert "wrong inputs" not in ended.out
    assert "\nRESOURCES, exit 2: " in ended.out


def test_a_step_whose_outputs_cannot_be_written_in_the_end_is_not_green(tmp_path: Path) -> None:
    """A later job would act on outputs that are not there."""
    disk = tmp_path / "disk"
    with Emulator("success", speed=20) as emulator, small_disk(disk, 20):
        (disk / "file").touch()
        step = writing(emulator, tmp_path, artifact="")
        step.env["GITHUB_OUTPUT"] = str(disk / "file")
        with step.start() as process:
            wait_until(asked(emulator, "stream"), process)
            fill(disk)
            with (disk / "file").open("ab") as file:
                file.write(b"\n" * (-file.tell() % PAGE))  # the page that it has already
            out, _ = process.communicate(timeout=LONG)
    assert process.returncode == 1, out
    assert json.loads((step.workspace / "out" / RESULT_FILE).read_text())["result"] == "error"
    why = "GITHUB_OUTPUT cannot be written (No space left on device)"
    assert f"The outputs could not be written: {why}. Free some space on its disk." in out
    assert "RESOURCES, exit 1: " in out
