"""Text that tries to be obeyed, for property-based tests and for the fuzzer."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.data import read_yaml
from tests.oracles.ci_logs import GITHUB_COMMANDS

TABLE = read_yaml(__file__, "hostile.yaml")
LINE_BREAKS = tuple(TABLE["line_breaks"])
LEADS = tuple(TABLE["leads"])
INVISIBLE = tuple("\u200b\u200d\ufe0f\u202e\u2066\u2060\ufeff\xad\u034f\u061c\U000e0041\u180e")
SKIPPED = tuple("\u0489\u0600\u0640\u0591\u0e47\u20dd\u17b4\ua670\u0300")
"""Characters that a comparison by culture may skip."""
COMMANDS = (*(f"::{name}::" for name in sorted(GITHUB_COMMANDS)), *TABLE["commands"])
WORDS = tuple(TABLE["words"])

hostile = st.lists(
    st.one_of(
        st.sampled_from(COMMANDS + LINE_BREAKS + LEADS + INVISIBLE + SKIPPED + WORDS),
        st.text(max_size=4),
        st.characters(codec=None),
    ),
    max_size=12,
).map("".join)
"""Pieces of commands, line breaks, leads and invisible characters, put together at random."""

numbers = st.integers() | st.integers(300, 400).map(lambda digits: 10**digits) | st.floats()
json_values = st.recursive(
    st.none() | st.booleans() | numbers | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=8,
)
