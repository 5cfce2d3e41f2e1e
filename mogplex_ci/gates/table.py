"""The gates: the input that asks for each, its error code, its judge, and its outcomes."""

from collections.abc import Callable, Generator, Iterable
from typing import Final, NamedTuple

from mogplex_ci.gates.artifact import Artifact, judge_artifact
from mogplex_ci.gates.change import (
    AllowedPaths,
    Change,
    ProtectedPaths,
    judge_allowed_paths,
    judge_change,
    judge_protected_paths,
)
from mogplex_ci.gates.checks import Checks, judge_checks
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import Finding, Outcome
from mogplex_ci.gates.pull_request import (
    BranchIs,
    PullRequestIs,
    judge_branch,
    judge_pull_request,
)
from mogplex_ci.run.updates import Update

MOST_LISTED: Final = 20
"""Paths, checks or faults that a gate lists."""


class GateKind(NamedTuple):
    """A row of the table."""

    name: str
    """A word of ``require``, or the input that asks for it."""
    code: str
    """Error code when it does not pass."""
    expected: str
    needs: str
    """Permissions that ``github-token`` takes for it; empty when GitHub is not asked."""
    judge: Callable[[Inspection], Generator[Update, None, Finding]]
    passed: Outcome
    failed: Outcome
    """The usual outcomes, which a dry run plays. What else the judge may find is of their
    class.
    """
    is_for_github: bool = False
    """Whether nothing but GitHub can tell."""
    depends_on_base: bool = False
    """Whether it is judged again if the base moved while the slowest gate was judged."""

    @property
    def outcomes(self) -> Iterable[Outcome]:
        """What the judge may find."""
        return type(self.passed)


_READ: Final = "contents: read"
_PATH_NOT_ALLOWED: Final = "PATH_NOT_ALLOWED"
GATES: Final = (
    GateKind(
        "change", "NO_CHANGE", "a change", _READ, judge_change, Change.CHANGED, Change.NOTHING
    ),
    GateKind(
        "pull-request",
        "NO_PULL_REQUEST",
        "an open pull request with the run's commit",
        f"{_READ}, pull-requests: read",
        judge_pull_request,
        PullRequestIs.OPEN,
        PullRequestIs.MISSING,
    ),
    GateKind(
        "allowed-paths",
        _PATH_NOT_ALLOWED,
        "changes inside the allowed paths only",
        _READ,
        judge_allowed_paths,
        AllowedPaths.INSIDE,
        AllowedPaths.OUTSIDE,
        is_for_github=True,
        depends_on_base=True,
    ),
    GateKind(
        "protected-paths",
        _PATH_NOT_ALLOWED,
        "no changes in protected paths",
        _READ,
        judge_protected_paths,
        ProtectedPaths.NONE,
        ProtectedPaths.CHANGED,
        is_for_github=True,
        depends_on_base=True,
    ),
    GateKind(
        "artifact",
        "ARTIFACT_MISSING",
        "the artifact {artifact}",
        "",
        judge_artifact,
        Artifact.VALID,
        Artifact.INVALID,
    ),
    GateKind(
        "checks",
        "CHECKS_FAILED",
        "passed checks of the run's commit",
        f"{_READ}, checks: read, statuses: read",
        judge_checks,
        Checks.PASSED,
        Checks.FAILED,
        is_for_github=True,
    ),
)
"""In the order in which they are judged; checks are the last, since that waits for others."""

BRANCH: Final = GateKind(
    "branch",
    "BRANCH_MOVED",
    "the judged commit at the tip of the branch",
    _READ,
    judge_branch,
    BranchIs.UNMOVED,
    BranchIs.MOVED,
    is_for_github=True,
)
"""Judged after all others, when they passed and one of them asked GitHub: the judged commit must
still be the tip.
"""
