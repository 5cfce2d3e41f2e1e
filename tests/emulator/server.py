"""HTTP/1.1 on a socket, with keep-alive and a thread per connection. Faults of the connection
itself happen here.
"""

import io
import select
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from typing import Any, Final, TypeAlias, cast

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request

from tests.emulator.clock import Waiter
from tests.emulator.faults import Fault
from tests.emulator.routes import Answer
from tests.emulator.stream import End, EventStream, StreamAnswer

_POLL: Final = 0.02
"""Seconds between two checks whether to stop."""

Respond: TypeAlias = Callable[[Request], tuple[Answer, Fault | None]]
"""Answers a request and says which fault strikes the answer."""


class Server(ThreadedWSGIServer):
    """Listens as soon as it is constructed, and closes open connections when it stops."""

    def __init__(self, respond: Respond, waiter: Callable[[], Waiter]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            super().__init__("127.0.0.1", 0, _no_wsgi, _Handler, fd=bound.fileno())
        self.respond = respond
        self.waiter = waiter
        self.stopping = False
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a new connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def serve(self) -> None:
        """Serve until ``stop`` is called."""
        self.serve_forever(_POLL)

    def stop(self) -> None:
        """Stop accepting, then close open connections."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            _close(connection)


class _Handler(WSGIRequestHandler):
    """Reads requests with Werkzeug and writes the answers itself: Werkzeug's development server has
    no keep-alive.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def run_wsgi(self) -> None:
        """Answer one request."""
        # All of the body: what is left unread would be taken for the next request.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer, fault = self._server.respond(
            Request(self.make_environ() | {"wsgi.input": io.BytesIO(body)})
        )
        if fault is not None and fault.drop:
            self._hang_up()
        elif isinstance(answer, StreamAnswer):
            self._send_stream(answer)
        else:
            self._send(answer, fault.cut if fault is not None else None)

    def _send(self, answer: Answer, cut: int | None) -> None:
        """Send an answer, or ``cut`` bytes of its body."""
        is_chunked = self._send_headers(answer)
        if is_chunked and answer.body:
            self.wfile.write(b"%x\r\n" % len(answer.body))
        self.wfile.write(answer.body[:cut])
        if cut is not None:
            self._hang_up()
        elif is_chunked:
            self.wfile.write(b"\r\n0\r\n\r\n" if answer.body else b"0\r\n\r\n")

    def _send_stream(self, answer: StreamAnswer) -> None:
        """Send headers, and each record as soon as it is due, until the stream ends or the client
        leaves.
        """
        # A virtual clock must not advance before the first byte is sent, nor before the last one
        # is.
        waiter = self._server.waiter()
        self.connection.settimeout(None)  # A client may read as slowly as it likes.
        try:
            self._send_headers(answer)
            self._send_records(answer.stream, waiter)
        except OSError:  # The client has left.
            self._hang_up()
        finally:
            waiter.leave()
            self.connection.settimeout(self.timeout)

    def _send_records(self, stream: EventStream, waiter: Waiter) -> None:
        while True:
            for record in stream.pull():
                self.wfile.write(_chunk(record))
            if stream.end is not End.OPEN:
                break
            waiter.wait(stream.seconds_to_next(), lambda: stream.has_changed() or self._is_over())
            if self._is_over():
                self._hang_up()
                return
        if stream.end is End.CLOSED:
            self.wfile.write(b"0\r\n\r\n")
            return
        if stream.torn:
            self.wfile.write(_chunk(stream.torn))
        # Without the last chunk: the client sees that the body is not complete.
        self._hang_up()

    def _is_over(self) -> bool:
        """Return whether the emulator stops or the client has closed its side of the connection."""
        if self._server.stopping:
            return True
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:  # It has reset the connection.
            return True

    def log(self, *_args: Any, **_options: Any) -> None:
        """Print nothing: ``Emulator.requests`` is the log."""

    def _send_headers(self, answer: Answer) -> bool:
        """Send status and headers; return whether the body is sent in chunks, as nearly all of the
        service's are.
        """
        is_chunked = "content-length" not in answer.headers
        self.send_response_only(answer.status)
        self.send_header("date", formatdate(usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if is_chunked:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        return is_chunked

    @property
    def _server(self) -> Server:
        return cast(Server, self.server)

    def _hang_up(self) -> None:
        self.close_connection = True
        _close(self.connection)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):  # It may be closed already.
        connection.shutdown(socket.SHUT_RDWR)


def _no_wsgi(_environ: Any, _start_response: Any) -> Iterable[bytes]:
    """Stand in for the WSGI application that Werkzeug wants; the handler never calls it."""
    raise NotImplementedError
