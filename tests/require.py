"""The needs of a test beyond Python: it skips where that is missing, and fails where it was
promised.

`RUN_ACTION_REQUIRE` (comma-separated, for example `docker,node,chromium`) lists what must be there.
"""

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import machine

_START_ENGINE = Path(__file__).parent / "container" / "start-engine.sh"


def require(name: str) -> None:
    """Go on only with `docker` (an engine that answers, started if need be), `node` or `chromium`.

    Raises:
        pytest.skip.Exception: it is missing.
        pytest.fail.Exception: it is missing although RUN_ACTION_REQUIRE lists it.
    """
    reason = _what_is_missing(name)
    if reason is not None:
        unavailable(name, reason)


def unavailable(name: str, reason: str) -> None:
    """Skip or fail, as `require` does, for a reason that the caller found."""
    if name in os.environ.get("RUN_ACTION_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required: {reason}", pytrace=False)
    pytest.skip(reason)


@functools.cache
def _what_is_missing(name: str) -> str | None:
    if name == "docker":
        started = subprocess.run(
            [_START_ENGINE],
            env=machine.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return None if started.returncode == 0 else started.stderr.strip()
    return None if shutil.which(name) else f"no `{name}` on PATH"
