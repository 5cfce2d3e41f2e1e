"""From a step's inputs and its place in the CI system to the plan of its run."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from mogplex_ci.inputs.schema import is_uuid
from mogplex_ci.run.key import Key, derived
from mogplex_ci.run.start import OnRerun
from mogplex_ci.run.step import Plan

if TYPE_CHECKING:
    from mogplex_ci.inputs.action import ActionInputs
    from mogplex_ci.platforms.interface import Platform


def plan_of(inputs: ActionInputs, platform: Platform) -> Plan:
    """Return what the step shall do."""
    repo = inputs.repo or ""
    return Plan(
        repo=repo,
        repo_is_id=is_uuid(repo),
        request=inputs.start_request,
        key=key_of(inputs, platform),
        on_rerun=OnRerun(inputs.on_rerun),
        timeout=inputs.timeout,
        cancel_on_timeout=inputs.on_timeout == "cancel",
        cancel_on_interrupt=inputs.on_interrupt == "cancel",
        wait=inputs.wait,
        poll_interval=inputs.poll_interval,
        sharers=max(inputs.jobs_per_token, platform.parallel_jobs),
    )


def key_of(inputs: ActionInputs, platform: Platform) -> Key:
    """Return the idempotency key: the user's, the one derived from the CI system, or one that nobody else has."""
    identity = platform.identity()
    unique = str(uuid.uuid4())
    attempt = (identity.attempt if identity else None) or unique
    later = identity.later_attempt if identity else False
    if inputs.idempotency_key is not None:
        return Key(inputs.idempotency_key, explicit=True, attempt=attempt, later_attempt=later)
    if identity is None:
        return Key(f"{platform.name}-{unique}", explicit=False, attempt=attempt, later_attempt=False)
    base = derived(platform.name, identity.label, (*identity.parts, *inputs.matrix), inputs.key_suffix)
    return Key(base, explicit=False, attempt=attempt, later_attempt=later)
