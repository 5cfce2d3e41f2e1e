"""The agent's words, from scraps to pieces: nothing lost, nothing twice, and no secret in two
halves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mogplex_ci.run.agent_text import Piece, TextBuffer
from mogplex_ci.sanitize import Redactor, Sanitizer
from mogplex_ci.untrusted import Untrusted

TOKEN = "ghp_" + "a1B2" * 9
PASSWORD = "Tr0ub4dor&3x"
REDACTOR = Redactor()
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----"
ASKED = '{"previewUrl": "https://preview.example", "summary": "Fine?"}'
CHECKPOINT = f"<<<MOGPLEX_CHECKPOINT>>>\n{ASKED}\n<<<END_MOGPLEX_CHECKPOINT>>>"
FENCE = "```sh\nmake test\n\nmake lint\n```"
WORDS = ("I look", " at the tests", ".", "\n", "\n\n", " ", "  \n", FENCE, "é")
SECRETS = (f" token: {TOKEN}", KEY, f" password: {PASSWORD} ")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
TEXTS_WITH_SECRETS = st.lists(st.sampled_from(WORDS + SECRETS), max_size=12).map("".join)


def pieces_of(
    text: str, cuts: list[tuple[int, str]], redactor: Redactor = REDACTOR
) -> tuple[list[str], TextBuffer]:
    """Return the pieces when the text comes in deltas of these sizes, each followed by a pause
    (``flush``), a tool call, a note, or nothing.
    """
    buffer, pieces = TextBuffer(redactor), list[Piece]()
    for size, then in cuts:
        pieces += buffer.add(Untrusted(text[:size]))
        text = text[size:]
        if then == "flush":
            pieces += buffer.flush()
        elif then:
            pieces += buffer.interrupt(ends_message=then == "call", keeps_word=then == "note")
    pieces += buffer.add(Untrusted(text))
    return [piece.words.text for piece in (*pieces, *buffer.drain())], buffer


CUTS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from(["", "", "flush", "call", "note"])), max_size=12
)


def paragraphs(text: str) -> list[list[str]]:
    """Return the words of each paragraph."""
    return [part.split() for part in re.split(r"\s*\n\s*\n\s*", text.strip())]


@given(TEXTS, CUTS)
def test_the_pieces_are_the_text(text: str, cuts: list[tuple[int, str]]) -> None:
    pieces, _ = pieces_of(text, cuts)
    assert paragraphs("".join(pieces)) == paragraphs(text)


@pytest.mark.parametrize("breaks", ["\n\n", "\n \n", " \n\n\n ", "\n\n    "])
def test_a_break_between_paragraphs_that_comes_in_scraps_stays_one(breaks: str) -> None:
    for first in range(9, 9 + len(breaks)):
        for size in (1, 2, 3):
            pieces, _ = pieces_of(
                f"One word.{breaks}Two", [(first, "flush"), *[(size, "flush")] * len(breaks)]
            )
            assert paragraphs("".join(pieces)) == [["One", "word."], ["Two"]], (first, size)


@given(TEXTS, TEXTS, CUTS)
def test_a_checkpoint_is_a_paragraph_that_is_not_shown(
    before: str, after: str, cuts: list[tuple[int, str]]
) -> None:
    pieces, buffer = pieces_of(f"{before}{CHECKPOINT}{after}", cuts)
    assert paragraphs("".join(pieces)) == paragraphs(f"{before}\n\n{after}")
    assert buffer.checkpoint == (Untrusted("Fine?"), Untrusted("https://preview.example"))


@pytest.mark.parametrize("ends", ["\n", "\n\n", "\n\n\n"])
def test_what_stands_below_a_checkpoint_keeps_its_lines_and_paragraphs(ends: str) -> None:
    code = "```py\nif x:\n\n    y()\n```"
    for size in (1, 5, 30, 1_000):
        text = f"One.\n\nTwo.{ends}{CHECKPOINT}{ends}{code}\n\n- three\n\n  four\n\nFive"
        pieces, _ = pieces_of(text, [(size, "")] * (len(text) // size))
        assert (
            re.sub("\n{3,}", "\n\n", "".join(pieces))
            == f"One.\n\nTwo.\n\n{code}\n\n- three\n\n  four\n\nFive"
        ), size


@given(TEXTS_WITH_SECRETS, CUTS)
def test_no_secret_is_shown_in_two_halves(text: str, cuts: list[tuple[int, str]]) -> None:
    pieces, _ = pieces_of(text, cuts)
    shown = "\n".join(Sanitizer().clean(Untrusted(piece)) for piece in pieces)
    for secret in (TOKEN, "MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB", PASSWORD):
        assert not any(secret[at : at + 6] in shown for at in range(len(secret) - 5))


def test_white_space_alone_is_not_shown() -> None:
    pieces, _ = pieces_of(" \n\n" * 50_000, [(1000, "flush")] * 150)
    assert pieces == []


@pytest.mark.parametrize(
    "secret", [TOKEN, f"password: {PASSWORD}", f'DB_PASSWORD="{PASSWORD}"', f"api_key={TOKEN}"]
)
def test_a_tool_call_in_the_middle_of_a_secret_shows_no_half_of_it(secret: str) -> None:
    text = f"I look at it: {secret}\nDone."
    assert "***" in Sanitizer().clean(Untrusted(text))
    for size in range(1, len(text)):
        pieces, _ = pieces_of(text, [(size, "call")])
        shown = "".join(Sanitizer().clean(Untrusted(piece)) for piece in pieces)
        assert not any(part in shown for part in (TOKEN[4:16], TOKEN[-12:], PASSWORD[-6:])), text[
            :size
        ]


def shown(pieces: list[Piece]) -> str:
    """Return the words of pieces."""
    return "".join(piece.words.text for piece in pieces)


def test_of_a_long_text_only_the_last_word_is_held_back() -> None:
    """While nothing comes, and if it may be half a token, before a tool call."""
    long = "a plain word and " * 400  # more than is looked at for a place to cut
    buffer = TextBuffer(REDACTOR)
    assert buffer.add(Untrusted(f"{long}the end. And the next")) == []
    assert shown(buffer.flush()) == f"{long}the end. And the "
    assert shown(buffer.flush()) == "next"
    assert buffer.add(Untrusted(f"{long}ghp_a1B2")) == []
    assert shown(buffer.interrupt(ends_message=True)).split() == long.split()
    assert shown(buffer.drain()) == "ghp_a1B2"


def test_a_known_value_that_is_cut_behind_a_line_continuation_is_held_back() -> None:
    value = "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1"
    buffer = TextBuffer(Redactor([value]))
    told = shown(buffer.add(Untrusted(f'run "{value[:22]}\\')))
    told += shown(buffer.flush()) + shown(buffer.flush())
    assert told == 'run "'


def test_a_known_value_that_is_cut_behind_an_escaped_backslash_is_held_back() -> None:
    value = "aB3d\\E5gH7jK9mN"
    buffer = TextBuffer(Redactor([value]))
    told = shown(buffer.add(Untrusted(f"run {json.dumps(value)[:7]}")))
    told += shown(buffer.flush()) + shown(buffer.flush())
    assert told == 'run "'


def test_a_word_that_is_held_back_belongs_to_its_message() -> None:
    buffer = TextBuffer(REDACTOR)
    buffer.add(Untrusted("I use ghp_a1B2"))
    assert buffer.interrupt(ends_message=True) == [Piece(Untrusted("I use "), 0)]
    assert buffer.add(Untrusted(" Now the next.\n\n")) == [
        Piece(Untrusted("ghp_a1B2"), 0),
        Piece(Untrusted(" Now the next.\n\n"), 1),
    ]


def test_an_open_key_is_held_back_and_what_is_before_it_shown() -> None:
    half = KEY[: len(KEY) // 2]
    buffer = TextBuffer(REDACTOR)
    assert shown(buffer.add(Untrusted(f"Before it.\n\n{half}"))) == "Before it.\n\n"
    assert buffer.flush() == []
    assert buffer.interrupt(ends_message=False) == []
    assert buffer.add(Untrusted(KEY[len(KEY) // 2 :])) == []
    assert shown(buffer.add(Untrusted("\n\nAfter it.\n\nMore"))) == "***\n\nAfter it.\n\n"
    assert shown(buffer.drain()) == "More"


@pytest.mark.parametrize(
    "mention",
    [
        "It begins with `-----BEGIN RSA PRIVATE KEY-----`.",
        "It begins with -----BEGIN RSA PRIVATE KEY----- and a line break.",
        "It is not a -----BEGIN CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nThat is the first line.",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n\nThat is a part of it.",
    ],
)
def test_a_key_that_is_only_mentioned_holds_nothing_back(mention: str) -> None:
    buffer = TextBuffer(REDACTOR)
    pieces = [piece for delta in mention for piece in buffer.add(Untrusted(delta))]
    pieces += buffer.add(Untrusted(" It is read.\n\nNext"))
    assert shown(pieces) == f"{mention} It is read.\n\n"


def test_a_fence_holds_nothing_back() -> None:
    buffer = TextBuffer(REDACTOR)
    assert shown(buffer.add(Untrusted("```sh\nmake\n\nmake test"))) == "```sh\nmake\n\n"


def test_a_paragraph_is_shown_when_it_is_complete_and_not_twice() -> None:
    buffer = TextBuffer(REDACTOR)
    assert buffer.add(Untrusted("One.\n")) == []
    assert shown(buffer.add(Untrusted("\nTwo."))) == "One.\n\n"
    assert shown(buffer.add(Untrusted("\n\n\nThree.\n\nFour"))) == "Two.\n\n\nThree.\n\n"
    assert not buffer.is_empty
    assert shown(buffer.drain()) == "Four"
    assert buffer.is_empty


@pytest.mark.parametrize("start", ["-----BEGIN PRIVATE KEY-----\n", ""])
def test_64_ki_of_an_open_block_are_held_back_and_no_more(start: str) -> None:
    buffer = TextBuffer(REDACTOR)
    text = start.ljust(65_536, "x")
    assert buffer.add(Untrusted(" \n")) == []
    assert buffer.add(Untrusted(text)) == []
    assert shown(buffer.add(Untrusted("y"))).strip() == f"{text}y"


@pytest.mark.parametrize(("more", "end"), [(0, ""), (1, "… 1 more characters\n\n")])
def test_256_ki_of_a_delta_are_read(more: int, end: str) -> None:
    buffer = TextBuffer(REDACTOR)
    pieces = [*buffer.add(Untrusted("x" * (262_144 + more))), *buffer.drain()]
    assert shown(pieces) == "x" * 262_144 + end


QUIET = [
    ("Done. Next", "Done. "),
    ("I look. It works.", "I look. It works."),
    ("I look. It is 'plain'.", "I look. It is 'plain'."),
    ("I look. <<<MOGPLEX.", "I look. <<<MOGPLEX."),
    ("I look. <<<", "I look. "),
    ("The password is:", "The password is:"),
    ("Two plain\nlines\nand", "Two plain\nlines\n"),
    ("One", "One"),
]
BEFORE_A_TOOL_CALL = [
    ("I call it", "I call it"),
    ("…now with change 1.", "…now with change 1."),
    ("First `make test`:", "First `make test`:"),
    ("Ready!\n", "Ready!\n"),
    ("I call ghp_a1", "I call "),
    ("One <<<MOGPLEX", "One "),
]
BEFORE_A_NOTE = [
    ("I call an", "I call "),
    ("It is done.", "It is done."),
    ("It is done. ", "It is done. "),
]


@pytest.mark.parametrize(
    ("then", "text", "first"),
    [
        *(("flush", *row) for row in QUIET),
        *(("call", *row) for row in BEFORE_A_TOOL_CALL),
        *(("note", *row) for row in BEFORE_A_NOTE),
    ],
)
def test_what_is_shown_while_nothing_comes_and_before_something_else(
    then: str, text: str, first: str
) -> None:
    pieces, _ = pieces_of(text, [(len(text), then)])
    assert pieces[0] == first
    assert "".join(pieces) == text


@pytest.mark.parametrize("block", ['{"summary": ', "[" * 100_000, "null", "7", '["a"]', ""])
def test_a_checkpoint_that_cannot_be_read_pauses_all_the_same(block: str) -> None:
    pieces, buffer = pieces_of(
        f"One.\n<<<MOGPLEX_CHECKPOINT>>>{block}<<<END_MOGPLEX_CHECKPOINT>>>", []
    )
    assert "".join(pieces).strip() == "One."
    assert buffer.checkpoint == (None, None)


def test_the_last_of_several_checkpoints_counts() -> None:
    pieces, buffer = pieces_of(
        f"One.\n{CHECKPOINT.replace('Fine?', 'First?')}\nTwo.\n{CHECKPOINT}\nThree.", []
    )
    assert "".join(pieces).strip() == "One.\n\nTwo.\n\nThree."
    assert buffer.checkpoint is not None
    assert buffer.checkpoint.summary == Untrusted("Fine?")


@pytest.mark.parametrize("count", [1, 2])
def test_keys_that_are_closed_are_not_cut(count: int) -> None:
    together = "\n".join([KEY] * count)
    for before in ("", "One.\n\n", "One.\n\nTwo.\n"):
        buffer = TextBuffer(REDACTOR)
        pieces = buffer.add(Untrusted(before + together))
        assert shown(pieces) == before[:6]
        pieces += [*buffer.flush(), *buffer.flush(), *buffer.add(Untrusted("\nmore"))]
        pieces += [*buffer.flush(), *buffer.interrupt(ends_message=True)]
        assert buffer.is_empty
        words = "".join(Sanitizer().clean(piece.words) for piece in pieces)
        assert words == before + "\n".join(["***"] * count) + "\nmore"


@pytest.mark.parametrize("split", [2, -2])
def test_a_mark_in_two_deltas_is_seen_wherever_it_stands(split: int) -> None:
    for before in range(200):
        buffer, text = TextBuffer(REDACTOR), "x" * before + f"\n{KEY}"
        cut = len(text) - len(KEY) + split % len(KEY)
        assert buffer.add(Untrusted(text[:cut])) == [], before
        assert buffer.add(Untrusted(text[cut:])) == [], before
        assert shown(buffer.add(Untrusted("\n\nMore"))) == f"{text}\n\n", before


VALUE = "Kj7-hunter/Qz8%"


@pytest.mark.parametrize("then", ["flush", "call", "note"])
@pytest.mark.parametrize("write", [str, lambda value: quote(value, safe="")], ids=["plain", "URL"])
def test_at_most_four_characters_of_a_known_value_are_shown(
    then: str, write: Callable[[str], str]
) -> None:
    """However it is cut, also into more than two parts, with what comes between."""
    written = write(VALUE)
    text = f"It is {written} of all"
    for first in range(6, 6 + len(written)):
        for second in range(first + 1, 7 + len(written)):
            buffer = TextBuffer(Redactor([VALUE]))
            pieces = list[Piece]()
            for delta in (text[:first], text[first:second], text[second:]):
                pieces += buffer.add(Untrusted(delta))
                pieces += buffer.flush()
                if then != "flush":
                    is_call = then == "call"
                    pieces += buffer.interrupt(ends_message=is_call, keeps_word=not is_call)
            pieces += buffer.drain()
            words = [Sanitizer([VALUE]).clean(piece.words) for piece in pieces]
            assert "".join(words).endswith(" of all")
            for at in range(len(written) - 4):
                assert written[at : at + 5] not in "".join(words), (first, second)


BORDERED = "abcde-Hunter7-abcde"
NEXT = "abcde-Qz8%badger42"
CHAINED = ("abcde", "abcde-", "-Hunter7-", "abcde-Qz8", BORDERED, NEXT, BORDERED[5:], " ", "\n")


@given(st.lists(st.sampled_from(CHAINED), max_size=8).map("".join), CUTS)
@example(f"It is {BORDERED}", [(40, "call")])
@example(f"It is {BORDERED} of all", [(25, "flush")])
@example(f"It is {BORDERED}-Hunter7-abcde of all", [(25, "flush")])
@example(f"It is {BORDERED}-Qz8%badger42 of all", [(29, "flush")])
def test_a_known_value_whose_end_begins_a_value_is_not_cut(
    text: str, cuts: list[tuple[int, str]]
) -> None:
    redactor = Redactor([BORDERED, NEXT])
    pieces, _ = pieces_of(text, cuts, redactor)
    words = "".join(Sanitizer([BORDERED, NEXT]).clean(Untrusted(piece)) for piece in pieces)
    (alone,) = redactor.redact([text])
    for secret in (BORDERED, NEXT):
        for at in range(len(secret) - 5):
            part = secret[at : at + 6]
            # Up to four characters of a value may be shown: its "abcd".
            if part[-1] not in "abcd":
                assert words.count(part) <= alone.count(part), words


def test_half_of_a_known_value_is_shown_when_it_goes_on_otherwise_and_hidden_at_the_end() -> None:
    buffer = TextBuffer(Redactor([VALUE]))
    buffer.add(Untrusted("It is Kj7-hunter"))
    assert shown(buffer.flush() + buffer.flush()) == "It is "
    assert shown(buffer.add(Untrusted("s.")) + buffer.flush()) == "Kj7-hunters."
    buffer.add(Untrusted(" And Kj7-hunter"))
    assert shown(buffer.interrupt(ends_message=True) + buffer.drain()) == " And ***"
