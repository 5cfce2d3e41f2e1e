"""What cleaning does to a JSON value beside its texts: keys stay apart, and what is lost can be asked for."""

from __future__ import annotations

import pytest

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted

SANITIZER = Sanitizer(["8675309123", "known-value-1234"])
TOKENS = ["ghp_" + letter * 36 for letter in "abc"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"ver\u200bsion": "evil", "version": "1.2.3"}, {"version (2)": "evil", "version": "1.2.3"}),
        ({"version": "1.2.3", "ver\u200bsion": "evil"}, {"version": "1.2.3", "version (2)": "evil"}),
        ({"a\u200b": 1, "\u200ba": 2, "a (2)": 3}, {"a": 1, "a (3)": 2, "a (2)": 3}),
        ({token: n for n, token in enumerate(TOKENS)}, {"***": 0, "*** (2)": 1, "*** (3)": 2}),
        ({"in": [{"x\x1b[0m": 1, "x": 2}]}, {"in": [{"x (2)": 1, "x": 2}]}),
    ],
)
def test_two_keys_never_become_one(value: object, shown: object) -> None:
    assert SANITIZER.data(Untrusted(value)) == shown
    assert "a key would change" in SANITIZER.losses(Untrusted(value))


def test_the_mark_of_what_is_missing_replaces_no_key() -> None:
    value = {"…": "mine"} | {str(number): None for number in range(30_000)}
    shown = SANITIZER.data(Untrusted(value))
    assert isinstance(shown, dict)
    assert (shown["…"], shown["… (2)"]) == ("mine", "10,002 more")


def test_many_keys_that_become_one_take_no_quadratic_time() -> None:
    value = {"\u200b" * number: None for number in range(300)} | {f" ({number})": None for number in range(9_000)}
    shown = SANITIZER.data(Untrusted(value))
    assert isinstance(shown, dict)
    assert len(shown) == len(value)


@pytest.mark.parametrize(
    ("value", "losses"),
    [
        ({"a": ["text", 1, 2.5, None, True, {}]}, []),
        ({"a": "a secret: known-value-1234, and \x1b[1mcontrols"}, []),
        ({"a\u200b": 1}, ["a key would change"]),
        ({"known-value-1234": 1}, ["a key would change"]),
        ([8675309123], ["a number would become text"]),
        ([float("nan")], ["a number would become text"]),
        ([float("-inf"), {"a\u200b": 1}], ["a key would change", "a number would become text"]),
        (["x" * 100_001], ["a part would be cut off"]),
        ({"a": ["x" * 90_000] * 3}, ["a part would be cut off"]),
        (list(range(20_000)), ["a part would be cut off"]),
        ({str(number): 1 for number in range(20_000)}, ["a part would be cut off"]),
        ([[]] * 20_000, ["a part would be cut off"]),
    ],
)
def test_what_a_value_loses_when_it_is_cleaned_can_be_asked_for(value: object, losses: list[str]) -> None:
    assert SANITIZER.losses(Untrusted(value)) == losses


def test_a_value_that_is_nested_too_deep_is_cut() -> None:
    value: object = 1
    for _ in range(40):
        value = [value]
    assert SANITIZER.losses(Untrusted(value)) == ["a part would be cut off"]
