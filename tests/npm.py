"""The npm packages that tests use, at the versions of `tests/node/package-lock.json`."""

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

from tests import machine
from tests.require import require, unavailable

_LOCK = Path(__file__).parent / "node" / "package-lock.json"
_CACHE = Path(__file__).parents[1] / ".cache" / "npm"
NODE = Path(str(distribution("playwright").locate_file("playwright/driver/node")))
"""The one that Playwright brings: a second one would be half of all that the tests install."""


@functools.cache
def node_modules() -> Path:
    """Return the folder with the installed packages; they are installed once for each content of
    the lock file.

    Raises:
        pytest.skip.Exception: there is no npm, or it cannot install them.
        pytest.fail.Exception: the same, where RUN_ACTION_REQUIRE lists `node`.
    """
    require("node")
    if shutil.which("npm") is None:
        unavailable("node", "no `npm` on PATH")
    folder = _CACHE / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test worker installs, the others wait
        if not (folder / "ready").exists():
            _install(folder)
            (folder / "ready").touch()
    return folder / "node_modules"


def node_environment() -> dict[str, str]:
    """Return the environment in which `node` is the locked version and the packages' commands are
    on PATH.
    """
    commands = node_modules() / ".bin"
    path = os.pathsep.join([str(NODE.parent), str(commands), os.environ["PATH"]])
    return {**os.environ, "PATH": path}


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_LOCK.with_name(name), folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        env=machine.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        unavailable("node", f"npm could not install the packages: {done.stderr.strip()[-500:]}")
