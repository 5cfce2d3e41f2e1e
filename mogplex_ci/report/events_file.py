"""The events file: every event as it came but clean, one JSON object a line, as soon as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.run.happenings import EventsArrived

if TYPE_CHECKING:
    from pathlib import Path

    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer


class EventsFile:
    """Writes newline-delimited JSON that can be read while the run goes on, and is complete when the step is killed."""

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        """Take the file; it is emptied when something happens first."""
        self._path = path
        self._sanitizer = sanitizer
        self._mode = "w"

    def on(self, happening: Happening) -> None:
        """Append the events that arrived."""
        events = happening.events if isinstance(happening, EventsArrived) else ()
        self._write("".join(f"{self._sanitizer.json(event.data)}\n" for event in events))

    def end(self, outcome: Outcome) -> None:
        """Empty the file when nothing happened at all."""
        self._write("")

    def _write(self, lines: str) -> None:
        if lines or self._mode == "w":
            with self._path.open(self._mode, encoding="utf-8", newline="\n") as file:
                file.write(lines)
            self._mode = "a"
