"""Judges a run that has ended against the stand-in of GitHub, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mogplex_ci.api.client import Client
from mogplex_ci.gates import Case, judge_run, note
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.patterns import CheckPatterns, Patterns
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.run.result import Result, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.waiting import Stop
from tests.github import AGENT, TOKEN, GitHub
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import result, run
from tests.virtual_time import VirtualClock, VirtualTime

BASE, BRANCH = "main", "mogplex/fix"
HEAD = "0" * 39 + "1"
"""The commit that the run pushes."""
OWN_BRANCH = {"base": BASE, "working": BRANCH, "createBranch": True}
SAME_BRANCH = {"base": BASE, "working": BRANCH, "createBranch": False}
NO_SERVICE = "http://127.0.0.1:9"
NOW = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)
"""When the run is started."""


class VirtualGitHub(GitHub):
    """The stand-in in virtual time, with the story of one run: it pushes ``HEAD`` to ``BRANCH``."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        super().__init__(clock=lambda: NOW + timedelta(seconds=self.time.monotonic()))
        self.meanwhile: Callable[[], object] = self.run_pushes
        """Happens once, while the run works; a test may tell another story."""

    def run_pushes(
        self, files: Mapping[str, str | None] | None = None, branch: str = BRANCH, **fields: Any
    ) -> None:
        """Let the run push its commit: a change of ``src/a.ts``, if not other files."""
        changes = {"src/a.ts": "changed"} if files is None else files
        self.push(branch, changes, **({"by": AGENT, "sha": HEAD} | fields))


def requires(*words: str, allowed: str = "", protected: str = "", checks: str = "") -> ActionInputs:
    patterns = [Patterns.parse(text) if text else None for text in (allowed, protected)]
    return typed_inputs(
        require=frozenset(words),
        allowed_paths=patterns[0],
        protected_paths=patterns[1],
        checks=CheckPatterns.parse(checks) if checks else None,
    )


def ended(*events: dict[str, Any], incomplete: bool = False, **fields: Any) -> RunResult:
    """A run that succeeded; the service recorded its commit unless ``fields`` say otherwise."""
    known = {"branch": OWN_BRANCH, "terminalCommitSha": HEAD, "createdAt": "2026-11-24T13:45:40Z"}
    success = result(Result.SUCCESS, *events, run=run("success", **(known | fields)))
    success.details.timeline.is_incomplete = incomplete
    return success


def judged(
    api: VirtualGitHub | None,
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
    """Judge a run that this process started, ``joined`` or ``attached`` to; it was asked to work
    on ``branch``.
    """

    def connect(repo: Repo) -> GitHubApi | None:
        return None if api is None else GitHubApi(api.url, TOKEN, repo.full_name.text)

    own_clock = (api.time if api else VirtualTime()).clock() if clock is None else None
    clock = clock or own_clock
    assert clock is not None
    said = [] if said is None else said
    service = Service(
        client or Client(NO_SERVICE, ""), clock, stop or Stop(), timeout=timeout, say=said.append
    )
    case = Case(wanted._replace(branch=branch), service, connect, Sanitizer(), **fields)
    run = success.details.run
    try:
        if api is not None and joined:
            _happens(api)
        if not attached:
            note(case, success.details.repo)
        if run is not None and (joined or attached):
            case.joins(run)
        if api is not None:
            _happens(api)
        return judge_run(success, case)
    finally:
        case.close()
        if own_clock is not None:
            own_clock.leave()


def _happens(api: VirtualGitHub) -> None:
    story, api.meanwhile = api.meanwhile, lambda: None
    story()


def granted(judgement: RunResult) -> str:
    """Return the words of log and summary for the only gate that was asked for, when it passed."""
    assert (judgement.ending.result, judgement.ending.exit_code, judgement.ending.error_code) == (
        Result.SUCCESS,
        0,
        "",
    )
    gate, *branch = judgement.details.gates
    assert [other.name for other in branch] in ([], ["branch"])
    assert (gate.passed, gate.remedy) == (True, "")
    return gate.found


def refused(judgement: RunResult, result: Result = Result.REJECTED) -> tuple[str, str]:
    """Why the first gate that failed did, and its error code."""
    gate = next(gate for gate in judgement.details.gates if not gate.passed)
    assert (judgement.ending.result, judgement.ending.exit_code) == (result, 1)
    assert judgement.ending.cause == gate.found
    assert (judgement.ending.remedy, judgement.ending.error_code) == (gate.remedy, gate.error_code)
    assert gate.remedy
    assert judgement.details.artifact is None
    return gate.found, gate.error_code
