"""The log of requests and answers, for tests and for ``--log-requests``."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Final, TextIO

_MOST_BYTES: Final = 32 * 1024 * 1024
"""Memory for records; the oldest are dropped first."""
_RECORD_BYTES: Final = 1_000
"""Rough size of a record without its body."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that was served."""

    time: str
    """When it was answered (for a stream: when it began), in the API's format."""
    route: str | None
    """The route's name, such as ``start`` or ``stream``, or None for a path that is no route."""
    method: str
    path: str
    """Path with query."""
    headers: Mapping[str, str]
    """All but ``Authorization``."""
    body: object
    """The JSON value, or the text when it is not JSON; None without a body."""
    status: int | None
    """None when the connection was dropped instead of answering."""


class RequestLog:
    """Keeps the latest requests in memory and appends all to a file, if one is given.
    Thread-safe.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self._records: deque[tuple[RequestRecord, int]] = deque()
        self._bytes = 0
        self._lock = Lock()

    def add(self, record: RequestRecord, size: int) -> None:
        """Keep a record of a request of ``size`` bytes."""
        with self._lock:
            self._records.append((record, size + _RECORD_BYTES))
            self._bytes += size + _RECORD_BYTES
            while self._bytes > _MOST_BYTES:
                self._bytes -= self._records.popleft()[1]
            if self._file and not self._file.closed:
                self._file.write(json.dumps(asdict(record)) + "\n")
                self._file.flush()

    def records(self) -> list[RequestRecord]:
        """Return the requests, oldest first."""
        with self._lock:
            return [record for record, _ in self._records]

    def close(self) -> None:
        """Close the file; requests that come later are kept in memory only."""
        with self._lock:
            if self._file:
                self._file.close()


def body_for_log(data: bytes) -> object:
    """Return a request body as JSON value or text."""
    if not data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")
