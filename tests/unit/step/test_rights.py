"""What GitHub is asked about rights before a start, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mogplex_ci.errors import MissingRightsError
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.step.rights import READ_RIGHTS, require_rights, rights_needed
from mogplex_ci.waiting import Clock
from tests.github import TOKEN, GitHub
from tests.typed_inputs import typed_inputs


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub() as api:
        yield api


class TickingClock(Clock):
    """A clock on which something takes 0.7 s each time that it is looked at."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        """See ``Clock``."""
        self._now += 0.7
        return self._now


def ask(
    api: GitHub,
    *rights: str,
    name: str = "acme/web",
    token: str = TOKEN,
    clock: Clock | None = None,
    is_workflow: bool = True,
) -> None:
    """Ask for rights in a repository."""
    with closing(GitHubApi(api.url, token, name)) as github:
        require_rights(github, rights, "main", clock=clock or Clock(), is_workflow=is_workflow)


def test_github_is_asked_for_two_seconds_and_no_longer(api: GitHub) -> None:
    ask(api, *READ_RIGHTS, clock=TickingClock())
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    ("name", "cause", "remedy"),
    [
        (
            "acme/web",
            "github-token lacks issues: read in acme/web",
            "Give the token that permission, and try again. Nothing was started.",
        ),
        (
            "acme/other",
            "github-token does not see acme/other",
            "A workflow's own token cannot see other private repositories: use the token of a "
            "GitHub App installed there. Nothing was started.",
        ),
    ],
)
def test_what_is_missing_is_one_message(api: GitHub, name: str, cause: str, remedy: str) -> None:
    api.lacks("issues: read")
    with pytest.raises(MissingRightsError) as caught:
        ask(api, "issues: read", name=name, is_workflow=False)
    assert (caught.value.cause, caught.value.remedy) == (cause, remedy)


def test_an_outage_tells_nothing_of_a_right(api: GitHub) -> None:
    api.fail(status=502)
    ask(api, "pull-requests: read", "issues: read")
    assert len(api.asked) == 2


def test_a_token_that_github_does_not_know_is_said_at_once(api: GitHub) -> None:
    with pytest.raises(MissingRightsError) as caught:
        ask(api, "issues: read", token="ghs_unknownTokenOfNobody000000000000")
    assert caught.value.cause == "GitHub does not accept github-token"
    assert caught.value.remedy.startswith("Set it to a current token")
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("inputs", "rights"),
    [
        ({"require": frozenset({"checks"})}, ["contents: read", "checks: read", "statuses: read"]),
        ({"require": frozenset({"checks"}), "github_token": None}, []),
        ({"require": frozenset({"checks"}), "dry_run": True}, []),
        ({"artifact": ".mogplex/artifacts/a.json"}, []),
        ({"artifact": ".mogplex/artifacts/a.json", "repair": 1}, ["contents: read"]),
    ],
)
def test_what_the_inputs_need(inputs: dict[str, object], rights: list[str]) -> None:
    assert rights_needed(typed_inputs(**{"github_token": TOKEN, **inputs})) == rights
