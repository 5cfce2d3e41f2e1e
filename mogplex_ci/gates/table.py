"""The judge of each gate, and its usual outcomes."""

from collections.abc import Callable, Generator, Mapping
from typing import Final, NamedTuple

from mogplex_ci import gate_kinds
from mogplex_ci.gates.artifact import ArtifactIs, judge_artifact
from mogplex_ci.gates.change import (
    Change,
    Paths,
    judge_allowed_paths,
    judge_change,
    judge_protected_paths,
)
from mogplex_ci.gates.checks import Checks, judge_checks
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding, GateOutcome
from mogplex_ci.gates.pull_request import (
    BranchIs,
    PullRequestIs,
    judge_branch,
    judge_pull_request,
)
from mogplex_ci.run.updates import Update


class GateJudge(NamedTuple):
    """A row of the table."""

    find: Callable[[Inspection], Generator[Update, None, GateFinding]]
    passed: GateOutcome
    rejected: GateOutcome
    """The usual outcomes, which a dry run plays. The judge's other outcomes are of the same class.
    """


JUDGES: Final[Mapping[gate_kinds.GateKind, GateJudge]] = {
    gate_kinds.CHANGE: GateJudge(judge_change, Change.CHANGED, Change.NOTHING),
    gate_kinds.PULL_REQUEST: GateJudge(
        judge_pull_request, PullRequestIs.OPEN, PullRequestIs.MISSING
    ),
    gate_kinds.ALLOWED_PATHS: GateJudge(judge_allowed_paths, Paths.ALLOWED, Paths.NOT_ALLOWED),
    gate_kinds.PROTECTED_PATHS: GateJudge(
        judge_protected_paths, Paths.NOT_PROTECTED, Paths.PROTECTED
    ),
    gate_kinds.ARTIFACT: GateJudge(judge_artifact, ArtifactIs.VALID, ArtifactIs.INVALID),
    gate_kinds.CHECKS: GateJudge(judge_checks, Checks.PASSED, Checks.FAILED),
    gate_kinds.BRANCH: GateJudge(judge_branch, BranchIs.UNMOVED, BranchIs.MOVED),
}
