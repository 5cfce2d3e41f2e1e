"""The plan of a step before it starts anything: its runs, and the plan of each."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repair, Repo, StartRequest
from mogplex_ci.run.start import Key
from mogplex_ci.sanitize import SafeText

FaultOf: TypeAlias = Callable[[str], str | None]
"""Returns the environment's hint about a repository that Mogplex does not know."""


def no_fault(name: str) -> None:
    """Know nothing about the repository ``name``."""


class Plan(NamedTuple):
    """The plan of one run."""

    inputs: ActionInputs
    """Those of its task."""
    request: Callable[[str, Repair | None], StartRequest]
    """Makes the start request for a repo id and the report of a later round."""
    key: Key
    jobs_per_token: int
    """Jobs that use the token at the same time."""
    found: Repo | None = None
    """The repository, if it has been looked up already."""
    repair: Repair | None = None
    """In a later round of ``repair``: the part of the request that does not come from the inputs.
    """
    fault_of_repo: FaultOf = no_fault
    uses_in_job: Callable[[], int] = lambda: 1
    """Returns how many steps of each job use the token now."""


class StepRun:
    """One run of a step, which has a list of them, as the step plans it."""

    def __init__(self, number: int, name: SafeText | None, plan: Plan) -> None:
        """``number`` counts from 1."""
        self.number = number
        self.name = name
        """As lines of the log begin: ``[owner/name task]``. The only run of a step has none."""
        self.inputs = plan.inputs
        self.plan = plan
