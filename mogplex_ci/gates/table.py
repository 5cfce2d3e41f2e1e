"""The judge of each gate."""

from collections.abc import Callable, Mapping
from typing import Final

from mogplex_ci import gate_kinds
from mogplex_ci.gates.artifact import judge_artifact
from mogplex_ci.gates.change import judge_allowed_paths, judge_change, judge_protected_paths
from mogplex_ci.gates.checks import judge_checks
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding
from mogplex_ci.gates.pull_request import judge_branch, judge_pull_request

JUDGES: Final[Mapping[gate_kinds.GateKind, Callable[[Inspection], GateFinding]]] = {
    gate_kinds.CHANGE: judge_change,
    gate_kinds.PULL_REQUEST: judge_pull_request,
    gate_kinds.ALLOWED_PATHS: judge_allowed_paths,
    gate_kinds.PROTECTED_PATHS: judge_protected_paths,
    gate_kinds.ARTIFACT: judge_artifact,
    gate_kinds.CHECKS: judge_checks,
    gate_kinds.BRANCH: judge_branch,
}
