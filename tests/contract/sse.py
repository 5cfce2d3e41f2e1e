"""A client of the event stream that takes nothing for granted: it reads bytes, chunks and records
by their rules.
"""

from __future__ import annotations

import json
import re
import socket
from threading import Thread
from typing import Any

from tests.emulator import Emulator
from tests.virtual_time import VirtualClock
from tests.waits import LONG

_HEAD = re.compile(rb": connected\n\nevent: run\ndata: ([^\n]*)\n\n")
_RECORD = re.compile(rb"id: [^\n]*\nevent: [^\n]*\ndata: ([^\n]*)\n\n")


class Stream:
    """One connection on which the stream of a run was asked for, in the time of an emulator."""

    def __init__(
        self, emulator: Emulator, clock: VirtualClock, run_id: str, *headers: str, query: str = ""
    ) -> None:
        host, port = emulator.url.removeprefix("http://").split(":")
        self._connection = socket.create_connection((host, int(port)), timeout=LONG)
        self._clock = clock
        self._raw = b""
        self._is_over = False
        lines = [
            f"GET /api/v1/mogplex/runs/{run_id}/events/stream{query} HTTP/1.1",
            "Host: mogplex.example",
            f"Authorization: Bearer {emulator.token}",
            *headers,
        ]
        self._connection.sendall("\r\n".join([*lines, "", ""]).encode())

    @property
    def end(self) -> str:
        """``closed`` when the last chunk has come, ``broken`` when the connection was closed
        before.
        """
        return (
            "closed"
            if self._raw.endswith(b"\r\n0\r\n\r\n")
            else "broken"
            if self._is_over
            else "open"
        )

    @property
    def head(self) -> bytes:
        return self._raw.partition(b"\r\n\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def chunks(self) -> list[bytes]:
        found, rest = [], self._raw.partition(b"\r\n\r\n")[2]
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            found.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        return found[:-1] if self.end == "closed" else found

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
        body = self.body
        opening = _HEAD.match(body)
        assert opening is not None, body[:200]
        found, position = [json.loads(opening[1])], opening.end()
        while position < len(body):
            record = _RECORD.match(body, position)
            assert record is not None, body[position : position + 200]
            found.append(json.loads(record[1]))
            position = record.end()
        return found

    def settle(self) -> Stream:
        """Read all that the emulator has to say before time goes on."""
        self._connection.settimeout(LONG)
        while (
            self.end == "open" and b"text/event-stream" not in self.head
        ):  # any other answer always ends
            self._receive()
        rest = Thread(target=self._clock.sleep, args=(0.0,))  # it ends when everybody else sleeps
        rest.start()
        self._connection.settimeout(0.001)
        while self.end == "open":
            is_all = not rest.is_alive()
            try:
                self._receive()
            except TimeoutError:
                if is_all:
                    break
        rest.join()
        return self

    def _receive(self) -> None:
        received = self._connection.recv(1 << 20)
        self._raw += received
        self._is_over = not received

    def close(self) -> None:
        self._connection.close()
