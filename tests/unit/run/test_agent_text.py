"""The agent's words, from scraps to pieces: nothing lost, nothing twice, and no secret in two
halves.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.run.agent_text import TextBuffer
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted

TOKEN = "ghp_" + "a1B2" * 9
PASSWORD = "Tr0ub4dor&3x"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----"
ASKED = '{"previewUrl": "https://preview.example", "summary": "Fine?"}'
CHECKPOINT = f"<<<MOGPLEX_CHECKPOINT>>>\n{ASKED}\n<<<END_MOGPLEX_CHECKPOINT>>>"
FENCE = "```sh\nmake test\n\nmake lint\n```"
WORDS = st.sampled_from(
    [
        "I look",
        " at the tests",
        ".",
        "\n",
        "\n\n",
        " ",
        "  \n",
        f" token: {TOKEN}",
        KEY,
        FENCE,
        f" password: {PASSWORD} ",
        "é",
    ]
)
TEXTS = st.lists(WORDS, max_size=12).map("".join)


def pieces_of(text: str, cuts: list[tuple[int, str]]) -> tuple[list[str], TextBuffer]:
    """Return the pieces when the text comes in deltas of these sizes, each followed by this
    call.
    """
    buffer, pieces = TextBuffer(), list[Untrusted]()
    for size, then in cuts:
        pieces += buffer.add(Untrusted(text[:size]))
        text = text[size:]
        pieces += {"flush": buffer.flush, "interrupt": buffer.interrupt, "": list[Untrusted]}[
            then
        ]()
    pieces += buffer.add(Untrusted(text))
    return [piece.text for piece in (*pieces, *buffer.drain())], buffer


CUTS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from(["", "", "flush", "interrupt"])), max_size=12
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


@given(TEXTS, CUTS)
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
        pieces, _ = pieces_of(text, [(size, "interrupt")])
        shown = "".join(Sanitizer().clean(Untrusted(piece)) for piece in pieces)
        assert not any(part in shown for part in (TOKEN[4:16], TOKEN[-12:], PASSWORD[-6:])), text[
            :size
        ]


def test_of_a_long_text_only_the_end_is_held_back() -> None:
    """An unfinished sentence while nothing comes, an unfinished word before a tool call."""
    long = "a plain word and " * 400  # more than is looked at for a place to cut
    buffer = TextBuffer()
    assert buffer.add(Untrusted(f"{long}the end. And the next")) == []
    assert buffer.flush() == [Untrusted(f"{long}the end. ")]
    assert buffer.drain() == [Untrusted("And the next")]
    assert buffer.add(Untrusted(f"{long}ghp_a1B2")) == []
    assert "".join(piece.text for piece in buffer.interrupt()).split() == long.split()
    assert buffer.drain() == [Untrusted("ghp_a1B2")]


@pytest.mark.parametrize("block", [FENCE, KEY])
def test_an_open_block_is_held_back_and_what_is_before_it_shown(block: str) -> None:
    half = block[: len(block) // 2]
    buffer = TextBuffer()
    assert buffer.add(Untrusted(f"Before it.\n\n{half}")) == [Untrusted("Before it.\n\n")]
    assert buffer.flush() == []
    assert buffer.interrupt() == []
    assert buffer.add(Untrusted(block[len(block) // 2 :])) == []
    assert buffer.add(Untrusted("\n\nAfter it.\n\nMore")) == [
        Untrusted(f"{block}\n\nAfter it.\n\n")
    ]
    assert buffer.drain() == [Untrusted("More")]


def test_a_paragraph_is_shown_when_it_is_complete_and_not_twice() -> None:
    buffer = TextBuffer()
    assert buffer.add(Untrusted("One.\n")) == []
    assert buffer.add(Untrusted("\nTwo.")) == [Untrusted("One.\n\n")]
    assert buffer.add(Untrusted("\n\n\nThree.\n\nFour")) == [Untrusted("Two.\n\n\nThree.\n\n")]
    assert not buffer.is_empty
    assert buffer.drain() == [Untrusted("Four")]
    assert buffer.is_empty


def test_half_a_mark_before_an_empty_line_holds_back_its_own_paragraph_only() -> None:
    """Half of what begins the question of a run that pauses must not be shown."""
    buffer = TextBuffer()
    assert buffer.add(Untrusted("One.\n\nIs 1 <\n\nthree")) == [Untrusted("One.\n\n")]
    assert buffer.drain() == [Untrusted("Is 1 <\n\nthree")]


@pytest.mark.parametrize("start", ["```\n", "-----BEGIN ", ""])
def test_64_ki_of_an_open_block_are_held_back_and_no_more(start: str) -> None:
    buffer = TextBuffer()
    text = start.ljust(65_536, "x")
    assert buffer.add(Untrusted(" \n")) == []
    assert buffer.add(Untrusted(text)) == []
    assert "".join(piece.text for piece in buffer.add(Untrusted("y"))).strip() == f"{text}y"


@pytest.mark.parametrize(("more", "end"), [(0, ""), (1, "… 1 more characters\n\n")])
def test_256_ki_of_a_delta_are_read(more: int, end: str) -> None:
    buffer = TextBuffer()
    pieces = [*buffer.add(Untrusted("x" * (262_144 + more))), *buffer.drain()]
    assert "".join(piece.text for piece in pieces) == "x" * 262_144 + end


@pytest.mark.parametrize(
    ("size", "is_shown"), [(510, True), (511, True), (512, False), (600, False)]
)
def test_of_a_quiet_text_only_a_short_line_without_a_sentence_is_shown(
    size: int, is_shown: bool
) -> None:
    """A name of a secret could stand farther to the left than is looked."""
    line = "word " * (size // 5) + "x" * (size % 5)
    buffer = TextBuffer()
    buffer.add(Untrusted(f"{line}\nnext"))
    assert [piece.text for piece in buffer.flush()] == ([f"{line}\n"] if is_shown else [])


QUIET = [
    ("Done. Next", "Done. "),
    ("I look. It works.", "I look. It works."),
    ("I look. It is 'plain'.", "I look. It is 'plain'."),
    ("I look. It is dp.", "I look. "),
    ("I look. It is a1B2c3D4e5F6.", "I look. "),
    ("I look. The password is:", "I look. "),
    ("I look. <<<MOGPLEX.", "I look. <<<MOGPLEX."),
    ("I look. <<<", "I look. "),
    ("Done! Next", "Done! "),
    ('He said "done.") Next', 'He said "done.") '),
    ("**Done.** Next", "**Done.** "),
    ("Done.)]\"'*_` Next", "Done.)]\"'*_` "),
    ("Done.)]\"'*_`” Next", ""),
    ("Done Next", ""),
    ("Two plain\nlines\nand", "Two plain\nlines\n"),
    ("The key: it\nis plain\nnow", ""),
    ("The key: it\nis\nplain\nnow", "The key: it\nis\nplain\n"),
    ("key =\nplain", ""),
    ("I look.\nThe password:\n", "I look.\n"),
    ("I look.\nSet db_password:\n", "I look.\n"),
    (":plain\nwords", ""),
    ("One. Two <<<", "One. "),
    ("One. <<<", "One. "),
]
BEFORE_A_TOOL_CALL = [
    ("I call it", "I call it"),
    ("I call another", "I call another"),
    ("I call passw", "I call "),
    ("I call Tok", "I call "),
    ("I call ghp", "I call "),
    ("I call a1", "I call "),
    ("I call tomorrow", "I call "),
    ("I call it.", "I call it."),
    ("First `make test`:", "First `make test`:"),
    ("Ready!\n", "Ready!\n"),
    ("I see\nthe password:", "I see\n"),
    ("I see\nthe password", "I see\nthe "),
    ("I see\nthe password 'x", "I see\n"),
    ("I see\nthe token changed to", "I see\n"),
    ("I see\nthe password for it", "I see\n"),
    ("I see\nthe token of ad", "I see\n"),
    ("I see\nthe password works.", "I see\nthe password works."),
    ('I see\npassword: "My cat.', "I see\n"),
    ("I see\ncurl -u …", "I see\n"),
    ("the password:", ""),
    ("One <<<MOGPLEX", ""),
]


@pytest.mark.parametrize(
    ("then", "text", "shown"),
    [*(("flush", *row) for row in QUIET), *(("interrupt", *row) for row in BEFORE_A_TOOL_CALL)],
)
def test_what_is_shown_while_nothing_comes_and_before_a_tool_call(
    then: str, text: str, shown: str
) -> None:
    pieces, _ = pieces_of(text, [(len(text), then)])
    assert "".join(pieces[:1]) == (shown or text)
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


@pytest.mark.parametrize(
    "blocks", [[FENCE], [KEY], [FENCE, FENCE], [KEY, FENCE, FENCE], [FENCE, KEY, KEY, FENCE]]
)
def test_blocks_that_are_closed_are_not_cut(blocks: list[str]) -> None:
    together = "\n".join(blocks)
    for before in ("", "One.\n\n", "One.\n\nTwo.\n"):
        buffer = TextBuffer()
        pieces = buffer.add(Untrusted(before + together))
        assert "".join(piece.text for piece in pieces) == before[:6]
        pieces += [
            *buffer.flush(),
            *buffer.flush(),
            *buffer.add(Untrusted("\nmore")),
            *buffer.flush(),
        ]
        pieces += buffer.interrupt()
        assert buffer.is_empty
        assert "".join(piece.text for piece in pieces) == f"{before}{together}\nmore"
        for block in (FENCE, KEY):
            assert sum(piece.text.count(block) for piece in pieces) == blocks.count(block)


@pytest.mark.parametrize("block", [KEY, FENCE])
@pytest.mark.parametrize("split", [2, -2])
def test_a_mark_in_two_deltas_is_seen_wherever_it_stands(block: str, split: int) -> None:
    for before in range(200):
        buffer, text = TextBuffer(), "x" * before + f"\n{block}"
        assert buffer.add(Untrusted(text[: len(text) - len(block) + split % len(block)])) == [], (
            before
        )
        assert buffer.add(Untrusted(text[len(text) - len(block) + split % len(block) :])) == [], (
            before
        )
        assert buffer.add(Untrusted("\n\nMore")) == [Untrusted(f"{text}\n\n")], before
