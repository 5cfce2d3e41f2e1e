"""A service on this machine over TLS with a certificate of our own, directly or through a proxy,
and connections to it that break.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, cast
from urllib.parse import urlsplit

from tests.require import require

OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

How: TypeAlias = Literal["drop", "reset", "cut", "garble"]
"""How a connection breaks: it ends, or is reset, before an answer; it ends, or something other than
TLS comes, in an answer.
"""


def certificate(folder: Path, host: str) -> Path:
    """Make a certificate of ``host``, which is its own authority, and its key beside it as
    `key.pem`.
    """
    require("openssl")
    public = folder / "public.pem"
    names = [
        "-subj",
        f"/CN={host}",
        "-addext",
        f"subjectAltName={'IP' if host[0].isdigit() else 'DNS'}:{host}",
    ]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(public)]
    subprocess.run([*OPENSSL.split(), *names, *files], check=True, capture_output=True)
    return public


@dataclass
class Break:
    """A connection that breaks at a request."""

    request: str
    """Pattern of the request line."""
    how: How
    carried_out: bool = True
    """Whether the service gets the request, and has answered it."""
    times: int = 1
    """How many of the next such requests break."""


class Front(ThreadingHTTPServer):
    """It ends TLS and hands the requests on to a server."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], url: str, public: Path) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        address = urlsplit(url)
        self.upstream = (address.hostname or "", address.port or 80)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(public, public.with_name("key.pem"))
        self.breaks: list[Break] = []
        self.broken = 0
        """How many requests were broken so far."""
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve in a thread."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    def handle_error(self, *_: Any) -> None:
        """Say nothing: connections break here."""

    def hand_on(self, connection: socket.socket) -> None:
        """Serve one connection, behind TLS."""
        with (
            self.tls.wrap_socket(connection, server_side=True) as client,
            socket.create_connection(self.upstream) as server,
        ):
            self._relay(client, server)

    def _relay(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        """Pass bytes on both ways until one side closes. A record is read whole, so that nothing
        waits inside of TLS.
        """
        other = {client: server, server: client}
        broken: Break | None = None
        while True:
            for ready in select.select(list(other), [], [])[0]:
                try:
                    data = ready.recv(1 << 16)
                except ssl.SSLError:
                    return
                if not data:
                    return
                if ready is client:
                    broken = broken or self._break_at(data)
                if broken is not None and (ready is server or not broken.carried_out):
                    _break(client, broken.how, data)
                    return
                other[ready].sendall(data)

    def _break_at(self, data: bytes) -> Break | None:
        """Return how the connection breaks at the request that begins with ``data``, if it does."""
        line = data.partition(b"\r\n")[0].decode("latin-1")
        with self._lock:
            for each in self.breaks:
                if each.times > 0 and re.match(each.request, line):
                    each.times -= 1
                    self.broken += 1
                    return each
        return None


def _break(client: ssl.SSLSocket, how: How, answer: bytes) -> None:
    if how == "cut":
        client.sendall(answer[: len(answer) // 2])
    if how == "garble":
        os.write(client.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return
    client.shutdown(socket.SHUT_RDWR)


class TlsFront(Front):
    """What clients reach directly."""

    def __init__(self, url: str, public: Path) -> None:
        super().__init__(_Direct, url, public)


class _Direct(BaseHTTPRequestHandler):
    def handle(self) -> None:
        cast("TlsFront", self.server).hand_on(self.connection)


Refusal: TypeAlias = Literal["503", "hang up", "no certificate"]
"""How a proxy fails at CONNECT: with this status, without a word, or with something other than
TLS behind it.
"""


class HttpsProxy(Front):
    """It answers CONNECT to any host itself."""

    def __init__(self, url: str, public: Path) -> None:
        super().__init__(_Tunnel, url, public)
        self.connected: list[str] = []
        """Each `host:port` that was asked for."""
        self.refusals: list[Refusal | None] = []
        """How the next CONNECTs fail; None for one that does not."""


class _Tunnel(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        proxy = cast("HttpsProxy", self.server)
        proxy.connected.append(self.path)
        refusal = proxy.refusals.pop(0) if proxy.refusals else None
        if refusal == "hang up":
            return
        self.send_response(503 if refusal == "503" else 200)
        self.end_headers()
        if refusal == "no certificate":
            self.wfile.write(b"220 mail.example ESMTP\r\n")
        if refusal is None:
            proxy.hand_on(self.connection)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
