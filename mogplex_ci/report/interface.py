"""What every report is: it hears what happens, and at the end how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome


class Report(Protocol):
    """Something people or programs read about a run."""

    def on(self, happening: Happening) -> None:
        """Take in what happened."""

    def end(self, outcome: Outcome) -> None:
        """Take in how the step ended; called once, also when no run was started."""
