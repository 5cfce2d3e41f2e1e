"""The judges of the run's changes: ``require: change``, ``allowed-paths``, ``protected-paths``.

They trust GitHub. Without a token for it they fall back to the run's ``git_delivery`` event, which
the agent controls.
"""

from collections.abc import Sequence
from enum import unique
from typing import Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding, GateOutcome, Passed, Rejected
from mogplex_ci.untrusted import Untrusted

READ_WHY: Final = "Read the agent's last words: the task may already be done, or be too vague."
_READ_BRANCH: Final = (
    "The changes are still on the branch: check it, and change the task or the patterns."
)
_BASE_CHANGED: Final = (
    "{base} changed during the run, and GitHub does not show that people approved it"
)
_NEW_BRANCH: Final = "Start a new run on a new branch"
_TOO_MANY: Final = "the run changed at least 300 files, the most that GitHub lists"
_LOOK_BY_HAND: Final = "Check the branch by hand, or make the task smaller."
_IS_AHEAD: Final = (
    "the branch already existed, and the delivery event says only that it is ahead of its base"
)


@unique
class Change(GateOutcome):
    """Outcomes of ``require: change``."""

    CHANGED = Passed("the run changed the repository")
    TOLD = Passed(
        "the delivery event says that the run changed the repository; GitHub was not queried"
    )
    NOTHING = Rejected("the run changed no files", READ_WHY)


@unique
class Paths(GateOutcome):
    """Outcomes of ``allowed-paths`` and ``protected-paths``."""

    ALLOWED = Passed("all changed paths are allowed")
    NOT_PROTECTED = Passed("the run changed no protected path")
    NOTHING = Passed("the run changed no files")
    NOT_ALLOWED = Rejected(
        "the run changed a path outside the allowed ones",
        _READ_BRANCH,
        several="the run changed {number} paths outside the allowed ones",
    )
    PROTECTED = Rejected(
        "the run changed a protected path",
        _READ_BRANCH,
        several="the run changed {number} protected paths",
    )
    BASE_CHANGED = Rejected(_BASE_CHANGED, "{remedy}", is_for_people=True)
    TOO_MANY = Rejected(_TOO_MANY, _LOOK_BY_HAND, is_for_people=True)


def judge_change(inspection: Inspection) -> GateFinding:
    """Judge whether the run changed the repository."""
    if inspection.queries.github is None:
        return _told_change(inspection)
    inspection.changes()
    return GateFinding(Change.NOTHING if inspection.is_unchanged else Change.CHANGED)


def _told_change(inspection: Inspection) -> GateFinding:
    """Judge by the run's delivery event. For an existing branch, it does not say who made the
    commits that are ahead of the base.
    """
    changed = inspection.candidate.details.timeline.outcome.changed
    run = inspection.candidate.details.run
    if changed is None or run is None:
        raise inspection.queries.not_asked
    if not changed:
        return GateFinding(Change.NOTHING)
    is_new = run.creates_branch or inspection.candidate.branch == run.fallback_branch
    # A dry run has no branch that an earlier run could have pushed to.
    if not is_new and not inspection.inputs.dry_run:
        raise GitHubError(_IS_AHEAD, remedy=inspection.queries.not_asked.remedy)
    return GateFinding(Change.TOLD)


def judge_allowed_paths(inspection: Inspection) -> GateFinding:
    """Judge whether all changed paths are inside; a renamed file counts with both names."""
    allowed = inspection.inputs.allowed_paths
    bad = [
        path
        for path in inspection.changes().paths
        if allowed is None or not allowed.allow(path.text)
    ]
    return _judged(bad, inspection, Paths.ALLOWED, Paths.NOT_ALLOWED)


def judge_protected_paths(inspection: Inspection) -> GateFinding:
    """Judge whether no changed path is inside; a renamed file counts with both names."""
    protected = inspection.inputs.protected_paths
    bad = [
        path
        for path in inspection.changes().paths
        if protected is None or protected.protect(path.text)
    ]
    return _judged(bad, inspection, Paths.NOT_PROTECTED, Paths.PROTECTED)


def _judged(
    bad: Sequence[Untrusted], inspection: Inspection, passed: Paths, rejected: Paths
) -> GateFinding:
    """Return the finding on the paths that close a gate, if any. Merging the commit may change none
    of them: then the run may have brought them into the base, and so may others.
    """
    changes = inspection.changes()
    if not bad and not changes.is_complete:
        return GateFinding(Paths.TOO_MANY)
    if not bad:
        return GateFinding(passed if changes.paths else Paths.NOTHING)
    items = tuple(sorted(bad, key=lambda path: path.text))
    if not set(bad).isdisjoint(changes.since_now.paths):
        return GateFinding(rejected, items)
    remedy = f"{_NEW_BRANCH}."
    if not changes.requires_approval:
        remedy = f"{_NEW_BRANCH}, or require an approval on {inspection.baseline.base}."
    return GateFinding(Paths.BASE_CHANGED, items, remedy=remedy)
