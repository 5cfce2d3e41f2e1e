"""The finding of a gate's judge."""

from typing import NamedTuple, Self

from mogplex_ci.run.result import Item
from mogplex_ci.untrusted import Untrusted

NOT_JUDGED = "NOT_JUDGED"
"""Error code if GitHub or the service could not be queried."""


class Verdict(NamedTuple):
    """The finding of a gate's judge, in our words."""

    passed: bool
    found: str
    """A clause: ``the run changed no files``."""
    remedy: str = ""
    items: tuple[Untrusted, ...] = ()
    """Paths, checks or faults."""
    checks: tuple[Item, ...] = ()
    """Failed checks, in place of ``items``."""
    code: str = ""
    """Error code in place of the gate's own."""
    is_for_people: bool = False
    """Whether the agent can do nothing about it."""
    also_red: bool = False
    """Whether some of the checks fail on the base, too."""

    @classmethod
    def of(cls, found: str, *items: Untrusted) -> Self:
        """Return the finding of a gate that passed."""
        return cls(True, found, items=items)

    @classmethod
    def rejected(
        cls,
        found: str,
        remedy: str,
        *items: Untrusted,
        code: str = "",
        is_for_people: bool = False,
    ) -> Self:
        """Return the finding of a gate that did not pass."""
        return cls(False, found, remedy, items, code=code, is_for_people=is_for_people)
