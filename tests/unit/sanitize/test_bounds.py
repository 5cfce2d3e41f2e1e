"""Text and JSON of any size and shape are bounded, with a mark that says what is missing, and keys
stay apart.
"""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given

from mogplex_ci.sanitize import Sanitizer, clock, duration, sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.slow import mostly_slow
from tests.unit.sanitize.hostile_text import numbers

SANITIZER = Sanitizer(["a" * 20, "known-value-1234", "8675309123"])
LONG = "".join(f"{number:04}" for number in range(1_500))
"""A known value of a file."""


def test_text_is_cut_and_says_how_much_is_missing() -> None:
    """A value in a line is short; a block is bounded, and so is each of its lines."""
    assert (
        SANITIZER.line("[00:00] {}", Untrusted("x " * 500))
        == f"[00:00] {'x ' * 150}… 700 more characters"
    )
    for size in (5_000, 50_000):
        (line,) = SANITIZER.block(Untrusted("x " * (size // 2)))
        assert line == f"│\xa0{'x ' * 1_000}… {size - 2_000:,} more characters"
    shown = SANITIZER.block(Untrusted("short\n" * 700))
    assert (len(shown), shown[499], shown[500]) == (501, "│\xa0short", "│\xa0… 200 more lines")
    assert sum(map(len, SANITIZER.block(Untrusted("line\n" * 50_000), limit=1_000))) < 2_000
    text = Untrusted("x " * 10_000 + "x")
    assert SANITIZER.clean(text) == f"{'x ' * 10_000}… 1 more characters"
    assert SANITIZER.clean(text, limit=20_001) == "x " * 10_000 + "x"
    assert SANITIZER.fence(text) == f"```text\n{'x ' * 10_000}… 1 more characters\n```"
    lines = SANITIZER.block(Untrusted(f"{'x' * 999}\n" * 21))
    assert lines == [f"│\xa0{'x' * 999}"] * 19 + [f"│\xa0{'x' * 999}… 1,000 more characters"]
    clean = SANITIZER.clean(Untrusted("x " * 150))
    assert SANITIZER.clean(clean, limit=100) == f"{'x ' * 50}… 200 more characters"
    assert SANITIZER.clean(clean, limit=300) == SANITIZER.clean(clean, limit=301) == clean


def test_only_what_is_shown_is_read() -> None:
    """50 million characters would take seconds; what they hold beyond the limit is never looked
    at.
    """
    shown = SANITIZER.clean(Untrusted("x " * 25_000_000), limit=100)
    assert shown == f"{'x ' * 50}… 49,999,900 more characters"


def test_of_a_long_log_whole_lines_of_its_end_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line of the part that is read may hold the rest of a secret."""
    monkeypatch.setattr(sanitizer, "TAIL_LIMIT", 50_000)
    lines = [f"line {number}" for number in range(20_000)]
    log = Untrusted("\n".join(lines))
    shown, before = SANITIZER.last_lines(log, 2)
    assert shown == ["│\xa0line 19998", "│\xa0line 19999"]
    assert 1_000 < before < 5_000
    shown, _ = SANITIZER.last_lines(log, len(lines))
    assert {line.removeprefix("│\xa0") for line in shown} <= {*lines}


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("one two three", 8, "one two … 5 more characters"),
        ("one two three", 7, "one two… 6 more characters"),
        ("one two three", 6, "one … 9 more characters"),
        ("Zq8vXr2LmN5tB7wK9dPc4HsJ6fGy3TeR", 20, "… 32 more characters"),
        ("一二三四五", 2, "一二… 3 more characters"),
    ],
)
def test_a_word_that_does_not_fit_is_left_out(text: str, limit: int, shown: str) -> None:
    """It may be a secret that only the CI system knows, which does not mask half of it."""
    assert SANITIZER.clean(Untrusted(text), limit=limit) == shown


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        *((f"{'x ' * before}{LONG}{'y ' * 5_500}", "x " * before + "***") for before in (0, 1, 45)),
        # How far is read goes by the longest form, each character of it followed by a break.
        (f"x{' '.join(base64.b64encode(LONG.encode()).decode())}{'y' * 60_000}", "… 60,004 more"),
        # Nothing is left when all but the margin is invisible, and what is invisible moves nothing
        # into sight.
        ("ab" + "\u200b" * 200_000, "… "),
        ("\u200b" * 200_000 + LONG * 4, "… "),
    ],
)
def test_what_is_read_to_find_secrets_only_is_not_shown(text: str, begins: str) -> None:
    shown = Sanitizer([LONG]).clean(Untrusted(text), limit=100)
    assert shown.startswith(begins)
    assert "0001" not in shown


def nested(depth: int, key: str | None = None) -> object:
    value: object = "inside"
    for _ in range(depth):
        value = [value] if key is None else {key: value}
    return value


FLOODS: dict[str, Callable[[], object]] = {
    "empty lists": lambda: [[] for _ in range(50_000)],
    "long lists in lists": lambda: [[0] * 1_000] * 100,
    "keys": lambda: {f"key-{number}": number for number in range(40_000)},
    "strings": lambda: ["text " * 1_000] * 2_000,
    "one string": lambda: "text " * 4_000_000,
    "deep": lambda: nested(100_000),
    "long numbers": lambda: [10**399] * 1_000,
    "names of secrets": lambda: [{"password": "Zq8vXr2LmN5t"}] * 40_000,
}


@pytest.mark.parametrize("name", mostly_slow(FLOODS, every=3))
def test_a_flood_costs_bounded_memory_and_text(name: str) -> None:
    value = Untrusted(FLOODS[name]())
    tracemalloc.start()
    shown = SANITIZER.json(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "…" in shown
    json.loads(shown)
    assert len(shown) < 1_000_000
    assert peak < 30 * 2**20


MORE = "… 20,000 more characters"
ROOM = 20_000
"""Values in one."""
FULL = list(range(ROOM - 3))
FITS = {
    "list": list(range(1_000)),
    "text": "x" * 100_000,
    "other": ["y" * 90_000],
    "none": None,
    "yes": True,
}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (FITS, FITS),
        ({"a": [*FULL, 0, 0, 0], "b": 1}, {"a": [*FULL, 0, "… 2 more"], "…": "1 more"}),
        (
            {"…": "mine"} | {str(number): None for number in range(30_000)},
            {"19997": None, "… (2)": "10,002 more"},
        ),
        (
            {f"a name of 20 letters{at:05}": None for at in range(19_000)},
            {"a name of 20 letters07999": None, "…": "11,000 more"},
        ),
        (
            ["x " * 60_000, "y " * 60_000, "z " * 100],
            ["x " * 50_000 + MORE, "y " * 50_000 + MORE, "… 1 more"],
        ),
        ([*range(ROOM - 2), 7], [*range(ROOM - 2), 7]),
        *(([*range(ROOM - 2), inner], [*range(ROOM - 2), "…"]) for inner in ([7], {"key": 7})),
        ([FULL, 1, 2, 3], [FULL, 1, "… 2 more"]),
    ],
)
def test_a_value_ends_where_its_room_does_and_says_what_is_missing(
    value: object, shown: object
) -> None:
    """Of a long object its last names are enough."""
    found = SANITIZER.data(Untrusted(value))
    if isinstance(found, dict) and isinstance(shown, dict) and len(found) > 5:
        found = dict(list(found.items())[-2:])
    assert found == shown


@pytest.mark.parametrize(("depth", "is_shown"), [(32, True), (33, False)])
def test_lists_and_objects_are_shown_to_the_same_depth(depth: int, is_shown: bool) -> None:
    for value in (Untrusted(nested(depth)), Untrusted(nested(depth, "key"))):
        shown = SANITIZER.json(value)
        assert ("inside" in shown) is is_shown
        assert ("…" in shown) is not is_shown


def test_a_secret_where_the_room_ends_is_redacted_first() -> None:
    for size in range(99_900, 100_001, 50):
        value = ["x" * 100_000, "y" * size + "known-value-1234", "known-value-1234"]
        assert "known" not in SANITIZER.json(Untrusted(value))


TOKENS = ["ghp_" + letter * 36 for letter in "abc"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        # Two keys never become one.
        (
            {"ver\u200bsion": "evil", "version": "1.2.3"},
            {"version (2)": "evil", "version": "1.2.3"},
        ),
        (
            {"version": "1.2.3", "ver\u200bsion": "evil"},
            {"version": "1.2.3", "version (2)": "evil"},
        ),
        ({"a\u200b": 1, "\u200ba": 2, "a (2)": 3}, {"a": 1, "a (3)": 2, "a (2)": 3}),
        (
            {token: n for n, token in enumerate(TOKENS)},
            {"***": 0, "*** (2)": 1, "*** (3)": 2},
        ),
        ({"in": [{"x\x1b[0m": 1, "x": 2}]}, {"in": [{"x (2)": 1, "x": 2}]}),
        (["x " * 50_000 + "x"], ["x " * 50_000 + "… 1 more characters"]),
        ({"a": "a secret: known-value-1234, and \x1b[1mred"}, {"a": "a secret: ***, and red"}),
        ({"a": ["text", 1, 2.5, None, True, {}]}, {"a": ["text", 1, 2.5, None, True, {}]}),
        # Numbers stay numbers unless they are a secret, or JSON has none.
        *(([number], [number]) for number in (1.5, -0.25, 2**10_000 - 1)),
        ([8675309123, float("nan")], ["***", "nan"]),
        ([float("-inf"), {"a\u200b": 1}], ["-inf", {"a": 1}]),
    ],
)
def test_a_value_is_cleaned_and_keeps_its_shape(value: object, shown: object) -> None:
    assert SANITIZER.data(Untrusted(value)) == shown


@given(numbers)
def test_no_number_is_too_large_for_a_duration(number: float) -> None:
    assert len(duration(number)) < 20
    assert len(clock(number)) < 20


@pytest.mark.parametrize(
    ("seconds", "as_duration", "as_clock"),
    [
        (0.04, "0s", "00:00"),
        (0.44, "0.4s", "00:00"),
        (9, "9s", "00:09"),
        (59.6, "1m 00s", "00:59"),
        (185.4, "3m 05s", "03:05"),
        (3725, "1h 02m", "1:02:05"),
        (-5.0, "0s", "00:00"),
        (float("nan"), "0s", "00:00"),
        (float("inf"), duration(3.6e9), clock(3.6e9)),
    ],
)
def test_a_time_is_written_short_and_is_none_to_a_million_hours(
    seconds: float, as_duration: str, as_clock: str
) -> None:
    assert (duration(seconds), clock(seconds)) == (as_duration, as_clock)
