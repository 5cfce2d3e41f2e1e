"""The work of a step: its runs, the plan of each, and the key under which it is started."""

from __future__ import annotations

from mogplex_ci.inputs.declared import inputs as declared
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repair, Repo
from mogplex_ci.platforms.base import Platform
from mogplex_ci.run.one import Plan
from mogplex_ci.run.start import Key, derive_key


def plan_of(inputs: ActionInputs, key: Key, platform: Platform) -> Plan:
    """Return what the step shall do."""
    jobs = max(inputs.jobs_per_token, platform.parallel_jobs)
    return Plan(inputs._replace(prompt=""), inputs.start_request, key, jobs)


def plan_of_round(inputs: ActionInputs, plan: Plan, number: int, repair: Repair, repo: Repo | None) -> Plan | None:
    """Return the plan of a later round of ``plan``; None if the prompt leaves no room for the report."""
    inputs = inputs_of_round(inputs, repair)
    if declared()["prompt"].kind.fault(inputs.prompt) is not None:
        return None
    key, found = plan.key.of_round(number), repo or plan.found
    return plan._replace(request=inputs.start_request, key=key, found=found, repair=repair)


def inputs_of_round(inputs: ActionInputs, repair: Repair) -> ActionInputs:
    """Return the inputs of a later round: the task with the report behind it, on the branch of the round before."""
    prompt, base = f"{inputs.prompt}\n\n{repair.report}", repair.base_branch or inputs.base_branch
    return inputs._replace(prompt=prompt, branch=repair.branch, base_branch=base, create_branch=None)


def key_of(inputs: ActionInputs, platform: Platform, label: str = "", parts: tuple[str, ...] = ()) -> Key:
    """Return the idempotency key: the user's, the one derived from the CI system, or a random one.

    ``label``, for people, and ``parts`` tell the runs of one step apart.
    """
    identity = platform.identity()
    attempt = (identity.attempt if identity else None) or _random_name()
    later = identity.later_attempt if identity else False
    if inputs.idempotency_key is not None:
        return Key(inputs.idempotency_key, explicit=True, attempt=attempt, later_attempt=later)
    if identity is None:
        return Key(f"{platform.name}-{attempt}", explicit=False, attempt=attempt, later_attempt=False)
    label = f"{identity.label}-{label}" if label else identity.label
    base = derive_key(platform.name, label, (*identity.parts, *inputs.matrix, *parts), inputs.key_suffix)
    return Key(base, explicit=False, attempt=attempt, later_attempt=later)


def _random_name() -> str:
    from uuid import uuid4  # most CI systems name a step and its attempts

    return str(uuid4())


class Item:
    """One of several runs of a step, with the inputs of its task."""

    def __init__(self, number: int, repo: Repo, inputs: ActionInputs, plan: Plan) -> None:
        self.number = number
        self.repo = repo
        self.inputs = inputs
        self.plan = plan
