"""What the gates list of random histories, against what git's own merge changes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mogplex_ci.api.client import Client
from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.case import Case
from mogplex_ci.gates.lookup import compare_with_base, read_pull_requests
from mogplex_ci.gates.paths import _files, _names
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.waiting import Stop
from tests.gates.histories import CONTENTS, PATHS, Step, histories, written
from tests.github import TOKEN, GitHub
from tests.github.git import Commits
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualTime

ONE, TWO, THREE, FOUR = CONTENTS
CRISS_CROSS = [
    Step(0, None, {PATHS[4]: ONE}),
    Step(0, None, {"a": TWO}),
    Step(1, 2, {}),
    Step(1, 2, {PATHS[4]: THREE}),
]
"""Two merges of the same two commits; the newer one keeps the old version of a file."""
TAKEN_BACK = [
    Step(0, None, {PATHS[4]: ONE}),
    Step(0, None, {"a": TWO}),
    Step(2, 1, {PATHS[4]: THREE}),
]
"""A merge of the newer base that puts the old version of a file back."""
SWAPPED = [
    Step(0, None, {"config/dev": None, "b": TWO, "config/prod": FOUR}),
    Step(1, None, {"config/dev": TWO, "config/prod": None}),
]
"""A file that was renamed comes back, and a similar one goes."""

RENAMED_BY_BASE = [
    Step(0, None, {PATHS[4]: None, "b": THREE}),
    Step(0, None, {PATHS[4]: ONE}),
]
"""The base renames a file that the branch changes."""


def merge_changes(commits: Commits, base: str, head: str) -> set[str]:
    """Return the paths that merging ``head`` into ``base`` changes, by git."""
    before, after = commits[base].tree, commits.merged(base, head)
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def listed(github: GitHub, base: str, head: str) -> set[str] | None:
    """Return the paths that the gates list; None if they cannot be judged."""
    github.branches |= {"main": base, "fix": head}
    clock = VirtualTime().clock()
    with contextlib.closing(Client("http://127.0.0.1:9", "")) as client:
        service = Service(client, clock, Stop(), timeout=600.0)
        connect = lambda _: None  # noqa: E731 - GitHub is known
        case = Case(typed_inputs(), service, connect, Sanitizer())
        case.github = GitHubApi(github.url, TOKEN, github.name)
        case.base, case.branch, case.commit = "main", "fix", head
        case.base_before = base
        with contextlib.closing(case):
            read_pull_requests(case)
            compare_with_base(case)
            try:
                return _names(_files(case))
            except GitHubError:
                return None
            finally:
                clock.leave()


def check_history(github: GitHub, steps: list[Step], number: int) -> None:
    made = written(github.commits, steps)
    base, head = made[min(number, len(made) - 1)], made[-1]
    assume(not github.commits.conflict(base, head))
    found = listed(github, base, head)
    assert found is not None, "there is a pull request, so it can be judged"
    missed = merge_changes(github.commits, base, head) - found
    assert {
        path for path in missed if old_name(github.commits, base, head, path) not in found
    } == set()


def old_name(commits: Commits, base: str, head: str, path: str) -> str | None:
    """Return the name of a file before the base renamed it meanwhile, under which the branch has
    it; None if the base did not. The page says that the new name is not listed.
    """
    common = commits.merge_base(base, head)
    for file in commits.files_between(common, base) if common else ():
        if file["filename"] == path:
            return file.get("previous_filename")
    return None


@pytest.fixture(scope="module")
def opened(github: GitHub) -> GitHub:
    """A GitHub with an open pull request of the branch."""
    github.open_pull_request("fix")
    return github


cases = given(histories, st.integers(0, 9))


@cases
@example(CRISS_CROSS, 3)
@example(TAKEN_BACK, 1)
@example(SWAPPED, 0)
@example(RENAMED_BY_BASE, 1)
def test_every_path_that_merging_changes_is_listed(
    opened: GitHub, steps: list[Step], number: int
) -> None:
    check_history(opened, steps, number)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@settings(max_examples=max(300, settings().max_examples))  # nightly: 2,000
@cases
def test_every_path_that_merging_one_of_2_000_histories_changes_is_listed(
    opened: GitHub, steps: list[Step], number: int
) -> None:
    check_history(opened, steps, number)
