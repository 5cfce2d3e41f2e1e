"""The program's own activity, for people who debug it: requests, waits and decisions.

Written through structlog, sanitized, to the CI system's debug channel and to a file with one JSON
object a line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mogplex_ci.output_names import DIAGNOSTICS_FILE
from mogplex_ci.report import Report
from mogplex_ci.report.facts import Facts
from mogplex_ci.run.updates import EventsArrived, Update
from mogplex_ci.sanitize import SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import append_text, write_whole

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_SHOWN_ELSEWHERE: Final = ("events", "additions", "log", "run", "repo")
"""Fields of updates that the log and the files have."""


class Diagnostics(Report):
    """Logs the program's actions. It is also a report, so that it gets every update.

    Requests are logged in the midst of the step's work, so no method raises. If the file cannot be
    written, logging ends, and the next update warns of it.
    """

    title = DIAGNOSTICS_FILE

    def __init__(
        self,
        sanitizer: Sanitizer,
        path: Path | None,
        debug: Callable[[SafeText], None],
        warn: Callable[[Exception], None],
    ) -> None:
        """Write to the file ``path`` and to ``debug``; ``warn`` gets the reason if it ends."""
        self._sanitizer = sanitizer
        self._path = path
        self._debug = debug
        self._warn = warn
        self._failure: Exception | None = None
        """The reason why the file has ended, until it was reported."""

    def begin(self) -> None:
        """Empty the file of an earlier step."""
        if self._path is not None:
            self._write(write_whole, self._path, "")
        self._tell_failure()

    def request(self, method: str, path: str, *, status: int | None, milliseconds: float) -> None:
        """Log a request; ``status`` is None when no answer came."""
        self._log(
            "request", method=method, path=path, status=status, milliseconds=round(milliseconds, 1)
        )

    def on(self, update: Update) -> None:
        """Log an update: a wait with its reason, or a decision. Events are in the events file."""
        if isinstance(update, EventsArrived):
            return
        values = update._asdict()
        fields = {
            field: _plain(value) for field, value in values.items() if field not in _SHOWN_ELSEWHERE
        }
        if (run := values.get("run")) is not None:
            fields["status"] = run.status
        self._log(type(update).__name__, **fields)
        self._tell_failure()

    def end(self, facts: Facts) -> None:
        """Log how the step ended."""
        self._log("end", result=facts.result)
        self._tell_failure()

    def info(self, line: SafeText) -> None:
        """Write a finished line; structlog calls this."""
        if self._path is not None:
            self._write(append_text, self._path, line + "\n")
        self._debug(line)

    def _write(self, write: Callable[[Path, str], None], path: Path, text: str) -> None:
        """Write to the file; the first failure ends it."""
        try:
            write(path, text)
        except OSError as error:
            self._path = None
            self._failure = error

    def _tell_failure(self) -> None:
        """Warn that the file has ended."""
        failure = self._failure
        self._failure = None
        if failure is not None:
            self._warn(failure)

    def _log(self, event: str, **fields: object) -> None:
        """Log an event with its time."""
        self._logger.info(event, **fields)

    @cached_property
    def _logger(self) -> FilteringBoundLogger:
        import structlog  # slow to import

        time = structlog.processors.TimeStamper(fmt="iso", key="time")
        line = structlog.processors.JSONRenderer(self._json)
        logger: FilteringBoundLogger = structlog.wrap_logger(self, processors=[time, line])
        return logger

    def _json(self, event: dict[str, object], **_options: object) -> SafeText:
        return self._sanitizer.json(Untrusted(event))


def _plain(value: object) -> object:
    """Return ``value`` as lists and objects of plain values."""
    if isinstance(value, Untrusted):
        return value.text
    if isinstance(value, Exception):
        return {"type": type(value).__name__, "cause": str(value)}
    if not isinstance(value, tuple):
        return value
    parts = [_plain(part) for part in value]
    names = getattr(value, "_fields", None)
    if names is None:
        return parts
    return dict(zip(names, parts, strict=True))
