"""A line at the bottom of a terminal that tells what goes on now. CI logs have none."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Final

from mogplex_ci.report.sentences import sentence
from mogplex_ci.report.telling import tell_call
from mogplex_ci.run.happenings import Cancelling, EventsArrived, Started, Starting, StatusChanged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from mogplex_ci.report.chronicle import Chronicle
    from mogplex_ci.report.sentences import Part
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer

_LEAST_COLUMNS: Final = 40
"""A narrower terminal has no room for the line."""


class Progress:
    """A live status line with the time since the step began. Others write ``aside`` of it."""

    def __init__(self, stream: TextIO, sanitizer: Sanitizer, chronicle: Chronicle) -> None:
        """Take a terminal."""
        from yaspin import yaspin  # needed by nobody but people at a terminal

        self._sanitizer = sanitizer
        self._chronicle = chronicle
        self._spinner = yaspin(timer=True, stream=stream)
        self._is_wide = shutil.get_terminal_size().columns >= _LEAST_COLUMNS
        self._shows = False

    def on(self, happening: Happening) -> None:
        """Tell what goes on now. The line appears when something happens first."""
        match happening:
            case Starting():
                self._spinner.text = "Starting the run"
            case Cancelling():
                self._spinner.text = "Cancelling the run"
            case Started(run) | StatusChanged(run) | EventsArrived(run):
                call = self._chronicle.open_call
                now: list[Part] = tell_call(call, call.start, None).parts() if call else []
                self._spinner.text = sentence(self._sanitizer, f"Run {run.status}", *((": ", *now) if now else ()))
        if self._is_wide and not self._shows:
            self._shows = True
            self._spinner.start()

    def end(self, outcome: Outcome) -> None:
        """Take the line away."""
        self.stop()

    def stop(self) -> None:
        """Take the line away, if it is there."""
        if self._shows:
            self._shows = False
            self._spinner.stop()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Hide the line while something else is written to the terminal."""
        if not self._shows:
            yield
            return
        with self._spinner.hidden():
            yield
