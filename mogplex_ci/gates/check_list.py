"""The checks of a commit at one moment, and which of them are required."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from mogplex_ci.github_api import Check
from mogplex_ci.inputs.patterns import CheckPatterns, is_check

ACTIONS: Final = "github-actions"
"""Slug of the app behind GitHub Actions."""
SUCCESS: Final = "success"
_GOOD: Final = (SUCCESS, "neutral", "skipped")
"""Conclusions that do not block a merge. Only ``success`` proves that something ran and passed."""


class WantedChecks(NamedTuple):
    """The checks that must exist and pass."""

    by_base: Collection[str] = ()
    """Names that the rules and the classic protection of the base require."""
    patterns: CheckPatterns = CheckPatterns()
    """The input ``checks``."""
    failed_before: Collection[str] = ()
    """Names of checks that failed in an earlier round."""

    @property
    def are_named(self) -> bool:
        """Whether the base or ``checks`` names a check."""
        return bool(self.by_base or self.patterns.required)

    def ignores(self, check: Check) -> bool:
        """Return whether ``checks`` leaves a check out, and the base does not require it."""
        name = check.name.text
        return self.patterns.ignore(name) and name not in self.by_base

    def missing_in(self, checks: Sequence[Check]) -> list[str]:
        """Return the names and patterns without a check."""
        names = {check.name.text for check in checks}
        missing = {*self.by_base, *self._failed_before} - names
        for pattern in self.patterns.required:
            if not any(is_check(pattern, name) for name in names):
                missing.add(pattern)
        return sorted(missing)

    def without_success(self, checks: Sequence[Check]) -> list[str]:
        """Return the names and patterns that need a success, and whose checks were all skipped or
        neutral. GitHub merges if a check that the base requires was skipped, so of those, and of
        the ones that ``checks`` names, only one has to have succeeded.
        """
        names = {check.name.text for check in checks}
        passed = {check.name.text for check in checks if check.conclusion == SUCCESS}
        idle = (self._failed_before & names) - passed
        succeeded = bool(passed & set(self.by_base))
        for pattern in self.patterns.required:
            has_passed = any(is_check(pattern, name) for name in passed)
            succeeded = succeeded or has_passed
            if not has_passed and any(is_check(pattern, name) for name in names):
                idle.add(pattern)
        if not succeeded and not idle:
            idle |= names & set(self.by_base)
        return sorted(idle)

    @property
    def _failed_before(self) -> set[str]:
        """Those that are not left out."""
        return {
            name
            for name in self.failed_before
            if name in self.by_base or not self.patterns.ignore(name)
        }


class CheckList(NamedTuple):
    """The checks that count, at one moment, by name."""

    state: frozenset[tuple[str, int, str]]
    """Kind, number and conclusion of each check. A check that runs again gets another number."""
    open: tuple[Check, ...]
    failed: tuple[Check, ...]
    leaves: tuple[Check, ...]
    """Check runs and statuses, without suites."""
    is_complete: bool


def list_checks(
    checks: Sequence[Check], own_run: str, ignores: Callable[[Check], bool], *, are_all_listed: bool
) -> CheckList:
    """Return the checks of a commit that count.

    Jobs of the workflow run ``own_run``, which waits for this step, do not count while they are
    running, nor does their suite; a failed one does. Checks in ``ignores`` do not count, and while
    one of them is at work its suite does not. A cancelled check does not count if a newer one of
    its name and app exists.
    """
    known = sorted(
        (check for check in checks if not _is_replaced(check, checks)),
        key=lambda check: check.name.text,
    )
    ignored = [check for check in known if check.kind != "suite" and ignores(check)]
    own = [check for check in known if _is_of_run(check, own_run)]
    left_out = [check for check in own if not check.is_complete] + ignored
    # A suite is complete when its last job is: this very job keeps its own open.
    waiting = {check.suite for check in left_out if not check.is_complete}
    leaves = [check for check in known if check.kind != "suite" and check not in left_out]
    suites = [check for check in known if _counts_as_suite(check) and check.suite not in waiting]
    counted = [*leaves, *suites]
    return CheckList(
        state=frozenset((check.kind, check.number, check.conclusion) for check in counted),
        open=tuple(check for check in counted if not check.is_complete),
        failed=tuple(
            check for check in counted if check.is_complete and check.conclusion not in _GOOD
        ),
        leaves=tuple(leaves),
        is_complete=are_all_listed and all(check.is_complete for check in counted),
    )


def _counts_as_suite(check: Check) -> bool:
    """Return whether a check is a suite that says more than its runs: of GitHub Actions, at work or
    without a job, as that of a workflow file that GitHub cannot read, or that waits for approval.

    GitHub makes an empty suite for each other app, which stays queued for ever.
    """
    # docs.github.com/rest/guides/using-the-rest-api-to-interact-with-checks
    is_suite = check.kind == "suite" and check.app == ACTIONS
    return is_suite and (not check.is_complete or check.runs == 0)


def _is_replaced(check: Check, checks: Iterable[Check]) -> bool:
    """Return whether a cancelled check has a newer one, as with ``cancel-in-progress``."""
    if check.conclusion != "cancelled":
        return False
    return any(
        other.number > check.number and source_of(other) == source_of(check) for other in checks
    )


def _is_of_run(check: Check, run: str) -> bool:
    """Return whether a check run is a job of a workflow run: by the page that GitHub gives it, not
    by the address that its maker may choose.
    """
    if not run or check.app != ACTIONS or check.kind != "run":
        return False
    # ``details_url`` is free text of the check's maker: kurone-kito/idd-skill#2930.
    return re.search(rf"/actions/runs/{re.escape(run)}(/|$)", check.page) is not None


def source_of(check: Check) -> tuple[str, str, str]:
    """Return what identifies a check among those of its commit: kind, app and name."""
    return check.kind, check.app, check.name.text
