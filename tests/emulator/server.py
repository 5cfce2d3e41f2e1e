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

from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request

from tests.emulator.clock import Waiter
from tests.emulator.faults import Fault
from tests.emulator.routes import Answer
from tests.emulator.stream import End, EventStream, StreamAnswer

_NO_BODY: Final = (204, 304)
_MAX_BODY: Final = 10 * 1024 * 1024
"""Bytes of a request's body that the service looks at."""
_MOST_DISCARDED: Final = 100 * 1024 * 1024
"""Bytes beyond those that are still read; a longer body ends the connection."""
_PIECE: Final = 64 * 1024
_POLL: Final = 0.02
"""Seconds between two checks whether to stop."""

Respond: TypeAlias = Callable[[Request], tuple[Answer, Fault | None]]
"""Answers a request and says which fault strikes the answer."""


class Server(ThreadedWSGIServer):
    """Listens as soon as it is constructed, and closes open connections when it stops."""

    def __init__(
        self, host: str, port: int, respond: Respond, waiter: Callable[[], Waiter]
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as bound:
            super().__init__(host, port, _no_wsgi, _Handler, fd=bound.fileno())
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

    def make_environ(self) -> Any:
        """Join repeated headers with a comma and a space, as the Fetch standard's ``Headers.get``
        does.
        """
        environ = super().make_environ()
        for name in {name for name in self.headers if "_" not in name}:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = ", ".join(
                self.headers.get_all(name, [])
            )
        return environ

    def run_wsgi(self) -> None:
        """Answer one request."""
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self._read_request()
        if request is None:
            self._hang_up()
            return
        answer, fault = self._server.respond(request)
        for status in fault.interim if fault is not None else ():
            self.wfile.write(b"HTTP/1.1 %d Interim\r\nX-Interim: yes\r\n\r\n" % status)
        if fault is not None and fault.drop:
            self._hang_up()
            return
        if isinstance(answer, StreamAnswer) and self.command != "HEAD":
            self._send_stream(answer)
            return
        chunked = self._send_headers(answer)
        if self.command == "HEAD" or answer.status in _NO_BODY:
            return
        cut = fault.cut if fault is not None else None
        if chunked and answer.body:
            self.wfile.write(b"%x\r\n" % len(answer.body))
        self.wfile.write(answer.body[:cut])
        if cut is not None:
            self._hang_up()
        elif chunked:
            self.wfile.write(b"\r\n0\r\n\r\n" if answer.body else b"0\r\n\r\n")

    def _read_request(self) -> Request | None:
        """Read a request with the first 10 MiB of its body; None when the body is endless or breaks
        off.

        The rest is read, too, and thrown away: what is left unread would be taken for the next
        request.
        """
        environ = self.make_environ()
        try:
            body = Request(environ).stream
            data = body.read(_MAX_BODY)
            left = _MOST_DISCARDED
            while left > 0 and (chunk := body.read(_PIECE)):
                left -= len(chunk)
        except (HTTPException, OSError):
            return None
        if left <= 0:
            return None
        environ |= {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return Request(environ)

    def _send_stream(self, answer: StreamAnswer) -> None:
        """Send headers, and each record as soon as it is due, until the stream ends or the client
        leaves.
        """
        # A virtual clock must not advance before the first byte is sent, nor before the last one
        # is.
        waiter = self._server.waiter()
        self.connection.settimeout(None)  # A client may read as slowly as it likes.
        try:
            self._send_records(answer.stream, waiter, chunked=self._send_headers(answer))
        except OSError:  # The client has left.
            self._hang_up()
        finally:
            waiter.leave()
            self.connection.settimeout(self.timeout)

    def _send_records(self, stream: EventStream, waiter: Waiter, *, chunked: bool) -> None:
        while True:
            for record in stream.pull():
                self.wfile.write(_chunk(record) if chunked else record)
            if stream.end is not End.OPEN:
                break
            waiter.wait(stream.seconds_to_next(), lambda: stream.has_changed() or self._is_over())
            if self._is_over():
                self._hang_up()
                return
        if stream.end is End.BROKEN:
            if stream.torn:
                self.wfile.write(_chunk(stream.torn) if chunked else stream.torn)
            # Without the last chunk: the client sees that the body is not complete.
            self._hang_up()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")
        else:
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
        """Print nothing: ``--log-requests`` is the log."""

    def _send_headers(self, answer: Answer) -> bool:
        """Send status and headers; return whether the body is sent in chunks, as nearly all of the
        service's are.
        """
        bodiless = self.command == "HEAD" or answer.status in _NO_BODY
        sized = "content-length" in answer.headers
        chunked = not (bodiless or sized or self.request_version == "HTTP/1.0")
        endless = isinstance(answer, StreamAnswer)
        self.send_response_only(answer.status)
        self.send_header("date", formatdate(usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if chunked:
            self.send_header("transfer-encoding", "chunked")
        elif not (bodiless or sized or endless):
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        return chunked

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
