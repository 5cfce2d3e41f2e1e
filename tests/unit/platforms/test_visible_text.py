"""``include-event`` hands over the words that a reader of the page sees: Markdown's own text."""

from __future__ import annotations

import time

import pytest

from mogplex_ci.platforms.visible_text import visible_text
from tests.data import read_yaml
from tests.slow import mostly_slow

TABLE = read_yaml(__file__, "visible_text.yaml")
HIDDEN: dict[str, str] = TABLE["hidden"]
SHOWN: dict[str, str] = TABLE["shown"]
FORMULAS: dict[str, str] = TABLE["formulas"]
PIECES: list[str] = TABLE["pieces"]


@pytest.mark.parametrize("body", [*(HIDDEN | SHOWN).values()], ids=[*(HIDDEN | SHOWN)])
def test_the_words_are_those_which_a_reader_of_the_page_sees(body: str) -> None:
    text = visible_text(body)
    assert "hush" not in text
    assert text.count("loud") + text.count("lo[…]ud") > 0


@pytest.mark.parametrize(("body", "text"), TABLE["laid_out"])
def test_the_words_are_laid_out_by_the_lines_of_the_source(body: str, text: str) -> None:
    assert visible_text(body) == text


@pytest.mark.parametrize(("body", "text"), [*TABLE["gaps"], ("a" * 60_001, "a" * 60_000 + "[…]")])
def test_a_gap_stands_where_words_are_left_out(body: str, text: str) -> None:
    assert visible_text(body) == text


@pytest.mark.parametrize("language", ["mermaid", "Math", "geojson", "topojson", "stl"])
def test_a_picture_drawn_from_code_is_left_out(language: str) -> None:
    """GitHub does not show its source, nor the comments in it."""
    assert visible_text(f"a\n\n```{language}\n%% hush\n```\n\nb") == "a\n\n[…]\n\nb"


@pytest.mark.parametrize("body", FORMULAS.values(), ids=FORMULAS)
def test_a_formula_is_left_out(body: str) -> None:
    assert "[…]" in visible_text(body)
    assert "hush" not in visible_text(body)


@pytest.mark.parametrize(
    "text",
    [
        "costs $5, 10% of $6 and $HOME",
        "C:\\data\\style\\class.txt is in $env:PATH",
        "~~~\n$\\phantom{x}$ % loud\n~~~",
        "run `$a` and `$b`",
    ],
)
def test_what_only_looks_like_a_formula_stays(text: str) -> None:
    assert visible_text(text) == text


HOSTILE = {
    "quotes": ">" * 65_000,
    "quotes of many lines": "> " * 300 + "a\n" + ("> " * 300 + "a\n") * 100,
    "lists": "".join(f"{' ' * 2 * depth}- a\n" for depth in range(250)),
    "brackets": "[" * 65_000,
    "images": "![" * 32_000,
    "links": "[a](" * 16_000,
    "stars": "*a **a " * 9_000,
    "underscores": "_a__b" * 13_000,
    "backticks": "".join("`" * n + " " for n in range(1, 350)),
    "tables": "|" * 8_000 + "\n" + "|-" * 8_000 + "|\n" + "|\n" * 16_000,
    "footnotes": "".join(f"[^{n}]: a[^{n + 1}]\n\n" for n in range(3_000)) + "[^0]",
    "references": "[a]: u\n" * 4_000 + "[a]" * 12_000,
    "tags": "<a" * 32_000,
    "attributes": "<a " + "b=c " * 16_000,
    "comments": "<!--" * 16_000,
    "entities": "&" * 65_000,
    "addresses": "www." * 16_000,
    "spaces": "a" + " " * 64_000 + "b",
    "spaces in code": "    a" + " " * 64_000 + "b",
    "marks of footnotes": "[^" * 32_000,
    "dollars": "$" * 65_000,
    "comments in a formula": "$$" + "%" * 65_000,
    "letters in another order": "\u202e" * 20_000,
    "hidden elements": "<b hidden>" * 6_500,
    "backslashes in a formula": "$" + "\\color " * 9_000,
}
"""Bodies as long as GitHub takes them, that take a careless parser or reader for ever."""


@pytest.mark.parametrize("name", mostly_slow(HOSTILE, every=8))
def test_a_hostile_body_is_read_in_little_time(name: str) -> None:
    began = time.process_time()
    visible_text(HOSTILE[name])
    assert time.process_time() - began < 6.0
