"""What events say of a delivery and GitHub does not, and whose pull request an address is."""

from __future__ import annotations

from typing import Any

import pytest

from mogplex_ci.run.delivery import Delivery, claims, is_own_pull_request
from mogplex_ci.untrusted import Untrusted
from tests.unit.report.events import BRANCH, PULL_REQUEST, event, timeline

OTHER = "https://github.com/acme/web/pull/666"
TOLD = Untrusted(PULL_REQUEST)


def told(**payload: Any) -> dict[str, Any]:
    """The event of a delivery to the run's own branch, if ``payload`` says nothing else."""
    known = {"stage": "git_delivery", "working_branch": BRANCH, "base_branch": "main"}
    return event("log", "Ready", **(known | payload))


@pytest.mark.parametrize(
    ("said", "known", "found"),
    [
        (told(), {}, []),
        (told(working_branch="junk"), {}, [("branch", "junk", BRANCH)]),
        (told(working_branch="junk"), {"branch": None}, [("branch", "junk", "")]),
        (told(), {"base": "release"}, [("base branch", "main", "release")]),
        (told(), {"base": ""}, [("base branch", "main", "")]),
        (event("log", "Look"), {"branch": "x", "base": "y", "changed": True}, []),
        (told(pull_request_url=PULL_REQUEST), {"pull_request_url": TOLD}, []),
        (
            told(pull_request_url=OTHER),
            {"pull_request_url": TOLD},
            [("pull request", OTHER, PULL_REQUEST)],
        ),
        (told(pull_request_url=OTHER), {}, [("pull request", OTHER, "")]),
        (told(pull_request_url=OTHER), {"tells_pull_request": False}, []),
        (told(), {"pull_request_url": TOLD}, []),
        (told(changed=True), {"changed": True}, []),
        (told(changed=True), {"changed": None}, []),
        (told(changed=False), {"changed": False, "branch_before": "a" * 40}, []),
        (
            told(changed=False),
            {"changed": True, "branch_before": "a" * 40},
            [("repository", "not changed", "changed")],
        ),
        (
            told(changed=True),
            {"changed": False, "branch_before": ""},
            [("repository", "changed", "not changed")],
        ),
        # A branch that existed is ahead of its base, whoever pushed it.
        (told(changed=True), {"changed": False, "branch_before": "a" * 40}, []),
        (told(changed=True), {"changed": False, "branch_before": None}, []),
    ],
)
def test_what_events_say_and_github_does_not(
    said: dict[str, Any], known: dict[str, Any], found: list[tuple[str, str, str]]
) -> None:
    judged = Delivery(**{"branch": BRANCH, "base": "main", "tells_pull_request": True, **known})
    shown = [
        (claim.about, claim.told.text, "" if claim.judged is None else claim.judged.text)
        for claim in claims(judged, timeline(said))
    ]
    assert shown == found


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
