"""The path of somebody who has read README.md alone: from the clone to a run that failed and the
page that explains it.

Every command is read from README.md, or from what an earlier one printed, and typed at a shell on a
terminal.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import termios
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest

from tests.documents import claim, error_codes
from tests.program import ROOT
from tests.require import require

TRY: Final = claim("README.md", "make demo").code.splitlines()
ANYWHERE: Final = claim("README.md", "docker run").code
PROMPT: Final = re.compile(r"<ended with (\d+)>")
COLOUR: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Shell:
    """A shell on a terminal, at which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        size = struct.pack("HHHH", 50, 200, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        # git takes the repository from here; everything else is as on a new account.
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "PS1": "<ended with $?>",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/mogplex/run-action",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
        }
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "--noediting", "-i"],
            cwd=folder,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._read()

    def type(self, command: str) -> tuple[int, list[str]]:
        """Type a command; return its exit code and the lines that it shows."""
        os.write(self._ours, command.encode() + b"\n")
        code, shown = self._read()
        return code, shown.splitlines()[1:]  # the first one is the command

    def _read(self) -> tuple[int, str]:
        """Read to the next prompt."""
        text = ""
        while (prompt := PROMPT.search(text)) is None:
            text += os.read(self._ours, 65536).decode(errors="replace")
        return int(prompt[1]), COLOUR.sub("", text[: prompt.start()]).replace("\r", "")

    def close(self) -> None:
        """Leave the shell."""
        os.write(self._ours, b"exit\n")
        self._process.wait(timeout=10)
        os.close(self._ours)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    for program in ("bash", "git", "make"):
        require(program)
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def install_libraries(clone: Path) -> None:
    """Do what `make` would do first, without the download: no other libraries than it installs."""
    venv.create(clone / ".venv", symlinks=True)
    (site,) = clone.glob(".venv/lib/python*/site-packages")
    for mark in ("runtime", "emulator"):
        (clone / ".venv" / f".{mark}").touch()
        lock = (ROOT / "requirements" / f"{mark}.txt").read_text(encoding="utf-8")
        for name in re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE):
            files = distribution(name).files or []
            for part in {file.parts[0] for file in files} - {".."}:
                (site / part).symlink_to(Path(str(distribution(name).locate_file(part))))


def explained(last: str) -> tuple[str, str]:
    """Return the code in the last line of a log, and the text to which its address leads."""
    page = "https://github.com/mogplex/run-action/blob/main/docs/troubleshooting.md"
    found = re.fullmatch(rf"([A-Z_]+), exit \d+: {re.escape(page)}#(\S+)", last)
    assert found is not None, last
    code, anchor = found.groups()
    assert anchor == code.lower()
    return code, error_codes()[code]


@pytest.mark.slow
def test_from_the_clone_to_a_failed_run_that_is_explained(shell: Shell, tmp_path: Path) -> None:
    clone_it, demo, *_ = TRY
    assert shell.type(clone_it)[0] == 0
    clone = tmp_path / "run-action"
    install_libraries(clone)

    code, shown = shell.type(demo)
    assert code == 0, shown
    assert "The step ended with success, exit code 0." in shown
    tries = [line.strip() for line in shown[shown.index("Try next:") + 1 :]]

    failing, help_ = tries
    code, shown = shell.type(failing)
    assert (code, [line for line in shown if line.startswith("✘ Run failed after ")] != []) == (
        1,
        True,
    )
    name, text = explained(shown[-1])
    assert name == "RUN_FAILED"
    assert "last actions" in text

    code, shown = shell.type(help_)
    assert (code, "exit codes:" in shown) == (0, True)

    program = shlex.split(failing)[0]
    task = shlex.join(shlex.split(ANYWHERE)[shlex.split(ANYWHERE).index("--repo") :])
    code, shown = shell.type(f"{program} --dry-run {task}")
    assert code == 0, shown
    code, shown = shell.type(f"{program} {task}")
    assert code == 64
    name, text = explained(shown[-1])
    assert name == "UNAUTHORIZED"
    assert "There is no token" in text

    assert shell.type("git status --short") == (0, []), "no try leaves a file"
