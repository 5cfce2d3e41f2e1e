"""Text of any size and shape is bounded, with a mark that says what is missing, and nothing raises."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.sanitize import Sanitizer, clock, duration, timestamp
from mogplex_ci.untrusted import Untrusted

SANITIZER = Sanitizer(["a" * 20, "known-value-1234"])


def test_text_is_cut_and_says_how_much_is_missing() -> None:
    """A value in a line is short; a block is bounded, and so is each of its lines."""
    assert SANITIZER.line("[00:00] {}", Untrusted("x" * 1_000)) == f"[00:00] {'x' * 300}… 700 more characters"
    for size in (5_000, 50_000):
        (line,) = SANITIZER.block(Untrusted("x" * size))
        assert line == f"│\xa0{'x' * 2_000}… {size - 2_000:,} more characters"
    shown = SANITIZER.block(Untrusted("short\n" * 700))
    assert (len(shown), shown[499], shown[500]) == (501, "│\xa0short", "│\xa0… 200 more lines")
    assert sum(map(len, SANITIZER.block(Untrusted("line\n" * 50_000), limit=1_000))) < 2_000
    text = Untrusted("x" * 20_001)
    assert SANITIZER.clean(text) == f"{'x' * 20_000}… 1 more characters"
    assert SANITIZER.clean(text, limit=20_001) == "x" * 20_001
    assert SANITIZER.fence(text) == f"```text\n{'x' * 20_000}… 1 more characters\n```"
    lines = SANITIZER.block(Untrusted(f"{'x' * 999}\n" * 21))
    assert lines == [f"│\xa0{'x' * 999}"] * 19 + [f"│\xa0{'x' * 999}… 1,000 more characters"]
    assert SANITIZER.markdown(Untrusted("x" * 301)).endswith("x… 1 more characters</code>")
    assert SANITIZER.diagram_label(Untrusted("x" * 49)) == f"{'x' * 48}  1 more characters"


def test_what_is_clean_already_is_cut_again() -> None:
    clean = SANITIZER.clean(Untrusted("x" * 300))
    assert SANITIZER.clean(clean, limit=100) == f"{'x' * 100}… 200 more characters"
    assert SANITIZER.clean(clean, limit=300) == SANITIZER.clean(clean, limit=301) == clean


def test_what_was_read_only_to_find_secrets_is_not_shown() -> None:
    """Nothing is left to show when all of it but the margin is invisible."""
    shown = SANITIZER.clean(Untrusted("ab" + "\u200b" * 20_000), limit=100)
    assert shown.startswith("… ")


@pytest.mark.parametrize("before", [0, 1, 90, 99])
def test_a_long_known_value_that_begins_before_a_limit_is_found(before: int) -> None:
    secret = "".join(f"{number:04}" for number in range(1_500))
    shown = Sanitizer([secret]).clean(Untrusted("x" * before + secret + "y" * 19_000), limit=100)
    assert shown.startswith("x" * before + "***"[: 100 - before])
    assert "0001" not in shown


def test_a_long_known_value_in_a_longer_form_with_breaks_is_found() -> None:
    """How far is read beyond a limit goes by the longest form, each character of it followed by a break."""
    secret = "".join(f"{number:04}" for number in range(1_500))
    written = " ".join(secret.encode().hex())
    shown = Sanitizer([secret]).clean(Untrusted(f"x{written}{'y' * 60_000}"), limit=100)
    assert shown == "… 60,004 more characters"


def test_an_emoji_that_is_cut_leaves_no_invisible_joint() -> None:
    assert SANITIZER.clean(Untrusted("ab👩‍💻"), limit=4) == "ab👩… 1 more characters"


def test_only_what_is_shown_is_read() -> None:
    """50 million characters would take seconds; what they hold beyond the limit is never looked at."""
    shown = SANITIZER.clean(Untrusted("x" * 50_000_000), limit=100)
    assert shown == f"{'x' * 100}… 49,999,900 more characters"


def test_invisible_characters_cannot_move_a_cut_secret_into_sight() -> None:
    text = "\u200b" * 4_000 + "known-value-1234" * 2_000
    assert "known-value" not in SANITIZER.clean(Untrusted(text), limit=1_000)


@pytest.mark.parametrize("depth", [40, 900])
def test_deep_values_are_cut(depth: int) -> None:
    value: object = "inside"
    for _ in range(depth):
        value = {"a": [value]}
    shown = SANITIZER.json(Untrusted(value))
    assert "…" in shown
    assert "inside" not in shown
    json.loads(shown)


def nested(depth: int) -> object:
    value: object = "inside"
    for _ in range(depth):
        value = [value]
    return value


FLOODS: dict[str, Callable[[], object]] = {
    "empty lists": lambda: [[] for _ in range(50_000)],
    "long lists in lists": lambda: [[0] * 1_000] * 100,
    "keys": lambda: {f"key-{number}": number for number in range(40_000)},
    "strings": lambda: ["text " * 1_000] * 2_000,
    "one string": lambda: "text " * 4_000_000,
    "deep": lambda: nested(100_000),
    "a long number": lambda: 10**1_000_000,
    "long numbers": lambda: [10**5_000] * 1_000,
    "names of secrets": lambda: [{"password": "hunter2hunter2"}] * 40_000,
}


@pytest.mark.parametrize("name", FLOODS)
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
FITS = {"list": list(range(1_000)), "text": "x" * 100_000, "other": ["y" * 90_000], "none": None, "yes": True}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (FITS, FITS),
        ({"a": [*FULL, 0, 0, 0], "b": 1}, {"a": [*FULL, 0, "… 2 more"], "…": "1 more"}),
        ({str(number): None for number in range(30_000)}, {"19998": None, "…": "10,001 more"}),
        (
            {f"a name of 20 letters{at:05}": None for at in range(19_000)},
            {"a name of 20 letters07999": None, "…": "11,000 more"},
        ),
        (["x " * 60_000, "y " * 60_000, "z " * 100], ["x " * 50_000 + MORE, "y " * 50_000 + MORE, "… 1 more"]),
        ([*range(ROOM - 2), 7], [*range(ROOM - 2), 7]),
        *(([*range(ROOM - 2), inner], [*range(ROOM - 2), "…"]) for inner in ([7], {"key": 7}, [])),
        ([FULL, 1], [FULL, 1]),
        ([FULL, 1, 2, 3], [FULL, 1, "… 2 more"]),
        ({"a": FULL, "b": 1}, {"a": FULL, "b": 1}),
        ({"a": FULL, "b": 1, "c": 2}, {"a": FULL, "b": 1, "…": "1 more"}),
    ],
)
def test_a_value_ends_where_its_room_does_and_says_what_is_missing(value: object, shown: object) -> None:
    """Of a long object its last names are enough."""
    found = SANITIZER.data(Untrusted(value))
    if isinstance(found, dict) and isinstance(shown, dict) and len(found) > 5:
        found = dict(list(found.items())[-2:])
    assert found == shown


@pytest.mark.parametrize(("depth", "is_shown"), [(32, True), (33, False)])
def test_lists_and_objects_are_shown_to_the_same_depth(depth: int, is_shown: bool) -> None:
    objects: object = "inside"
    for _ in range(depth):
        objects = {"key": objects}
    for value in (nested(depth), objects):
        shown = SANITIZER.json(Untrusted(value))
        assert ("inside" in shown) is is_shown
        assert ("…" in shown) is not is_shown


def test_a_secret_where_the_room_ends_is_redacted_first() -> None:
    for size in range(99_900, 100_001, 7):
        value = ["x" * 100_000, "y" * size + "known-value-1234", "known-value-1234"]
        assert "known" not in SANITIZER.json(Untrusted(value))


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1.5, 1.5),
        (-0.25, -0.25),
        (2**10_000 - 1, 2**10_000 - 1),
        (2**10_000, "… a number of about 3,011 digits"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_stay_numbers_unless_they_are_too_long_or_json_has_none(number: float, shown: float | str) -> None:
    assert SANITIZER.data(Untrusted([number])) == [shown]


numbers = st.integers() | st.integers(300, 6_000).map(lambda digits: 10**digits) | st.floats()
anything = st.recursive(
    numbers | st.none() | st.booleans() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(anything)
def test_no_json_value_raises(value: object) -> None:
    untrusted = Untrusted(value)
    json.loads(SANITIZER.json(untrusted), parse_constant=pytest.fail)
    SANITIZER.sentence("a ", SANITIZER.line("a {}", untrusted), SANITIZER.message(untrusted), untrusted)
    safe = SANITIZER
    for check in (safe.identifier, safe.repo, safe.branch, safe.path, safe.url, safe.link, safe.markdown, safe.fence):
        check(untrusted)
    SANITIZER.block(untrusted)


@given(numbers)
def test_no_number_is_too_large_for_a_duration(number: float) -> None:
    assert len(duration(number)) < 20
    assert len(clock(number)) < 20
    assert len(SANITIZER.line("after {}", number)) < 10_000


@pytest.mark.parametrize(
    ("seconds", "as_duration", "as_clock"),
    [(-5.0, "0s", "00:00"), (float("nan"), "0s", "00:00"), (float("inf"), duration(3.6e9), clock(3.6e9))],
)
def test_what_is_no_time_is_none_or_a_million_hours(seconds: float, as_duration: str, as_clock: str) -> None:
    assert (duration(seconds), clock(seconds)) == (as_duration, as_clock)


@pytest.mark.parametrize("year", [1, 9999])
def test_a_time_that_utc_does_not_have_is_unknown(year: int) -> None:
    zone = timezone(timedelta(hours=14 if year == 1 else -12))
    assert timestamp(datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 13, tzinfo=zone)) == "unknown"
