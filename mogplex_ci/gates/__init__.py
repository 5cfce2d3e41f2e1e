"""Gates: requirements of a successful run, judged by GitHub, its artifact and, without a token, its
events.

``judge_run`` turns a successful result into a rejected one when a gate does not pass or cannot be
judged. Nothing is reverted: branch and pull request stay for people to review. The judged facts are
the result's ``delivery``.
"""

from collections.abc import Callable, Mapping
from typing import Final, LiteralString

from mogplex_ci import gate_kinds
from mogplex_ci.errors import GitHubError
from mogplex_ci.gate_kinds import BRANCH, GATES, JUDGED_BY_EVENT, GateKind
from mogplex_ci.gates.artifact import judge_artifact
from mogplex_ci.gates.before_start import note
from mogplex_ci.gates.case import Case
from mogplex_ci.gates.checks import judge_checks
from mogplex_ci.gates.lookup import (
    compare_with_base,
    find_results,
    read_pull_requests,
    warn_of_history,
    with_delivery,
)
from mogplex_ci.gates.paths import (
    judge_allowed_paths,
    judge_append_only_paths,
    judge_change,
    judge_protected_paths,
)
from mogplex_ci.gates.pull_request import judge_branch, judge_pull_request
from mogplex_ci.run.endings import rejected_by
from mogplex_ci.run.result import Gate, Result, RunResult
from mogplex_ci.run.updates import GateJudged
from mogplex_ci.untrusted import Untrusted

__all__ = ["Case", "judge_run", "note", "with_delivery"]

_JUDGES: Final[Mapping[GateKind, Callable[[Case], Gate]]] = {
    gate_kinds.CHANGE: judge_change,
    gate_kinds.PULL_REQUEST: judge_pull_request,
    gate_kinds.ALLOWED_PATHS: judge_allowed_paths,
    gate_kinds.PROTECTED_PATHS: judge_protected_paths,
    gate_kinds.APPEND_ONLY_PATHS: judge_append_only_paths,
    gate_kinds.ARTIFACT: judge_artifact,
    gate_kinds.CHECKS: judge_checks,
    gate_kinds.BRANCH: judge_branch,
}


def judge_run(result: RunResult, case: Case) -> RunResult:
    """Judge a successful run by every gate and return its result, rejected if one does not hold.

    Raises:
        StopRequested: a stop signal came. The case has the gates that were judged before.
    """
    if result.ending.result is not Result.SUCCESS:
        return result
    find_results(case, result.details)
    wanted = _wanted_gates(case)
    for kind in wanted:
        # Whoever reads the rejection waits for nothing; a next round wants all faults at once.
        if kind.is_slow and case.has_failed and not case.inputs.repair:
            continue  # it can take an hour, and only ``repair`` has a use for it
        _judge(case, kind)
    if case.github is not None and not case.has_failed:
        _judge_with_new_base(case, wanted)
    if case.github is not None and not case.has_failed:
        _judge(case, BRANCH)
    _warn(case)
    details = with_delivery(result.details, case)
    details = details._replace(gates=tuple(case.gates), artifact=case.artifact)
    first = next((gate for gate in case.gates if not gate.passed), None)
    if first is None:
        return RunResult(result.ending, details)
    return RunResult(rejected_by(first), details)


def _wanted_gates(case: Case) -> list[GateKind]:
    """Return the gates that the inputs ask for; in a dry run, those that it can judge."""
    judged = JUDGED_BY_EVENT if case.inputs.dry_run else GATES
    return [kind for kind in judged if kind.name in case.inputs.gates]


def _judge(case: Case, kind: GateKind) -> None:
    """Judge one gate, and write its finding into the case."""
    case.gates.append(_gate(case, kind))
    case.say(GateJudged(case.gates[-1]))


def _gate(case: Case, kind: GateKind) -> Gate:
    try:
        return _JUDGES[kind](case)
    except GitHubError as error:
        found = f"could not be judged: {error.cause}"
        code = GitHubError.code
        return case.rejects(kind, found, error.remedy, code=code, is_for_people=True)


def _judge_with_new_base(case: Case, wanted: list[GateKind]) -> None:
    """Judge the gates that depend on the base again if that moved while checks were waited for."""
    if not any(kind.depends_on_base for kind in wanted):
        return
    before = case.base_now
    try:
        if case.tip(case.base) == before:
            return
        read_pull_requests(case)
        compare_with_base(case)
    except GitHubError as error:
        case.error = error
    for place, kind in enumerate(wanted):
        if not kind.depends_on_base:
            continue
        case.gates[place] = _gate(case, kind)
        if not case.gates[place].passed:
            case.say(GateJudged(case.gates[place]))


def _warn(case: Case) -> None:
    """Warn if the run used another branch than requested, and of what no gate judges."""
    asked = case.inputs.branch
    used = case.details.branch
    if asked is not None and used is not None and used.text != asked:
        words: LiteralString = (
            "The run was asked to work on {}, which does not exist or whose pull request is closed "
            "or merged, and worked on {}"
        )
        case.warn("Branch", words, Untrusted(asked), used)
    if case.github is not None:
        try:
            warn_of_history(case)
        except GitHubError:
            return  # it is a warning only
