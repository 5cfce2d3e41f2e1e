"""The CPU time of following: idle streams and polls, many events, and the worst line for the
sanitizer's rules.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from queue import SimpleQueue
from threading import Thread
from typing import Any

from benchmarks.table import ROUNDS, Row
from mogplex_ci.api import answers
from mogplex_ci.api.client import Client
from mogplex_ci.api.poll_interval import PollInterval
from mogplex_ci.platforms.github import GITHUB, GitHubActions
from mogplex_ci.report.log import Log
from mogplex_ci.run.follow import LAST_CHECK_SECONDS, Follower
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop

POLLS = 100
IDLE_SECONDS = 10.0
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


class _NoWait(Clock):
    """A clock that does not wait, and lets the follower poll a fixed number of times."""

    def __init__(self, client: Client, polls: int) -> None:
        self._client = client
        self._polls = polls
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now = (
            self._now + seconds if self._client.requests_sent < self._polls else float("inf")
        )

    def next_item(self, queue: SimpleQueue[object], seconds: float) -> object | None:
        raise NotImplementedError("this service has no stream")

    def random(self, low: float, high: float) -> float:
        return low


@contextmanager
def _feed(events: int, *, streams: bool = False) -> Iterator[str]:
    """Serve events that do not change from a process of its own, so that its CPU is not counted."""
    items = [event(number) for number in range(events)]
    body = json.dumps({"ok": True, "data": {"run": RUN, "events": items}}).encode()
    records = [f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in items]
    stream = ": connected\n\n" + f"event: run\ndata: {json.dumps(RUN)}\n\n" + "".join(records)
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_serve, args=(body, stream.encode() if streams else None, theirs), daemon=True
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(body: bytes, stream: bytes | None, pipe: Any) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "/stream" in self.path:
                self.send_stream()
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def send_stream(self) -> None:
            self.close_connection = True
            if stream is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(stream)
            self.rfile.read(1)  # open until the client leaves

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


def _poll(url: str, polls: int) -> float:
    """Poll, report into a log, and return the CPU seconds of it all."""
    client = Client(url, "mog_" + "x" * 32)
    return _follow(client, _NoWait(client, 1 + polls), 1e9)  # the first request asks for a stream


def _stream(url: str, seconds: float) -> float:
    """Read the stream for ``seconds``, report into a log, and return the CPU seconds of it all."""
    clock = Clock()
    deadline = clock.monotonic() + seconds + LAST_CHECK_SECONDS
    return _follow(Client(url, "mog_" + "x" * 32), clock, deadline)


def _idle_stream(url: str) -> float:
    """Return the percentage of a core that an open stream needs after its events were shown."""
    shown = 3.0
    reader = Thread(target=_stream, args=(url, shown + IDLE_SECONDS + 1.0))
    reader.start()
    time.sleep(shown)
    began = time.process_time()
    time.sleep(IDLE_SECONDS)
    idle = time.process_time() - began
    reader.join()
    return idle / IDLE_SECONDS * 100


def _follow(client: Client, clock: Clock, deadline: float) -> float:
    safe = Sanitizer({"mog_" + "x" * 32})
    log = Log(GitHubActions(GITHUB, {}, io.StringIO()), safe)
    interval = PollInterval(clock, shortest=1.5, jobs_per_token=1)
    service = Service(client, clock, Stop(), say=log.on)
    service.deadline = deadline
    follower = Follower(service, answers.run(RUN), interval)
    began = time.process_time()
    follower.follow()
    client.close()
    return time.process_time() - began


def measure() -> list[Row]:
    """Measure an idle stream, idle polls of few and of many events, and many events at once either
    way.
    """
    rows = []
    with _feed(15, streams=True) as few, _feed(EVENTS, streams=True) as many:
        _stream(few, 1.0)  # imports and compiles what is needed
        idle = [_idle_stream(few) for _ in range(3)]
        burst = [_stream(many, 1.0) for _ in range(ROUNDS)]
    rows.append(Row("idle stream: CPU", idle, "% of a core", limit=0.2))
    rows.append(Row(f"{EVENTS} events of 4 KB, streamed and shown: CPU", burst, "s", limit=0.5))
    with _feed(15) as short, _feed(EVENTS) as long:
        idle_short, idle_long, page = [], [], []
        for _ in range(ROUNDS):
            first = _poll(short, 1)
            idle_short.append((_poll(short, POLLS + 1) - first) / POLLS * 1000)
            first = _poll(long, 1)
            page.append(first)
            idle_long.append((_poll(long, POLLS + 1) - first) / POLLS * 1000)
    rows.append(Row("idle poll, 15 events: CPU", idle_short, "ms", limit=5))
    rows.append(Row(f"idle poll, {EVENTS} known events of 4 KB: CPU", idle_long, "ms", limit=5))
    rows.append(Row(f"{EVENTS} events of 4 KB, polled and shown: CPU", page, "s", limit=0.5))
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
        small, large = (
            min(_clean_seconds(text(size)) for _ in range(5)) for size in (20_000, 80_000)
        )
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
