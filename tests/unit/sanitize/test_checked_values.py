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
from tests.unit.sanitize.hostile_text import hostile

SANITIZER = Sanitizer()
CHECKS = {
    "identifier": SANITIZER.identifier,
    "repo": SANITIZER.repo,
    "branch": SANITIZER.branch,
    "path": SANITIZER.path,
    "url": SANITIZER.url,
}
PIECES = (
    *("https://", "github.com", "/", "acme", "..", "@", ":", "-", ".", "?", "#"),
    *("%0A", "$(id)", "`id`", ";", "'", "\n", " "),
)
pieces = st.lists(st.sampled_from(PIECES) | hostile, max_size=6).map("".join)


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


GOOD = {
    "url": [
        *(
            "https://github.com/acme/web/pull/42",
            "https://dev.azure.com/acme/Web/_git/web/pullrequest/3",
        ),
        "https://gitlab.example.com:8443/acme/web/-/merge_requests/7?tab=notes#note_1",
    ],
    "branch": [
        "main",
        "feature/login",
        "mogplex/agent-88ca70a76057",
        "release/v1.2.3",
        "dependabot/npm/@acme/x-1",
    ],
}
BAD: dict[str, list[object]] = {
    "url": [
        *(
            "",
            "javascript:alert(1)",
            "http://github.com/acme",
            "//github.com/acme/web",
            "ftp://github.com/acme",
        ),
        *(
            "https:///acme",
            "https://user:pass@github.com/acme",
            "https://user@github.com/acme/web/pull/42",
        ),
        *(
            "https://github.com\\@evil.example/",
            "https://github.com /acme",
            "https://github.com/acme\nresult=x",
        ),
        *(
            "https://github.com/\u202eacme",
            "https://g\u0131thub.com/acme",
            "https://github.com:99999/acme",
        ),
        *("https://github.com/acme;id", "https://github.com/$(id)", "https://github.com/'x'"),
        *("https://github.com/" + "a" * 3_000, 42, None, ["https://github.com/acme"]),
    ],
    "branch": [
        *(
            "",
            "-rf",
            "--upload-pack=x",
            "../../etc",
            "a..b",
            "a//b",
            "a/",
            "a.lock",
            "a@{1}",
            "a b",
            "a~1",
            "a^",
            "a:b",
        ),
        *("a\n", "/a", "ä"),
    ],
}


@pytest.mark.parametrize("check", GOOD)
def test_what_a_browser_git_or_a_shell_would_read_otherwise_is_none(check: str) -> None:
    assert [CHECKS[check](Untrusted(text)) for text in GOOD[check]] == GOOD[check]
    assert [text for text in BAD[check] if CHECKS[check](Untrusted(text)) is not None] == []


@given(pieces.map("https://".__add__))
def test_a_url_has_a_host_and_no_user(text: str) -> None:
    if (found := SANITIZER.url(Untrusted(text))) is not None:
        parts = urlsplit(found)
        assert parts.scheme == "https"
        assert parts.hostname
        assert parts.username is parts.password is None
