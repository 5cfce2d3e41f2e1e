"""The judges of the changes: ``require: change``, ``allowed-paths``, ``protected-paths``,
``append-only-paths``.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gate_kinds import (
    ALLOWED_PATHS,
    APPEND_ONLY_PATHS,
    CHANGE,
    PROTECTED_PATHS,
    GateKind,
)
from mogplex_ci.gates.case import NOTHING_CHANGED, Case
from mogplex_ci.gates.changes import has_changed
from mogplex_ci.github_api import ChangedFile
from mogplex_ci.inputs.patterns import NO_PATTERNS, Patterns
from mogplex_ci.run.result import Gate
from mogplex_ci.untrusted import Untrusted

_READ_BRANCH: Final = (
    "The changes are still on the branch: check it, and change the task or the patterns."
)
_BEFORE: Final = "which the branch had changed before the run"
_OWN_BRANCH: Final = "Let the run use a branch of its own"


def judge_change(case: Case) -> Gate:
    """Judge whether the run changed the repository."""
    if case.github is None:
        return _change_by_event(case)
    if not has_changed(case):
        return case.no_change(CHANGE)
    return case.passes(CHANGE, "the run changed the repository")


def _change_by_event(case: Case) -> Gate:
    """Judge by the run's delivery event, which the agent controls. For an existing branch, it does
    not say who made the commits that are ahead of the base.
    """
    changed = case.details.timeline.outcome.changed
    run = case.details.run
    if changed is None or run is None or case.details.repo is None:
        raise case.not_asked
    if not changed:
        return case.no_change(CHANGE)
    # A dry run has no branch that an earlier run could have pushed to.
    if not run.made(case.branch) and not case.inputs.dry_run:
        raise GitHubError(
            "the branch already existed, and the delivery event says only that it is ahead of its base",
            remedy=case.not_asked.remedy,
        )
    return case.passes(
        CHANGE,
        "the delivery event says that the run changed the repository; GitHub was not queried",
    )


def judge_allowed_paths(case: Case) -> Gate:
    """Judge whether all changed paths are inside; a renamed file counts with both names."""
    patterns = case.inputs.allowed_paths
    bad = _paths_that(case, lambda path: patterns is None or not patterns.allow(path))
    if bad:
        what = "a path outside the allowed ones"
        if len(bad) > 1:
            what = f"{len(bad)} paths outside the allowed ones"
        return _closed(case, ALLOWED_PATHS, bad, what, "add its path to allowed-paths")
    return _open(case, ALLOWED_PATHS, "all changed paths are allowed")


def judge_protected_paths(case: Case) -> Gate:
    """Judge whether no changed path is inside; a renamed file counts with both names."""
    patterns = case.inputs.protected_paths
    bad = _paths_that(case, lambda path: patterns is None or patterns.protect(path))
    if bad:
        what = "a protected path" if len(bad) == 1 else f"{len(bad)} protected paths"
        return _closed(case, PROTECTED_PATHS, bad, what, "add ! and its path to protected-paths")
    return _open(case, PROTECTED_PATHS, "no protected path would change")


def _paths_that(case: Case, is_bad: Callable[[str], bool]) -> Sequence[str]:
    """Return the changed paths that close a gate, sorted."""
    return sorted(path for path in _names(_files(case)) if is_bad(path))


def _files(case: Case) -> Sequence[ChangedFile]:
    """Return every file that merging the commit would change.

    Raises:
        GitHubError: GitHub does not list them all.
    """
    case.require_facts()
    if not case.changes.is_complete:
        raise GitHubError(
            "GitHub lists up to 300 changed files without an open pull request, and under 3,000 with one",
            remedy="Let the run open a pull request, or make the task smaller.",
        )
    return case.changes.files


def _names(files: Sequence[ChangedFile]) -> set[str]:
    """Return the paths of files; both names of a renamed one."""
    paths = [path for file in files for path in (file.path, file.previous_path)]
    return {path.text for path in paths if path is not None}


def _open(case: Case, kind: GateKind, found: str) -> Gate:
    return case.passes(kind, found if case.changes.files else NOTHING_CHANGED)


def _closed(case: Case, kind: GateKind, bad: Sequence[str], what: str, way_out: str) -> Gate:
    """Return the finding on paths that close a gate, with those marked that the branch had changed
    before the run, and the way out for these.
    """
    before = _changed_before(case)
    items = [f"{path} ({_BEFORE})" if path in before else path for path in bad]
    remedy = _READ_BRANCH
    if before.intersection(bad):
        remedy = f"{_OWN_BRANCH}; or, if the run may change such a file, {way_out}."
    found = f"merging the branch would change {what}"
    return case.rejects(kind, found, remedy, *map(Untrusted, items))


def _changed_before(case: Case) -> set[str]:
    """Return the paths that merging the branch would have changed before the run; none if GitHub
    does not show them.
    """
    if not case.branch_before:
        return set()
    try:
        return _names(case.compare(case.base_now, case.branch_before).files)
    except GitHubError:
        return set()


def judge_append_only_paths(case: Case) -> Gate:
    """Judge whether no file inside was deleted, moved out or changed without counted lines, and
    whether together they lost no more lines than they gained.
    """
    patterns = case.inputs.append_only_paths or NO_PATTERNS
    files = [file for file in _files(case) if _was_inside(file, patterns)]
    lost = [*_lost_files(case, files, patterns), *_lost_lines(files, patterns)]
    if not lost:
        return _open(case, APPEND_ONLY_PATHS, "the append-only paths have lost nothing")
    return case.rejects(
        APPEND_ONLY_PATHS,
        "merging the branch would take something away from the append-only paths",
        "The changes are still on the branch: check whether what is gone was needed.",
        *map(Untrusted, sorted(lost)),
    )


def _was_inside(file: ChangedFile, patterns: Patterns) -> bool:
    paths = [file.path, file.previous_path]
    return any(path is not None and patterns.protect(path.text) for path in paths)


def _lost_files(case: Case, files: Sequence[ChangedFile], patterns: Patterns) -> list[str]:
    """Return the files that are gone, or whose lines are not counted."""
    lost = []
    uncounted = []
    for file in files:
        old = file.previous_path
        path = file.path.text
        if file.status == "removed":
            lost.append(f"{path} (deleted)")
        elif old is not None and patterns.protect(old.text) and not patterns.allow(path):
            lost.append(f"{old.text} (renamed to {path})")
        elif file.status != "added" and file.additions == file.deletions == 0:
            uncounted.append(file)
    if not uncounted:
        return lost
    # A binary change has no counted lines, nor has a rename or another mode, which lose nothing.
    before = case.ask(lambda github: github.tree(case.changes.before))
    for file in uncounted:
        old = file.previous_path or file.path
        if before.get(old.text) != file.content:
            lost.append(f"{file.path.text} (changed, and GitHub counts no lines of it)")
    return lost


def _lost_lines(files: Sequence[ChangedFile], patterns: Patterns) -> list[str]:
    """Return the files that have lost lines, if together they have lost more than they gained."""
    gained = sum(file.additions for file in files if patterns.allow(file.path.text))
    if gained >= sum(file.deletions for file in files):
        return []
    return [
        f"{file.path.text} ({file.deletions - file.additions} lines fewer)"
        for file in files
        if file.deletions > file.additions and file.status != "removed"
    ]
