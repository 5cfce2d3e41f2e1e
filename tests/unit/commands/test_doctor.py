"""What `mogplex doctor` says about the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import StringIO

import pytest

from mogplex_ci.commands.doctor import _say_clock
from mogplex_ci.platforms import detect
from mogplex_ci.report.log_lines import JobLogLines
from mogplex_ci.sanitize import Sanitizer

NOW = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)


def said(date: str) -> str:
    log = StringIO()
    _say_clock(JobLogLines(detect({}, log), Sanitizer()), date)
    return log.getvalue()


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (0, "Clock: agrees with the API's"),
        (60, "Clock: agrees with the API's"),
        (-60, "Clock: agrees with the API's"),
        (61, "WARNING: Clock: This machine's clock is 1m 01s ahead of the API's"),
        (-7200, "WARNING: Clock: This machine's clock is 2h 00m behind the API's"),
    ],
)
def test_a_clock_may_differ_by_a_minute(
    monkeypatch: pytest.MonkeyPatch, ahead: int, says: str
) -> None:
    monkeypatch.setattr(time, "time", NOW.timestamp)
    assert said(format_datetime(NOW - timedelta(seconds=ahead), usegmt=True)).startswith(says)


@pytest.mark.parametrize("date", ["", "x"])
def test_a_clock_is_not_judged_without_a_date(date: str) -> None:
    assert said(date) == "Clock: not checked, because the API's responses lack a date\n"
