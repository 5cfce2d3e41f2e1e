"""Nothing that comes from outside is obeyed by any CI system, whatever field it comes in and
whatever it looks like.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.oracles.ci_logs import obeyed, steering
from tests.slow import mostly_slow
from tests.unit.sanitize.hostile_text import (
    COMMANDS,
    INVISIBLE,
    LEADS,
    LINE_BREAKS,
    SKIPPED,
    TABLE,
    hostile,
    json_values,
)

SANITIZER = Sanitizer()


def printed(value: object) -> str:
    """Return a log of all ways in which a value from outside can reach it."""
    untrusted = Untrusted(value)
    checked = (
        SANITIZER.identifier(untrusted),
        SANITIZER.branch(untrusted),
        SANITIZER.url(untrusted),
        SANITIZER.repo(untrusted),
        SANITIZER.path(untrusted),
    )
    return "\n".join(
        [
            SANITIZER.line("[00:00] {}", untrusted),
            SANITIZER.sentence("a ", untrusted, untrusted, " b"),
            SANITIZER.message(untrusted),
            *SANITIZER.block(untrusted),
            *SANITIZER.block(untrusted, limit=20),
            SANITIZER.json(untrusted),
            *(text for text in checked if text),
        ]
    )


@given(json_values)
@example("x\u2028::error::y")
@example("#\u200b#[error]")
@example("##\x1b[m[error]")
@example("#[##[error]")
@example({"##": ["[error]", "::error::"]})
def test_no_value_is_obeyed_and_all_of_it_is_json(value: object) -> None:
    log = printed(value)
    assert obeyed(log) == []
    assert steering(log) == []
    assert json.loads(
        SANITIZER.json(Untrusted(value)), parse_constant=pytest.fail
    ) == SANITIZER.data(Untrusted(value))


@pytest.mark.parametrize(
    "lead", mostly_slow(["", *LEADS, *INVISIBLE, *LINE_BREAKS, *SKIPPED], every=10)
)
def test_no_command_is_obeyed_behind_any_lead(lead: str) -> None:
    for command in COMMANDS:
        for text in (
            lead + command,
            lead.join(command),
            f"text{lead}{command}",
            lead + lead + command,
        ):
            assert obeyed(printed(text)) == [], repr(text)


def test_the_oracle_obeys_the_commands_themselves() -> None:
    """Without this the tests above could pass by reading nothing."""
    silent = {
        "::",
        "##[",
        "#",
        "[",
        "##VSO[",
        "vso[",
        "teamcity[",
        "::t::",
        "6-01-02T03:04:05.678901Z 00O hidden",
    }
    controls = {"\x1b[0K", "\x1b[2J", "\x1bc", "\b", "\x7f", "\x1b", "\x1b]", "\x1b["}
    for command in set(COMMANDS) - silent:
        assert obeyed(command) or steering(command), repr(command)
    assert all(map(steering, controls))


@given(hostile)
def test_a_line_is_one_line_and_a_block_has_its_prefix_everywhere(text: str) -> None:
    assert len(SANITIZER.line("[00:00] {}", Untrusted(text)).splitlines()) == 1
    for line in SANITIZER.block(Untrusted(text)):
        assert line.startswith("│\xa0")
        assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-30T10:00:00.000000Z 00O hidden", "2026-11-30T10:00:00.000000Z\xa000O hidden"),
        ("2026-11-30T10:00:00.000000Z 01E+rest", "2026-11-30T10:00:00.000000Z\xa001E+rest"),
        ("a ::add-mask::e", "a :\xa0:add-mask::e"),
        ("a ::Add-Mask::e", "a :\xa0:Add-Mask::e"),
        ("done at 2026-11-30T10:00:00.000000Z 00 files", None),
        ("released 2026-11-30 10:00Z added by ci", None),
        ("std::vector and a::add", None),
    ],
)
def test_what_gitlab_obeys_in_a_live_log_is_broken(text: str, shown: str | None) -> None:
    assert SANITIZER.sentence("It says ", Untrusted(text)) == f"It says {shown or text}"
    assert SANITIZER.block(Untrusted(text)) == [f"│\xa0{shown or text}"]


@pytest.mark.parametrize(
    "template", ["", "{}", " {}", "\t", ":: {}", "#{}", "--- {}", "+{}", "~{}", "^{}"]
)
def test_a_line_begins_with_a_character_of_ours(template: str) -> None:
    with pytest.raises(ValueError, match="character of ours"):
        SANITIZER.line(template, Untrusted("x"), SANITIZER.line("y"))


@pytest.mark.parametrize(("text", "shown"), TABLE["messages"])
def test_a_message_stands_behind_the_prefix_unless_it_begins_with_a_letter_or_a_digit(
    text: str, shown: str
) -> None:
    assert SANITIZER.message(text) == shown


def test_what_our_own_words_bring_along_is_no_command_and_no_placeholder_either() -> None:
    assert SANITIZER.line("got {x}") == "got {x}"
    assert (
        SANITIZER.line("no such file: a\n::error::b\r##[error]c")
        == "no such file: a ::error::b # #[error]c"
    )


def test_every_character_that_cannot_be_seen_is_dropped_or_shown() -> None:
    unseen = "".join(steering("".join(map(chr, range(0x110000)))))
    assert len(unseen) > 2_000
    assert steering(SANITIZER.clean(unseen, limit=100_000)) == []


@pytest.mark.parametrize(
    ("text", "shown"), [*TABLE["terminal"], ("\ud800", "\\ud800"), ("\udfff", "\\udfff")]
)
def test_terminal_text_reads_as_it_looked(text: str, shown: str) -> None:
    assert SANITIZER.clean(Untrusted(text)) == shown
