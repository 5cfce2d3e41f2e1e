"""Gates: requirements of a successful run, judged by GitHub, its artifact and, without a token, its
events.

``judge_run`` turns a successful result into a rejected one when a gate does not pass or cannot be
judged. Nothing is reverted: branch and pull request stay for people to review. The judged facts are
the result's ``delivery``.
"""

from collections.abc import Callable
from typing import Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gate_kinds import BRANCH, GATES, JUDGED_BY_EVENT, GateKind
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.inspector import Inspector
from mogplex_ci.gates.outcome import GateFinding, Passed, Unknown
from mogplex_ci.gates.queries import Queries, Sources
from mogplex_ci.gates.table import JUDGES
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.result import Gate, Result, RunDetails, RunResult, rejected_by
from mogplex_ci.run.updates import GateJudged, OtherBranchUsed, Update
from mogplex_ci.untrusted import Untrusted

__all__ = ["ActionInputs", "Inspector", "Queries", "Sources", "Update", "judge_run"]

MAX_LISTED: Final = 20
"""Paths, checks or faults that a gate lists."""


def judge_run(
    result: RunResult,
    inspector: Inspector,
    failed_before: frozenset[str] = frozenset(),
    note: Callable[[Gate], None] = lambda _: None,
) -> RunResult:
    """Judge a successful run by every gate and return its result, rejected if one does not hold.

    ``failed_before``: names of the checks that failed in earlier rounds. ``note`` gets each gate as
    soon as it is judged.

    Raises:
        StopRequested: a stop signal came.
    """
    if result.ending.result is not Result.SUCCESS:
        return result
    inspection = inspector.inspect(result.details, failed_before)
    wanted = _wanted_gates(inspection)
    if inspection.queries.github is not None:
        wanted.append(BRANCH)
    gates: list[Gate] = []
    artifact = None
    for kind in wanted:
        has_failed = any(not gate.passed for gate in gates)
        is_of_use = inspection.inputs.repair > 0 if kind.is_slow else kind is not BRANCH
        if has_failed and not is_of_use:
            continue
        finding = _find(kind, inspection)
        inspection = inspector.learn(inspection, finding)
        if finding.artifact is not None:  # an empty one counts
            artifact = finding.artifact
        gates.append(_gate(kind, finding, inspection))
        note(gates[-1])
        inspection.sources.service.say(GateJudged(gates[-1]))
    if BRANCH in wanted and all(gate.passed for gate in gates):
        gates = _judged_with_new_base(gates, wanted, inspection, note)
    details = result.details._replace(
        gates=tuple(gates), artifact=artifact, delivery=inspection.delivery
    )
    _warnings(details, inspection)
    first = next((gate for gate in gates if not gate.passed), None)
    if first is None:
        return RunResult(result.ending, details)
    return RunResult(rejected_by(first), details)


def _judged_with_new_base(
    gates: list[Gate],
    wanted: list[GateKind],
    inspection: Inspection,
    note: Callable[[Gate], None],
) -> list[Gate]:
    """Return the gates, all of which passed. If the base moved while they were judged, those that
    depend on it are judged again.
    """
    if not any(kind.depends_on_base for kind in wanted):
        return gates
    before = inspection.candidate
    candidate = before.with_changes(inspection.baseline, inspection.queries)
    if candidate.base_now == before.base_now:
        return gates
    inspection = inspection._replace(candidate=candidate)
    judged = []
    for kind, gate in zip(wanted, gates, strict=True):
        again = gate
        if kind.depends_on_base:
            again = _gate(kind, (_find(kind, inspection)), inspection)
        if not again.passed:
            note(again)
            inspection.sources.service.say(GateJudged(again))
        judged.append(again)
    return judged


def _wanted_gates(inspection: Inspection) -> list[GateKind]:
    """Return the gates that the inputs ask for; in a dry run, those that it can judge."""
    judged = JUDGED_BY_EVENT if inspection.inputs.dry_run else GATES
    return [kind for kind in judged if kind.name in inspection.inputs.gates]


def _find(kind: GateKind, inspection: Inspection) -> GateFinding:
    """Return the finding of a gate's judge."""
    try:
        return JUDGES[kind](inspection)
    except GitHubError as error:
        return GateFinding(Unknown.NOT_JUDGED, cause=error.cause, remedy=error.remedy)


def _gate(kind: GateKind, finding: GateFinding, inspection: Inspection) -> Gate:
    """Return a finding in the words of its outcome."""
    text = finding.outcome.value
    number = finding.number or len(finding.items)
    found = finding.outcome.found(number).format(
        number=number,
        cause=finding.cause,
        base=inspection.baseline.base,
        artifact=inspection.inputs.artifact,
    )
    gate = Gate(
        kind.name,
        isinstance(text, Passed),
        kind.expected(inspection.inputs),
        found,
        items=finding.items[:MAX_LISTED],
        details=finding.details[:MAX_LISTED],
        also_red=finding.also_red,
    )
    if isinstance(text, Passed):
        return gate
    return gate._replace(
        remedy=text.remedy.format(remedy=finding.remedy),
        error_code=text.code or kind.code,
        can_be_repaired=not text.is_for_people,
    )


def _warnings(judged: RunDetails, inspection: Inspection) -> None:
    """Warn if the run used another branch than requested."""
    asked = inspection.inputs.branch
    used = judged.branch
    if asked is not None and used is not None and used.text != asked:
        inspection.sources.service.say(OtherBranchUsed(Untrusted(asked), used))
