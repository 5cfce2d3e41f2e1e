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

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.documents import blocks, pages, without_runner
from tests.program import ROOT


def test_every_block_of_code_is_run_by_a_test() -> None:
    """Or has a reason in NOT_RUN. A runner claims its blocks when its module is loaded."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "from tests.documents import" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert without_runner(blocks()) == []


def test_local_links_lead_somewhere() -> None:
    found = {page: broken_links(ROOT / page) for page in pages()}
    assert {page: links for page, links in found.items() if links} == {}


def broken_links(page: Path) -> list[str]:
    """Return the links of ``page`` to files or headings that are not there."""
    tokens = _tokens(page)
    links = [
        str(each.attrs[name]) for each in tokens for name in ("href", "src") if name in each.attrs
    ]
    links += re.findall(r"""(?:href|src)=["']([^"']+)""", _html(tokens))
    return [link for link in links if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z][a-z+.-]*:", link):
        return True
    path, _, anchor = unquote(link).partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in _anchors(target)


def _tokens(page: Path) -> list[Token]:
    """Return the tokens of a page, and those inside of them."""
    parser = MarkdownIt("gfm-like", {"linkify": False})
    tokens = parser.parse(page.read_text(encoding="utf-8"))
    return [part for token in tokens for part in (token, *_parts(token))]


def _parts(token: Token) -> Iterator[Token]:
    for child in token.children or []:
        yield child
        yield from _parts(child)


def _html(tokens: list[Token]) -> str:
    kinds = ("html_inline", "html_block")
    return "\n".join(token.content for token in tokens if token.type in kinds)


def _anchors(page: Path) -> set[str]:
    """Return what GitHub makes of the headings, and explicit ids."""
    tokens = _tokens(page)
    found = set(re.findall(r"""id=["']([^"']+)""", _html(tokens)))
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            words = [part for part in inline.children or [] if part.type in ("text", "code_inline")]
            text = "".join(part.content for part in words).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            number = 0
            while (name := slug if number == 0 else f"{slug}-{number}") in found:
                number += 1
            found.add(name)
    return found
