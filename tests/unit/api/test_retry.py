"""How long to wait."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from mogplex_ci.api.retry import BACKOFF_WIDEST, Backoff, parse_retry_after
from mogplex_ci.errors import ServerError


def down(retry_after: float | None = None) -> ServerError:
    return ServerError("down", code="INTERNAL_ERROR", http_status=500, retry_after=retry_after)


def test_waits_double_up_to_a_limit_for_ever() -> None:
    backoff = Backoff(0.5)
    waits = [backoff.seconds_after(down()) for _ in range(5000)]
    assert waits[:5] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == max(waits) == BACKOFF_WIDEST


def test_the_server_may_ask_for_more_and_not_for_less() -> None:
    backoff = Backoff(0.5)
    assert backoff.seconds_after(down(50400.0)) == 50400.0
    assert [backoff.seconds_after(down(0.0)) for _ in range(3)] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("60", 60.0), (" 50400 ", 50400.0), ("0", 0.0), ("9" * 400, 1e9)]
    + [(header, None) for header in (None, "", "soon", "-5", "1.5", "9" * 5000, "NaN")],
)
def test_reads_seconds(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds


def test_reads_a_date() -> None:
    assert parse_retry_after(formatdate(time.time() - 60, usegmt=True)) == 0.0
    in_an_hour = parse_retry_after(formatdate(time.time() + 3600, usegmt=True))
    assert in_an_hour is not None
    assert 3000 < in_an_hour <= 3600
