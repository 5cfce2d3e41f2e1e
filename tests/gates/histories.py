"""Random histories of a repository, written by git: files of thirty like lines that are edited,
renamed and copied, branches that were merged both ways, and merges that put back what one side had.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from tests.github.git import Commits

PATHS = ["a", "b", "config/dev", "config/prod", ".github/ci.yml"]
CONTENTS = [f"{number}\n" + "".join(f"line {line}\n" for line in range(29)) for number in range(4)]
"""Contents so alike that git takes one file for another that was renamed."""


class Step(NamedTuple):
    """A commit: on which earlier one, with which other one merged, and what it changes."""

    parent: int
    other: int | None
    changes: dict[str, str | None]


def _number(highest: int) -> st.SearchStrategy[int]:
    return st.integers(0, highest)


def _changes() -> st.SearchStrategy[dict[str, str | None]]:
    content = st.sampled_from([*CONTENTS, None])
    return st.dictionaries(st.sampled_from(PATHS), content, max_size=3)


def _steps(count: int) -> st.SearchStrategy[list[Step]]:
    return st.tuples(
        *(
            st.builds(Step, _number(number), st.none() | _number(number), _changes())
            for number in range(count)
        )
    ).map(list)


histories = st.integers(3, 9).flatmap(_steps)
"""Steps after the first commit."""


def written(commits: Commits, steps: list[Step]) -> list[str]:
    """Write a history; return its commits. A merge of a commit and its ancestor has one parent."""
    start: dict[str, str | bytes | None] = {"README.md": "# web", PATHS[0]: CONTENTS[0]}
    start |= {PATHS[2]: CONTENTS[1], PATHS[4]: CONTENTS[2]}
    made = [commits.add((), start, message="Start", author="ada")]
    for step in steps:
        parents: tuple[str, ...] = (made[step.parent],)
        if step.other is not None and _differ(commits, parents[0], made[step.other]):
            parents = (*parents, made[step.other])
        changes: dict[str, str | bytes | None] = {**step.changes}
        if len(parents) == 2:
            changes = _resolved(commits, parents) | changes
        made.append(commits.add(parents, changes, message="Work", author="ada"))
    return made


def _differ(commits: Commits, one: str, other: str) -> bool:
    return other not in commits.history(one) and one not in commits.history(other)


def _resolved(commits: Commits, parents: tuple[str, ...]) -> dict[str, str | bytes | None]:
    """Return what a person would write for the conflicts of a merge: what the first parent has."""
    merged = commits.merged(*parents)
    first = commits[parents[0]].tree
    return {path: first.get(path) for path, content in merged.items() if b"<<<<" in content}
