"""Gates: what a successful run must have delivered, judged by its events, by GitHub and by its artifact.

``judge_run`` turns a successful result into a rejected one when a gate does not pass; what cannot be judged does not.
Nothing is reverted: branch and pull request stay for people to look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.retry import retrying
from mogplex_ci.errors import MogplexError
from mogplex_ci.gates.judges import judge_artifact, judge_change, judge_checks, judge_paths, judge_pull_request
from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import GateJudged

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from mogplex_ci.api.client import Client
    from mogplex_ci.gates.judges import ArtifactWanted, Patterns
    from mogplex_ci.github_api import GitHubApi
    from mogplex_ci.run.result import Gate, RunResult
    from mogplex_ci.run.updates import Update
    from mogplex_ci.waiting import Clock, Stop


COMMIT_SECONDS: Final = 10.0
"""How long the service may take to record the pushed commit of a run that succeeded."""
COMMIT_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a run must deliver."""

    change: bool = False
    pull_request: bool = False
    checks: bool = False
    """All checks on the pull request's head have passed."""
    allowed: Patterns | None = None
    """Every changed path matches."""
    protected: Patterns | None = None
    """No changed path matches."""
    artifact: ArtifactWanted | None = None

    def __bool__(self) -> bool:
        """Whether anything is required."""
        return self != Requirements()


@dataclass(frozen=True, slots=True)
class Judge:
    """What gates work with."""

    client: Client
    github: GitHubApi | None
    """None when GitHub cannot be asked: what only it knows cannot be judged then."""
    why_not: str
    """What to do so that it can be asked, as a sentence."""
    clock: Clock
    stop: Stop
    deadline: float
    """A time of the clock."""


def judge_run(result: RunResult, wanted: Requirements, judge: Judge) -> Generator[Update, None, RunResult]:
    """Judge a successful run by every gate and return its result, rejected if one does not hold. Yields updates.

    Raises:
        StopRequested: a stop signal came.
    """
    if result.result is not Result.SUCCESS:
        return result
    if wanted.artifact is not None:
        result = yield from _with_pushed_commit(result, judge)
    gates: list[Gate] = []
    for work in _gates(result, wanted, judge):
        gate = yield from work
        gates.append(gate)
        yield GateJudged(gate)
    failed = [gate for gate in gates if not gate.passed]
    artifact = next((gate.artifact for gate in gates if gate.artifact is not None), None)
    judged = result._replace(gates=tuple(gates), artifact=artifact)
    if not failed:
        return judged
    first = failed[0]
    return judged._replace(
        result=Result.REJECTED,
        exit_code=1,
        cause=f"the run succeeded, but {first.found}",
        remedy=first.remedy,
        detail=first.items[0] if first.items else None,
        error_code=first.error_code,
    )


def _with_pushed_commit(result: RunResult, judge: Judge) -> Generator[Update, None, RunResult]:
    """Wait until the service knows the commit that the run pushed, from which it then reads the artifact.

    It follows the end of the run within ten seconds, or never. Older services do not tell it.
    """
    if (run := result.run) is None:
        return result
    run_id, ends = run.id, min(judge.deadline, judge.clock.monotonic() + COMMIT_SECONDS)
    while run.has_terminal_commit and run.terminal_commit is None:
        if judge.clock.monotonic() + COMMIT_PAUSE >= ends:
            break
        judge.stop.sleep(judge.clock, COMMIT_PAUSE)
        try:
            run = yield from retrying(
                lambda timeout: judge.client.run(run_id, timeout=timeout),
                clock=judge.clock,
                deadline=ends,
                stop=judge.stop,
            )
        except MogplexError:
            break
    return result._replace(run=run)


def _gates(result: RunResult, wanted: Requirements, judge: Judge) -> Iterator[Generator[Update, None, Gate]]:
    if wanted.change:
        yield judge_change(result, judge)
    if wanted.pull_request:
        yield judge_pull_request(result, judge)
    if wanted.allowed is not None:
        yield judge_paths(result, wanted.allowed, judge, are_allowed=True)
    if wanted.protected is not None:
        yield judge_paths(result, wanted.protected, judge, are_allowed=False)
    if wanted.artifact is not None:
        yield judge_artifact(result, wanted.artifact, judge)
    if wanted.checks:  # last: it waits for others
        yield judge_checks(result, judge)
