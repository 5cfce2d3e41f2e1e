"""Text that may leave the program: who makes it, what it is put together from, and that nothing
else becomes it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, count, timestamp
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


def test_numbers_are_safe_text() -> None:
    assert [count(1, "event"), count(1200, "event")] == ["1 event", "1,200 events"]
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)) == "2026-01-02T03:04:05.678Z"
    assert timestamp(None) == "unknown"
    assert Sanitizer().clean("ab").padded(4) == "ab  "
    assert type(Sanitizer().line("ab").padded(4)) is SafeText


def test_the_package_that_sanitizes_is_the_only_door() -> None:
    """Nothing else makes safe text, or opens what is untrusted. `careless.py` says what does not
    type-check.
    """
    made = {"SafeText", "CleanText", "Markdown"}
    offenders = []
    for path in sorted((ROOT / "mogplex_ci").rglob("*.py")):
        name = path.relative_to(ROOT / "mogplex_ci").as_posix()
        if name.startswith("sanitize/") or name == "untrusted.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in made:
                offenders.append(f"{name}:{node.lineno} makes {ast.unparse(node.func)}")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("cast")
                and made & set(re.findall(r"\w+", ast.unparse(node)))
            ):
                offenders.append(f"{name}:{node.lineno} casts to it")
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "_value"
                and ast.unparse(node.value) != "self"
            ):
                offenders.append(f"{name}:{node.lineno} opens {ast.unparse(node.value)}")
    assert offenders == []
