"""The judges of what a run changed: ``require: change``, ``allowed-paths``, ``protected-paths``.

GitHub's word decides. Without a token for it the run's ``git_delivery`` event does, which is the
agent's side.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import Finding, Outcome, Words
from mogplex_ci.run.updates import Update

READ_WHY: Final = (
    "Read what the agent said; the task may be done already, or needs to be more specific."
)
_READ_BRANCH: Final = "Look at the branch: nothing was reverted. Change the task or the patterns."
_TOO_MANY: Final = "it changed 300 files or more, and GitHub lists no more"
_LOOK_BY_HAND: Final = "Look at the branch by hand, or make the task smaller."
_IS_AHEAD: Final = (
    "the branch existed, and its delivery event says only that it is ahead of its base"
)


class Change(Outcome):
    """Outcomes of ``require: change``."""

    CHANGED = Words("it changed the repository")
    TOLD = Words("its delivery event says that it changed the repository; GitHub was not asked")
    NOTHING = Words("it changed nothing", READ_WHY)


class AllowedPaths(Outcome):
    """Outcomes of ``allowed-paths``."""

    INSIDE = Words("all paths that it changed are allowed")
    NOTHING = Words("it changed nothing")
    OUTSIDE = Words(
        "it changed a path outside the allowed ones",
        _READ_BRANCH,
        several="it changed {number} paths outside the allowed ones",
    )
    TOO_MANY = Words(_TOO_MANY, _LOOK_BY_HAND, is_for_people=True)


class ProtectedPaths(Outcome):
    """Outcomes of ``protected-paths``."""

    NONE = Words("it changed no protected path")
    NOTHING = Words("it changed nothing")
    CHANGED = Words(
        "it changed a protected path",
        _READ_BRANCH,
        several="it changed {number} protected paths",
    )
    TOO_MANY = Words(_TOO_MANY, _LOOK_BY_HAND, is_for_people=True)


def judge_change(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Judge whether the run changed the repository."""
    yield from ()
    if inspection.github is None:
        return _told_change(inspection)
    return Finding(Change.NOTHING if inspection.changes().is_empty else Change.CHANGED)


def _told_change(inspection: Inspection) -> Finding:
    """Judge by the run's delivery event. Of a branch that existed, it does not tell whose commits
    are ahead of the base.
    """
    changed = inspection.result.timeline.outcome.changed
    run = inspection.result.run
    if changed is None or run is None:
        raise inspection.not_asked
    if not changed:
        return Finding(Change.NOTHING)
    is_new = run.creates_branch or inspection.branch == run.fallback_branch
    if not is_new:
        raise GitHubError(_IS_AHEAD, remedy=inspection.not_asked.remedy)
    return Finding(Change.TOLD)


def judge_allowed_paths(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Judge whether all paths that differ are inside; a renamed file counts with both names."""
    yield from ()
    changes = inspection.changes()
    allowed = inspection.inputs.allowed_paths
    bad = [path for path in changes.paths if allowed is None or not allowed.allow(path.text)]
    if bad:
        return Finding(AllowedPaths.OUTSIDE, tuple(sorted(bad, key=lambda path: path.text)))
    if not changes.is_complete:
        return Finding(AllowedPaths.TOO_MANY)
    return Finding(AllowedPaths.NOTHING if changes.is_empty else AllowedPaths.INSIDE)


def judge_protected_paths(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Judge whether no path that differs is inside; a renamed file counts with both names."""
    yield from ()
    changes = inspection.changes()
    protected = inspection.inputs.protected_paths
    bad = [path for path in changes.paths if protected is None or protected.protect(path.text)]
    if bad:
        return Finding(ProtectedPaths.CHANGED, tuple(sorted(bad, key=lambda path: path.text)))
    if not changes.is_complete:
        return Finding(ProtectedPaths.TOO_MANY)
    return Finding(ProtectedPaths.NOTHING if changes.is_empty else ProtectedPaths.NONE)
