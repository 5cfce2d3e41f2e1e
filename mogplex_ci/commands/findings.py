"""What ``doctor`` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mogplex_ci.commands.console import error_phrase, problem_phrase, remedy_of

if TYPE_CHECKING:
    from mogplex_ci.errors import MogplexError, Problem
    from mogplex_ci.models import Untrusted


class Mark(StrEnum):
    """How good it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    """A step would end because of it."""
    UNKNOWN = "unknown"
    """It could not be told, or there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    """What was looked at; one word."""
    mark: Mark
    template: str
    """What was found, for ``Sanitizer.line``, with ``values`` to fill in."""
    values: tuple[Untrusted | str, ...] = ()
    remedy: str = ""
    """What to do about it."""
    exit_code: int = 0
    """What a step would exit with because of it."""

    @classmethod
    def of_error(cls, check: str, error: MogplexError) -> Finding:
        """Return the failure that ``error`` means for a step."""
        template, values = error_phrase(error)
        return cls(check, Mark.FAILED, template, values, remedy_of(error), error.exit_code)

    @classmethod
    def of_problem(cls, check: str, problem: Problem, *, mark: Mark = Mark.FAILED) -> Finding:
        """Return the failure, or the warning, that a fault of an input means for a step."""
        template, values = problem_phrase(problem)
        if problem.input == check:  # it is said once
            template, values = template.removeprefix("{}: "), values[1:]
        return cls(check, mark, template, values, exit_code=2 if mark is Mark.FAILED else 0)
