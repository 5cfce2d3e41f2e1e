"""Runs a Python program whose clock a test moves: ``python movable_clock.py PROGRAM ARGUMENTS…``.

Its time goes on as usual, and at each ``HOUR_PASSES`` an hour has passed.
"""

from __future__ import annotations

import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Final

HOUR_PASSES: Final = signal.SIGUSR1


def main() -> None:
    """Run the program, with its own arguments."""
    real, ahead = time.monotonic, 0.0

    def an_hour_passes(*_: object) -> None:
        nonlocal ahead
        ahead += 3600.0

    signal.signal(HOUR_PASSES, an_hour_passes)
    time.monotonic = lambda: real() + ahead
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
