"""The documents say what is so: every local link leads somewhere, and a test runs every block of
code.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.browser import chromium
from tests.documents import NOT_RUN, Block, blocks, claim_all, pages, without_runner
from tests.npm import node_modules
from tests.program import ROOT

DRAWINGS = claim_all(lambda block: block.language == "mermaid")


def test_every_block_of_code_is_run_by_a_test() -> None:
    """Or has a reason in NOT_RUN. A runner claims its blocks when its module is loaded."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "from tests.documents import" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert without_runner(blocks()) == []


def test_a_block_that_no_test_runs_is_named() -> None:
    assert without_runner([Block("docs/new.md", 7, "New", "sh", "true\n")]) == ["docs/new.md:7"]


@pytest.mark.parametrize(("page", "text"), NOT_RUN, ids=str)
def test_a_reason_not_to_run_a_block_is_about_one(page: str, text: str) -> None:
    assert len([block for block in blocks() if block.page == page and text in block.code]) == 1


@pytest.mark.parametrize("page", pages())
def test_local_links_lead_somewhere(page: str) -> None:
    assert broken_links(ROOT / page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Other page\n\n## It's *here*\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#its-here) [b](other.md#twice-1) [c](https://example.test/) <a id='own'></a> [d](#own)\n\n"
        "[e](missing.md) [f](other.md#missing) ![g](missing.png) [h](#missing)\n"
    )
    assert broken_links(page) == ["missing.md", "other.md#missing", "missing.png", "#missing"]


@pytest.mark.browser
def test_drawings_are_what_mermaid_understands() -> None:
    assert DRAWINGS
    with chromium() as browser:
        tab = browser.new_page()
        tab.add_script_tag(path=node_modules() / "mermaid" / "dist" / "mermaid.min.js")
        for drawing in DRAWINGS:
            tab.evaluate("drawing => mermaid.parse(drawing)", drawing.code)


def _read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def broken_links(page: Path) -> list[str]:
    """Return the links of ``page`` to files or headings that are not there."""
    return [link for link in _links(_tokens(page)) if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z][a-z+.-]*:", link):
        return True
    path, _, anchor = unquote(link).partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in _anchors(target)


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8"))


def _inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _inline(token.children or [])


def _links(tokens: list[Token]) -> list[str]:
    markdown = [
        str(token.attrs[name])
        for token in _inline(tokens)
        for name in ("href", "src")
        if name in token.attrs
    ]
    return markdown + [
        link
        for html in _html(tokens)
        for link in re.findall(r"""(?:href|src)=["']([^"']+)""", html)
    ]


def _html(tokens: list[Token]) -> list[str]:
    return [
        token.content for token in _inline(tokens) if token.type in ("html_inline", "html_block")
    ]


def _anchors(page: Path) -> set[str]:
    """Return what GitHub makes of the headings, and explicit ids."""
    tokens = _tokens(page)
    found = {name for html in _html(tokens) for name in re.findall(r"""id=["']([^"']+)""", html)}
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(
                part.content
                for part in inline.children or []
                if part.type in ("text", "code_inline")
            )
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            number = 0
            while (name := slug if number == 0 else f"{slug}-{number}") in found:
                number += 1
            found.add(name)
    return found
