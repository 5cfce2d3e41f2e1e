"""Finds the sandbox of a run that failed before its agent started: its log has the reason."""

import re
from collections.abc import Sequence
from typing import Final

from mogplex_ci.models import Run, Sandbox

_NEVER_READY: Final = r"Sandbox (?P<id>[0-9A-Fa-f-]{36}) did not become ready"
"""How the service names the sandbox that a launch waited for (Mogplex/mogplex,
lib/sandbox/internal-launch.ts).
"""


def sandbox_of(run: Run, listed: Sequence[Sandbox]) -> Sandbox | None:
    """Return the sandbox of a failed run among those of its repository; None if it cannot be
    identified.

    The run object names a sandbox only once it was set up. One that failed is known by the run's
    own branch and by its time; many runs share the base branch.
    """
    named = run.sandbox_record_id.text if run.sandbox_record_id else None
    in_error = re.search(_NEVER_READY, run.error.text) if run.error else None
    if in_error:
        named = in_error["id"]
    if named is not None:
        return next((each for each in listed if each.id.lower() == named.lower()), None)
    began = run.created_at
    if began is None or not run.has_own_branch:
        return None
    same = [
        each
        for each in listed
        if each.working_branch == run.working_branch
        and each.created_at is not None
        and each.created_at >= began
    ]
    return same[0] if len(same) == 1 else None
