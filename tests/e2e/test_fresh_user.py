"""The path of somebody who has read README.md alone: from the clone to a run that failed and the
page that explains it.

Every command is read from README.md, or from what an earlier one printed, and given to a shell.
"""

from __future__ import annotations

import os
import re
import shlex
import venv
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest

from tests.documents import claim, error_codes
from tests.program import ROOT, run_client
from tests.require import require

TRY: Final = claim("README.md", "make demo").code.splitlines()
ANYWHERE: Final = claim("README.md", "docker run").code


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


def typed(command: str, folder: Path) -> tuple[int, list[str]]:
    """Give a command to a shell; return its exit code and the lines that it shows."""
    # git takes the repository from here; everything else is as on a new account.
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/mogplex/run-action",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }
    code, shown = run_client(["bash", "--noprofile", "--norc", "-c", command], folder, env)
    return code, shown.splitlines()


@pytest.mark.slow
def test_from_the_clone_to_a_failed_run_that_is_explained(tmp_path: Path) -> None:
    for program in ("bash", "git", "make"):
        require(program)
    clone_it, demo, *_ = TRY
    assert typed(clone_it, tmp_path)[0] == 0
    clone = tmp_path / "run-action"
    install_libraries(clone)

    code, shown = typed(demo, clone)
    assert code == 0, shown
    assert "The step ended with success, exit code 0." in shown
    tries = [line.strip() for line in shown[shown.index("Try next:") + 1 :]]

    failing, help_ = tries
    code, shown = typed(failing, clone)
    assert (code, [line for line in shown if line.startswith("✘ Run failed after ")] != []) == (
        1,
        True,
    )
    name, text = explained(shown[-1])
    assert name == "RUN_FAILED"
    assert "last actions" in text

    code, shown = typed(help_, clone)
    assert (code, "exit codes:" in shown) == (0, True)

    program = shlex.split(failing)[0]
    task = shlex.join(shlex.split(ANYWHERE)[shlex.split(ANYWHERE).index("--repo") :])
    code, shown = typed(f"{program} --dry-run {task}", clone)
    assert code == 0, shown
    code, shown = typed(f"{program} {task}", clone)
    assert code == 64
    name, text = explained(shown[-1])
    assert name == "UNAUTHORIZED"
    assert "There is no token" in text

    assert typed("git status --short", clone) == (0, []), "no try leaves a file"
