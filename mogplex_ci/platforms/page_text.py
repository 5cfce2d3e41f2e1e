"""The text of a Markdown body as readers of its page on GitHub see it.

A CommonMark library renders the body with GitHub's extensions, and the text is taken from the HTML.
Comments, attributes, addresses, the texts of images, link references and footnotes that nothing
refers to are no text of the page. https://github.github.com/gfm/
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.common.html_re import HTML_OPEN_CLOSE_TAG_STR
from markdown_it.rules_block import html_block, paragraph, reference
from markdown_it.rules_inline import html_inline
from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

_DEEPEST: Final = 60
"""Quotes and lists in one another. The library leaves out those that are deeper, before Python's
own limit.
"""
_DRAWN: Final = ("mermaid", "geojson", "topojson", "stl", "math")
"""Languages of code blocks that GitHub shows as a picture, without what their comments say."""
_FILTERED: Final = (
    r"<(?=/?(?:title|textarea|style|xmp|iframe|noembed|noframes|script|plaintext)[\s/>])"
)
"""GitHub shows these tags as text (the specification's "Disallowed Raw HTML")."""
_ATTRIBUTE: Final = (
    r"[\s/]++|=?[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"?|'[^']*+'?|(?![\"'])[^\s>]*+))?|="
)
_MARKUP: Final = (
    r"(<!--(?:-?>|[\s\S]*?(?:--!?>|\Z))"  # a comment that is never closed hides the rest
    r"|<(?:[!?]|/(?![A-Za-z]))[^>]*+>?"  # declarations, CDATA, instructions: comments to HTML
    rf"|</?[A-Za-z][^\s/>]*+(?:{_ATTRIBUTE})*+>?)"
)
"""What is no text in HTML, as its standard divides it. Every match is whole or ends the text."""
_TAG: Final = r"<(/?)([A-Za-z][^\s/>]*)([\s\S]*)"
_VOID: Final = ("area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
"""Elements without an end tag."""
_PARAGRAPHS: Final = (
    *("p", "div", "section", "article", "blockquote", "pre", "ul", "ol", "dl", "table", "details"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr"),
)
"""Elements with a blank line around them."""
_LINES: Final = ("li", "tr", "summary", "dt", "dd", "caption", "figcaption")
"""Elements that begin a line."""
_INLINE: Final = (
    *("a", "abbr", "b", "cite", "em", "i", "ins", "kbd", "q", "samp", "small", "span", "strong"),
    *("sub", "sup", "tbody", "td", "tfoot", "th", "thead", "tt", "u", "var", "picture", "center"),
)
"""Other elements of usual pages. The name of any further one may be a message."""
_MARKS: Final = {"code": "`", "del": "~~", "s": "~~", "strike": "~~"}
"""Marks around text that would otherwise lose its meaning."""
_USUAL: Final = frozenset((*_VOID, *_PARAGRAPHS, *_LINES, *_INLINE, *_MARKS))
_NO_HTML_BLOCK: Final = r"<!(?!--|\[CDATA\[|[A-Z])"
_TAG_ALONE: Final = HTML_OPEN_CLOSE_TAG_STR + r"\s*\Z"
_NO_INLINE_HTML: Final = r"<!(?!--|\[CDATA\[|[A-Z]+\s)"
"""GitHub follows an older CommonMark than the library: in that a declaration begins with capitals.
"""
_FOOTNOTE: Final = r"\[\^([^\]\s\0]+)\]:"
_FOOTNOTE_REFERENCE: Final = r"\[\^([^\]\s]{1,200})\]"
"""Bounded: many that never close take linear time."""


class PageText(NamedTuple):
    """The text of a page, and what of its source is not in it."""

    text: str
    left_out: tuple[str, ...]
    """Each piece of markup that tells more than its name, once, in the order of the source where
    that is known.
    """


def page_text(body: str) -> PageText:
    """Return what readers of the page see of ``body``, Markdown as GitHub takes it.

    Code stays code, between ``~~~`` or backticks; line breaks stay; a link is its text.
    """
    markdown = MarkdownIt("commonmark", {"maxNesting": _DEEPEST})
    markdown.enable(["table", "strikethrough"])
    ends_these_too = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before(
        "reference", "footnote", _footnote_definition, {"alt": ends_these_too}
    )
    markdown.block.ruler.at(
        "html_block", _html_block, {"alt": ["paragraph", "reference", "blockquote"]}
    )
    markdown.block.ruler.at("reference", _reference)
    markdown.inline.ruler.at("html_inline", _html_inline)
    markdown.inline.ruler.after("image", "footnote_reference", _footnote_reference)
    definitions: dict[str, Any] = {}
    tokens = markdown.parse(body, definitions)

    lines = re.split("\r\n?|\n", body)
    left_out = list(_references(definitions, lines))
    left_out += _cells_without_column(tokens, lines)
    shown = []
    for token in _with_footnotes_at_the_end(tokens, lines, left_out):
        if token.type == "fence" and token.info.strip():
            left_out.append(f"{token.markup}{token.info}")
            if token.info.split()[0].lower() in _DRAWN:
                left_out.append(token.content)
                continue
            token.info = ""
        for child in token.children or ():
            if child.type == "footnote_reference":
                child.type = "text"
            elif child.info == "auto":  # the address is the text
                child.attrs = {}
        shown.append(token)
    page = _Page(re.sub(_FILTERED, "&lt;", markdown.renderer.render(shown, markdown.options, {})))
    return PageText(page.text, tuple(dict.fromkeys(left_out + page.left_out)))


def _references(definitions: dict[str, Any], lines: list[str]) -> Iterator[str]:
    """Yield the sources of the link references, also of those that an earlier one of the same label
    makes void.
    """
    for definition in (
        *definitions.get("references", {}).values(),
        *definitions.get("duplicate_refs", []),
    ):
        first, end = definition["map"]
        yield "\n".join(lines[first:end]).strip()


def _cells_without_column(tokens: list[Token], lines: list[str]) -> Iterator[str]:
    """Yield the sources of the cells of tables for which the heading has no column."""
    columns = 0
    for token in tokens:
        if token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and token.map is not None:
            cells = re.split(r"(?<!\\)\|", lines[token.map[0]].strip().strip("|"))
            yield from filter(None, map(str.strip, cells[columns:] if columns else ()))


def _html_block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    start = state.bMarks[first] + state.tShift[first]
    if state.is_code_block(first) or re.compile(_NO_HTML_BLOCK).match(state.src, start):
        return False
    is_outside = state.parentType == "blockquote" or state.sCount[first] < state.blkIndent
    if silent and is_outside and _is_tag_alone(state, first):
        return True  # GitHub ends a quote or an item here; it would not end a paragraph
    return html_block(state, first, end, silent)


def _is_tag_alone(state: StateBlock, line: int) -> bool:
    start = state.bMarks[line] + state.tShift[line]
    return re.match(_TAG_ALONE, state.src[start : state.eMarks[line]]) is not None


def _html_inline(state: StateInline, silent: bool) -> bool:
    is_html = re.compile(_NO_INLINE_HTML).match(state.src, state.pos) is None
    return is_html and html_inline(state, silent)


def _reference(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse a link reference, and what goes on its paragraph in a line right below it that is
    indented like code, is one tag, or is not indented like the item or quote that holds them.
    """
    if not reference(state, first, end, silent):
        return False
    line = state.line
    if silent or line >= end or state.isEmpty(line):
        return True
    indent = state.sCount[line]
    is_outside = indent < state.blkIndent
    if is_outside and any(
        begins(state, line, end, True) for begins in state.md.block.ruler.getRules("paragraph")
    ):
        return True
    is_inline_html = _is_tag_alone(state, line) and not html_block(state, line, end, True)
    if is_outside or state.is_code_block(line) or is_inline_html:
        state.sCount[line] = state.blkIndent
        if not _reference(state, line, end, False):
            paragraph(state, line, end, False)
        state.sCount[line] = indent
    return True


def _footnote_reference(state: StateInline, silent: bool) -> bool:
    found = re.compile(_FOOTNOTE_REFERENCE).match(state.src, state.pos)
    if found is None or found[1].casefold() not in state.env.get("footnotes", ()):
        return False
    if not silent:
        state.push("footnote_reference", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _footnote_definition(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse ``[^label]: text`` and the indented lines below it, a rule of ``MarkdownIt``."""
    start = state.bMarks[first] + state.tShift[first]
    found = re.compile(_FOOTNOTE).match(state.src, start, state.eMarks[first])
    if found is None or state.is_code_block(first):
        return False
    if silent:
        return True
    opening = state.push("footnote_open", "", 1)
    opening.meta = {"label": found[1].casefold()}
    state.env.setdefault("footnotes", set()).add(found[1].casefold())
    before = state.bMarks[first], state.tShift[first], state.sCount[first], state.parentType
    rest = state.src[found.end() : state.eMarks[first]]
    state.bMarks[first] = found.end()
    state.tShift[first] = len(rest) - len(rest.lstrip(" \t"))
    state.blkIndent += 4
    state.sCount[first] = state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, first, end)
    state.blkIndent -= 4
    state.bMarks[first], state.tShift[first], state.sCount[first], state.parentType = before
    opening.map = [first, state.line]
    state.push("footnote_close", "", -1)
    return True


def _with_footnotes_at_the_end(
    tokens: list[Token], lines: list[str], left_out: list[str]
) -> list[Token]:
    """Return the tokens of the page: of footnotes only those that it refers to, each with its
    label. The sources of the others are added to ``left_out``.
    """
    page: list[Token] = []
    footnotes: dict[str, list[Token]] = {}
    sources: list[tuple[str, str]] = []
    inside = [page]
    for token in tokens:
        if token.type == "footnote_open":
            label = token.meta["label"]
            sources.append((label, "\n".join(lines[slice(*(token.map or (0, 0)))]).strip()))
            inside.append([])
            if label in footnotes:  # the first one counts
                sources[-1] = ("", sources[-1][1])
            else:
                footnotes[label] = inside[-1]
        elif token.type == "footnote_close":
            inside.pop()
        else:
            inside[-1].append(token)
    used: list[str] = []
    new = _footnotes_named_in(page, footnotes)
    while new:
        used += new
        below = [token for label in new for token in footnotes[label]]
        new = [label for label in _footnotes_named_in(below, footnotes) if label not in used]
    for label in used:
        page += [_paragraph(f"[^{label}]:"), *footnotes[label]]
    left_out += [source for label, source in sources if label not in used]
    return page


def _footnotes_named_in(tokens: Iterable[Token], footnotes: Mapping[str, object]) -> list[str]:
    """Return the labels of the footnotes to which the text of ``tokens`` refers."""
    named = {
        child.content[2:-1].casefold()
        for token in tokens
        for child in token.children or ()
        if child.type == "footnote_reference"
    }
    return [label for label in footnotes if label in named]


def _paragraph(text: str) -> Token:
    """Return a block with ``text`` alone."""
    return Token(
        "html_block", "", 0, content=f"<p>{text.replace('&', '&amp;').replace('<', '&lt;')}</p>"
    )


class _Page:
    """The text of HTML, laid out like plain Markdown."""

    def __init__(self, html: str) -> None:
        self.left_out: list[str] = []
        self._parts: list[str] = []
        self._breaks = 0
        """Line breaks that are due before the next text."""
        self._is_line_empty = True
        self._is_at_marker = False
        """Whether the marker of an item was written last: its text stands on the same line."""
        self._follows_break = False
        """Whether a line break that comes next says nothing, since the renderer adds it."""
        self._prefixes: list[tuple[str, str]] = []
        """What each line begins with, by the names of the open elements that ask for it."""
        self._lists: list[int | None] = []
        """The number of the last item of each open list; None for a list without numbers."""
        self._code_blocks = 0
        self._hidden: tuple[str, int] = ("", 0)
        """The open element that is not shown, and how many of its name are open in it."""
        for number, part in enumerate(re.split(_MARKUP, html)):
            if number % 2 == 0:
                self._add_text(unescape(part))
            else:
                self._add_markup(part)
        self.text = "".join(self._parts).strip("\n")

    def _add_text(self, text: str) -> None:
        hidden, _ = self._hidden
        if hidden:
            if text.strip():
                self.left_out.append(text.strip())
            return
        if self._follows_break and text.startswith("\n"):
            text = text[1:]
        begins_line = self._is_line_empty or self._is_at_marker or self._breaks > 0
        if begins_line and not self._code_blocks:
            text = text.lstrip(" \t\n")
        self._write(text)

    def _add_markup(self, source: str) -> None:
        tag = re.match(_TAG, source)
        if tag is None:
            self.left_out.append(source)
            if not self._hidden[0] and _leaves_template_open(source):
                self._hidden = ("template", 1)
            return
        is_end = tag[1] == "/"
        name = tag[2].lower()
        attributes = tag[3]
        if attributes.strip(" />") or name not in _USUAL:
            self.left_out.append(source)
        hidden, depth = self._hidden
        if hidden:
            if name == hidden:
                depth += -1 if is_end else 1
            self._hidden = (hidden, depth) if depth else ("", 0)
        elif is_end:
            self._end(name)
        elif _is_hidden(name, attributes):
            self._hidden = (name, 1)
        else:
            self._start(name)

    def _start(self, name: str) -> None:
        self._separate(name)
        if name == "br":
            self._write("\n")
            self._follows_break = True
        elif name == "blockquote":
            self._prefixes.append((name, "> "))
        elif name == "pre":
            self._write("~~~\n")
            self._code_blocks += 1
        elif name in ("ul", "ol"):
            self._lists.append(0 if name == "ol" else None)
        elif name == "li":
            self._write(self._marker())
            self._is_at_marker = True
            self._prefixes.append((name, "  "))
        elif name in ("td", "th"):
            self._write("| ")
        elif name in _MARKS and not self._code_blocks:
            self._write(_MARKS[name])

    def _end(self, name: str) -> None:
        if self._prefixes and self._prefixes[-1][0] == name:
            self._prefixes.pop()
        if name == "pre" and self._code_blocks:
            self._code_blocks -= 1
            self._write("~~~" if self._is_line_empty else "\n~~~")
        elif name in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif name in ("td", "th"):
            self._write(" ")
            self._follows_break = True
        elif name == "tr":
            self._write("|")
        elif name in _MARKS and not self._code_blocks:
            self._write(_MARKS[name])
        self._separate(name)

    def _separate(self, name: str) -> None:
        """Have the next text begin on a new line if the element ``name`` begins or ends there."""
        if name in _PARAGRAPHS:
            self._breaks = 1 if self._lists else 2
        elif name in _LINES:
            self._breaks = max(self._breaks, 1)

    def _marker(self) -> str:
        """Return what stands before an item of a list."""
        if not self._lists or self._lists[-1] is None:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._parts and not self._is_at_marker:
            text = "\n" * self._breaks + text
        self._breaks = 0
        self._is_at_marker = False
        self._follows_break = False
        for number, line in enumerate(text.split("\n")):
            if number:
                self._parts.append("\n")
                self._is_line_empty = True
            if line and self._is_line_empty:
                self._parts += [prefix for _, prefix in self._prefixes]
                self._is_line_empty = False
            self._parts.append(line)


def _is_hidden(name: str, attributes: str) -> bool:
    """Whether the content of an element is not shown."""
    if name == "template":
        return True
    return name not in _VOID and re.search(r"(?i)[\s/]hidden(?![\w-])", attributes) is not None


def _leaves_template_open(comment: str) -> bool:
    """Whether a ``template`` begins in ``comment`` and does not end there.

    GitHub's older CommonMark takes some comments for text, ``<!-- a -- b -->``, and a tag in such a
    comment for a tag.
    """
    depth = 0
    for tag in re.findall(r"(?i)</?template(?=[\s/>])", comment):
        depth = max(depth - 1, 0) if tag.startswith("</") else depth + 1
    return depth > 0
