"""A proxy through which a host name reaches a server on this machine, over TLS with a certificate
of our own.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlsplit

from tests.require import require

OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


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


class HttpsProxy(ThreadingHTTPServer):
    """It answers CONNECT to any host itself: it ends TLS and hands the requests on to ``url``."""

    def __init__(self, url: str, public: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        address = urlsplit(url)
        self.upstream = (address.hostname or "", address.port or 80)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(public, public.with_name("key.pem"))
        self.connected: list[str] = []
        """Each `host:port` that was asked for."""

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


class _Tunnel(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        proxy = cast("HttpsProxy", self.server)
        proxy.connected.append(self.path)
        self.send_response(200)
        self.end_headers()
        with (
            proxy.tls.wrap_socket(self.connection, server_side=True) as client,
            socket.create_connection(proxy.upstream) as server,
        ):
            _relay(client, server)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _relay(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Pass bytes on both ways until one side closes. A record is read whole, so that nothing waits
    inside of TLS.
    """
    other = {client: server, server: client}
    while True:
        for ready in select.select(list(other), [], [])[0]:
            try:
                data = ready.recv(1 << 16)
            except ssl.SSLError:
                return
            if not data:
                return
            other[ready].sendall(data)
