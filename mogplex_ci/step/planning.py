"""The plan of a step's run, and the key under which it is started."""

from os import urandom

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import Identity
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.start import Key, derive_key


def plan_of(inputs: ActionInputs, platform: Platform) -> Plan:
    """Return the plan of a step's run."""
    jobs = max(inputs.matrix_job.parallel, platform.parallel_jobs)
    return Plan(inputs, key_of(inputs, platform), jobs)


def key_of(inputs: ActionInputs, platform: Platform) -> Key:
    """Return the idempotency key: the user's, the one derived from the CI system, or a random one.

    A derived key holds the repository. On a local runner it also has a random part.
    """
    identity = platform.identity()
    # A round's key needs one: a re-run sends another report, and the service refuses a used key
    # with another request (409).
    attempt = (identity.attempt if identity else None) or urandom(16).hex()
    explicit = inputs.idempotency_key
    if explicit is not None:
        base = explicit
    elif identity is not None:
        base = _derived_key(inputs, platform, identity)
    else:
        base = f"{platform.name}-{attempt}"
    # A local runner gives each try a random part, so no earlier one can have used the key.
    is_later = identity is not None and identity.later_attempt and not platform.own_try
    return Key(base, explicit is not None, attempt, later_attempt=is_later)


def _derived_key(inputs: ActionInputs, platform: Platform, identity: Identity) -> str:
    name = inputs.repo or ""
    label = [identity.label]
    if name.lower() != (platform.repository() or "").lower():  # the label names the job's own
        label.append(name)
    run = (inputs.base_url, name.lower(), platform.own_try)
    # GitHub's names ignore case: a spelling must not start a second run.
    parts = (*identity.parts, *inputs.matrix_job.parts, *run)
    return derive_key(platform.name, "-".join(filter(None, label)), parts, inputs.key_suffix)


def run_name(plan: Plan) -> str:
    """Return the name of a run in its job, the same for all its attempts and rounds."""
    return f"{plan.key.base} {plan.inputs.run_id or ''}"
