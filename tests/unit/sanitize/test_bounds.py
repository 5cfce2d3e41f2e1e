"""Text of any size and shape is bounded, with a mark that tells what is missing, and takes linear time."""

from __future__ import annotations

import json

import pytest

from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.secrets.formats import FORMATS
from tests.unit.sanitize.hostile_text import COMMANDS

SANITIZER = Sanitizer(["a" * 20, "known-value-1234"])


def test_a_value_in_a_line_is_short() -> None:
    assert SANITIZER.line("[00:00] {}", Untrusted("x" * 1_000)) == f"[00:00] {'x' * 300}… 700 more characters"


def test_a_line_of_a_block_is_bounded_and_so_is_the_block() -> None:
    for size in (5_000, 50_000):
        (line,) = SANITIZER.block(Untrusted("x" * size))
        assert line == f"│\xa0{'x' * 2_000}… {size - 2_000:,} more characters"
    shown = SANITIZER.block(Untrusted("short\n" * 10_000))
    assert len(shown) == 501
    assert shown[-1].endswith("more lines")
    assert sum(map(len, SANITIZER.block(Untrusted("line\n" * 50_000), limit=1_000))) < 2_000


def test_what_was_left_out_is_counted() -> None:
    assert SANITIZER.clean(Untrusted("x" * 30_000), limit=10_000) == f"{'x' * 10_000}… 20,000 more characters"
    assert SANITIZER.clean(Untrusted("x" * 10_000), limit=10_000) == "x" * 10_000


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


NAMES = ("password=", "pwd=", 'token="', "--secret ", "api_key: ", "<password>", "Authorization: Bearer ", "bearer ")
PIECES = sorted(
    {mark for form in FORMATS for mark in form.marks}
    | {
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "eyJ.",
        "://a:",
        "-u a",
        "1234567:",
        "a" * 19,
        "\\",
        "\\n",
    }
    | set(NAMES)
    | set(COMMANDS)
)


@pytest.mark.parametrize("filler", ["", "a", "=", "1", "-", ".", "\\", '"', " "])
def test_no_shape_of_text_takes_more_than_linear_time(filler: str) -> None:
    """Each text is as long as a block may be, without a line break; quadratic time would be minutes for all of them."""
    for piece in PIECES:
        unit = piece + filler
        SANITIZER.clean(Untrusted(unit * (20_000 // len(unit))))
    SANITIZER.clean(Untrusted("".join(PIECES) * 8), limit=50_000)
