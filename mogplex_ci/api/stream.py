"""A run's event stream: server-sent events, read on a thread of its own, with bounded lines and
memory.

The protocol is the HTML standard's ``text/event-stream`` as this service writes it: one ``data``
line a record, UTF-8, LF only. Characters that Unicode calls line breaks stand raw in the data, so
lines are split at LF alone.
"""

import contextlib
import functools
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Final, NamedTuple

import requests

from mogplex_ci.api import answers
from mogplex_ci.models import Event, Run
from mogplex_ci.waiting import Clock, NoThreadError, start_thread

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""A longer line breaks the stream; the service itself knows no limit (5 MB in one line were
seen).
"""
MAX_WAITING: Final = 2
"""Items that are read ahead of the consumer; then the reader waits, and with it the service."""
_READ_BYTES: Final = 65_536


class StreamItem(NamedTuple):
    """Something that came on the stream. Neither run nor event: a sign of life (the first bytes, a
    comment).
    """

    run: Run | None = None
    """The run as it was at the connect."""
    event: Event | None = None


class StreamClosed:
    """The stream is over, or broke. By itself that says nothing about the run."""


def records_of(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of each server-sent event, both empty for a comment, however ``chunks``
    split the bytes.

    Raises:
        ValueError: a line is longer than the limit.
    """
    name = b""
    line = bytearray()
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            field, colon, value = bytes(line + end).partition(b":")
            line.clear()
            if field == b"event":
                name = value.strip()
            elif field == b"data":
                yield name, value.strip()
                name = b""
            # A comment, such as the service's `: connected`: a sign of life.
            elif colon and not field:
                yield b"", b""
        line += rest
        if len(line) > MAX_LINE_BYTES:
            raise ValueError("the event stream sent a line that is too long")


class EventStream:
    """One open connection to a run's event stream."""

    def __init__(self, response: "requests.Response", *, run_id: str, clock: Clock) -> None:
        self._response = response
        self._run_id = run_id
        self._clock = clock
        self._items: SimpleQueue[object] = SimpleQueue()
        self._room = threading.Semaphore(MAX_WAITING)
        self._is_closed = False
        try:
            start_thread(self._read, "event-stream")
        except NoThreadError:  # as if the connection had broken
            response.close()
            self._items.put(StreamClosed())

    def next(self, seconds: float) -> StreamItem | StreamClosed | None:
        """Return the next item; None when nothing comes for ``seconds``.

        Raises:
            StopRequested: a stop signal came, and this thread's work is interruptible.
        """
        item = self._clock.next_item(self._items, seconds)
        if not isinstance(item, StreamItem | StreamClosed):
            return None
        self._room.release()
        return item

    def close(self) -> None:
        """End the connection; the service forgets the stream at once.

        The reader closes the response: it may be about to give the connection back to the pool, and
        no other thread may close it once another request uses it.
        """
        self._is_closed = True
        self._room.release()
        with contextlib.suppress(Exception):  # already closed, or handed back to the pool
            self._response.raw.shutdown()  # wakes the reader, which a plain close would not

    def _read(self) -> None:
        # read1() returns what has arrived; read() would wait until all these bytes are there.
        read = functools.partial(self._response.raw.read1, _READ_BYTES, decode_content=True)
        # The connection breaks, sends what cannot be used, or the consumer closes it while it is
        # read.
        with contextlib.suppress(Exception), contextlib.closing(self._response):
            for name, data in records_of(iter(read, b"")):
                # A reader that fell behind waits here, so that a flood of events fills no memory.
                self._room.acquire()
                if self._is_closed:
                    return
                self._items.put(self._item(name, data))
        self._items.put(StreamClosed())

    def _item(self, name: bytes, data: bytes) -> StreamItem:
        if not data:
            return StreamItem()
        value = answers.read_json(data)
        if name != b"run":
            return StreamItem(event=answers.event(value))
        return StreamItem(run=answers.run_in({"run": value}, self._run_id))
