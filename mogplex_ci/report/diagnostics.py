"""What the program itself does, for people who debug it: requests, waits and decisions.

Written through structlog, redaction first, to the CI system's debug channel and to a file with one JSON object a line.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from mogplex_ci.report import Report
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import open_text

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from pathlib import Path

    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import SafeText

_SHOWN_ELSEWHERE: Final = ("events", "additions", "run", "repo")
"""Fields of updates that the log and the events file have."""


class Diagnostics(Report):
    """Logs what the program does. It is also a report, so that it gets every update."""

    def __init__(self, sanitizer: Sanitizer, path: Path | None, debug: Callable[[SafeText], None]) -> None:
        """Write to the file ``path``, replacing what was there, and to ``debug``."""
        import structlog  # slow to import, and rarely needed

        self._sanitizer = sanitizer
        self._path = path
        self._debug = debug
        self._lock = threading.Lock()
        if path is not None:
            with open_text(path, append=False):
                pass
        self._logger = structlog.wrap_logger(
            self,
            processors=[structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"), self._render],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        )

    def request(self, method: str, path: str, *, status: int | None, attempt: int, milliseconds: float) -> None:
        """Log a request; ``status`` is None when no answer came."""
        self._logger.info(
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
        self._logger.info(type(update).__name__, **fields)

    def info(self, line: SafeText) -> None:
        """Write a finished line; structlog calls this, in a fleet from the threads of its runs."""
        with self._lock:
            if self._path is not None:
                with open_text(self._path, append=True) as file:
                    file.write(line + "\n")
            self._debug(line)

    def _render(self, _logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
        return self._sanitizer.json(Untrusted(dict(event)))


def _plain(value: object) -> object:
    """Return ``value`` as JSON can hold it."""
    if isinstance(value, Untrusted):
        return value.text
    if isinstance(value, Exception):
        return {"type": type(value).__name__, "cause": str(value)}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
