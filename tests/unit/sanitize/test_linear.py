"""No text takes more than linear time: whatever stands in an expression is tried again and again,
also behind what leads to it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from statistics import median
from typing import NamedTuple

import pytest

from mogplex_ci.sanitize import (
    Sanitizer,
    controls,
    formats,
    known_values,
    named_values,
    redactor,
    safe_text,
    sanitizer,
)
from mogplex_ci.untrusted import Untrusted
from tests.slow import mostly_slow

SANITIZER = Sanitizer(["a" * 20, "known-value-1234"])
MODULES = (controls, formats, known_values, named_values, redactor, safe_text, sanitizer)
LEADS = ["", "-----BEGIN PRIVATE KEY-----", "password: |\n ", '("api_key', "bearer ", "##", "\\"]
SIZE = 1_500
"""Characters at which quadratic time is seen: it would be more than ten times the usual."""


class Text(NamedTuple):
    """A text of any length."""

    start: str
    unit: str
    end: str = ""

    def of(self, size: int) -> str:
        """Return it with about ``size`` characters."""
        units = self.unit * max((size - len(self.start)) // len(self.unit), 1)
        return self.start + units + self.end


def texts(lead: str) -> Iterator[Text]:
    """Yield texts of every word, sign and escape that an expression of the package has."""
    known = formats.formats()
    values = [value for module in MODULES for value in vars(module).values()]
    patterns = [value for value in values if isinstance(value, str)]
    patterns += [each.pattern for each in known]
    units = {part for each in patterns for part in re.findall(r"\w+|\\.|\W", each, re.ASCII)}
    prefixes = {prefix for each in known for prefix in each.prefixes}
    yield from (Text(lead, unit) for unit in sorted(units | prefixes))
    if not lead:
        yield from (Text(prefix, unit) for prefix in sorted(prefixes) for unit in ("a0", "A", "-"))


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


def check_linear(tried: Iterable[Text], size: int = SIZE) -> None:
    """Measure texts that take longer than most again: twice the text must not take more than 2.5
    times as long.
    """
    times = {text: time_of(text, size, 1) for text in tried}
    usual = median(times.values())
    for text in (text for text, took in times.items() if took > 6 * usual):
        ratios = (time_of(text, 4 * size) / time_of(text, 2 * size) for _ in range(5))
        assert any(ratio < 2.5 for ratio in ratios), repr(text)


@pytest.mark.parametrize("lead", mostly_slow(LEADS, every=len(LEADS)))
def test_every_text_takes_linear_time(lead: str) -> None:
    check_linear(texts(lead))


@pytest.mark.slow
def test_what_begins_within_a_word_takes_linear_time() -> None:
    """A secret does behind the end of a terminal's sequence, and its name does within a value."""
    prefixes = sorted({prefix for each in formats.formats() for prefix in each.prefixes})
    behind = [Text("", f"0m{prefix}") for prefix in prefixes]
    check_linear([*behind, Text("", "token=", end="(")], 8 * SIZE)


def test_the_search_would_find_an_expression_that_is_not_linear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the test above could pass by looking at nothing."""
    monkeypatch.setattr(controls, "_TERMINAL", "\x9d[^\x07]*\x07")
    slow = Text("", "\x9d")
    assert slow in texts("")
    assert time_of(slow, 8 * SIZE) / time_of(slow, 4 * SIZE) > 2.5


def test_of_a_long_log_only_the_end_takes_time() -> None:
    """A repository's installation may print any amount."""
    line = "npm warn deprecated token: see https://www.npmjs.com/package/x\n"
    times = []
    for size in (1_000_000, 15_000_000):
        log = Untrusted(line * (size // len(line)))
        began = time.process_time()
        lines, before = SANITIZER.last_lines(log, 50)
        times.append(time.process_time() - began)
        assert (len(lines), before > 1_000) == (50, True)
    assert times[1] < 5 * times[0]
