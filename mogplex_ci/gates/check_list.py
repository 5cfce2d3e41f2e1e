"""The checks of a commit at one moment, and which of them are required."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from mogplex_ci.github_api import Check, RequiredCheck, WorkflowRun
from mogplex_ci.inputs.patterns import CheckPatterns, is_check

ACTIONS: Final = "github-actions"
"""Slug of the app behind GitHub Actions."""
SUCCESS: Final = "success"
_GOOD: Final = (SUCCESS, "neutral", "skipped")
"""Conclusions that do not block a merge. Only ``success`` proves that something ran and passed."""
_RED: Final = ("failure", "timed_out")
"""Conclusions that say that the checked code is at fault."""


class ExpectedChecks(NamedTuple):
    """The checks that must exist and pass."""

    by_base: tuple[RequiredCheck, ...] = ()
    """By the rules and the classic protection of the base."""
    patterns: CheckPatterns = CheckPatterns()
    """The input ``checks``."""
    failed_before: frozenset[str] = frozenset()
    """Names of checks that failed in an earlier round, or on an earlier commit of the branch."""

    @property
    def are_named(self) -> bool:
        """Whether the base or ``checks`` names a check. One that failed before says nothing about
        the others.
        """
        return bool(self.by_base or self.patterns.required)

    def ignores(self, check: Check) -> bool:
        """Return whether ``checks`` leaves a check out, and the base does not require it."""
        return self.patterns.ignore(check.name.text) and not self._is_by_base(check.name.text)

    def missing_in(self, checks: Sequence[Check]) -> list[str]:
        """Return the names and patterns without a check."""
        missing = {each.name for each in self.by_base if not any(_is(each, it) for it in checks)}
        names = {check.name.text for check in checks}
        for pattern in self.patterns.required:
            if not any(is_check(pattern, name) for name in names):
                missing.add(pattern)
        missing |= self._failed_before - names
        return sorted(missing)

    def without_success(self, checks: Sequence[Check]) -> list[str]:
        """Return the names and patterns whose checks were all skipped or neutral. GitHub merges if
        a check that the base requires was skipped, so such a name is not among them.
        """
        names = {check.name.text for check in checks}
        passed = {check.name.text for check in checks if check.conclusion == SUCCESS}
        idle = {name for name in self._failed_before & names - passed if not self._is_by_base(name)}
        for pattern in self.patterns.required:
            exists = any(is_check(pattern, name) for name in names)
            has_passed = any(is_check(pattern, name) for name in passed)
            if exists and not has_passed:
                idle.add(pattern)
        return sorted(idle)

    def is_of_required_app(self, check: Check) -> bool:
        """Return whether the base requires this check of the very app that made it."""
        name = check.name.text
        return any(each.name == name and each.app_id == check.app_id for each in self.by_base)

    @property
    def _failed_before(self) -> frozenset[str]:
        """Those that are not ignored."""
        return frozenset(
            name
            for name in self.failed_before
            if self._is_by_base(name) or not self.patterns.ignore(name)
        )

    def _is_by_base(self, name: str) -> bool:
        return any(each.name == name for each in self.by_base)


def _is(required: RequiredCheck, check: Check) -> bool:
    """Return whether a check is the required one, by the right app if only one counts."""
    if check.name.text != required.name:
        return False
    if required.app_id in (None, check.app_id):
        return True
    # GitHub may not report the app of a status. Then the name has to do, or no such run would pass.
    return check.kind == "status" and check.app_id == 0


class CheckList(NamedTuple):
    """The checks that count, at one moment, by name."""

    state: frozenset[tuple[str, str]]
    """Id and conclusion of each check. A check that runs again gets another id."""
    open: tuple[Check, ...]
    failed: tuple[Check, ...]
    leaves: tuple[Check, ...]
    """Check runs and statuses, without suites."""
    is_complete: bool


def list_checks(
    checks: Iterable[Check],
    own_run: str,
    superseded: Collection[int],
    ignores: Callable[[Check], bool],
    *,
    are_all_listed: bool,
) -> CheckList:
    """Return the checks of a commit that count.

    Jobs of the workflow run ``own_run``, which waits for this step, do not count while they are
    running; a failed one does. Suites in ``superseded`` and checks in ``ignores`` do not count. A
    suite that holds any of these jobs or ignored checks counts by its other checks alone.

    A suite of GitHub Actions always counts: it has no runs while it waits for approval. Suites of
    other apps count if they have runs: GitHub makes an empty one for each app, which stays queued
    for ever.
    """
    known = sorted(
        (check for check in checks if check.suite not in superseded),
        key=lambda check: check.name.text,
    )
    own = [check for check in known if _is_of_run(check, own_run)]
    ignored = [check for check in known if check.kind != "suite" and ignores(check)]
    left_out = [check for check in own if not check.is_complete] + ignored
    leaves = [check for check in known if check.kind != "suite" and check not in left_out]
    partly_counted = {check.suite for check in (*own, *ignored)}
    with_runs = {check.suite for check in leaves}
    suites = [
        check
        for check in known
        if check.kind == "suite" and check.suite not in partly_counted
        if check.app == ACTIONS or check.runs > 0 or check.suite in with_runs
    ]
    counted = [*leaves, *suites]
    failed = [check for check in counted if check.is_complete and check.conclusion not in _GOOD]
    named = {check.suite for check in failed if check.kind == "run"}
    return CheckList(
        state=frozenset((check.id, check.conclusion) for check in counted),
        open=tuple(check for check in counted if not check.is_complete),
        failed=tuple(
            check for check in failed if check.kind != "suite" or check.suite not in named
        ),
        leaves=tuple(leaves),
        is_complete=are_all_listed and all(check.is_complete for check in counted),
    )


def failed_names(failed: Iterable[Check]) -> Iterator[str]:
    """Yield the names of failed checks that must exist on later commits: no suite's, and none that
    was cancelled, which says nothing about the code and may have a name that no other commit has.
    """
    for check in failed:
        if check.kind != "suite" and check.conclusion != "cancelled":
            yield check.name.text


def _is_of_run(check: Check, run: str) -> bool:
    """Return whether a check run is a job of a workflow run: by the page that GitHub gives it, not
    by the address that its maker may choose.
    """
    if not run or check.app != ACTIONS or check.kind != "run":
        return False
    return re.search(rf"/actions/runs/{re.escape(run)}(/|$)", check.page) is not None


def superseded_suites(runs: Sequence[WorkflowRun]) -> Iterator[int]:
    """Yield the suites of workflow runs that were cancelled because a newer run of the same
    workflow for the same event replaced them.
    """
    for run in runs:
        if run.conclusion == "cancelled" and any(
            other.id > run.id and (other.workflow, other.event) == (run.workflow, run.event)
            for other in runs
        ):
            yield run.suite


def red_before(failed: Iterable[Check], history: Iterable[Check], since: datetime) -> set[str]:
    """Return the ids of those of ``failed`` that were red on another commit, too.

    Args:
        failed: checks that failed.
        history: all attempts of the other commit's checks.
        since: only attempts that were complete by then count.
    """
    ended = [
        check
        for check in history
        if check.is_complete and check.completed_at is not None and check.completed_at <= since
    ]
    ended.sort(key=lambda check: check.completed_at or since)
    newest = {_source(check): check.conclusion for check in ended}
    return {check.id for check in failed if newest.get(_source(check)) in _RED}


def _source(check: Check) -> tuple[object, ...]:
    """Return what identifies a check among those of its commit: kind, app and name."""
    return check.kind, check.app, check.app_id, check.name.text
