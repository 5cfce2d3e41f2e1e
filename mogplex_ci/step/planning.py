"""The work of a step: its runs, the plan of each, and the key under which it is started."""

from collections.abc import Sequence
from os import urandom

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import Identity
from mogplex_ci.run.plan import Plan, StepRun
from mogplex_ci.run.start import Key, derive_key
from mogplex_ci.sanitize import Part, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted


def plan_of(inputs: ActionInputs, platform: Platform, repo: Repo | None = None) -> Plan:
    """Return the plan of a step's run; of several, of the one in ``repo``."""
    jobs = max(inputs.matrix_job.parallel, platform.parallel_jobs)
    return Plan(
        inputs,
        inputs.start_request,
        key_of(inputs, platform, repo),
        jobs,
        repo,
        fault_of_repo=platform.fault_of_repo,
    )


def key_of(inputs: ActionInputs, platform: Platform, repo: Repo | None = None) -> Key:
    """Return the idempotency key: the user's, the one derived from the CI system, or a random one.

    A derived key holds repository and task, so no two runs of a step share it. ``repo`` is the
    repository if it is already known; otherwise the inputs' name for it is used. On a local runner
    a derived key also has a random part, which is the same for all runs of the step.
    """
    identity = platform.identity()
    attempt = (identity.attempt if identity else None) or urandom(16).hex()
    explicit = inputs.idempotency_key
    if explicit is not None:
        base = explicit
    elif identity is not None:
        base = _derived_key(inputs, platform, identity, repo)
    else:
        base = f"{platform.name}-{attempt}"
    is_later = identity is not None and identity.later_attempt and not platform.own_try
    return Key(base, explicit is not None, attempt, later_attempt=is_later)


def _derived_key(
    inputs: ActionInputs, platform: Platform, identity: Identity, repo: Repo | None
) -> str:
    name = inputs.repo or ""
    unique_name = name.lower()
    if repo is not None:
        name = repo.full_name.text
        unique_name = repo.id  # the service may list two repositories with one name
    label = [identity.label]
    if name.lower() != (platform.repository() or "").lower():  # the label names the job's own
        label.append(name)
    if inputs.task is not None:
        label.append(inputs.task)
    run = (unique_name, inputs.task or "", platform.own_try)
    parts = (*identity.parts, *inputs.matrix_job.parts, *run)
    return derive_key(platform.name, "-".join(filter(None, label)), parts, inputs.key_suffix)


def run_name(run: StepRun) -> str:
    """Return the name of a run in its job, the same for all its attempts and rounds."""
    return f"{run.plan.key.base} {run.inputs.run_id or ''}"


def only_run(inputs: ActionInputs, platform: Platform, repo: Repo | None = None) -> StepRun:
    """Return the run of a step that has one; ``repo`` is its repository if it has been looked
    up.
    """
    return StepRun(1, None, plan_of(inputs, platform, repo))


def planned_runs(
    found: Sequence[tuple[ActionInputs, Repo]], platform: Platform, safe: Sanitizer
) -> list[StepRun]:
    """Return the runs of a step: ``found`` has the inputs of the task and the repository of each.

    No two have the same name, and the only one needs none.
    """
    if len(found) == 1:
        inputs, repo = found[0]
        return [only_run(inputs, platform, repo)]
    runs: list[StepRun] = []
    names: set[SafeText] = set()
    for number, (inputs, repo) in enumerate(found, start=1):
        words: list[Part] = ["[", repo.full_name]
        if inputs.task:
            words += [" ", Untrusted(inputs.task)]
        name = safe.sentence(*words, "]")
        if name in names:
            name = safe.sentence(*words, " #", number, "]")
        names.add(name)
        runs.append(StepRun(number, name, plan_of(inputs, platform, repo)))
    return runs
