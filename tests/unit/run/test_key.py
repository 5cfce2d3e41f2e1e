"""The key: the same for every try of a step, and for nothing else."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from mogplex_ci.run.key import MAX_KEY_LENGTH, Key, derived

LABEL = "acme/web-9876543210-build"
PARTS = ("https://github.com", "701", "9876543210", "build", "agent")


def test_is_readable_and_the_same_every_time() -> None:
    key = derived("github", LABEL, PARTS)
    assert key == derived("github", LABEL, list(PARTS))
    assert re.fullmatch(r"github-acme/web-9876543210-build-[0-9a-f]{16}", key)


def test_everything_that_names_a_step_counts() -> None:
    steps = [
        ("github", PARTS, ""),
        ("gitlab", PARTS, ""),
        ("github", PARTS, "second"),
        *(("github", (*PARTS[:index], "other", *PARTS[index + 1 :]), "") for index in range(len(PARTS))),
        ("github", (*PARTS, '{"os": "linux"}'), ""),
        ("github", (*PARTS, '{"os": "linux"}', "0"), ""),
        ("github", (*PARTS, '{"os": "linux"}', "1"), ""),
        ("github", (*PARTS[:3], "build agent"), ""),
        ("github", (*PARTS[:3], "build", "", "agent"), ""),
    ]
    keys = [derived(system, LABEL, parts, suffix) for system, parts, suffix in steps]
    assert all(one != other for one, other in combinations(keys, 2))


texts = st.text(max_size=300)


@settings(derandomize=True, max_examples=200, database=None)
@given(label=texts, parts=st.lists(texts, max_size=8), suffix=texts, attempt=texts)
def test_a_header_can_carry_it(label: str, parts: list[str], suffix: str, attempt: str) -> None:
    base = derived("github", label, parts, suffix)
    key = Key(base, explicit=False, attempt=attempt, later_attempt=True)
    for each in (base, key.for_attempt(), key.afresh(base), key.afresh(key.for_attempt())):
        assert 1 <= len(each) <= MAX_KEY_LENGTH
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", each)
        assert each.strip() == each


@settings(derandomize=True, max_examples=200, database=None)
@given(one=st.lists(texts, max_size=5), other=st.lists(texts, max_size=5), label=texts)
def test_different_steps_never_share_it(one: list[str], other: list[str], label: str) -> None:
    assert (derived("github", label, one) == derived("github", label, other)) == (one == other)


def test_each_attempt_has_a_key_of_its_own() -> None:
    for base in ("mine", "x" * MAX_KEY_LENGTH):
        first = Key(base, explicit=True, attempt="1", later_attempt=False)
        second = Key(base, explicit=True, attempt="2", later_attempt=True)
        keys = {
            base,
            first.for_attempt(),
            second.for_attempt(),
            first.afresh(base),
            second.afresh(second.for_attempt()),
        }
        assert len(keys) == 5
        assert first.afresh(base) == second.afresh(base)
