"""What a gate may find: its outcomes, which are rows of words, and a judge's finding, which has one
of them.
"""

from enum import Enum, unique
from typing import Final, NamedTuple, TypeAlias

from mogplex_ci.github_api import Check, PullRequest, RequiredCheck
from mogplex_ci.run.delivery import JudgedCheck
from mogplex_ci.untrusted import Untrusted


class Passed(NamedTuple):
    """What is said of an outcome with which the gate passes. ``{number}`` stands for the number of
    items.
    """

    found: str
    """As the rest of a sentence about the run: ``it changed the repository``."""
    several: str = ""
    """In place of ``found`` when there is more than one item."""


class Rejected(NamedTuple):
    """What is said of an outcome with which it does not. ``{number}``, ``{cause}`` and ``{remedy}``
    stand for values of the finding, ``{base}`` for the base's name.
    """

    found: str
    """As the rest of a sentence about the run: ``it changed nothing``."""
    remedy: str
    """Advice."""
    several: str = ""
    """In place of ``found`` when there is more than one item."""
    code: str = ""
    """Error code in place of the gate's own."""
    is_for_people: bool = False
    """Whether the agent can do nothing about it."""


OutcomeText: TypeAlias = Passed | Rejected


class GateOutcome(Enum):
    """Base of the outcomes of each gate."""

    _value_: OutcomeText

    def found(self, number: int) -> str:
        """Return what was found, of so many items."""
        text = self._value_
        if text.several and number != 1:
            return text.several
        return text.found


NOT_JUDGED: Final = "NOT_JUDGED"
"""Error code of what could not be asked."""


@unique
class Unknown(GateOutcome):
    """Outcomes of every gate that could not be judged."""

    NOT_JUDGED = Rejected(
        "this could not be judged: {cause}", "{remedy}", code=NOT_JUDGED, is_for_people=True
    )


class GateFinding(NamedTuple):
    """What a judge found."""

    outcome: GateOutcome
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
