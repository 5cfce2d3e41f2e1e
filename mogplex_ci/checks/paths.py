"""``allowed-paths`` and ``protected-paths``: which files a run may change, in ``.gitignore`` style."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from mogplex_ci.checks.require import ask, not_judged
from mogplex_ci.errors import GitHubError
from mogplex_ci.run.result import Gate

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pathspec import GitIgnoreSpec

    from mogplex_ci.checks import Judge
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.updates import Update

MOST_LISTED: Final = 20
"""Paths that a gate lists."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns in ``.gitignore`` style; a later one decides, ``!`` takes a path out again."""

    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    @classmethod
    def parse(cls, lines: Sequence[str]) -> Patterns:
        """Parse one pattern a line; blank lines and comments are ignored.

        Raises:
            ValueError: a line is not a pattern, or there is none.
        """
        from pathspec import GitIgnoreSpec  # only for steps that use it

        given = tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))
        if not any(not line.startswith("!") for line in given):
            raise ValueError("holds no pattern that matches anything")
        return cls(given, GitIgnoreSpec.from_lines(given))


def judge_paths(
    result: RunResult, patterns: Patterns, judge: Judge, *, are_allowed: bool
) -> Generator[Update, None, Gate]:
    """Judge the paths that differ between base and branch; a renamed file counts with both names."""
    name = "allowed-paths" if are_allowed else "protected-paths"
    expected = "changes inside the allowed paths only" if are_allowed else "no changes in protected paths"
    code = "PATH_NOT_ALLOWED"
    if result.timeline.changed is False and not result.timeline.is_incomplete:
        return Gate(name, True, expected, "it changed nothing")
    github = judge.github
    if github is None:
        return Gate(name, False, expected, "its changed paths could not be read", judge.why_not, code)
    if result.branch is None or result.base_branch is None or result.branch == result.base_branch:
        return _not_comparable(name, expected)
    base, branch = result.base_branch.text, result.branch.text
    try:
        comparison = yield from ask(judge, partial(github.compare, base, branch))
    except GitHubError as error:
        return not_judged(name, expected, code, error)
    if not comparison.paths and result.timeline.changed:
        return _not_comparable(name, expected)
    bad = [path for path in comparison.paths if patterns.spec.match_file(path.text) != are_allowed]
    if bad:
        number, which = ("a", "path") if len(bad) == 1 else (str(len(bad)), "paths")
        words = f"it changed {number} {which} outside the allowed ones"
        if not are_allowed:
            words = f"it changed {number} protected {which}"
        remedy = "Look at the branch: nothing was reverted. Change the task or the patterns."
        return Gate(name, False, expected, words, remedy, code, tuple(bad[:MOST_LISTED]))
    if not comparison.is_complete:
        remedy = "Look at the branch by hand: GitHub lists 300 changed files at most."
        return Gate(name, False, expected, "it changed more files than GitHub lists", remedy, code)
    return Gate(name, True, expected, "all paths that it changed are allowed")


def _not_comparable(name: str, expected: str) -> Gate:
    """Return the gate of a run whose changes no comparison of branches shows: it does not pass."""
    remedy = "Let the run work on a branch of its own: set create-branch."
    return Gate(name, False, expected, "no comparison shows what it changed", remedy, "PATH_NOT_ALLOWED")
