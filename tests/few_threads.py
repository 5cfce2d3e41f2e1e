"""Runs a Python program that gets no thread for a while: ``python few_threads.py PROGRAM
ARGUMENTS…``.

From ``NO_THREAD`` until ``THREADS_AGAIN`` the system refuses each, as in a container whose
``--pids-limit`` is reached.
"""

from __future__ import annotations

import runpy
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

NO_THREAD: Final = signal.SIGUSR1
THREADS_AGAIN: Final = signal.SIGUSR2


def main() -> None:
    """Run the program, with its own arguments."""
    name = "_start_joinable_thread"
    if sys.version_info < (3, 13):
        name = "_start_new_thread"
    start = getattr(threading, name)
    is_refused = False

    def note(number: int, _: object) -> None:
        nonlocal is_refused
        is_refused = number == NO_THREAD

    def start_unless_refused(*parts: Any, **options: Any) -> Any:
        if is_refused:
            raise RuntimeError("can't start new thread")  # CPython's own words
        return start(*parts, **options)

    signal.signal(NO_THREAD, note)
    signal.signal(THREADS_AGAIN, note)
    setattr(threading, name, start_unless_refused)
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
