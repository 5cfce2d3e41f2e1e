"""The program's edges: a mistake of its own, and standard output that nobody reads or that is
closed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mogplex_ci.errors import InternalError
from tests.program import ENTRY, ROOT, executable

MAIN = "import os, sys\nfrom mogplex_ci import cli, commands\n"


def program(code: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run a program that begins as the command does."""
    return subprocess.run(
        [sys.executable, "-c", MAIN + code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},  # without a setting of Python's buffers
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_a_mistake_of_the_program_is_one_line_and_no_traceback() -> None:
    done = program("commands.COMMANDS['broken'] = ''\nsys.exit(cli.main(['broken'], {}))")
    expected = InternalError.of(ModuleNotFoundError("No module named 'mogplex_ci.commands.broken'"))
    assert done.returncode == expected.exit_code
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(f". {expected.remedy}")
    assert "ModuleNotFoundError" in line
    assert done.stdout == ""


@pytest.mark.parametrize("words", [["--version"], ["help"]])
def test_a_reader_that_has_left_ends_the_program_as_its_signal_would(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = program(f"sys.exit(cli.main({words}, {{}}))", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
@pytest.mark.parametrize("words", [["--version"], ["help"]])
def test_a_full_disk_behind_the_output_is_no_mistake_of_the_program(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = program(f"sys.exit(cli.main({words}, {{}}))", stdout=full.fileno())
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the step ran out of disk space. ")


def test_the_entry_point_becomes_the_program_that_a_runner_names(tmp_path: Path) -> None:
    """GitLab's runner 19 starts a script so, by its helper's own path."""
    helper = tmp_path / "gitlab-runner-helper"
    executable(helper, '#!/bin/sh\necho "$0 $*"\n')
    command = [*ENTRY, str(helper), "steps", "serve", "sh"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{helper} steps serve sh\n"


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_a_stream_that_is_closed_is_no_error_and_no_file_takes_its_place(
    tmp_path: Path, closed: tuple[int, ...]
) -> None:
    """Else what is printed would be written into that file."""
    file = tmp_path / "file"
    code = (
        f"code = cli.main(['--version'], {{}})\n"
        f"with open({str(file)!r}, 'w') as file:\n"
        f"    file.write(f'{{code}} {{file.fileno() > 2}}')"
    )
    shell = "".join(f" {number}>&-" for number in closed)
    command = ["sh", "-c", f'exec "$0" -c "$1"{shell}', sys.executable, MAIN + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, file.read_text()) == (0, "", "0 True")
    assert ("API v1" in done.stdout) is (1 not in closed)
