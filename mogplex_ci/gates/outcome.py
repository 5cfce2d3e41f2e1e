"""What a gate may find: outcomes, which are the rows' words, and a judge's finding, which is one of
them.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from mogplex_ci.errors import GitHubError
    from mogplex_ci.github_api import Check, PullRequest, RequiredCheck
    from mogplex_ci.run.delivery import JudgedCheck
    from mogplex_ci.untrusted import Untrusted


class Words(NamedTuple):
    """What is said of an outcome. ``{number}``, ``{cause}`` and ``{remedy}`` stand for values of
    the finding, ``{base}`` for the base's name.
    """

    found: str
    """As the rest of a sentence about the run: ``it changed nothing``."""
    remedy: str = ""
    """Advice; empty when the gate passes."""
    several: str = ""
    """In place of ``found`` when there is more than one item."""
    code: str = ""
    """Error code in place of the gate's own."""
    is_for_people: bool = False
    """Whether the agent can do nothing about it."""


class Outcome(Enum):
    """Base of the outcomes of each gate."""

    _value_: Words

    @property
    def passes(self) -> bool:
        """Whether the gate holds."""
        return not self._value_.remedy

    def words(self, number: int) -> str:
        """Return what was found, of so many items."""
        words = self._value_
        return words.several if words.several and number != 1 else words.found


NOT_JUDGED: Final = "NOT_JUDGED"
"""Error code of what could not be asked."""


class Unknown(Outcome):
    """Outcomes of every gate that could not be judged."""

    NOT_JUDGED = Words(
        "this could not be judged: {cause}", "{remedy}", code=NOT_JUDGED, is_for_people=True
    )


class Finding(NamedTuple):
    """What a judge found."""

    outcome: Outcome
    items: tuple[Untrusted, ...] = ()
    """Paths, checks or faults."""
    details: tuple[Untrusted, ...] = ()
    """The same with addresses and titles of annotations, if they have any."""
    number: int = 0
    """How many there are, where none is listed."""
    cause: str = ""
    """Why there is no judgement, in our words."""
    remedy: str = ""
    """Advice in place of the row's."""
    artifact: Untrusted | None = None
    """Content of an artifact that passed."""
    pull_requests: tuple[PullRequest, ...] | None = None
    """The branch's pull requests, if the judge has read them again."""
    required_checks: tuple[RequiredCheck, ...] | None = None
    """The checks that the base requires, if the judge has read them."""
    judged_checks: tuple[JudgedCheck, ...] = ()
    rejected_checks: tuple[Check, ...] = ()
    """The judged checks that failed, if the gate rejects them."""
    also_red: bool = False
    """Whether some of them had failed on the base before the run, too."""

    @classmethod
    def unknown(cls, error: GitHubError) -> Finding:
        """Return the finding of a gate that could not be judged."""
        return cls(Unknown.NOT_JUDGED, cause=error.cause, remedy=error.remedy)
