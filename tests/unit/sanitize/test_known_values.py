"""A value that the step knows is hidden however a program wrote it, and words around it stay."""

from __future__ import annotations

import random

import pytest

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.oracles.writers import KINDS, PROGRAMS, QUICK, written
from tests.require import require
from tests.slow import slow

_LEFT = 4
"""Characters of a value in a row that must not be shown."""
_BETWEEN = ("", "a%20%0A" * 12, "a\\n\\t" * 12, "a&nbsp;&#10;" * 12, "a\n \\ " * 12)
"""Escapes of other words, before and behind."""


@pytest.mark.parametrize("program", [*QUICK, *slow(PROGRAMS.keys() - {*QUICK})])
@pytest.mark.parametrize("seed", [1, *slow(range(2, 9))])
def test_what_programs_write_of_a_value_is_hidden(program: str, seed: int) -> None:
    if program != "rules":
        require(program)
    for kind, made in KINDS.items():
        value = made(random.Random(seed))  # noqa: S311  # the same in each run
        safe = Sanitizer([value])
        parts = {value[at : at + _LEFT] for at in range(len(value) - _LEFT + 1)}
        for writer, text in written(value, [program]).items():
            for between in _BETWEEN:
                context = f"{writer}, {kind}: {value!r} as {text!r} behind {between!r}"
                before, behind = f"Before{between}it ", f" is{between}behind"
                clean = safe.clean(Untrusted(f"{before}{text}{behind}"))
                assert clean.startswith(safe.clean(Untrusted(before))), context
                assert clean.endswith(safe.clean(Untrusted(behind))), context
                assert "***" in clean, context
                assert not [part for part in parts if part.strip() and part in clean], context
