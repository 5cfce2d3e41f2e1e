"""What the gates list of random histories, against what git's own merge changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from hypothesis import assume, example, given
from hypothesis import strategies as st

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.history import Beginning, History
from mogplex_ci.github_api import GitHubApi
from tests.gates.histories import Step, histories, written
from tests.github import AGENT, TOKEN, GitHub
from tests.github.git import Commits, Tree

T = TypeVar("T")
CRISS_CROSS = [
    Step(0, None, {".github/ci.yml": "1"}),
    Step(0, None, {"a": "1"}),
    Step(1, 2, {}),
    Step(1, 2, {".github/ci.yml": "0"}),
]
"""Two merges of the same two commits; the newer one keeps the old version of a file."""
TAKEN_BACK = [
    Step(0, None, {".github/ci.yml": "1"}),
    Step(0, None, {"a": "1"}),
    Step(2, 1, {".github/ci.yml": "0"}),
]
"""A merge of the newer base that puts the noted version of a file back."""
KEPT_OLD = [
    Step(0, None, {".github/ci.yml": "1"}),
    Step(0, None, {".github/ci.yml": "2"}),
    Step(1, 2, {".github/ci.yml": "1"}),
]
"""A merge of the newer base that keeps the branch's version of a file."""


Case = tuple[list[Step], int, int, int]
"""A history, and the numbers of three of its commits: the noted tip of the base, its tip now, and
the branch's before the run. The judged commit is the last one.
"""
cases = st.tuples(histories, *(st.integers(0, 9) for _ in range(3)))


def merge_changes(commits: Commits, base: str, head: str) -> set[str]:
    """Return the paths that merging ``head`` into ``base`` changes."""
    return differing(commits[base].tree, commits.merged(base, head))


def differing(before: Tree, after: Tree) -> set[str]:
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def play(github: GitHub, case: Case) -> tuple[str, str, str, str]:
    """Write a history; return the noted base, the base now, the branch before, and the commit."""
    steps, *numbers = case
    made = written(github.commits, steps)
    noted, now, tip = (made[min(number, len(made) - 1)] for number in numbers)
    github.branches |= {"main": now, "fix": tip}
    github.activity = []
    github.push("fix", commit=made[-1], by=AGENT)
    return noted, now, tip, made[-1]


def changed(github: GitHub, noted: str, tip: str, commit: str) -> set[str] | None:
    """Return the paths that count as the run's; None if the changes cannot be determined."""
    api = GitHubApi(github.url, TOKEN, github.name)

    def ask(call: Callable[[GitHubApi], T]) -> T:
        return call(api)

    beginning = Beginning("fix", "main", tip, noted, datetime.min.replace(tzinfo=UTC))
    try:
        changes = History(ask, beginning, commit, lambda: False).changes()
    except GitHubError:
        return None
    finally:
        api.close()
    return {path.text for path in changes.paths}


@given(cases)
@example((CRISS_CROSS, 3, 3, 0))
@example((TAKEN_BACK, 0, 1, 0))
def test_every_path_that_merging_a_new_branch_changes_counts(github: GitHub, case: Case) -> None:
    """Into the base as it was noted, and as it is now."""
    noted, now, _, commit = play(github, case)
    found = changed(github, noted, "", commit)
    if found is not None:
        assert merge_changes(github.commits, noted, commit) <= found
        assert merge_changes(github.commits, now, commit) <= found


@given(cases)
@example((KEPT_OLD, 2, 2, 1))
def test_every_path_that_merging_an_existing_branch_now_changes_otherwise_counts(
    github: GitHub, case: Case
) -> None:
    """Than merging the branch as it was before the run would."""
    noted, now, tip, commit = play(github, case)
    commits = github.commits
    assume(not commits.conflict(now, tip) and not commits.conflict(now, commit))
    found = changed(github, noted, tip, commit)
    if found is not None:
        assert differing(commits.merged(now, tip), commits.merged(now, commit)) <= found
