"""Judges a run that has ended against the stand-in of GitHub, in virtual time."""

from __future__ import annotations

from typing import Any

from mogplex_ci.api.client import Client
from mogplex_ci.gates import Case, Judge, judge_run
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.patterns import Patterns
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Started, Update
from mogplex_ci.waiting import Stop
from tests.github_api import HEAD, TOKEN, FakeGitHub
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import result, run, starting
from tests.virtual_time import VirtualClock, VirtualTime

BASE, BRANCH = "main", "mogplex/fix"
OWN_BRANCH = {"base": BASE, "working": BRANCH, "createBranch": True}
SAME_BRANCH = {"base": BASE, "working": BRANCH, "createBranch": False}
NO_SERVICE = "http://127.0.0.1:9"


def requires(*words: str, allowed: str = "", protected: str = "") -> ActionInputs:
    patterns = [Patterns.parse(text) if text else None for text in (allowed, protected)]
    return typed_inputs(
        require=frozenset(words), allowed_paths=patterns[0], protected_paths=patterns[1]
    )


def ended(*events: dict[str, Any], incomplete: bool = False, **fields: Any) -> RunResult:
    """A run that succeeded; the service recorded its commit unless ``fields`` say otherwise."""
    known = {"branch": OWN_BRANCH, "terminalCommitSha": HEAD, "createdAt": "2026-11-24T13:45:40Z"}
    success = result(Result.SUCCESS, *events, run=run("success", **(known | fields)))
    success.timeline.is_incomplete = incomplete
    return success


def judged(
    api: FakeGitHub | None,
    success: RunResult,
    wanted: ActionInputs,
    clock: VirtualClock | None = None,
    *,
    joined: bool = False,
    attached: bool = False,
    branch: str | None = None,
    timeout: float = 600.0,
    stop: Stop | None = None,
    said: list[Update] | None = None,
    client: Client | None = None,
    **fields: Any,
) -> RunResult:
    """Judge a run that this process started, ``joined``, or ``attached`` to; it was asked to work
    on ``branch``.
    """

    def connect(repo: Repo) -> GitHubApi | None:
        return None if api is None else GitHubApi(api.url, TOKEN, repo.full_name.text)

    clock = clock or VirtualTime().clock()
    service = Service(client or Client(NO_SERVICE, ""), clock, stop or Stop(), timeout=timeout)
    case = Case(wanted._replace(branch=branch), Judge(service, connect, **fields))
    said = [] if said is None else said
    try:
        said += () if attached else case.watch(starting())
        if success.run is not None:
            said += case.watch(
                Started(success.run, "key", joined=joined or attached, owned=not attached)
            )
        work = judge_run(success, case)
        while True:
            said.append(next(work))
    except StopIteration as end:
        judgement: RunResult = end.value
        return judgement
    finally:
        case.close()


def granted(judgement: RunResult) -> str:
    """Return the words of log and summary for the only gate that was asked for, when it passed."""
    assert (judgement.result, judgement.exit_code, judgement.error_code) == (Result.SUCCESS, 0, "")
    gate, *branch = judgement.gates
    assert [other.name for other in branch] in ([], ["branch"])
    assert (gate.passed, gate.remedy) == (True, "")
    return gate.found


def refused(judgement: RunResult, result: Result = Result.REJECTED) -> tuple[str, str]:
    """Why the first gate that failed did, and its error code."""
    gate = next(gate for gate in judgement.gates if not gate.passed)
    assert (judgement.result, judgement.exit_code) == (result, 1)
    assert judgement.cause == f"the run succeeded, but {gate.found}"
    assert (judgement.remedy, judgement.error_code) == (gate.remedy, gate.error_code)
    assert gate.remedy
    assert judgement.artifact is None
    return gate.found, gate.error_code
