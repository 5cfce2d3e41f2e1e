"""A line at the bottom of a terminal that says what goes on now. CI logs have none."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Final

from mogplex_ci.models import Untrusted
from mogplex_ci.report.text import doing
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.run.updates import Cancelling, EventsArrived, Started, Starting, StatusChanged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from yaspin.core import Yaspin

    from mogplex_ci.models import Run
    from mogplex_ci.report.facts import Facts
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import SafeText, Sanitizer

_LEAST_COLUMNS: Final = 40
"""A narrower terminal has no room for the line."""


class Progress:
    """A live status line with the time since it appeared."""

    def __init__(self, terminal: TextIO | None, sanitizer: Sanitizer) -> None:
        """``terminal`` is None where there is none; nothing is shown then, nor on a very narrow one."""
        self._terminal = terminal if shutil.get_terminal_size().columns >= _LEAST_COLUMNS else None
        self._safe = sanitizer
        self._calls: list[ToolCall] = []
        """Calls that have not ended yet."""
        self._line: Yaspin | None = None

    def on(self, update: Update) -> None:
        """Show what goes on now. The line appears at the first update."""
        self.show(self._text(update))

    def show(self, text: SafeText | None) -> None:
        """Show ``text``; None leaves what is there."""
        if self._terminal is None:
            return
        if self._line is None:
            from yaspin import yaspin  # needed by nobody but people at a terminal

            self._line = yaspin(timer=True, stream=self._terminal)
            self._line.start()
        if text is not None:
            self._line.text = text

    def end(self, facts: Facts) -> None:
        """Remove the line."""
        self.stop()

    def stop(self) -> None:
        """Remove the line for good."""
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

    def _text(self, update: Update) -> SafeText | None:
        """Return the new text; None where it stays the same."""
        match update:
            case Starting():
                return self._safe.line("Starting the run")
            case Cancelling():
                return self._safe.line("Cancelling the run")
            case EventsArrived(run):
                calls = [*self._calls, *(entry for entry in update.additions if isinstance(entry, ToolCall))]
                self._calls = [call for call in calls if call.finish is None]
                return self._run(run)
            case Started(run) | StatusChanged(run):
                return self._run(run)
        return None

    def _run(self, run: Run) -> SafeText:
        call = self._calls[-1] if self._calls else None
        return self._safe.sentence("Run ", Untrusted(run.status), *((": ", *doing(call)) if call else ()))
