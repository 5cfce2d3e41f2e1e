"""The key: the same for every try of a step, and for nothing else."""

from __future__ import annotations

import re
from io import StringIO
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.platforms import detect
from mogplex_ci.run.start import MAX_CHAIN, MAX_KEY_LENGTH, Key, derive_key
from mogplex_ci.step.planning import key_of
from tests.ci_environments import environment
from tests.typed_inputs import typed_inputs

LABEL = "acme/web-9876543210-build"
PARTS = ("https://github.com", "701", "9876543210", "build", "agent")


def test_everything_that_names_a_step_counts() -> None:
    steps = [
        ("github", PARTS, ""),
        ("gitlab", PARTS, ""),
        ("github", PARTS, "second"),
        *(
            ("github", (*PARTS[:index], "other", *PARTS[index + 1 :]), "")
            for index in range(len(PARTS))
        ),
        ("github", (*PARTS, '{"os": "linux"}'), ""),
        ("github", (*PARTS, '{"os": "linux"}', "0"), ""),
        ("github", (*PARTS, '{"os": "linux"}', "1"), ""),
        ("github", (*PARTS[:3], "build agent"), ""),
        ("github", (*PARTS[:3], "build", "", "agent"), ""),
    ]
    keys = [derive_key(system, LABEL, parts, suffix) for system, parts, suffix in steps]
    assert all(one != other for one, other in combinations(keys, 2))


texts = st.text(max_size=300)


@given(label=texts, parts=st.lists(texts, max_size=8), suffix=texts, attempt=texts)
def test_a_header_can_carry_it(label: str, parts: list[str], suffix: str, attempt: str) -> None:
    base = derive_key("github", label, parts, suffix)
    key = Key(base, explicit=False, attempt=attempt, later_attempt=True)
    for each in (*key.chain("auto"), *key.chain("new")):
        assert 1 <= len(each) <= MAX_KEY_LENGTH
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", each)


def test_repositories_never_share_it_and_it_knows_a_later_try(tmp_path: Path) -> None:
    """Also where their names are alike, or nothing identifies the step."""
    first, later = (
        {**environment("github", tmp_path), "GITHUB_RUN_ATTEMPT": attempt} for attempt in "12"
    )
    steps = [typed_inputs(repo=name) for name in ("acme/web", "acme/we_b", "acme/docs")]
    for env in (first, {}):
        platform = detect(env, StringIO())
        assert len({key_of(step, platform).base for step in steps}) == 3
    known = [key_of(steps[0], detect(env, StringIO())).later_attempt for env in (first, later)]
    assert known == [False, True]


@pytest.mark.parametrize("base", ["mine", "x" * MAX_KEY_LENGTH], ids=["short", "longest"])
def test_every_generation_has_a_key_of_its_own_and_new_ones_every_attempt(base: str) -> None:
    first = Key(base, explicit=True, attempt="1", later_attempt=False)
    second = Key(base, explicit=True, attempt="2", later_attempt=True)
    assert first.chain("auto") == second.chain("auto")
    chains = [first.chain("auto"), first.chain("new"), second.chain("new")]
    assert [len(chain) for chain in chains] == [MAX_CHAIN] * 3
    assert len({key for chain in chains for key in chain}) == 3 * MAX_CHAIN
    assert chains[0][0] == base
    assert base != "mine" or (chains[0][2], chains[1][:2]) == ("mine-g3", ["mine-1", "mine-1-g2"])


def test_a_key_of_more_than_two_hundred_characters_is_cut_and_told_apart_by_a_digest() -> None:
    """That is the API's limit."""
    assert re.fullmatch(r"github-x{176}-[0-9a-f]{16}", derive_key("github", "x" * 177, PARTS))
    fits, too_long = (
        Key("x" * length, explicit=True, attempt="1", later_attempt=False) for length in (197, 198)
    )
    assert fits.chain("auto")[1] == f"{'x' * 197}-g2"
    assert re.fullmatch(r"x{183}-[0-9a-f]{16}", too_long.chain("auto")[1])
    assert len(fits.chain("auto")) == 10


def test_a_new_version_finds_the_runs_of_the_one_before() -> None:
    """A re-run may use another version of this program."""
    key = derive_key(
        "github", "acme/web-7-prüfen", ("https://github.com", "701", "7", "prüfen", "agent"), "zwei"
    )
    assert key == "github-acme/web-7-pr_fen-635812ac3f6ac594"
    assert derive_key("github", LABEL, PARTS) == "github-acme/web-9876543210-build-ff1358bde56f59a9"
