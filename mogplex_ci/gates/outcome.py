"""The outcomes of a gate, which are rows of words, and a judge's finding, which has one of them."""

from enum import Enum, unique
from typing import Final, NamedTuple, TypeAlias

from mogplex_ci.github_api import Check, PullRequest, RequiredCheck
from mogplex_ci.run.delivery import JudgedCheck
from mogplex_ci.untrusted import Untrusted


class Passed(NamedTuple):
    """The words for an outcome that passes the gate. ``{number}`` is the number of items."""

    found: str
    """A clause: ``the run changed the repository``."""
    several: str = ""
    """In place of ``found`` when there is more than one item."""


class Rejected(NamedTuple):
    """The words for an outcome that does not. ``{number}``, ``{cause}`` and ``{remedy}`` are values
    of the finding, ``{base}`` is the base branch, ``{artifact}`` the input's path.
    """

    found: str
    """A clause: ``the run changed no files``."""
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
        """Return the words for this many items."""
        text = self._value_
        if text.several and number != 1:
            return text.several
        return text.found


NOT_JUDGED: Final = "NOT_JUDGED"
"""Error code if GitHub or the service could not be queried."""


@unique
class Unknown(GateOutcome):
    """Outcomes of every gate that could not be judged."""

    NOT_JUDGED = Rejected(
        "could not be judged: {cause}", "{remedy}", code=NOT_JUDGED, is_for_people=True
    )


class GateFinding(NamedTuple):
    """A judge's finding."""

    outcome: GateOutcome
    items: tuple[Untrusted, ...] = ()
    """Paths, checks or faults."""
    details: tuple[Untrusted, ...] = ()
    """The same with addresses and titles of annotations, if they have any."""
    number: int = 0
    """The number of items, if none is listed."""
    cause: str = ""
    """Why there is no finding, in our words."""
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
