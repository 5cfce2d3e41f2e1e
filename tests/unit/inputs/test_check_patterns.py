"""Patterns of the names of checks: only ``*`` and ``?`` are special."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.inputs.patterns import CheckPatterns, is_check

NAMES = st.text(alphabet="ab01[]!^-*?(){}\\ ./", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("build [linux]", ["build [linux]"], ["build l", "build linux"]),
        ("build (*)", ["build (20, mac)", "build ()"], ["build 20"]),
        ("test-?", ["test-1", "test-é"], ["test-", "test-10"]),
        ("Test", ["Test"], ["test"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_a_pattern_stands_for_names(pattern: str, matches: list[str], others: list[str]) -> None:
    assert [name for name in [*matches, *others] if is_check(pattern, name)] == matches


@given(NAMES)
def test_a_name_stands_for_itself_alone_but_for_two_characters(name: str) -> None:
    assert is_check(name, name)
    plain = name.replace("*", "").replace("?", "")
    assert is_check(plain, name) == (plain == name)


def test_a_line_is_a_pattern_and_an_exclamation_mark_leaves_checks_out() -> None:
    parsed = CheckPatterns.parse("  test \n\n!preview*\n! Vercel – web\r\n?ocs\n")
    assert parsed == CheckPatterns(("test", "?ocs"), ("preview*", "Vercel – web"))
    names = ("test", "preview 1", "Vercel – web", "docs")
    assert [name for name in names if parsed.ignore(name)] == ["preview 1", "Vercel – web"]


@pytest.mark.parametrize("text", ["*", "test\n?*", "!*", "! -", "***"])
def test_a_pattern_without_a_letter_or_digit_would_stand_for_any_check(text: str) -> None:
    with pytest.raises(ValueError, match="a pattern without a letter or digit"):
        CheckPatterns.parse(text)
