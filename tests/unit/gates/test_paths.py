"""Which paths the patterns of ``allowed-paths`` and ``protected-paths`` match."""

from __future__ import annotations

import pytest

from mogplex_ci.gates.judges import Patterns


@pytest.mark.parametrize(
    ("patterns", "path", "matches"),
    [
        (["src/**"], "src/a/b.py", True),
        (["src/**"], "lib/src/a.py", False),
        ([".github/"], ".github/workflows/ci.yml", True),
        ([".github/"], "packages/web/.github/ci.yml", True),
        (["/.github/"], "packages/web/.github/ci.yml", False),
        (["*.md", "!docs/*.md"], "README.md", True),
        (["*.md", "!docs/*.md"], "docs/a.md", False),
        (["# a comment", "", "  *.lock  "], "yarn.lock", True),
        (["a b/*"], "a b/ü.txt", True),
    ],
)
def test_patterns_match_as_in_a_gitignore_file(patterns: list[str], path: str, matches: bool) -> None:
    assert Patterns.parse(patterns).spec.match_file(path) is matches


@pytest.mark.parametrize("patterns", [[], [""], ["# only a comment"], ["!docs/"]])
def test_patterns_that_match_nothing_are_refused(patterns: list[str]) -> None:
    with pytest.raises(ValueError, match="matches anything"):
        Patterns.parse(patterns)
