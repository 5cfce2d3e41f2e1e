"""What the program itself does, for people who debug it: requests, waits and decisions.

Written to the CI system's debug channel and to a file, sanitized, as one JSON object a line.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mogplex_ci.report import Report
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import open_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import SafeText

_SHOWN_ELSEWHERE: Final = ("events", "additions", "run", "repo")
"""Fields of updates that the log and the events file have."""


class Diagnostics(Report):
    """Logs what the program does. It is also a report, so that it gets every update."""

    def __init__(self, sanitizer: Sanitizer, path: Path | None, debug: Callable[[SafeText], None]) -> None:
        """Write to the file ``path``, replacing what was there, and to ``debug``."""
        self._sanitizer = sanitizer
        self._path = path
        self._debug = debug
        self._lock = threading.Lock()
        if path is not None:
            with open_text(path, append=False):
                pass

    def request(self, method: str, path: str, *, status: int | None, attempt: int, milliseconds: float) -> None:
        """Log a request; ``status`` is None when no answer came."""
        self._write(
            "request", method=method, path=path, status=status, attempt=attempt, milliseconds=round(milliseconds, 1)
        )

    def on(self, name: SafeText | None, update: Update) -> None:
        """Log an update: a wait with its reason, or a decision."""
        fields: dict[str, object] = {}
        for field, value in update._asdict().items():
            if field not in _SHOWN_ELSEWHERE:
                fields[field] = _plain(value)
        run, events = getattr(update, "run", None), getattr(update, "events", None)
        if run is not None:
            fields["status"] = run.status
        if events is not None:
            fields["count"] = len(events)
        self._write(type(update).__name__, **fields)

    def _write(self, event: str, **fields: object) -> None:
        """Write a line; in a step with several runs their threads do so."""
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = self._sanitizer.json(Untrusted({"time": time, "event": event, **fields}))
        with self._lock:
            if self._path is not None:
                with open_text(self._path, append=True) as file:
                    file.write(line + "\n")
            self._debug(line)


def _plain(value: object) -> object:
    """Return ``value`` as JSON can hold it."""
    if isinstance(value, Untrusted):
        return value.text
    if isinstance(value, Exception):
        return {"type": type(value).__name__, "cause": str(value)}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
