"""The plan of a run, made before anything is started."""

from collections.abc import Callable
from typing import NamedTuple

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repair, Repo, StartRequest
from mogplex_ci.run.start import Key


class Plan(NamedTuple):
    """The plan of one run."""

    inputs: ActionInputs
    request: Callable[[str, Repair | None], StartRequest]
    """Makes the start request for a repo id and the report of a later round."""
    key: Key
    jobs_per_token: int
    """Jobs that use the token at the same time."""
    found: Repo | None = None
    """In a later round of ``repair``: the repository, which the first has looked up."""
    repair: Repair | None = None
    """In a later round of ``repair``: the part of the request that does not come from the inputs.
    """
