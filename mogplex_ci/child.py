"""A process of our own for work on others' data: if it is slow, greedy or broken, the step
continues.

The child gets no variables but those that find Python: a library that others' data takes over finds
no token.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from mogplex_ci.waiting import bounded

_CPU_SECONDS: Final = 60
"""Limit after which the process ends by itself, in case its parent is gone and cannot end it."""
_MEMORY: Final = 512 * 2**20
"""Bytes of address space, if the system can limit it."""


def ask_child(module: str, question: object, seconds: float) -> Any:
    """Run ``module`` as a program and return its answer, which it gives with ``answer_parent``.
    Question and answer are JSON; None: it ended without an answer.

    The process ends after ``seconds``, or with the wait of this thread.

    Raises:
        TimeoutError: it took longer.
        StopRequested: a stop signal came, and this thread's work is interruptible.
        OSError: it could not be started.
    """
    given = json.dumps(question).encode()
    # An empty entry would be the working directory.
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        # -P: no module of the working directory is imported in place of ours.
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A library's traceback may quote the data, which the job's log must not show.
        stderr=subprocess.DEVNULL,
        # Python does not start on Windows without SYSTEMROOT.
        env={"PYTHONPATH": path, "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
    )
    try:
        answer, _ = bounded(lambda: process.communicate(given), seconds)
    finally:
        process.kill()
    if process.returncode != 0 or not answer:
        return None
    return json.loads(answer)


def answer_parent(work: Callable[[Any], object]) -> None:
    """Answer the question of ``ask_child`` with the result of ``work``, within the limits."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        with contextlib.suppress(OSError, ValueError):  # macOS may refuse it
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    json.dump(work(json.load(sys.stdin.buffer)), sys.stdout)
