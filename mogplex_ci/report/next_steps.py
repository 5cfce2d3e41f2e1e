"""Where to go next, by how the step ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mogplex_ci.run.outcome import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something that a person may want to do now."""

    purpose: str
    command: SafeText
    """For a shell."""


def goes_on(outcome: Outcome) -> bool:
    """Whether the run may still be at work after this step."""
    return outcome.run is not None and not outcome.run.is_terminal and not outcome.cancelled_by_us


def next_steps(outcome: Outcome, sanitizer: Sanitizer) -> Iterator[NextStep]:
    """Yield what may be done next."""
    run, branch = outcome.run, sanitizer.branch(outcome.trail.branch)
    if run is None or outcome.verdict.result is Result.DRY_RUN:
        return
    if goes_on(outcome):
        yield NextStep("follow the run", sanitizer.line("mogplex runs events {} --follow", run.id))
        yield NextStep("cancel the run", sanitizer.line("mogplex runs cancel {}", run.id))
        return
    if branch is not None and outcome.trail.changed is not False:
        yield NextStep("look at the work", sanitizer.line("git fetch origin {}", branch))
    yield NextStep("read the run's events again", sanitizer.line("mogplex runs events {}", run.id))
