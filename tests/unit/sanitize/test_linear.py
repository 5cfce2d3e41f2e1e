"""No text takes more than linear time: every literal, class edge and repetition of every expression
is tried.
"""

from __future__ import annotations

import time
from statistics import median

import pytest

from mogplex_ci.sanitize import Sanitizer, controls
from tests.slow import mostly_slow
from tests.unit.sanitize.slow_texts import Text, texts

SANITIZER = Sanitizer(["a" * 20, "known-value-1234"])
SLICES = 20
SIZE = 1_500
"""Characters at which quadratic time is seen: it would be more than ten times the usual."""


def time_of(text: Text, size: int, repeats: int = 2) -> float:
    """Return the processor time for ``size`` characters of the text, the least of ``repeats``
    times.
    """
    written, times = text.of(size), []
    for _ in range(repeats):
        began = time.process_time()
        SANITIZER.clean(written, limit=10 * size)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("part", mostly_slow(range(SLICES), every=SLICES))
def test_every_text_takes_linear_time(part: int) -> None:
    """Texts that take longer than most are measured again: twice the text must not take more than
    2.5 times as long.
    """
    times = {text: time_of(text, SIZE, 1) for text in texts()[part::SLICES]}
    usual = median(times.values())
    for text in (text for text, took in times.items() if took > 6 * usual):
        ratios = (time_of(text, 4 * SIZE) / time_of(text, 2 * SIZE) for _ in range(5))
        assert any(ratio < 2.5 for ratio in ratios), repr(text)


def test_the_search_would_find_an_expression_that_is_not_linear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the test above could pass by looking at nothing."""
    monkeypatch.setattr(controls, "_TERMINAL", r"\x9d[^\x07]*\x07")
    slow = Text("", "\x9d")
    assert slow in texts()
    assert time_of(slow, 8 * SIZE) / time_of(slow, 4 * SIZE) > 2.5
