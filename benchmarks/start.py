"""From process start to the first API request."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.table import Row

ROUNDS = 25
"""More than elsewhere: the times are short, and another process on the machine is enough to spread them."""
ROOT = Path(__file__).resolve().parent.parent
_ENV = {"PATH": os.environ["PATH"]}


class _Arrivals:
    """Remembers when a request came."""

    def __init__(self) -> None:
        self.first: float | None = None

    @contextmanager
    def served(self) -> Iterator[str]:
        arrivals = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                arrivals.first = arrivals.first or time.perf_counter()
                self.send_response(401)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


def measure() -> list[Row]:
    """Compare with importing the same libraries, and with a bare requests script, in the same interpreter."""
    arrivals = _Arrivals()
    with arrivals.served() as url:
        step = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/web",
            "GITHUB_RUN_ID": "1",
            "GITHUB_JOB": "build",
            "INPUT_API-KEY": "mog_" + "x" * 32,
            "INPUT_PROMPT": "Fix it",
            "INPUT_BASE-URL": url,
        }
        ours = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from mogplex_ci.cli import main; sys.exit(main([]))"
        imports = f"import requests, yaml, jsonschema, structlog; requests.get({url!r})"
        bare = f"import requests; requests.get({url!r})"
        times: dict[str, list[float]] = {ours: [], imports: [], bare: []}
        for _ in range(ROUNDS + 1):
            for code, found in times.items():
                arrivals.first = None
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-I", "-c", code],
                    env=_ENV | (step if code == ours else {}),
                    capture_output=True,
                    check=False,
                )
                assert arrivals.first is not None, "no request came"
                found.append((arrivals.first - began) * 1000)
    ours_ms, imports_ms, bare_ms = (found[1:] for found in times.values())  # the first round warms the disk cache
    return [
        Row("start to first request", ours_ms, "ms", "importing the same libraries", imports_ms, ratio_limit=1.0),
        Row("start to first request", ours_ms, "ms", "bare requests script", bare_ms),
    ]
