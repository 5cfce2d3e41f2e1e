"""Starts the program as a fork of a process that has loaded it, which saves half a second of
processor time each.

Each is a process of its own, with its own environment, folder, streams and signals. Only the
loading is shared.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
LANG = {"LANG": "C.UTF-8"}
PR_SET_CHILD_SUBREAPER: Final = 36
"""The caller becomes the parent of its orphaned descendants: prctl(2)."""


def can_run(env: Mapping[str, str]) -> bool:
    """Whether a fork does what a new process would: no variable is one for the interpreter's own
    start.
    """
    return (
        sys.platform == "linux"
        and not any(name.startswith(("PYTHON", "LC_")) for name in env)
        and env.get("LANG") == LANG["LANG"]
    )


class Forked(subprocess.Popen[Any]):
    """A process that runs a Python script, forked by another one: ``args`` are the script and its
    arguments.
    """

    def _execute_child(self, args: Sequence[str], *given: Any) -> None:
        """Start it, in place of ``fork`` and ``exec`` of an executable file."""
        cwd, env = given[4:6]
        stdin, _, _, stdout, _, stderr = given[9:15]  # without the ends of the pipes that are ours
        reply, told = socket.socketpair()
        with reply, told, TemporaryFile("w+") as job:
            json.dump({"argv": args, "env": env, "cwd": str(cwd)}, job)
            job.seek(0)
            given_files = [job.fileno(), stdin, stdout, stderr, told.fileno()]
            socket.send_fds(_server()[1], [b"."], given_files)
            told.close()
            self.pid = int(reply.makefile().read())
        for theirs in (stdin, stdout, stderr):
            os.close(theirs)
        self._child_created = self._closed_child_pipe_fds = True


def close() -> None:
    """End the process that is forked, if there is one; from then on its processor time is known."""
    if _server.cache_info().currsize:
        process, control = _server()
        control.close()
        process.communicate()


@cache
def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", str(its.fileno())],
            cwd=ROOT,
            env=LANG,
            # pipes, as the forks have: Python looks once whether a stream can be sought in
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[its.fileno()],
        )
    return process, ours


def _serve(control: socket.socket) -> str:
    """Fork at each request; return in each fork the script to run."""
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 5)
        if not descriptors:
            sys.exit()
        if (between := os.fork()) == 0:
            control.close()
            return _become(descriptors)
        os.waitpid(between, 0)  # now the test is the parent of the new process
        for each in descriptors:
            os.close(each)


def _become(descriptors: Sequence[int]) -> str:
    """Return the script to run in an orphan that is as the job says."""
    job, *streams, reply = descriptors
    if child := os.fork():
        os.write(reply, str(child).encode())
        os._exit(0)
    os.close(reply)
    with os.fdopen(job) as file:
        given = json.load(file)
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    os.environ.update(given["env"])
    time.tzset()
    os.chdir(given["cwd"])
    sys.argv = given["argv"]
    return sys.argv[0]


def _load() -> None:
    package = importlib.import_module("mogplex_ci")
    for module in pkgutil.walk_packages(package.__path__, "mogplex_ci."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("markdown_it", "requests", "yaml"):
        importlib.import_module(name)
    gc.freeze()


if __name__ == "__main__":
    _load()
    runpy.run_path(_serve(socket.socket(fileno=int(sys.argv[1]))), run_name="__main__")
