"""A value that the step knows is hidden however a program wrote it, and words around it stay."""

from __future__ import annotations

import random

import pytest

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.oracles.writers import KINDS, NEEDED, of_kind, written
from tests.require import require
from tests.slow import mostly_slow

_LEFT = 8
"""Characters of a value in a row that must not be shown."""


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    for program in NEEDED:
        require(program)


@pytest.mark.parametrize("seed", mostly_slow(range(1, 9), every=8))
@pytest.mark.parametrize("kind", KINDS)
def test_what_programs_write_of_a_value_is_hidden(kind: str, seed: int) -> None:
    value = of_kind(kind, random.Random(seed))  # noqa: S311  # the same in each run
    for writer, text in written(value, without=("java",) if seed == 1 else ()).items():
        clean = Sanitizer([value]).clean(Untrusted(f"Before it {text} is behind"))
        assert clean.startswith("Before it "), (writer, text)
        assert clean.endswith(" is behind"), (writer, text)
        parts = {value[at : at + _LEFT] for at in range(len(value) - _LEFT + 1)}
        assert not any(part in clean for part in parts), (writer, value, text, clean)
        assert "***" in clean, (writer, value, text, clean)
