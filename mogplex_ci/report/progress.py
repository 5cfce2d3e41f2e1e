"""A line at the bottom of a terminal that tells what goes on now. CI logs have none."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Final

from mogplex_ci.report.chronicle import Chronicle
from mogplex_ci.report.sentences import sentence
from mogplex_ci.report.telling import tell_call
from mogplex_ci.run.happenings import Cancelling, EventsArrived, Started, Starting, StatusChanged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from yaspin.core import Yaspin

    from mogplex_ci.models import Run
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer

_LEAST_COLUMNS: Final = 40
"""A narrower terminal has no room for the line."""


class Progress:
    """A live status line, with the time since it appeared. Others write ``aside`` of it."""

    def __init__(self, terminal: TextIO | None, sanitizer: Sanitizer) -> None:
        """Take where to show it; None, or a narrow terminal: nowhere."""
        self._terminal = terminal if shutil.get_terminal_size().columns >= _LEAST_COLUMNS else None
        self._sanitizer = sanitizer
        self._chronicle = Chronicle()
        self._line: Yaspin | None = None

    def on(self, happening: Happening) -> None:
        """Tell what goes on now. The line appears when something happens first."""
        if self._terminal is None:
            return
        self._chronicle.on(happening)
        text = self._text(happening)
        if self._line is None:
            from yaspin import yaspin  # needed by nobody but people at a terminal

            self._line = yaspin(timer=True, stream=self._terminal)
            self._line.start()
        if text is not None:
            self._line.text = text

    def end(self, outcome: Outcome) -> None:
        """Take the line away."""
        self.stop()

    def stop(self) -> None:
        """Take the line away, and let it not come back."""
        self._terminal = None
        if self._line is not None:
            self._line.stop()
            self._line = None

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Hide the line while something else is written to the terminal."""
        if self._line is None:
            yield
            return
        with self._line.hidden():
            yield

    def _text(self, happening: Happening) -> SafeText | None:
        """Return what to tell; None where it stays the same."""
        match happening:
            case Starting():
                return self._sanitizer.line("Starting the run")
            case Cancelling():
                return self._sanitizer.line("Cancelling the run")
            case Started(run) | StatusChanged(run) | EventsArrived(run):
                return self._run(run)
        return None

    def _run(self, run: Run) -> SafeText:
        call = self._chronicle.open_call
        now = tell_call(call, call.start, None).parts() if call else []
        return sentence(self._sanitizer, "Run ", run.status, *((": ", *now) if now else ()))
