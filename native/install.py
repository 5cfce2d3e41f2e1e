"""Install the program into a virtual environment of its own, and tell the next steps where that is.

A release names the wheel on PyPI by its hash in `wheel.txt`; without that file the program is built
from this checkout. Every dependency is installed by its hash; pip resolves nothing. Its settings
(`PIP_INDEX_URL`, `PIP_CERT`, …) apply.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_NATIVE = Path(__file__).resolve().parent
_ROOT = _NATIVE.parent
_WHEEL = _NATIVE / "wheel.txt"


def main() -> None:
    """Install, and set the step's output `python`."""
    folder = Path(tempfile.mkdtemp(prefix="mogplex-ci-", dir=os.environ.get("RUNNER_TEMP")))
    venv.create(folder / "venv")
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    locked = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    locked += ["--requirement", str(_ROOT / "requirements/runtime.txt")]
    if _WHEEL.exists():
        _pip(python, *locked, "--requirement", str(_WHEEL))
    else:
        _pip(python, *locked, "--requirement", str(_ROOT / "requirements/build.txt"))
        _pip(python, "--no-build-isolation", "--no-deps", "--no-index", str(_ROOT))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"python={python}\n")


def _pip(python: Path, *arguments: str) -> None:
    command = [sys.executable, "-I", "-m", "pip", "--python", str(python), "install", "--quiet"]
    done = subprocess.run([*command, "--disable-pip-version-check", *arguments], check=False)
    if done.returncode != 0:
        sys.exit(
            f"::error title=Mogplex::pip could not install the program (exit code {done.returncode})"
        )


if __name__ == "__main__":
    main()
