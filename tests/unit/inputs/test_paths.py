"""Which paths the patterns of ``allowed-paths`` and ``protected-paths`` match."""

from __future__ import annotations

import pytest

from mogplex_ci.inputs.patterns import Patterns


@pytest.mark.parametrize(
    ("patterns", "path", "matches"),
    [
        ("src/**", "src/a/b.py", True),
        ("src/**", "lib/src/a.py", False),
        (".github/", ".github/workflows/ci.yml", True),
        (".github/", "packages/web/.github/ci.yml", True),
        ("/.github/", "packages/web/.github/ci.yml", False),
        ("*.md\n!docs/*.md", "README.md", True),
        ("*.md\n!docs/*.md", "docs/a.md", False),
        ("*.md", "x.md/test.py", True),
        ("# a comment\n\n  *.lock  \r\n", "yarn.lock", True),
        ("a b/*", "a b/ü.txt", True),
        (
            ".husky/*",
            ".husky",
            False,
        ),  # a link in its place: the folder's own pattern protects that
        (r"\#a", "#a", True),
        (".github/**\n!.github/docs.md", ".github/docs.md", False),
        (".github/\n!.github/docs.md", ".github/docs.md", False),
        (".github/\n!.github/docs/", ".github/docs/a.md", False),
    ],
)
def test_patterns_match_as_in_a_gitignore_file(patterns: str, path: str, matches: bool) -> None:
    found = Patterns.parse(patterns)
    assert (found.allow(path), found.protect(path)) == (matches, matches)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (".husky/", ".husky"),  # a symbolic link
        ("vendor/lib/", "vendor/lib"),  # a submodule
        ("package.json", "Package.json"),
        ("docs/straße/", "docs/STRASSE/a.md"),
        ("caf\u00e9/", "cafe\u0301/menu.md"),
        ("*.lock", "yarn\n.lock"),
        ("src/", "b.py\x1b"),
        ("src/", "b\u200b.py"),
        ("src/ok.py", "src/ok.py\n"),
        ("src/ok.py", "src/o\u202ek.py"),
        ("*-*-*-*.yml", "-" * 4_000 + ".yml"),
    ],
)
def test_what_may_be_taken_for_a_protected_path_is_protected_and_not_allowed(
    pattern: str, path: str
) -> None:
    found = Patterns.parse(pattern)
    assert (found.protect(path), found.allow(path)) == (True, False)


def test_a_path_is_taken_out_by_its_own_letters() -> None:
    """On Linux ``src/gen/`` is another folder than ``src/Gen/``."""
    found = Patterns.parse("src/\n!src/Gen/")
    assert (found.protect("src/Gen/a.py"), found.protect("src/gen/a.py")) == (False, True)


@pytest.mark.parametrize(
    ("patterns", "fault"),
    [
        ("", "does not contain a pattern"),
        ("# only a comment", "does not contain a pattern"),
        ("!docs/", "does not contain a pattern"),
        ("./.github/", r"contains \. or"),
        ("src/../.github/", r"contains \. or"),
        ("a/.", r"contains \. or"),
        (".github//", "contains //"),
        ("a\n!.github//x", "contains //"),
        ("*.yml # workflows", "contains a comment"),
        ("a\n/", "contains a pattern that matches nothing"),
        ("a\n\\", "contains an invalid pattern"),
    ],
)
def test_patterns_that_match_nothing_are_refused(patterns: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Patterns.parse(patterns)
