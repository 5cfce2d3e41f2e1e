"""The checks of a commit at one moment, and which of them count."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from mogplex_ci.github_api import Check, RequiredCheck, WorkflowRun

ACTIONS: Final = "github-actions"
"""Slug of the app behind GitHub Actions."""
_GOOD: Final = ("success", "neutral", "skipped")
"""Conclusions that do not stop a merge. Only ``success`` says that something was tried and went
well.
"""


class Wanted(NamedTuple):
    """The checks that must be there."""

    required: tuple[RequiredCheck, ...] = ()
    """By the rules and the protection of the base."""
    patterns: tuple[str, ...] = ()
    """By the input ``checks``."""
    names: frozenset[str] = frozenset()
    """Those that have failed before: in an earlier round, or on the branch before the run."""

    @property
    def tells_all(self) -> bool:
        """Whether somebody has said which checks count. That one has failed before does not tell
        which others there will be.
        """
        return bool(self.required or self.patterns)

    def missing_in(self, checks: Sequence[Check]) -> list[str]:
        """Return which are not there, by name or pattern."""
        missing = [each.name for each in self.required if not any(_is(each, it) for it in checks)]
        there = {check.name.text for check in checks}
        missing += [
            pattern
            for pattern in self.patterns
            if not any(fnmatchcase(name, pattern) for name in there)
        ]
        missing += self.names - there
        return sorted(set(missing))

    def is_of_required_app(self, check: Check) -> bool:
        """Whether the base requires a check of the very app that made it."""
        name = check.name.text
        return any(each.name == name and each.app_id == check.app_id for each in self.required)


def _is(required: RequiredCheck, check: Check) -> bool:
    """Whether a check is the required one, by the right app if only one counts."""
    if check.name.text != required.name:
        return False
    if required.app_id in (None, check.app_id):
        return True
    # Of a status GitHub may not tell the app: then its name must do, or no such run would pass.
    return check.kind == "status" and check.app_id == 0


class CheckList(NamedTuple):
    """The checks that count, at one moment, by name."""

    ids: frozenset[str]
    open: tuple[Check, ...]
    failed: tuple[Check, ...]
    passed: tuple[Check, ...]
    """Of these some did more than being skipped."""
    leaves: tuple[Check, ...]
    """Check runs and statuses."""
    suites_began: tuple[datetime, ...]
    """When GitHub made each suite."""
    has_actions: bool
    """Whether there is a suite of GitHub Actions other than this job's own."""
    is_complete: bool

    @property
    def total(self) -> int:
        """Check runs and statuses."""
        return len(self.leaves)


def list_checks(
    checks: Iterable[Check], own_run: str, superseded: Collection[int], *, are_all_listed: bool
) -> CheckList:
    """Return the checks of a commit that count.

    Those of the workflow run ``own_run``, which waits for this step, do not count as long as they
    are at work; one that ended badly does. Nor do the suites ``superseded``.

    A suite of GitHub Actions always counts: it has no runs as long as it waits for approval. Suites
    of other apps count when they have runs: GitHub makes an empty one for each app, and it stays
    queued for ever.
    """
    known = sorted(
        (check for check in checks if check.suite not in superseded),
        key=lambda check: check.name.text,
    )
    own = [check for check in known if _is_of_run(check, own_run)]
    at_work = [check for check in own if not check.is_complete]
    leaves = [check for check in known if check.kind != "suite" and check not in at_work]
    own_suites = {check.suite for check in own}
    suites = [check for check in known if check.kind == "suite" and check.suite not in own_suites]
    with_runs = {check.suite for check in leaves}
    counted = [
        *leaves,
        *(
            suite
            for suite in suites
            if suite.app == ACTIONS or suite.runs > 0 or suite.suite in with_runs
        ),
    ]
    failed = [check for check in counted if check.is_complete and check.conclusion not in _GOOD]
    broken = {check.suite for check in failed if check.kind == "run"}
    return CheckList(
        ids=frozenset(check.id for check in counted),
        open=tuple(check for check in counted if not check.is_complete),
        failed=tuple(
            check for check in failed if check.kind != "suite" or check.suite not in broken
        ),
        passed=tuple(check for check in leaves if check.is_complete and check.conclusion in _GOOD),
        leaves=tuple(leaves),
        suites_began=tuple(suite.created_at for suite in suites if suite.created_at is not None),
        has_actions=any(suite.app == ACTIONS for suite in suites),
        is_complete=are_all_listed and all(check.is_complete for check in counted),
    )


def _is_of_run(check: Check, run: str) -> bool:
    """Whether a check run is a job of a workflow run: by the page that GitHub gives it, not by the
    address that its maker may choose.
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
