from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.waiting import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("900", 900),
        ("15m", 900),
        ("1h30m", 5400),
        ("200ms", 0.2),
        ("1.5s", 1.5),
        (" 2M ", 120),
        ("1h2m3s4ms", 3723.004),
        ("0", 0),
    ],
)
def test_what_a_duration_means(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "5x",
        "-1",
        "1m1h",
        "1h1h",
        "1 h",
        "1h30",
        "٣",
        "1e3",
        "inf",
        "721h",
        "h",
        ".",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than 30 days"):
        parse_duration(text)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_duration(text) <= 30 * 24 * 3600
