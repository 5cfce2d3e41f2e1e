"""What following costs: CPU of an idle poll, of a full feed, and of the worst line for every rule of the sanitizer."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from typing import Any

from mogplex_ci.run.pace import Pace
from mogplex_ci.run.stop import Stop

from benchmarks.table import ROUNDS, Row
from mogplex_ci.api import parse
from mogplex_ci.api.client import Client
from mogplex_ci.models import Untrusted
from mogplex_ci.platforms.github import GitHub
from mogplex_ci.report.log import LogReport
from mogplex_ci.run.follow import Follower
from mogplex_ci.sanitize import Sanitizer

POLLS = 100
EVENTS = 190
EVENT_BYTES = 4096
RUN: dict[str, Any] = {
    "runId": "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001",
    "repoId": "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002",
    "harness": "codex",
    "status": "streaming",
    "branch": {"base": "main", "working": "mogplex/agent-1", "createBranch": True},
    "runtime": {"provider": "trigger", "runId": "run_1"},
}
TEXT = "src/components/login.tsx: const token = await session.refresh(user.id); // 4f5e2c1 see docs/auth.md\n"


def event(number: int) -> dict[str, Any]:
    """One event of about 4 KB, the kind that a tool leaves."""
    return {
        "id": f"event-{number}",
        "type": "tool_finished",
        "toolName": "shell",
        "message": f"Finished command {number}",
        "payload": {"output": TEXT * (EVENT_BYTES // len(TEXT)), "duration_ms": 12},
        "createdAt": f"2026-01-01T10:{number // 60:02d}:{number % 60:02d}.5+00:00",
    }


class _NoWait:
    """A clock that does not wait, and lets the follower poll a fixed number of times."""

    def __init__(self, client: Client, polls: int) -> None:
        self._client = client
        self._polls = polls
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now = self._now + seconds if self._client.requests_sent < self._polls else float("inf")

    def spread(self, low: float, high: float) -> float:
        return low


@contextmanager
def _feed(events: int) -> Iterator[str]:
    """Serve a feed that does not change from a process of its own, so that its CPU is not counted."""
    body = json.dumps(
        {"ok": True, "data": {"run": RUN, "events": [event(number) for number in range(events)]}}
    ).encode()
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(body, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(body: bytes, pipe: Any) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


def _follow(url: str, polls: int) -> float:
    """Poll, report into a log, and return the CPU seconds of it all."""
    client, stop = Client(url, "mog_" + "x" * 32), Stop()
    clock = _NoWait(client, polls)
    log = LogReport(GitHub({}, io.StringIO()), Sanitizer({"mog_" + "x" * 32}))
    follower = Follower(client, clock=clock, stop=stop, pace=Pace(clock, 1.5, 1), began=0.0)
    began = time.process_time()
    for happening in follower.follow(parse.run(RUN), deadline=1e9):
        log.on(happening)
    return time.process_time() - began


def measure() -> list[Row]:
    """Measure idle polls of a short and of a long feed, and the first page of a long one."""
    rows = []
    with _feed(15) as short, _feed(EVENTS) as long:
        idle_short, idle_long, page = [], [], []
        for _ in range(ROUNDS):
            first = _follow(short, 1)
            idle_short.append((_follow(short, POLLS + 1) - first) / POLLS * 1000)
            first = _follow(long, 1)
            page.append(first)
            idle_long.append((_follow(long, POLLS + 1) - first) / POLLS * 1000)
    rows.append(Row("idle poll, 15 events: CPU", idle_short, "ms", limit=5))
    rows.append(Row(f"idle poll, {EVENTS} known events of 4 KB: CPU", idle_long, "ms", limit=5))
    rows.append(Row(f"{EVENTS} new events of 4 KB, read and shown: CPU", page, "s", limit=0.5))
    return [*rows, *_linear()]


WORST_LINES: dict[str, Callable[[int], str]] = {
    "one word": lambda size: "a" * size,
    "hex": lambda size: "0123456789abcdef" * (size // 16),
    "base64": lambda size: "QUJDREVG" * (size // 8),
    "dots": lambda size: "eyJ." * (size // 4),
    "assignments": lambda size: "password=" * (size // 9),
    "quotes": lambda size: '"token": \'' * (size // 10),
    "URLs": lambda size: "https://a:" * (size // 10),
    "PEM heads": lambda size: "-----BEGIN " * (size // 11),
    "escapes": lambda size: "\x1b[" * (size // 2),
    "markers": lambda size: "##[" * (size // 3),
    "blanks": lambda size: " \t" * (size // 2),
}


def _linear() -> list[Row]:
    """Find the text that grows worst from 20,000 to 80,000 characters on one line; linear is 4."""
    worst = ("", 0.0, 0.0)
    for name, text in WORST_LINES.items():
        small, large = (min(_clean_seconds(text(size)) for _ in range(5)) for size in (20_000, 80_000))
        growth = large / small
        if large > worst[2]:
            worst = (name, growth, large)
    name, growth, seconds = worst
    return [
        Row(f"slowest line of 80,000 characters ({name}): CPU", [seconds * 1000], "ms"),
        Row("its growth from 20,000 to 80,000 characters (linear: 4)", [growth], "×", limit=6),
    ]


def _clean_seconds(text: str) -> float:
    sanitizer, value = Sanitizer(), Untrusted(text)
    began = time.process_time()
    sanitizer.clean(value, limit=len(text))
    return time.process_time() - began
