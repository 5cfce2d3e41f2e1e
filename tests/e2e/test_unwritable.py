"""Files that cannot be written: outputs and state are tried before a run is started, and a report
fails alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ci_environments import environment
from tests.emulator import Emulator
from tests.program import ENTRY, run_program, run_script, step_against
from tests.waits import LONG, asked, wait_until

NOBODY = 65534
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
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
def test_no_run_is_started_when_its_ids_could_not_be_told(tmp_path: Path) -> None:
    with Emulator("success") as emulator:
        step = step_against(emulator, tmp_path)
        file = Path(step.environment["GITHUB_OUTPUT"])
        os.chown(file, NOBODY, NOBODY)
        ended = run_refused(env=step.environment, cwd=step.workspace)
        assert emulator.runs == []
    assert ended.returncode == 2, ended.stdout
    assert (
        f"cannot be written (Permission denied): this step runs as user 0, {file.name} belongs to {NOBODY}"
        in (ended.stdout)
    )


def test_a_report_that_fails_names_its_file_and_costs_nothing_else(tmp_path: Path) -> None:
    with Emulator("success", speed=50) as emulator:
        step = step_against(emulator, tmp_path)
        step.env["GITHUB_STEP_SUMMARY"] = "/dev/full"
        ended = step.run()
    assert (ended.code, step.outputs["result"]) == (0, "success")
    assert (
        "the summary: GITHUB_STEP_SUMMARY cannot be written (No space left on device)" in ended.out
    )


@is_root
def test_files_belong_to_the_owner_of_the_workspace(tmp_path: Path) -> None:
    with Emulator("success", speed=50) as emulator:
        env = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_DOTENV": "out/agent/run.env",
        }
        os.chown(tmp_path, NOBODY, NOBODY)
        assert run_program("--repo", "acme/web", "--prompt", "x", env=env, cwd=tmp_path).code == 0
    made = list(tmp_path.rglob("*"))
    assert [path.name for path in made] == ["out", "agent", "run.env"]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(NOBODY, NOBODY)}


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


@pytest.mark.parametrize(
    "forgets",
    [
        {"ACT": "true"},
        {"FORGEJO_ACTIONS": "true"},
        {"GITEA_ACTIONS": "true"},
        {"INPUT_JOB-CONTEXT": ""},
    ],
)
def test_a_runner_that_hands_no_state_to_post(forgets: dict[str, str], tmp_path: Path) -> None:
    """It has no clean-up for a container's action, or the job runs the program itself, and ``post``
    in a later step.
    """
    with Emulator("slow") as emulator:
        step = step_against(emulator, tmp_path, repo="acme/web")
        step.env |= forgets
        with step.start() as process:
            wait_until(asked(emulator, "stream"), process)
            process.kill()
        later = step.environment | {"INPUT_JOB-CONTEXT": "", "GITHUB_ACTION": "__run_2"}
        assert (
            run_program("post", env=later | {"GITHUB_JOB": "other"}, cwd=step.workspace).out == ""
        )
        assert run_program("post", env=later, cwd=step.workspace).code == 0
        assert [run.status for run in emulator.runs] == ["cancelled"]


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
