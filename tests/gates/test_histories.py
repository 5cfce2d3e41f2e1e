"""What the gates list of random histories, against what git's own merge changes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.history import Beginning, Changes, History
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.run.updates import Update
from tests.gates.histories import Step, histories, written
from tests.github import TOKEN, GitHub
from tests.github.git import Commits

T = TypeVar("T")
CRISS_CROSS = [
    Step(0, None, {".github/ci.yml": "1"}),
    Step(0, None, {"a": "1"}),
    Step(1, 2, {}),
    Step(1, 2, {".github/ci.yml": "0"}),
]
"""Two merges of the same two commits; the newer one keeps the old version of a file."""


def merge_changes(commits: Commits, base: str, head: str) -> set[str]:
    """Return the paths that merging ``head`` into ``base`` changes."""
    before, after = commits[base].tree, commits.merged(base, head)
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def listed(github: GitHub, base: str, commit: str) -> Changes | None:
    """Return what a new branch at ``commit`` changes; None if that cannot be determined."""
    api = GitHubApi(github.url, TOKEN, github.name)
    github.branches["main"] = base

    def ask(call: Callable[[GitHubApi], T]) -> Generator[Update, None, T]:
        yield from ()
        return call(api)

    beginning = Beginning("fix", "main", "", base, datetime.now(UTC))
    work = History(ask, beginning, commit, lambda: False).changes()
    try:
        next(work)
    except StopIteration as end:
        changes: Changes = end.value
        return changes
    except GitHubError:
        return None
    finally:
        api.close()
    pytest.fail("nothing is said while GitHub answers")


@given(steps=histories, number=st.integers(0, 8))
@example(steps=CRISS_CROSS, number=3)
def test_a_comparison_that_counts_lists_every_path_that_a_merge_changes(
    github: GitHub, steps: list[Step], number: int
) -> None:
    commits = written(github.commits, steps)
    head = commits[-1]
    base = commits[min(number, len(commits) - 1)]
    found = listed(github, base, head)
    if found is not None:
        assert merge_changes(github.commits, base, head) <= {path.text for path in found.paths}
