"""`mogplex runs events`: in which order lines are shown, and what is held back for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mogplex_ci.api import answers
from mogplex_ci.commands.runs import PrettyLines
from mogplex_ci.models import Event
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.sanitizer import PREFIX

TOKEN = "ghp_" + "0aA1bB2cC" * 4
WORDS = "log" + " " * 13 + PREFIX
STARTED, ENDED = "tool_started    tool=Cmd  Go", "tool_finished   tool=Cmd  Go"
SAID = (
    "The token is:",
    STARTED,
    " none.\n\nDone, and",
    ENDED,
    " ghp_0a",
    STARTED,
    TOKEN.removeprefix("ghp_0a"),
    " tail",
)
"""What an agent says and does, an event a second."""


def events() -> Iterator[Event]:
    for second, said in enumerate(SAID):
        fields = {"type": "log", "message": said, "payload": {"kind": "assistant_delta"}}
        if said in (STARTED, ENDED):
            fields = {"type": said.split()[0], "message": "Go", "toolName": "Cmd"}
        at = f"2026-01-01T00:00:{second:02}Z"
        yield from answers.events([{"id": f"e{second}", "createdAt": at} | fields])


@pytest.mark.parametrize(
    ("in_order", "shown"),
    [
        (
            False,
            [
                [],
                [f"00 {WORDS}The token is:", f"01 {STARTED}"],
                [f"02 {WORDS} none."],
                [f"02 {WORDS}Done, and", f"03 {ENDED}"],
                [],
                [f"05 {STARTED}"],
                [],
                [],
                [f"07 {WORDS} *** ", f"07 {WORDS}tail"],
            ],
        ),
        (
            True,
            [
                [],
                [f"00 {WORDS}The token is:", f"01 {STARTED}"],
                [f"02 {WORDS} none."],
                [f"02 {WORDS}Done, and", f"03 {ENDED}"],
                [],
                [],
                [],
                [],
                [f"04 {WORDS} *** ", f"04 {WORDS}tail", f"05 {STARTED}"],
            ],
        ),
    ],
    ids=["as they come", "in order"],
)
def test_words_that_may_be_half_a_secret_wait_and_events_overtake_them_unless_in_order(
    in_order: bool, shown: list[list[str]]
) -> None:
    lines = PrettyLines(Sanitizer(), in_order=in_order)
    found = [list(lines.add([event])) for event in events()]
    found.append([*lines.quiet(), *lines.end()])
    assert [
        [line.replace("2026-01-01T00:00:", "").replace(".000Z ", "") for line in each]
        for each in found
    ] == shown


def test_a_sentence_is_shown_once_nothing_has_come_for_a_while() -> None:
    lines = PrettyLines(Sanitizer())
    said = {"id": "e1", "type": "log", "message": "Done.", "payload": {"kind": "assistant_delta"}}
    assert list(lines.quiet()) == []
    assert list(lines.add(answers.events([said]))) == []
    assert [line.endswith(f"{PREFIX}Done.") for line in lines.quiet()] == [True]
    assert list(lines.end()) == []
