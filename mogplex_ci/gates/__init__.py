"""Gates: requirements of a successful run, judged by GitHub, its artifact and, without a token, its
events.

``judge_run`` turns a successful result into a rejected one when a gate does not pass or cannot be
judged. Nothing is reverted: branch and pull request stay for people to look at.
"""

from __future__ import annotations

from collections.abc import Generator

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.case import Case, Judge, Verdict
from mogplex_ci.gates.table import BRANCH, GATES, MOST_LISTED, UNKNOWN, GateKind
from mogplex_ci.run.result import Gate, Result, RunResult
from mogplex_ci.run.updates import GateJudged, Update
from mogplex_ci.untrusted import Untrusted

__all__ = ["Case", "Judge", "judge_run"]


def judge_run(result: RunResult, case: Case) -> Generator[Update, None, RunResult]:
    """Judge a successful run by every gate and return its result, rejected if one does not hold.
    Yields updates.

    Raises:
        StopRequested: a stop signal came.
    """
    if result.result is not Result.SUCCESS:
        return result
    yield from case.collect(result)
    wanted = [kind for kind in GATES if kind.name in case.inputs.gates]
    if case.judge.rehearsed == ():
        wanted = [kind for kind in wanted if not kind.is_for_github]
    if case.github is not None and (case.inputs.repair > 0 or any(kind.needs for kind in wanted)):
        wanted.append(BRANCH)
    gates: list[Gate] = []
    artifact = None
    for kind in wanted:
        if kind is BRANCH and not all(gate.passed for gate in gates):
            break
        verdict = yield from _verdict_of(kind, case)
        artifact = artifact or verdict.artifact
        gates.append(_gate(kind, verdict, case))
        yield GateJudged(gates[-1])
    judged = case.result._replace(gates=tuple(gates), artifact=artifact)
    first = next((gate for gate in gates if not gate.passed), None)
    if first is None:
        return judged
    return judged._replace(
        result=Result.TIMEOUT if first.error_code == "TIMEOUT" else Result.REJECTED,
        exit_code=1,
        cause=f"the run succeeded, but {first.found}",
        remedy=first.remedy,
        detail=first.items[0] if first.items else None,
        error_code=first.error_code,
    )


def _verdict_of(kind: GateKind, case: Case) -> Generator[Update, None, Verdict]:
    """Return what a gate's judge finds; in a rehearsal, what the scenario says of this round, or of
    the last one.
    """
    rounds = case.judge.rehearsed
    if not rounds:
        try:
            return (yield from kind.judge(case))
        except GitHubError as error:
            return Verdict("not-judged", cause=error.cause, remedy=error.remedy)
    items = rounds[min(case.round, len(rounds)) - 1].get(kind.name)
    if items is None:
        return Verdict("passed", number=1)
    return Verdict("bad", tuple(map(Untrusted, sorted(items))))


def _gate(kind: GateKind, verdict: Verdict, case: Case) -> Gate:
    """Return what a verdict means, in the words of the table; one item may have other words than
    several.
    """
    outcomes, number = (
        {"not-judged": UNKNOWN, **kind.outcomes},
        verdict.number or len(verdict.items),
    )
    one = outcomes.get(f"one-{verdict.outcome}") if number == 1 else None
    outcome = one or outcomes[verdict.outcome]
    passed = not outcome.remedy
    return Gate(
        kind.name,
        passed,
        kind.expected.format(artifact=case.inputs.artifact),
        outcome.found.format(number=number, cause=verdict.cause),
        outcome.remedy.format(remedy=verdict.remedy),
        "" if passed else outcome.code or kind.code,
        verdict.items[:MOST_LISTED],
        verdict.details[:MOST_LISTED],
        outcome.can_be_repaired,
    )
