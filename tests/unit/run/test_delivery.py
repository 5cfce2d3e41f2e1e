"""What events say of a delivery and GitHub does not, and whose pull request an address is."""

from __future__ import annotations

import pytest

from mogplex_ci.run.result import is_own_pull_request
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import PULL_REQUEST

SERVERS = ("https://github.com", "https://git.example/")


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        (PULL_REQUEST, True),
        (f"{PULL_REQUEST}/", True),
        ("https://GitHub.com/ACME/Web/pull/123456789", True),
        ("https://git.example/acme/web/pull/1", True),
        ("https://github.com/acme/other/pull/1", False),
        ("https://evil.example/acme/web/pull/1", False),
        ("http://github.com/acme/web/pull/1", False),
        ("https://github.com/acme/web/pull/1234567890", False),
        ("https://github.com/acme/web/pull/", False),
        ("https://github.com/acme/web/issues/1", False),
        ("https://github.com/acme/web/pull/1/files", False),
        ("https://github.com/acme/web/pull/1?a", False),
        (f"see {PULL_REQUEST}", False),
    ],
)
def test_a_pull_request_is_the_repositorys_own(url: str, *, is_own: bool) -> None:
    assert is_own_pull_request(Untrusted(url), "Acme/web", SERVERS) is is_own
