"""Starts the program as a fork of a process that has loaded it, which saves half a second of
processor time each.

Each run is a process of its own, with its own environment, folder, streams and signals. Only the
loading is shared.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer

ROOT = Path(__file__).resolve().parent.parent
LANG = {"LANG": "C.UTF-8"}


def can_run(env: dict[str, str], stdin: bytes) -> bool:
    """Whether a fork does what a new process would: no variable is one for the interpreter's own
    start.
    """
    is_usual = (
        not any(name.startswith(("PYTHON", "LC_")) for name in env)
        and env.get("LANG") == LANG["LANG"]
    )
    return is_usual and len(stdin) < 4096  # what a pipe takes without a reader


def run(
    script: str,
    argv: Sequence[str],
    *,
    env: dict[str, str],
    cwd: Path,
    stdin: bytes,
    timeout: float,
) -> tuple[int, bytes, bytes]:
    """Run a Python script to its end; return its exit code and what it wrote to stdout and
    stderr.
    """
    pipes = [os.pipe() for _ in range(3)]
    (in_read, in_write), (out_read, out_write), (err_read, err_write) = pipes
    with TemporaryFile("w+") as job:
        json.dump({"script": script, "argv": list(argv), "env": env, "cwd": str(cwd)}, job)
        job.seek(0)
        reply, told = socket.socketpair()
        with reply:
            socket.send_fds(
                _server()[1], [b"."], [job.fileno(), in_read, out_write, err_write, told.fileno()]
            )
            told.close()
            for end in (in_read, out_write, err_write):
                os.close(end)
            with os.fdopen(in_write, "wb") as file:
                file.write(stdin)
            answer = reply.makefile("r")
            watch = Timer(timeout, os.kill, (int(answer.readline()), signal.SIGKILL))
            watch.start()
            with ThreadPoolExecutor(2) as pool:
                out, err = pool.map(_read, (out_read, err_read))
            code = int(answer.readline())
            watch.cancel()
    return code, out, err


def close() -> None:
    """End the process that is forked, if there is one; from then on its processor time is known."""
    if _server.cache_info().currsize:
        process, control = _server()
        control.close()
        process.communicate()


@cache
def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
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


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _serve(control: socket.socket) -> str:
    """Fork at each request; return in each fork the script to run. The parent ends with its last
    child.
    """
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 5)
        if not descriptors:
            break
        if os.fork() == 0:
            control.close()
            return _become(descriptors)
        for each in descriptors:
            os.close(each)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            sys.exit()


def _become(descriptors: Sequence[int]) -> str:
    """Return the script to run in a process that is as the job says; its parent reports its end."""
    job, *streams, reply = descriptors
    if child := os.fork():
        for each in streams:
            os.close(each)
        os.write(reply, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(reply, f"{os.waitstatus_to_exitcode(status)}\n".encode())
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
    sys.argv = [given["script"], *given["argv"]]
    return str(given["script"])


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
