"""A client of the event stream that takes nothing for granted: it reads bytes, chunks and records by their rules."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mogplex_ci.emulator import Emulator
from tests.waits import LONG

_HEAD = re.compile(rb": connected\n\nevent: run\ndata: ([^\n]*)\n\n")
_RECORD = re.compile(rb"id: [^\n]*\nevent: [^\n]*\ndata: ([^\n]*)\n\n")


class Waits:
    """Knows which streams of an emulator wait for its clock, and have nothing to say until it moves."""

    def __init__(self) -> None:
        self._live: list[_Wait] = []

    def waiter(self) -> _Wait:
        """Return what a new stream waits with."""
        self._live.append(_Wait())
        return self._live[-1]

    def idle(self) -> Callable[[], bool]:
        """Return what tells whether each stream has begun a wait since now, having seen the clock as it is."""
        counts = {wait: wait.count for wait in list(self._live)}
        return lambda: all(wait.left or wait.count > counts.get(wait, 0) + 1 for wait in list(self._live))


class _Wait:
    def __init__(self) -> None:
        self.count = 0
        self.left = False

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        self.count += 1
        time.sleep(0.001)

    def leave(self) -> None:
        self.left = True


class WatchedEmulator(Emulator):
    """An emulator of which tests know when its streams have nothing more to say."""

    def __init__(self, scenario: str | Path, **options: Any) -> None:
        self.waits = Waits()
        super().__init__(scenario, waiter=self.waits.waiter, **options)


@dataclass
class Stream:
    """One connection on which a stream was asked for."""

    connection: socket.socket
    waits: Waits
    head: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    end: str = "open"
    """``closed`` when the last chunk has come, ``broken`` when the connection was closed before."""
    _rest: bytes = b""

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def run(self) -> dict[str, Any]:
        return self.records()[0]

    @property
    def messages(self) -> list[str]:
        return [event["message"] for event in self.records()[1:]]

    def records(self) -> list[dict[str, Any]]:
        """Return the run and the events; nothing else may stand between them."""
        opening = _HEAD.match(self.body)
        assert opening is not None, self.body[:200]
        found, position = [json.loads(opening[1])], opening.end()
        while position < len(self.body):
            record = _RECORD.match(self.body, position)
            assert record is not None, self.body[position : position + 200]
            found.append(json.loads(record[1]))
            position = record.end()
        return found

    def settle(self) -> Stream:
        """Read all that the emulator has to say before its clock moves on."""
        idle = self.waits.idle()
        gives_up = time.monotonic() + LONG
        while self.end == "open":
            assert time.monotonic() < gives_up
            drained = idle() and b"text/event-stream" in self.head  # another answer always ends
            self.connection.settimeout(0.001)
            try:
                received = self.connection.recv(1 << 20)
            except TimeoutError:
                if drained:
                    break
                continue
            self._rest += received
            self._parse()
            if not received and self.end == "open":
                self.end = "broken"
        return self

    def _parse(self) -> None:
        if not self.head:
            head, found, rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            self.head, self._rest = head, rest
        while self.end == "open":
            size, found, rest = self._rest.partition(b"\r\n")
            if not found or len(rest) < int(size, 16) + 2:
                return
            chunk, self._rest = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
            self.chunks += [chunk] if chunk else []
            self.end = self.end if chunk else "closed"

    def close(self) -> None:
        self.connection.close()


def open_stream(emulator: WatchedEmulator, run_id: str, *headers: str, query: str = "") -> Stream:
    """Ask for the stream of a run, and return it unread."""
    host, port = emulator.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=LONG)
    lines = [
        f"GET /api/v1/mogplex/runs/{run_id}/events/stream{query} HTTP/1.1",
        "Host: mogplex.example",
        f"Authorization: Bearer {emulator.token}",
        *headers,
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return Stream(connection, emulator.waits)
