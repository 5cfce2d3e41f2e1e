"""Findings of `mogplex doctor` about the clock and the repository."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.api.transport import Answer
from mogplex_ci.commands.doctor import Diagnosis, Mark, _clock, _repo
from mogplex_ci.errors import UsageError
from mogplex_ci.sanitize import Sanitizer
from tests.unit.api.peers import TOKEN, answer, answering, peer

NOW = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)
ID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
WEB = {"id": ID, "full_name": "acme/web", "hidden": False}
API = {"id": "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002", "full_name": "acme/api", "hidden": False}
NOT_LISTED = "this token does not list "


def told(finding: Diagnosis) -> tuple[Mark, str]:
    line = Sanitizer().line("found: " + finding.template, *finding.values)
    return finding.mark, line.removeprefix("found: ")


@pytest.mark.parametrize(
    ("ahead", "mark", "says"),
    [
        (0, Mark.OK, "agrees with the API's"),
        (60, Mark.OK, "agrees with the API's"),
        (-60, Mark.OK, "agrees with the API's"),
        (61, Mark.WARNING, "1m 01s ahead of the API's"),
        (-7200, Mark.WARNING, "2h 00m behind the API's"),
    ],
)
def test_a_clock_may_differ_by_a_minute(
    monkeypatch: pytest.MonkeyPatch, ahead: int, mark: Mark, says: str
) -> None:
    monkeypatch.setattr(time, "time", NOW.timestamp)
    date = format_datetime(NOW - timedelta(seconds=ahead), usegmt=True)
    finding = _clock(Answer(200, {"Date": date}, b""))
    assert (finding.check, *told(finding)) == ("clock", mark, says)
    assert bool(finding.remedy) is (mark is Mark.WARNING)


@pytest.mark.parametrize("answered", [None, Answer(200, {}, b""), Answer(200, {"Date": "x"}, b"")])
def test_a_clock_is_not_judged_without_a_date(answered: Answer | None) -> None:
    assert told(_clock(answered)) == (Mark.NOT_CHECKED, "the answer has no date")


@pytest.mark.parametrize(
    ("repo", "listed", "mark", "says"),
    [
        (None, [], Mark.MISSING, "none is given; name one with --repo to have it looked up"),
        (ID, [WEB], Mark.OK, f"acme/web has the id {ID}"),
        (ID, [], Mark.WARNING, NOT_LISTED + ID),
        ("acme/web", [API, WEB], Mark.OK, f"acme/web has the id {ID}"),
        ("acme/*", [API, WEB], Mark.OK, "the names and patterns stand for 2 repositories"),
        ("acme/web acme/w*", [API, WEB], Mark.OK, f"acme/web has the id {ID}"),
        (
            "acme/web",
            [WEB | {"hidden": True}],
            Mark.OK,
            f"acme/web has the id {ID} and is hidden: it was removed from Mogplex's dashboard",
        ),
    ],
)
def test_what_the_token_sees_of_a_repository(
    repo: str | None, listed: list[object], mark: Mark, says: str
) -> None:
    seen: list[str] = []
    with peer(answering(answer(200, {"ok": True, "data": {"repos": listed}})), seen) as url:
        finding = _repo(Client(url, TOKEN), repo)
    assert (finding.check, *told(finding)) == ("repo", mark, says)
    assert all(f"id={ID}" in request for request in seen) is (repo in (None, ID))
    assert ("repos list" in finding.remedy) is (mark is Mark.WARNING)


def test_a_name_that_stands_for_no_repository_is_wrong() -> None:
    with (
        peer(answering(answer(200, {"ok": True, "data": {"repos": [WEB]}}))) as url,
        pytest.raises(UsageError),
    ):
        _repo(Client(url, TOKEN), "acme/wob")
