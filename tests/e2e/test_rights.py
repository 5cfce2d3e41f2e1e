"""Whole steps whose ``github-token`` lacks a right that the inputs need: nothing is started, and
one message says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.gate_kinds import GATES
from tests.emulator import Emulator
from tests.github import TOKEN, Fault, GitHub, Look, Work, check
from tests.github_log import read_log
from tests.program import Ended, GitHubStep, run_program

ARTIFACT = {"artifact": "report"}
INPUTS = {
    "change": {"require": "change"},
    "pull-request": {"require": "pull-request"},
    "checks": {"checks": "test"},
    "allowed-paths": {"allowed-paths": "src/"},
    "protected-paths": {"protected-paths": ".github/"},
    "append-only-paths": {"append-only-paths": "tests/"},
    "artifact": {**ARTIFACT, "repair": "1"},
}
"""What asks for each gate, and with it for rights; an artifact alone needs none."""
NEEDED = [
    pytest.param(kind.name, right, id=f"{kind.name} without {right}")
    for kind in GATES
    if kind.name in INPUTS
    for right in (kind.needs or "contents: read").split(", ")
]
ALL = {
    "require": "change, pull-request",
    "checks": "test",
    "protected-paths": ".github/",
    "repair": "2",
}


def added(*rights: str) -> str:
    """Return the advice to add these rights."""
    names = "`, `".join(rights)
    return (
        f"Add `{names}` to the job's `permissions`, then start the workflow again: a re-run keeps the "
        "old permissions. Nothing was started."
    )


class Job:
    """A step beside GitHub and the service, whose runs do honest work."""

    def __init__(self, folder: Path, api: GitHub, emulator: Emulator) -> None:
        api.works_for(emulator, Work(checks=Look([check("test", "success")])))
        self.api = api
        self.emulator = emulator
        inputs = {
            "prompt": "Fix it",
            "base-url": emulator.url,
            "api-key": emulator.token,
            "github-token": TOKEN,
        }
        env = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "acme/web"}
        self.step = GitHubStep(folder, inputs, env)

    def run(self, **inputs: str) -> Ended:
        self.step.inputs |= {name.replace("_", "-"): value for name, value in inputs.items()}
        return self.step.run()

    def post(self) -> Ended:
        return run_program("post", env=self.step.environment, cwd=self.step.workspace)


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub() as api:
        yield api


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("success", speed=50) as emulator:
        yield emulator


@pytest.fixture
def job(tmp_path: Path, api: GitHub, emulator: Emulator) -> Job:
    return Job(tmp_path, api, emulator)


def errors(ended: Ended) -> list[str]:
    return [found.text for found in read_log(ended.out).annotations if found.level == "error"]


def check_nothing_started(job: Job, ended: Ended, cause: str, remedy: str) -> None:
    """Assert that the step said this one sentence, and that neither it nor ``post`` has started or
    cancelled anything.
    """
    assert (ended.code, errors(ended)) == (2, [f"{cause}. {remedy}"]), ended.out
    told = {name: job.step.outputs[name] for name in ("result", "error-code", "run-id")}
    assert told == {"result": "error", "error-code": "GITHUB_RIGHTS", "run-id": ""}
    assert job.post().code == 0
    assert job.emulator.runs == []
    assert {request.route for request in job.emulator.requests} <= {"repos"}


def test_each_gate_is_asked_for() -> None:
    missing = {kind.name for kind in GATES} - INPUTS.keys()
    assert not missing, "add to INPUTS what asks for each"


@pytest.mark.parametrize(("name", "right"), NEEDED)
def test_a_right_that_a_gate_needs_is_asked_for_before_the_start(
    job: Job, name: str, right: str
) -> None:
    job.api.lacks(right)
    cause = f"github-token lacks {right} in acme/web"
    check_nothing_started(job, job.run(**INPUTS[name]), cause, added(right))
    assert {asked.method for asked in job.api.asked} == {"GET"}


def test_all_that_is_missing_is_one_message(job: Job) -> None:
    rights = ("pull-requests: read", "checks: read", "statuses: read")
    job.api.lacks(*rights)
    job.step.inputs |= ALL
    cause = "github-token lacks pull-requests: read, checks: read and statuses: read in acme/web"
    check_nothing_started(job, job.run(), cause, added(*rights))


def test_a_repository_that_the_token_does_not_see_is_no_missing_right(job: Job) -> None:
    cause = "github-token does not see acme/api"
    remedy = (
        "A workflow's own token cannot see other private repositories: use the token of a GitHub App "
        "installed there. Nothing was started."
    )
    check_nothing_started(job, job.run(repo="acme/api", require="change"), cause, remedy)


def test_a_token_that_github_does_not_know_starts_nothing(job: Job) -> None:
    remedy = "Set it to a current token that can read this repository. Nothing was started."
    ended = job.run(github_token="ghs_unknownTokenOfNobody000000000000", require="change")
    check_nothing_started(job, ended, "GitHub does not accept github-token", remedy)


def test_a_repository_that_is_given_by_its_id_is_asked_about_before_the_start(job: Job) -> None:
    repos = job.emulator.world.tokens[job.emulator.token].user.repos
    web = next(repo.id for repo in repos if repo.full_name == "acme/web")
    job.api.lacks("checks: read")
    ended = job.run(repo=web, require="checks")
    cause = "github-token lacks checks: read in acme/web"
    check_nothing_started(job, ended, cause, added("checks: read"))


LIMITED = Fault(status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"})
SAYS_NOTHING = {
    "a used-up limit": LIMITED,
    "a secondary limit": Fault(status=403, headers={"Retry-After": "0"}),
    "a secondary limit that names no time": Fault(
        status=403, body=b'{"message": "You have exceeded a secondary rate limit."}'
    ),
    "an outage": Fault(status=502),
    "a lost connection": Fault(drop=True),
}


@pytest.mark.parametrize("fault", SAYS_NOTHING.values(), ids=SAYS_NOTHING)
def test_an_answer_that_says_nothing_of_rights_lets_the_run_start(job: Job, fault: Fault) -> None:
    fault.times = 2
    job.api.faults.append(fault)
    ended = job.run(require="pull-request")
    assert (ended.code, len(job.emulator.runs)) == (0, 1), ended.out


def test_a_token_with_all_rights_is_asked_before_the_start(job: Job) -> None:
    """About the base with the read that gates begin with, too."""
    job.step.inputs |= ALL
    assert job.run().code == 0
    assert len(job.emulator.runs) == 1
    paths = [asked.path.removeprefix("/repos/acme/web/") for asked in job.api.asked]
    assert paths[:5] == [
        "git/ref/heads/main",
        "pulls",
        "commits/HEAD/check-suites",
        "commits/HEAD/status",
        "git/ref/heads/main",
    ]
    assert job.api.asked[4].status == 304


def test_a_run_that_is_followed_is_not_asked_about(job: Job) -> None:
    assert job.run(require="change").code == 0
    run_id = job.step.outputs["run-id"]
    del job.step.inputs["prompt"]
    job.api.lacks("contents: read")
    ended = job.run(run_id=run_id, require="change")
    assert job.step.outputs["error-code"] == "NOT_JUDGED", ended.out


def test_without_a_gate_nothing_is_asked(job: Job) -> None:
    assert job.run().code == 0
    assert job.api.asked == []
