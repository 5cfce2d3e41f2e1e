"""Waiting for something to happen, for as long as a busy machine takes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Final

from tests.emulator import Emulator

LONG: Final = 45.0
"""Seconds after which something hangs. The longest wait takes two or three where the tests have the
machine to themselves; no test measures anything by it.
"""


def wait_until(
    condition: Callable[[], object], process: subprocess.Popen[str] | None = None
) -> None:
    """Return once the condition holds. It comes as soon as ``process``, which must not end before,
    gets there.
    """
    gives_up = time.monotonic() + LONG
    while True:
        has_ended = (
            process is not None and process.poll() is not None
        )  # asked first: its last act may be the condition
        if condition():
            return
        assert not has_ended, process and process.communicate()
        assert time.monotonic() < gives_up, "it does not happen"
        time.sleep(0.01)


def asked(emulator: Emulator, route: str, times: int = 1) -> Callable[[], bool]:
    """Return a condition: ``route`` was asked for ``times`` times."""
    return lambda: (
        len([request for request in emulator.requests if request.route == route]) >= times
    )
