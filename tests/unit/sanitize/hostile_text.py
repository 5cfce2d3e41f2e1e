"""Text that tries to be obeyed, for property-based tests and for the fuzzer."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracles.ci_logs import GITHUB_COMMANDS

LINE_BREAKS = (
    "\n",
    "\r",
    "\r\n",
    "\v",
    "\f",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "%0A",
    "%0D",
    "\\n",
)
LEADS = (
    " ",
    "\t",
    "\xa0",
    "\u3000",
    "\u2003",
    "\x00",
    "\x1b[0K",
    "\x1b[31m",
    "\x1b]0;t\x07",
    "\x9b0K",
    "│ ",
    "│\xa0",
)
INVISIBLE = tuple("\u200b\u200d\ufe0f\u202e\u2066\u2060\ufeff\xad\u034f\u061c\U000e0041\u180e")
SKIPPED = ("\u0489", "\u0600", "\u0640", "\u0591", "\u0e47", "\u20dd", "\u17b4", "\ua670", "\u0300")
"""Characters that a comparison by culture may skip."""
COMMANDS = (
    *(f"::{name}::" for name in sorted(GITHUB_COMMANDS)),
    *(
        "::error file=a.js,line=1::x",
        "::set-output name=result::success",
        "::stop-commands::t",
        "::t::",
        "::",
    ),
    *(
        "##[error]",
        "##[group]g",
        "##[set-output name=result;]success",
        "##[add-mask]e",
        "##[section]",
        "##[",
        "#",
        "[",
    ),
    *(
        "##vso[task.complete result=Succeeded;]",
        "##vso[task.setvariable variable=PATH]/tmp",
        "##VSO[",
        "vso[",
    ),
    *(
        "#\u0489#vso[task.complete result=Failed;]",
        "##\u0640[error]",
        "##v\u0489s\u0489o\u0600[task.complete]x",
    ),
    *("#\u0489#team\u0640city[buildStop]", "##v\u017fo[task.debug]x"),
    *(
        "2026-01-02T03:04:05.678901Z 00O ",
        "xxxx-xx-xxTxx:xxxxxxxxxxxxZ",
        "6-01-02T03:04:05.678901Z 00O hidden",
        "https://a.example/::add-mask::e",
    ),
    *(
        "##teamcity[buildStop comment='x']",
        "##TeamCity[setParameter name='a' value='b']",
        "teamcity[",
    ),
    *(
        "section_start:1700000000:x\r\x1b[0K",
        "section_end:1700000000:x[collapsed=true]\r\x1b[0K",
        "\x1b[0K",
    ),
    *(
        "--- ",
        "+++ ",
        "~~~ ",
        "^^^ +++",
        "\x1b]1338;url=https://evil.example/x\x07",
        "\x1b]1339;url=x\x07",
    ),
    *(
        "\x1b[8mha:AAAA",
        "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
        "\x1b[2J",
        "\x1bc",
        "\b",
        "\x7f",
    ),
    *("\x1b", "\x1b]", "\x1b["),
)
WORDS = (
    *(
        "error",
        "text",
        "result=success",
        "std::vector<int>",
        "…",
        "日本語",
        "🦀",
        "👩\u200d💻",
        "%",
        "{}",
        "{0}",
    ),
    *("***", "a b"),
)

hostile = st.lists(
    st.one_of(
        st.sampled_from(COMMANDS + LINE_BREAKS + LEADS + INVISIBLE + SKIPPED + WORDS),
        st.text(max_size=4),
        st.characters(codec=None),
    ),
    max_size=12,
).map("".join)
"""Pieces of commands, line breaks, leads and invisible characters, put together at random."""

numbers = st.integers() | st.integers(300, 6_000).map(lambda digits: 10**digits) | st.floats()
json_values = st.recursive(
    st.none() | st.booleans() | numbers | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=8,
)
