"""Markdown made of text from outside shows every character of it and nothing else, read by GitHub's
own parser.
"""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from mogplex_ci.report.story import identifiers
from mogplex_ci.sanitize import Markdown, Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.oracles.github_markdown import rendered
from tests.unit.report.events import facts, result, run
from tests.unit.sanitize.hostile_text import TABLE, hostile

SANITIZER = Sanitizer()
HTML: list[str] = TABLE["html"]
markup = st.lists(st.sampled_from(HTML + TABLE["fragments"]) | hostile, max_size=8).map("".join)


@given(markup)
@example("a|b\\|c`d``e")
@example("www.evil.example")
@example("ada@evil.example mailto:ada@evil.example xmpp:ada@evil.example/a")
@example("</code><b>")
@example("`" * 80 + " [link](https://evil.example) <b>")
def test_inline_text_is_code_and_nothing_else(text: str) -> None:
    shown = SANITIZER.clean(Untrusted(text)).replace("\n", " ")
    page = rendered(f"before {Markdown.code(SANITIZER.clean(Untrusted(text)))} after")
    if shown.strip():
        assert page.elements == ["p", "code"]
        assert page.code == shown
    else:
        assert page.elements == ["p"]


@given(markup)
@example("C:\\ \\* \\")
@example("1. one")
@example("a_b __c__ _d_")
@example("`" * 80 + " [link](https://evil.example) <b>")
@example("www.evil.example")
@example("ada@evil.example mailto:ada@evil.example xmpp:ada@evil.example/a")
def test_a_sentence_is_nothing_but_a_sentence(text: str) -> None:
    shown = SANITIZER.sentence("A ", Untrusted(text))
    for page in (
        rendered(Markdown.of("{}\n", shown)),
        rendered(Markdown.of("{}\n", SANITIZER.message(text))),
    ):
        assert page.elements in (["p"], ["p", "code"])
    page = rendered(Markdown.of("{}", shown))
    assert "".join(text for _, text in page.texts).strip() == shown.strip()


def test_what_means_nothing_in_markdown_stays_as_it_is() -> None:
    plain = 'It\'s "50 %" (a/b, c-d; e.f = g + h): MOGPLEX_API_KEY & C:\\Users! # x? {y} ^'
    assert Markdown.of("{}", SANITIZER.line(plain)) == plain
    assert Markdown.of("{}", SANITIZER.line("1.2s")) == "1.2s"
    assert Markdown.of("{}", SANITIZER.line("3. *a* @b #1")) == "`3. *a* @b #1`"


@given(markup)
@example("a|b")
@example("a\\")
def test_inline_text_stays_in_its_cell(text: str) -> None:
    named = run("success", branch={"base": f"x{text}", "working": None, "createBranch": False})
    page = rendered(identifiers(facts(result(run=named)), SANITIZER))
    cells = [inside for inside in page.elements if inside in ("td", "th")]
    assert cells[:2] == ["th", "th"]
    assert cells.count("th") == 2
    assert len(cells) % 2 == 0
    assert "Requests" in [text.strip() for _, text in page.texts]


@given(markup)
@example("```\n~~~\n````")
@example("`" * 300 + "\n[link](https://evil.example) <b>")
def test_a_fence_holds_all_of_the_text(text: str) -> None:
    clean = SANITIZER.clean(Untrusted(text))
    page = rendered(f"before\n\n{SANITIZER.fence(Untrusted(text))}\n\nafter\n")
    assert [re.sub(" .*", "", element) for element in page.elements] == ["p", "pre", "code", "p"]
    assert page.code == f"{clean}\n"
    assert page.texts[-2][1] == "after"


def test_code_is_where_githubs_second_pass_makes_no_links() -> None:
    """Mentions, issues and commits become links in plain text, and never inside `code` or `pre`."""
    text = Untrusted("@acme/owners #1 3f786850e387550fdab836ed7e6dc881de23001b")
    for markdown in (Markdown.code(SANITIZER.clean(text)), SANITIZER.fence(text)):
        assert (
            rendered(markdown).code.strip()
            == "@acme/owners #1 3f786850e387550fdab836ed7e6dc881de23001b"
        )
