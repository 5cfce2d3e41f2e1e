"""Outputs that later steps put into commands: ids, branches, paths and URLs are what they claim to
be, or nothing.
"""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize.hostile_text import TABLE, hostile

SANITIZER = Sanitizer()
CHECKS = {
    "identifier": SANITIZER.identifier,
    "repo": SANITIZER.repo,
    "branch": SANITIZER.branch,
    "path": SANITIZER.path,
    "url": SANITIZER.url,
}
pieces = st.lists(st.sampled_from(TABLE["pieces"]) | hostile, max_size=6).map("".join)


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", CHECKS)
def test_nothing_that_a_shell_would_read_gets_through(name: str) -> None:
    @given(pieces)
    def check(text: str) -> None:
        found = CHECKS[name](Untrusted(text))
        if found is not None:
            word = found.replace(" ", "_") if name == "path" else str(found)
            assert found == text
            assert shlex.split(f"git checkout {word}") == ["git", "checkout", word]
            assert not re.search(r"""[^!-~]|[$`;'"\\<>|!*(){}]""", word)
            assert not word.startswith("-")

    check()


@pytest.mark.parametrize("check", ["url", "branch"])
def test_what_a_browser_git_or_a_shell_would_read_otherwise_is_none(check: str) -> None:
    for text in TABLE[f"good_{check}"]:
        assert CHECKS[check](Untrusted(text)) == text
    too_long = "https://github.com/" + "a" * 3_000
    for odd in (*TABLE[f"bad_{check}"], too_long, 42, None, ["main"]):
        assert CHECKS[check](Untrusted(odd)) is None


@given(pieces.map("https://".__add__))
def test_a_url_has_a_host_and_no_user(text: str) -> None:
    if (found := SANITIZER.url(Untrusted(text))) is not None:
        parts = urlsplit(found)
        assert parts.scheme == "https"
        assert parts.hostname
        assert parts.username is parts.password is None
