"""Text that may leave the program: who makes it, what it is put together from, and that nothing
else becomes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.program import ROOT


@pytest.mark.parametrize("made", [SafeText, CleanText, Markdown, type(Sanitizer().line("x"))])
def test_safe_text_cannot_be_made_by_a_call(made: Callable[[str], str]) -> None:
    with pytest.raises(TypeError, match=r"only mogplex_ci\.sanitize makes"):
        made("::error::x")


@pytest.mark.parametrize("show", [str, "{}".format, lambda value: f"{value}", "{!s}".format, print])
def test_untrusted_text_refuses_to_become_text(show: object) -> None:
    assert callable(show)
    with pytest.raises(TypeError, match="sanitize"):
        show(Untrusted("::error::x"))
    assert "error" not in repr(Untrusted("::error::x"))


def test_a_sentence_begins_with_a_word_of_ours() -> None:
    safe = Sanitizer()
    assert safe.sentence(None, "Agent: ", Untrusted("a\nb"), None, " (", 3, ")") == "Agent: a b (3)"
    assert safe.sentence(safe.line("Run {}", "r-1"), ": ", safe.clean("a\nb")) == "Run r-1: a b"
    for parts in (
        (),
        (None,),
        (Untrusted("x"),),
        (safe.clean("x"), " y"),
        (3, " y"),
        ("::", "error::"),
        (" x",),
    ):
        with pytest.raises(ValueError, match="character of ours"):
            safe.sentence(*parts)


def test_markdown_is_put_together_from_literals_and_text_that_means_nothing() -> None:
    safe = Sanitizer()
    row = Markdown.of(
        "| {} | {} | {:02} |", Markdown.code(safe.clean("a`b")), safe.line("c [d](e) {}", "@f"), 7
    )
    assert row == "| ``a`b`` | `c [d](e) @f` | 07 |"
    assert Markdown.joined("\n", [row, Markdown.of("{}")]) == f"{row}\n{{}}"
    link = "[`https://mogplex.com/a_b`](https://mogplex.com/a_b)"
    assert safe.link("https://mogplex.com/a_b") == link
    assert (
        safe.link("https://mogplex.com/a", Markdown.of("here")) == "[here](https://mogplex.com/a)"
    )
    assert safe.link("javascript:alert(1)") is None
    for inside, bar in ((1, 3), (2, 3), (3, 4), (4, 5), (5, 6)):
        text = f"a {'`' * inside} b"
        assert safe.fence(text, language="sh") == f"{'`' * bar}sh\n{text}\n{'`' * bar}"


def test_the_package_that_sanitizes_is_the_only_door() -> None:
    """Nothing else makes safe text, or opens what is untrusted. `careless.py` says what does not
    type-check.
    """
    makes = r"\b(SafeText|CleanText|Markdown)\("
    casts = r"\bcast\([^)]*(SafeText|CleanText|Markdown)"
    opens = r"(?<!self)\._value\b"
    offenders = [
        f"{path}: {line}"
        for path in sorted((ROOT / "mogplex_ci").rglob("*.py"))
        if path.parent.name != "sanitize" and path.name != "untrusted.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(f"{makes}|{casts}|{opens}", line)
    ]
    assert offenders == []
