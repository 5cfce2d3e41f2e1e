"""Services that say exactly what a test wants, byte for byte."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

TOKEN = "mog_" + "x" * 32
REPOS = {"ok": True, "data": {"repos": []}}
Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk, seen: list[str] | None = None) -> Iterator[str]:
    """Serve connections on loopback with ``talk``, each after its first request; give the base URL.

    ``seen`` gets the requests as they came.
    """

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                request = connection.recv(65536).decode()
                if seen is not None:
                    seen.append(request)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def answer(
    status: int,
    body: object = "",
    media_type: str = "application/json",
    location: str | None = None,
) -> bytes:
    """Return the bytes of an answer; ``body`` is a text, or sent as JSON."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = (
        f"HTTP/1.0 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n"
    )
    head += f"Location: {location}\r\n" if location is not None else ""
    return head.encode() + b"\r\n" + content


def answering(*answers: bytes) -> Talk:
    """Return a service that gives these answers, one for each connection, and the last for ever."""
    left = list(answers)
    return lambda connection: connection.sendall(left.pop(0) if len(left) > 1 else left[0])
