"""The code that people copy: the blocks in the documents, and the example files.

A test that runs one claims it here and gets its text, so that what is shown is what runs.
test_documents.py names each block that no test claims and that `NOT_RUN` gives no reason for.
"""

from __future__ import annotations

import functools
import re
import subprocess
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from markdown_it import MarkdownIt

from tests.program import ROOT


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, or a whole example file."""

    page: str
    line: int
    heading: str
    """The last heading before it; empty for a file."""
    language: str
    code: str

    def __str__(self) -> str:
        """Its place: page and line."""
        return f"{self.page}:{self.line}"


NOT_RUN = {
    ("examples/zizmor.yml", ""): "settings of a linter, which reads them in `make check`",
}
"""By page and a text in the block: why it cannot be run here."""

_claimed: set[Block] = set()


def claim(page: str, containing: str = "") -> Block:
    """Return the only block of ``page`` that contains a text; the caller runs it."""
    (block,) = claim_all(lambda block: block.page == page and containing in block.code)
    return block


def claim_all(chosen: Callable[[Block], bool]) -> list[Block]:
    """Return every block that is chosen; the caller runs each."""
    found = [block for block in blocks() if chosen(block)]
    _claimed.update(found)
    return found


def without_runner(candidates: Iterable[Block]) -> list[str]:
    """Name the blocks that nobody has claimed and that no reason is given for."""
    excused = [
        block
        for block in blocks()
        if any(page == block.page and text in block.code for page, text in NOT_RUN)
    ]
    return [str(block) for block in candidates if block not in _claimed and block not in excused]


@functools.cache
def pages() -> list[str]:
    """Every Markdown file of the repository."""
    return _files("*.md")


@functools.cache
def blocks() -> list[Block]:
    """Every fenced block of every page, then every example file."""
    files = [
        Block(path, 1, "", PurePath(path).suffix[1:], (ROOT / path).read_text())
        for path in _files("examples/*")
    ]
    return [block for page in [*pages(), "llms.txt"] for block in _blocks_of(page)] + files


def error_codes() -> dict[str, str]:
    """Return what docs/troubleshooting.md says of each error code, below its heading.

    GitHub gives the heading the code in lower case as its anchor.
    """
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^##+ (.+)$", page, flags=re.MULTILINE)
    sections = zip(parts[::2], parts[1::2], strict=True)
    return {heading.strip("`"): text for heading, text in sections if heading.startswith("`")}


def as_workflow(code: str) -> str | None:
    """Complete a part of a GitHub workflow to a whole one; None when the code is no part of one."""
    if code.startswith("- "):
        return (
            "on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n"
            + textwrap.indent(code, " " * 6)
        )
    if re.search(r"^jobs:", code, re.MULTILINE):
        return code if re.search(r"^on:", code, re.MULTILINE) else f"on: push\n{code}"
    return None


def _blocks_of(page: str) -> list[Block]:
    found, heading = [], ""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(
        (ROOT / page).read_text(encoding="utf-8")
    )
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[number + 1].content
        elif token.type == "fence" and token.info != "mermaid":  # GitHub draws it
            line = token.map[0] + 1 if token.map else 0
            found.append(Block(page, line, heading, token.info.strip(), token.content))
    return found


def _files(pattern: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).exists())
