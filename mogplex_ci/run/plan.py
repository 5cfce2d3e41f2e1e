"""The plan of a run, made before anything is started."""

from typing import NamedTuple

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repair, Repo
from mogplex_ci.run.start import Key


class Plan(NamedTuple):
    """The plan of one run."""

    inputs: ActionInputs
    key: Key
    jobs_per_token: int
    """Jobs that use the token at the same time."""
    found: Repo | None = None
    """In a later round of ``repair``: the repository, which the first has looked up."""
    repair: Repair | None = None
    """In a later round of ``repair``: the part of the request that does not come from the inputs.
    """
