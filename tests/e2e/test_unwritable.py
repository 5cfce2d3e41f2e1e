"""Files that cannot be written, and a full disk: outputs and state are tried before a run starts,
and no report changes how a step ends.

The files are on a small file system of their own. With several sizes every one of them is the
first for which there is no room.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.output_names import (
    ARTIFACT_FILE,
    DIAGNOSTICS_FILE,
    EVENTS_FILE,
    PAGE_FILE,
    RESULT_FILE,
)
from tests.ci_environments import environment
from tests.emulator import Emulator
from tests.program import ENTRY, GitHubStep, run_program, run_script, step_against
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


@pytest.mark.slow
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


NOBODY = 65534
REFUSED = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Runs a program as a root who is refused the files of others."""
can_refuse = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which(REFUSED[0]) is None, reason="needs root and setpriv"
)


def run_refused(*argv: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REFUSED, *ENTRY, *argv],
        env={"PATH": "/usr/bin:/bin"} | env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


@can_refuse
def test_a_folder_that_cannot_be_written_is_no_fault_without_a_ci_system(tmp_path: Path) -> None:
    """`docker run IMAGE` works in `/`."""
    with Emulator("success", speed=50) as emulator:
        env = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_PROMPT": "x",
        }
        os.chown(tmp_path, NOBODY, NOBODY)
        done = run_refused("--repo", "acme/web", env=env, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gitlab", "github"])
def test_a_working_directory_that_was_deleted_is_a_usage_error(name: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    in_gone = ["sh", "-c", f'rmdir "{gone}"; exec "$0" "$@"', *ENTRY]
    with Emulator("success") as emulator:
        inputs = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        env = (
            environment(name, tmp_path)
            | inputs
            | {"MOGPLEX_PROMPT": "Fix it", "MOGPLEX_OUTPUT_DIR": "out"}
        )
        env |= {"GITHUB_WORKSPACE": str(gone), "CI_PROJECT_DIR": str(gone)}
        code, out, _ = run_script(in_gone, [], env=env, cwd=gone)
        assert emulator.runs == []
        said = "The working directory was deleted. Start the step in a folder that exists."
        assert (code, said in out.decode(), b"unexpected" in out) == (2, True, False), out
        gone.mkdir()
        code, out, _ = run_script(in_gone, ["post"], env=env, cwd=gone)
        reaches_state = name == "github"  # in a folder of the runner
        assert (code, said in out.decode()) == ((0, False) if reaches_state else (2, True))
