"""The event stream: its bytes, its ends, and what stands in its way."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.api.stream import EventStream, StreamClosed, StreamItem, records_of
from mogplex_ci.errors import (
    BadRequestError,
    MogplexError,
    NotFoundError,
    OldServiceError,
    UnavailableError,
    UnreachableError,
)
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock
from tests.unit.api.peers import TOKEN, peer
from tests.waits import LONG, wait_until

RUN_ID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CONNECTED = b": connected\n\n"
ODD = "a\u2028b\u2029c\u0085d\ufeffe\x7ff\u202eg\U0001f600h"
"""Characters that some call line breaks, and others of which a part is a character, too."""


# The parser.


def test_a_record_is_a_data_line_with_the_event_before_it() -> None:
    parts = (
        b"event: run\r\nda",
        b"ta:{}\r\n\n: hi\nid: 7\nretry: 5\nData: x\nno colon\nevent:",
        b"log\ndata: 1\ndata: 2\nd",
    )
    assert list(records_of(parts)) == [(b"run", b"{}"), (b"", b""), (b"log", b"1"), (b"", b"2")]


def test_a_limit_of_eight_mebibytes_holds_for_each_line() -> None:
    line = b"data: " + b"4" * (8 * 1024 * 1024 - 6)
    records = records_of([line, b"\n" + line, b"5"])
    assert [(name, len(data)) for name, data in itertools.islice(records, 1)] == [
        (b"", 8 * 1024 * 1024 - 6)
    ]
    with pytest.raises(ValueError, match="line that is too long"):
        next(records)


# The connection: real HTTP.


def run_object(**fields: Any) -> dict[str, Any]:
    return {"runId": RUN_ID, "status": "streaming", **fields}


def event_object(number: int, message: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"e{number}",
        "type": "log",
        "message": message,
        "payload": {},
        "createdAt": None,
        **fields,
    }


def record(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def sends(*parts: bytes, then: float = 0.0) -> Callable[[socket.socket], None]:
    """Return a service that sends ``parts``, one packet each, and hangs up after ``then``
    seconds.
    """

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        time.sleep(then)

    return talk


@contextmanager
def opened(
    talk: Callable[[socket.socket], None], *, last_event_id: str | None = None
) -> Iterator[EventStream]:
    with peer(talk) as url:
        client = Client(url, TOKEN)
        stream = client.stream(RUN_ID, last_event_id=last_event_id, clock=Clock())
        try:
            yield stream
        finally:
            stream.close()
            client.close()


def read(stream: EventStream) -> list[StreamItem]:
    """Return all items."""
    items: list[StreamItem] = []
    while True:
        item = stream.next(LONG)
        assert item is not None, "the stream is silent"
        if isinstance(item, StreamClosed):
            return items
        items.append(item)


WHOLE = (
    CONNECTED
    + record("run", run_object())
    + b"".join(record("log", event_object(n, ODD)) for n in range(3))
)


@pytest.mark.parametrize(
    "parts",
    [
        [CHUNKED, chunk(WHOLE), LAST_CHUNK],
        [CHUNKED, *(chunk(WHOLE[at : at + 1]) for at in range(len(WHOLE))), LAST_CHUNK],
        [CHUNKED + chunk(WHOLE) + LAST_CHUNK],
        [HEAD + b"Content-Length: %d\r\n\r\n" % len(WHOLE), WHOLE],
        [
            HEAD.replace(b"1.1", b"1.0") + b"\r\n",
            *(WHOLE[at : at + 9] for at in range(0, len(WHOLE), 9)),
        ],
        [HEAD + b"Connection: close\r\n\r\n", WHOLE],
    ],
    ids=[
        "one chunk",
        "a chunk a byte",
        "one packet",
        "sized",
        "HTTP/1.0",
        "until the end of the connection",
    ],
)
def test_a_stream_is_read_however_it_is_framed(parts: list[bytes]) -> None:
    with opened(sends(*parts)) as stream:
        items = read(stream)
    assert items[0] == StreamItem()
    assert items[1].run is not None
    assert items[1].run.status == "streaming"
    events = [item.event for item in items[2:]]
    assert [event and event.id for event in events] == [
        Untrusted(f"e{number}") for number in range(3)
    ]
    assert {event and event.message for event in events} == {Untrusted(ODD)}


@pytest.mark.parametrize(
    "parts",
    [
        [chunk(CONNECTED)],
        [chunk(CONNECTED), b"500\r\nevent: lo"],
        [chunk(CONNECTED), b"zz\r\n"],
        [chunk(CONNECTED + b'data: "\xff"\n\n'), LAST_CHUNK],
        [chunk(CONNECTED + b"data: {]\n\n"), LAST_CHUNK],
        [chunk(CONNECTED + b"data: " + b"[" * 100_000 + b"\n\n"), LAST_CHUNK],
        [chunk(CONNECTED + record("run", {"runId": "another", "status": "success"})), LAST_CHUNK],
        [chunk(CONNECTED + record("run", {"runId": "0", "status": "success"})), LAST_CHUNK],
        [chunk(CONNECTED + record("run", {"runId": RUN_ID, "status": "::stop::"})), LAST_CHUNK],
        [chunk(CONNECTED + record("run", 7)), LAST_CHUNK],
        [chunk(CONNECTED), *[chunk(b"x" * 65536)] * 300],
    ],
    ids=[
        "cut between chunks",
        "cut in a chunk",
        "no chunk",
        "not UTF-8",
        "not JSON",
        "too deep",
        "another run",
        "0",
        "odd status",
        "no object",
        "a line without end",
    ],
)
def test_a_stream_that_breaks_ends_and_leaves_no_thread_behind(parts: list[bytes]) -> None:
    with opened(sends(CHUNKED, *parts)) as stream:
        assert read(stream) == [StreamItem()]
        wait_until(lambda: readers() == 0)


def test_closing_ends_the_connection_and_the_thread_at_once() -> None:
    left = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + chunk(CONNECTED))
        assert connection.recv(1) == b""
        left.set()

    with opened(talk) as stream:
        assert stream.next(LONG) == StreamItem()
        stream.close()
        assert left.wait(LONG)
        wait_until(lambda: readers() == 0)
        stream.close()


# Answers that are no stream.

JSON_404 = b'{"ok":false,"error":{"code":"NOT_FOUND","message":"Run not found"}}'
JSON_400 = b'{"ok":false,"error":{"code":"BAD_REQUEST","message":"Last-Event-ID does not belong to this run"}}'


@pytest.mark.parametrize(
    ("status", "content_type", "body", "error"),
    [
        (404, "text/html; charset=utf-8", b"<!DOCTYPE html>", OldServiceError),
        (200, "text/html", b"<title>Log in to this network</title>", OldServiceError),
        (404, "Application/JSON; charset=utf-8", JSON_404, NotFoundError),
        (400, "application/json", JSON_400, BadRequestError),
        (502, "text/html", b"<title>Bad gateway</title>", UnavailableError),
        (204, "", b"", UnreachableError),
    ],
)
def test_an_answer_that_is_no_stream_says_what_to_do(
    status: int, content_type: str, body: bytes, error: type[MogplexError]
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for position in ("e1", None):
        with peer(sends(head + body)) as url, pytest.raises(MogplexError) as raised:
            Client(url, TOKEN).stream(RUN_ID, last_event_id=position, clock=Clock())
        assert type(raised.value) is error


def readers() -> int:
    return sum(thread.name == "event-stream" for thread in threading.enumerate())
