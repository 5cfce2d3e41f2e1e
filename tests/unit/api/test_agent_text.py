"""The agent's words, from scraps to pieces: nothing lost, nothing twice, and no secret in two halves."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mogplex_ci.api.agent_text import TextBuffer
from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import Sanitizer

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
    """Return the pieces when the text comes in deltas of these sizes, each followed by this call."""
    buffer, pieces = TextBuffer(), list[Untrusted]()
    for size, then in cuts:
        pieces += buffer.add(Untrusted(text[:size]))
        text = text[size:]
        pieces += {"flush": buffer.flush, "interrupt": buffer.interrupt, "": list[Untrusted]}[then]()
    pieces += buffer.add(Untrusted(text))
    return [piece.text for piece in (*pieces, *buffer.drain())], buffer


CUTS = st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["", "", "flush", "interrupt"])), max_size=12)


@settings(deadline=None)
@given(TEXTS, CUTS)
def test_the_pieces_are_the_text(text: str, cuts: list[tuple[int, str]]) -> None:
    pieces, _ = pieces_of(text, cuts)
    assert "".join(pieces).split() == text.split()
    assert re.sub(r"\s*\n\s*\n\s*", "¶", "".join(pieces).strip()).count("¶") == len(
        re.findall(r"\s*\n\s*\n\s*", text.strip())
    )


@settings(deadline=None)
@given(TEXTS, CUTS.map(lambda cuts: [(size, "flush" if then else "") for size, then in cuts]))
def test_no_secret_is_shown_in_two_halves(text: str, cuts: list[tuple[int, str]]) -> None:
    pieces, _ = pieces_of(text, cuts)
    shown = "\n".join(Sanitizer().clean(Untrusted(piece)) for piece in pieces)
    for secret in (TOKEN, "MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB", PASSWORD):
        assert not any(secret[at : at + 6] in shown for at in range(len(secret) - 5))


@pytest.mark.parametrize("then", ["", "flush", "interrupt"])
@pytest.mark.parametrize("size", range(1, 40))
def test_a_checkpoint_is_read_and_never_shown(size: int, then: str) -> None:
    text = f"Ready for review.\n{CHECKPOINT}"
    pieces, buffer = pieces_of(text, [(size, then)] * (len(text) // size))
    assert "".join(pieces).strip() == "Ready for review."
    assert buffer.checkpoint is not None
    assert buffer.checkpoint.summary == Untrusted("Fine?")
    assert buffer.checkpoint.preview_url == Untrusted("https://preview.example")


def test_a_flood_without_an_end_is_shown() -> None:
    pieces, _ = pieces_of("```\n" + "x" * 200_000, [(1000, "")] * 200)
    assert len(pieces) > 1
    assert sum(map(len, pieces)) == 200_004


def test_white_space_alone_is_not_shown() -> None:
    pieces, _ = pieces_of(" \n\n" * 50_000, [(1000, "flush")] * 150)
    assert pieces == []
