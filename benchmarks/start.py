"""From process start to the first API request, on this Python and on the image's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from benchmarks.table import Row

ROUNDS = 75
"""More than elsewhere: the times are short, and another process on the machine is enough to spread
them.
"""
CLOCK, CPU = 0, 1
ROOT = Path(__file__).resolve().parent.parent
_ENV = {"PATH": os.environ["PATH"]}
Times: TypeAlias = list[list[tuple[float, float]]]
"""For each of the three programs and each round: milliseconds by the clock and of CPU."""


class _Arrivals:
    """Remembers when a request came, and answers none."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.came = threading.Event()

    @contextmanager
    def served(self) -> Iterator[str]:
        arrivals = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                arrivals.first = arrivals.first or time.perf_counter()
                arrivals.came.set()
                self.rfile.read(
                    1
                )  # until the process is killed: it waits for the answer and uses no CPU

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


_ALL = ("requests", "yaml", "jsonschema", "structlog")
"""The libraries that the action's parts need, sooner or later."""
_IMPORTED = """
import sys
def note(event, _):
    if event == "socket.connect":
        loaded = {name.partition(".")[0] for name, module in sys.modules.items() if module}
        libraries = loaded - {"mogplex_ci"} - sys.stdlib_module_names
        print(*sorted(name for name in libraries if not name.startswith("_")), file=sys.stderr)
        sys.exit(0)
sys.addaudithook(note)
"""


def measure() -> list[Row]:
    """Compare with importing libraries in the same interpreter: those loaded by then, and all that
    are used at all.
    """
    from benchmarks.image import image  # needs the tests' modules, which the image has not

    rows = _rows("start to first request", times(), limit=1.0)
    if (tag := image()) is not None:
        rows += _rows("start to first request, in the image", _times_in(tag), limit=1.0)
    return rows


def _rows(what: str, times: Times, *, limit: float) -> list[Row]:
    """Limit the processor time, which other processes on the machine hardly change."""
    clocks, (ours, same, every) = (
        [[each[which] for each in found] for found in times] for which in (CLOCK, CPU)
    )
    every_name = f"importing {', '.join(_ALL)}"
    return [
        Row(what, clocks[0], "ms", every_name, clocks[2], in_pairs=True),
        Row(f"{what}: CPU", ours, "ms", every_name, every, ratio_limit=limit, in_pairs=True),
        Row(
            f"{what}: CPU",
            ours,
            "ms",
            "importing what it imports",
            same,
            ratio_limit=1.6,
            in_pairs=True,
        ),
    ]


def _times_in(image: str) -> Times:
    """Return ``times()`` of a container: its process is started by another one inside, without the
    engine's time.
    """
    files = ["--volume", f"{ROOT / 'benchmarks'}:/bench/benchmarks:ro", "--workdir", "/bench"]
    code = "import json; from benchmarks.start import times; print(json.dumps(times()))"
    command = ["docker", "run", "--rm", *files, "--entrypoint", "python", image, "-c", code]
    times: Times = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return times


def times() -> Times:
    """Return the milliseconds of each round, by the clock and of CPU: ours, importing what it
    imports, importing all.

    The same interpreter loads all three, with the byte code that the first round left, or that the
    image has.
    """
    arrivals = _Arrivals()
    with arrivals.served() as url:
        step = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REPOSITORY": "acme/web",
            "GITHUB_RUN_ID": "1",
            "GITHUB_JOB": "build",
            "INPUT_API-KEY": "mog_" + "x" * 32,
            "INPUT_PROMPT": "Fix it",
            "INPUT_BASE-URL": url,
            "INPUT_JOB-CONTEXT": "{}",  # a default of action.yml
        }
        ours = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from mogplex_ci.cli import main; sys.exit(main([]))"
        same, every = (
            f"import {', '.join(names)}, requests; requests.get({url!r})"
            for names in (_imported(ours, step), _ALL)
        )
        times: dict[str, list[tuple[float, float]]] = {ours: [], same: [], every: []}
        for _ in range(ROUNDS + 1):
            for code, found in times.items():
                arrivals.first = None
                arrivals.came.clear()
                began = time.perf_counter()
                process = subprocess.Popen(
                    [sys.executable, "-I", "-c", code],
                    env=_ENV | (step if code == ours else {}),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                came = arrivals.came.wait(30)
                assert came, "no request came"
                assert arrivals.first is not None
                found.append(((arrivals.first - began) * 1000, _cpu_ms(process.pid)))
                process.kill()
                process.wait()
    return [found[1:] for found in times.values()]  # the first round warms the disk cache


def _cpu_ms(pid: int) -> float:
    """Return how long the threads of a process have run, as the kernel counts it in nanoseconds."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return (
        sum(
            int((thread / "schedstat").read_text(encoding="ascii").split()[0]) for thread in threads
        )
        / 1e6
    )


def _imported(code: str, step: dict[str, str]) -> list[str]:
    """Return the libraries that are loaded when the first connection is made."""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", _IMPORTED + code],
        env=_ENV | step,
        capture_output=True,
        text=True,
        check=False,
    )
    names = ended.stderr.split()
    assert "requests" in names, ended.stderr
    return names
