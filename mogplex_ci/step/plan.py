"""The work of a step: its runs, the plan of each, and the key under which it is started."""

from __future__ import annotations

from os import urandom

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.platforms.base import Platform
from mogplex_ci.run.one import Plan
from mogplex_ci.run.start import Key, derive_key


def plan_of(inputs: ActionInputs, platform: Platform, repo: Repo | None = None) -> Plan:
    """Return the plan of a step's run; of several, of the one in ``repo``."""
    jobs = max(inputs.jobs_per_token, platform.parallel_jobs)
    return Plan(
        inputs._replace(prompt=""), inputs.start_request, key_of(inputs, platform, repo), jobs, repo
    )


def key_of(inputs: ActionInputs, platform: Platform, repo: Repo | None = None) -> Key:
    """Return the idempotency key: the user's, the one derived from the CI system, or a random one.

    On a local runner the derived one has a random part, which is the same in the whole step.

    Repository and task tell the runs of one step apart; ``repo`` is None if there is only one.
    """
    identity, explicit = platform.identity(), inputs.idempotency_key is not None
    attempt = (identity.attempt if identity else None) or urandom(16).hex()
    base = inputs.idempotency_key or f"{platform.name}-{attempt}"
    if identity is not None and not explicit:
        own = (repo.id, inputs.task or "") if repo else ()
        label = "-".join(
            filter(None, (identity.label, repo and repo.full_name.text, repo and inputs.task))
        )
        if platform.own_try:
            own = (*own, platform.own_try)
        base = derive_key(
            platform.name, label, (*identity.parts, *inputs.matrix, *own), inputs.key_suffix
        )
    is_later = identity is not None and identity.later_attempt and not platform.own_try
    return Key(base, explicit, attempt, later_attempt=is_later)


class Item:
    """One of several runs of a step, with the inputs of its task."""

    def __init__(self, number: int, repo: Repo, inputs: ActionInputs, plan: Plan) -> None:
        self.number = number
        self.repo = repo
        self.inputs = inputs
        self.plan = plan
