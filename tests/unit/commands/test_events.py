"""`mogplex runs events`: in which order lines are shown, and which words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mogplex_ci.api import answers
from mogplex_ci.commands.runs import PrettyLines
from mogplex_ci.models import Event
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.sanitizer import PREFIX

TOKEN = "ghp_" + "0aA1bB2cC" * 4
WORDS = "log" + " " * 13 + PREFIX
STARTED, ENDED = "tool_started    tool=Cmd  Go", "tool_finished   tool=Cmd  Go"


def events(said: Sequence[str]) -> Sequence[Event]:
    """Return what an agent says and does, an event a second."""
    found: list[object] = []
    for second, words in enumerate(said):
        fields = {"type": "log", "message": words, "payload": {"kind": "assistant_delta"}}
        if words in (STARTED, ENDED):
            fields = {"type": words.split()[0], "message": "Go", "toolName": "Cmd"}
        found.append({"id": f"e{second}", "createdAt": f"2026-01-01T00:00:{second:02}Z"} | fields)
    return answers.events(found)


@pytest.mark.parametrize(
    ("is_complete", "last"), [(True, [f"06 {WORDS}Done."]), (False, [])], ids=["ended", "at work"]
)
def test_words_are_shown_by_the_message(*, is_complete: bool, last: list[str]) -> None:
    lines = PrettyLines(Sanitizer())
    said = ("The token ", f"is {TOKEN[:9]}", TOKEN[9:], STARTED, ENDED, "Do", "ne.")
    found = [list(lines.add([event])) for event in events(said)]
    found.append(list(lines.end(is_complete=is_complete)))
    shown = [
        line.replace("2026-01-01T00:00:", "").replace(".000Z ", "")
        for each in found
        for line in each
    ]
    assert shown == [f"02 {WORDS}The token is ***", f"03 {STARTED}", f"04 {ENDED}", *last]


def test_the_rest_of_a_message_is_not_shown() -> None:
    lines = PrettyLines(Sanitizer())
    shown = list(lines.add(events(["of it.", STARTED, "Done.", STARTED]), after_gap=True))
    assert [line.split()[-1] for line in shown] == ["Go", "Done.", "Go"]
