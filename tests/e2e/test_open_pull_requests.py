"""Whole steps with ``max-open-pull-requests``, beside GitHub and the service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.github import TOKEN, Fault, GitHub
from tests.github_log import read_log
from tests.program import Ended, GitHubStep

FORK = {"full_name": "somebody/web"}


class Job:
    """A step that opens a pull request of ``agent/issue-7/99``, if fewer than two are open."""

    def __init__(self, folder: Path, api: GitHub, emulator: Emulator) -> None:
        self.api = api
        self.emulator = emulator
        inputs = {
            "prompt": "Fix it",
            "branch": "agent/issue-7/99",
            "create-branch": "true",
            "max-open-pull-requests": "2",
            "base-url": emulator.url,
            "api-key": emulator.token,
            "github-token": TOKEN,
        }
        env = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "acme/web"}
        self.step = GitHubStep(folder, inputs, env)

    def opens(self, number: int, branch: str, days: float = 0) -> None:
        opened = datetime.now(UTC) - timedelta(days=days, minutes=5)
        self.api.push(branch, {f"{number}.ts": "new"})
        stamp = opened.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.api.open_pull_request(branch, number, created_at=stamp)

    def run(self, **inputs: str) -> Ended:
        self.step.inputs |= {name.replace("_", "-"): value for name, value in inputs.items()}
        return self.step.run()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with GitHub() as api, Emulator("success", speed=50) as emulator:
        yield Job(tmp_path, api, emulator)


def test_as_many_as_allowed_start_nothing(job: Job) -> None:
    job.opens(41, "agent/issue-7/3", days=12)
    job.opens(42, "agent/issue-7/4")
    ended = job.run()
    assert (ended.code, job.emulator.runs) == (0, []), ended.out
    assert job.step.outputs["result"] == "skipped"
    said = (
        "Not started: 2 pull requests from branches under agent/issue-7/ are already open "
        "(max-open-pull-requests: 2). Merge or close one."
    )
    assert [(each.level, each.text) for each in read_log(ended.out).annotations] == [
        ("notice", said)
    ]
    assert said in job.step.summary
    oldest, newest = "https://github.com/acme/web/pull/41", "https://github.com/acme/web/pull/42"
    assert f"{oldest} (open for 12 days)" in job.step.summary
    assert f"{newest} (open for 5m 0" in job.step.summary
    assert job.step.summary.index(oldest) < job.step.summary.index(newest)


def test_only_open_ones_of_the_family_count(job: Job) -> None:
    """Not those of forks, of other branches, and of this very branch, which a re-run finds."""
    job.opens(41, "agent/issue-7/3")
    job.opens(42, "agent/issue-7/99")
    job.opens(43, "agent/issue-77/3")
    job.opens(44, "agent/issue-7")
    job.opens(45, "agent/issue-7/5")
    job.api.close_pull_request(45)
    job.opens(46, "agent/issue-7/6")
    job.api.pull_request(46)["head"]["repo"] = FORK
    ended = job.run()
    assert (ended.code, len(job.emulator.runs)) == (0, 1), ended.out


def test_every_page_of_branches_is_read(job: Job) -> None:
    for number in range(100):
        job.api.push(f"agent/issue-7/a{number:03}", {"a.ts": "new"})
    job.opens(41, "agent/issue-7/b1")
    job.opens(42, "agent/issue-7/b2")
    ended = job.run()
    assert (job.step.outputs["result"], job.emulator.runs) == ("skipped", []), ended.out


def test_a_missing_right_is_found_before(job: Job) -> None:
    job.api.lacks("pull-requests: read")
    ended = job.run()
    assert (ended.code, job.emulator.runs) == (2, []), ended.out
    assert job.step.outputs["error-code"] == "GITHUB_RIGHTS"
    assert "github-token lacks pull-requests: read in acme/web" in ended.out


REFUSED = b'{"data": {"repository": null}, "errors": [{"type": "FORBIDDEN", "message": "No"}]}'
LIMITED = b'{"data": null, "errors": [{"type": "RATE_LIMITED", "message": "No"}]}'


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=200, body=REFUSED),
        Fault(status=403, body=b'{"message": "Resource not accessible by integration"}'),
        pytest.param(Fault(status=200, body=LIMITED), marks=pytest.mark.slow),
        pytest.param(
            Fault(status=200, body=b'{"data": {"repository": {"refs": null}}}'),
            marks=pytest.mark.slow,
        ),
        pytest.param(Fault(status=502), marks=pytest.mark.slow),
    ],
)
def test_nothing_starts_if_github_cannot_be_asked(job: Job, fault: Fault) -> None:
    fault.path, fault.times = "graphql", 99
    job.api.faults.append(fault)
    ended = job.run()
    assert (ended.code, job.emulator.runs) == (1, []), ended.out
    outputs = job.step.outputs
    assert (outputs["result"], outputs["error-code"]) == ("error", "NOT_JUDGED")
    assert "The open pull requests could not be counted: " in ended.out


@pytest.mark.slow
def test_a_dry_run_asks_nothing(job: Job) -> None:
    ended = job.run(dry_run="true")
    assert (ended.code, job.api.asked) == (0, []), ended.out
