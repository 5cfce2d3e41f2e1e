"""The words of Markdown that readers see on GitHub: text and code as written, without HTML's tags.

Where words are left out, ``[…]`` stands, so that no sentence closes over a gap.
"""

import re
from collections.abc import Sequence
from html import unescape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

MAX_CHARACTERS: Final = 60_000
_MAX_DEPTH: Final = 20
_GAP: Final = "[…]"
_MARKS: Final = r"(?:[\s>]|(?:[-*+]|\d{1,9}[.)]|#{1,6})(?=\s)){0,99}"
"""The beginning of a line in quotes, lists and headings."""
_FOOTNOTE: Final = (
    r"(?m)^((?:[ >]|[-*+] |\d{1,9}[.)] )*)\[\^[^\]\s]+\]:[^\n]*"
    r"(?:\n(?![ >]*$)[^\n]*|(?:\n[ >]*$)+\n[ >]*(?: {4}|\t)[^\n]*)*"
)
"""A footnote, with the paragraphs that are indented below it."""
# CommonMark's limit of a label is 999 characters.
_DEFINITION: Final = r"(?m)^([ >]*\[[^\]\n]{1,999}\]:[^\n]*)((?:\n[ \t]+[^\n]*)+)"
"""A link's target, with indented lines below it: they are no code to GitHub."""
_UNSEEN: Final = (
    r"(?<![\w$\\])(?:\$\$[^$]+\$\$|\$`[^`]*+`\$|\$(?=[^\s$])[^$]*(?<![\s\\])\$(?!\w))"
    r"|\[\^[^\]\s]{1,999}+\]|(?<!`)(`++[^`]*+`++)"
)
"""A formula or the mark of a footnote; or code, whose signs are not those of a formula."""
_DRAWN: Final = ("mermaid", "geojson", "topojson", "stl", "math")
"""Languages of code that GitHub shows as a picture, without its comments."""
_TAG: Final = (
    r"<!--.*?(?:-->|\Z)|<(?:[!?]|/(?![A-Za-z]))[^>]*+>?"  # comments, declarations, instructions
    r"|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*+)"
    r"(?P<attributes>(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^>\"'])*+)>?"
)
_INSTEAD: Final = {"br": "\n", "img": _GAP}
_HIDING: Final = ("template", "video", "audio", "svg", "math", "rp")
"""Elements whose content is not shown, or only by browsers that cannot play them. Where one ends is
for a browser to say, as in ``<video><template></video>``: all that follows it is left out.
"""
_SMALL: Final = ("sub", "sup", "rt", "code", "samp", "tt", "pre", "small", "h6")
"""Elements that make text smaller; three in one another make it too small to read."""
_MAX_SMALL: Final = 2

_ON_LINES: Final = ("inline", "fence", "code_block", "html_block", "tr_open")
"""Tokens that begin on a line of their own, unless they are cells."""
_TEXTS: Final = {
    "softbreak": "\n",
    "hardbreak": "\n",
    "s_open": "~~",
    "s_close": "~~",
    "image": _GAP,
    "tr_open": "|",
    "td_open": " ",
    "th_open": " ",
    "td_close": " |",
    "th_close": " |",
}


def visible_text(body: str) -> str:
    """Return the visible words of ``body``, laid out by its lines; at most 60,000 characters are
    read.
    """
    # Like the parser, whose tokens refer to lines by number.
    source = re.sub("\r\n?", "\n", body)
    # A declaration in small letters is text to GitHub, and HTML to the parser.
    source = re.sub(r"(?m)^([ >]*)<!(?=[a-z])(?!doctype)", r"\1\\<!", source)
    source = re.sub(_FOOTNOTE, rf"\1{_GAP}\n", source[:MAX_CHARACTERS])
    source = re.sub(
        _DEFINITION, lambda found: found[1] + re.sub(r"\n[ \t]+", "\n", found[2]), source
    )
    parser = MarkdownIt("commonmark", {"maxNesting": _MAX_DEPTH}).enable(["table", "strikethrough"])
    # Before the inline rules: Markdown's marks mean nothing in a formula.
    parser.core.ruler.before("inline", "unseen", _skip_unseen)
    # GitHub shows the text of a link to a script, too.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # its own way to change it
    page = _Page(source.split("\n"))
    for token in parser.parse(source):
        page.add(token)
    if len(body) > MAX_CHARACTERS:
        page.add_gap()
    return page.text


def _skip_unseen(state: StateCore) -> None:
    """Put a gap in the place of each formula and of each mark of a footnote."""
    for token in state.tokens:
        if token.type in ("inline", "html_block"):
            token.content = re.sub(
                _UNSEEN, lambda found: found[0] if found[1] else _GAP, token.content
            )


class _Page:
    """The text of a page up to the current token."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._parts: list[str] = []
        self._line = 0
        """The line of the source behind what was read."""
        self._marks = ""
        """Of the quotes and items around the text."""
        self._small: list[str] = []
        """The open elements that make text smaller."""
        self._hides_rest = False
        """Whether a browser may not show what follows."""

    @property
    def text(self) -> str:
        """All of it."""
        text = "\n".join(line.rstrip(" \t") for line in "".join(self._parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"\[…\](?:\s*\[…\])+", _GAP, text)).strip("\n")

    def add(self, token: Token) -> None:
        """Read a token; those inside a line are its children."""
        if token.type in _ON_LINES and token.map is not None and token.map[0] >= self._line:
            self._begin_line(*token.map)
        if token.nesting == 1 and token.level >= _MAX_DEPTH - 2:
            self.add_gap()  # the parser skips what is deeper
        if token.type in _TEXTS:
            self._add_text(_TEXTS[token.type])
        elif token.type == "text":
            self._add_text(token.content)
        elif token.type == "code_inline":
            self._add_text(f"{token.markup}{token.content}{token.markup}")
        elif token.type in ("fence", "code_block"):
            self._add_code(token)
        elif token.type in ("html_inline", "html_block"):
            self._add_html(token.content.removesuffix("\n"))
        elif token.type == "inline":
            for child in token.children or []:
                self.add(child)

    def _add_code(self, block: Token) -> None:
        language = block.info.lower().split()[:1]
        if language and language[0] in _DRAWN:
            self.add_gap()
        else:
            # Tildes, since the text goes into a fence of backticks, where others are broken up.
            self._add_text(f"~~~\n{block.content}~~~")

    def add_gap(self) -> None:
        """Note that words are left out."""
        self._parts.append(_GAP)

    def _begin_line(self, line: int, end: int) -> None:
        self._parts.append("\n" if line == self._line else "\n\n")
        self._line = end
        marks = re.match(_MARKS, self._lines[line])
        self._parts.append(marks[0] if marks else "")
        self._marks = re.sub(r"[^\s>]", " ", marks[0] if marks else "")

    def _add_text(self, text: str) -> None:
        is_too_small = len(self._small) > _MAX_SMALL
        if not self._hides_rest and not is_too_small:
            self._parts.append(text.replace("\n", f"\n{self._marks}"))
        elif re.search(r"\w", text):
            self.add_gap()

    def _add_html(self, source: str) -> None:
        """Read HTML: the text between its tags."""
        at = 0
        for tag in re.finditer(_TAG, source, re.DOTALL):
            self._add_text(unescape(source[at : tag.start()]))
            at = tag.end()
            is_complete = tag["name"] is not None and tag[0].endswith(">")
            if not is_complete and re.search(r"\w", tag[0]):
                self.add_gap()
            elif tag["name"] is not None:
                self._add_tag(tag["name"].lower(), tag["attributes"], is_end=bool(tag["end"]))
        self._add_text(unescape(source[at:]))

    def _add_tag(self, name: str, attributes: str, *, is_end: bool) -> None:
        if is_end:
            if name in self._small:
                self._small.remove(name)
            return
        self._add_text(_INSTEAD.get(name, ""))
        if name in _SMALL:
            self._small.append(name)
        outside_quotes = re.sub(r"\"[^\"]*\"?|'[^']*'?", "", attributes)
        # Double negatives, so that the start and the end of the text match as well.
        has_hidden = re.search(r"(?i)(?<![^\s/])hidden(?![^\s/=>])", outside_quotes)
        if name in _HIDING or has_hidden:
            self._hides_rest = True
