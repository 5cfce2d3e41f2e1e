"""The HTML that GitHub makes of Markdown, made by a CommonMark library with GitHub's extensions.

Where the two differ, the rules of the library are changed here, so that nothing is text that GitHub
does not show. https://github.github.com/gfm/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.common.html_re import HTML_OPEN_CLOSE_TAG_STR
from markdown_it.rules_block import html_block, paragraph, reference, table
from markdown_it.rules_inline import backtick, escape, html_inline
from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from markdown_it.parser_block import RuleFuncBlockType
    from markdown_it.ruler import RuleOptionsType
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

_DEEPEST: Final = 60
"""Quotes and lists in one another. The library leaves out those that are deeper, before Python's
own limit.
"""
DRAWN: Final = ("mermaid", "geojson", "topojson", "stl", "math")
"""Languages of code blocks that GitHub shows as a picture, without what their comments say."""
_HIDING_TAG: Final = r"(?i)<(?:template|video|audio|rp|pre|code|[!?]|[^<>]*\bhidden\b)"
"""May begin what is not shown of the page, perhaps all of its rest."""
_FILTERED: Final = (
    r"<(?=/?(?:title|textarea|style|xmp|iframe|noembed|noframes|script|plaintext)[\s/>])"
)
"""GitHub shows these tags as text (the specification's "Disallowed Raw HTML")."""
_NO_HTML_BLOCK: Final = r"<!(?!--|\[CDATA\[|[A-Z])"
_TAG_ALONE: Final = HTML_OPEN_CLOSE_TAG_STR + r"\s*\Z"
_NO_INLINE_HTML: Final = r"<!(?!--|\[CDATA\[|[A-Z]+\s)"
"""GitHub follows an older CommonMark than the library: in that a declaration begins with capitals.
"""
_LONGEST_REFERENCE: Final = 50
"""Lines that are looked at for the end of a link reference: many paragraphs take linear time."""
_ADDRESS: Final = r"(?i)(?:https?|ftp)://|www\."
_LONGEST_ADDRESS: Final = 2_000
_FOOTNOTE: Final = r"\[\^([^\]\s\0]+)\]:"
_FOOTNOTE_REFERENCE: Final = r"\[\^([^\]\s]{1,200})\]"
"""Bounded: many that never close take linear time."""


class Rendered(NamedTuple):
    """The HTML of a page, and what of its source is not in it."""

    html: str
    left_out: list[str]
    """Link references, footnotes that nothing refers to, labels of footnotes, the info of code
    fences, drawings, cells without a column.
    """


def rendered(body: str) -> Rendered:
    """Return the HTML that GitHub makes of ``body``."""
    markdown = _parser()
    definitions: dict[str, Any] = {}
    tokens = markdown.parse(body, definitions)

    lines = re.split("\r\n?|\n", body)
    left_out = list(_references(definitions, lines))
    shown = []
    for token in _with_footnotes_at_the_end(tokens, lines, left_out):
        if token.type == "fence" and token.info.strip():
            left_out.append(f"{token.markup}{token.info}")
            if token.info.split()[0].lower() in DRAWN:
                left_out.append(token.content)
                continue
            token.info = ""
        for child in token.children or ():
            if child.type == "footnote_reference":
                child.type = "text"
            elif child.type == "unsure":
                left_out.append(child.content)
                hides_rest = re.search(_HIDING_TAG, child.content) is not None
                child.type = "html_inline"
                child.content = "<template>" if hides_rest else ""
            elif child.info == "auto":  # the address is the text
                child.attrs = {}
        shown.append(token)
    left_out += _cells_without_column(tokens, lines)
    html = markdown.renderer.render(shown, markdown.options, {})
    return Rendered(re.sub(_FILTERED, "&lt;", html), left_out)


class _Markdown(MarkdownIt):
    """GitHub makes a link of every address, and then takes some away, such as ``javascript:``: its
    text stays.
    """

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return True


def _parser() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"maxNesting": _DEEPEST})
    markdown.enable(["table", "strikethrough"])
    # The blocks that each of these ends are what the library calls "alt".
    ends_html: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote"]}
    ends_footnote: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    markdown.block.ruler.before("reference", "footnote", _footnote_definition, ends_footnote)
    markdown.block.ruler.at("html_block", _html_block, ends_html)
    markdown.block.ruler.at("reference", _reference)
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    for rule in markdown.block.ruler.__rules__:
        if "blockquote" in rule.alt:
            markdown.block.ruler.at(rule.name, _ends_no_lazy_line(rule.fn), {"alt": rule.alt})
    markdown.inline.ruler.at("html_inline", _html_inline)
    markdown.inline.ruler.at("escape", _escape)
    markdown.inline.ruler.at("backticks", _backticks)
    markdown.inline.ruler.after("image", "footnote_reference", _footnote_reference)
    markdown.inline.ruler.push("end_of_outer_link", _end_of_outer_link)
    return markdown


def _ends_no_lazy_line(rule: RuleFuncBlockType) -> RuleFuncBlockType:
    """Return ``rule`` such that it does not end a quote in a quote at a line that is indented like
    code: such a line goes on the paragraph.

    The library forgets how far the lines behind the quote that is around both are indented.
    """

    def with_indent(state: StateBlock, first: int, end: int, silent: bool) -> bool:
        if silent and state.sCount[first] < 0:
            start = state.bMarks[first]
            white_space = state.src[start : start + state.tShift[first]]
            if len(white_space.expandtabs(4)) >= 4:
                return False
        return rule(state, first, end, silent)

    return with_indent


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


def _table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse a table, which does not end a footnote in a line that goes on its paragraph."""
    is_outside = state.sCount[first] < state.blkIndent
    return not (silent and is_outside) and table(state, first, end, silent)


def _is_tag_alone(state: StateBlock, line: int) -> bool:
    start = state.bMarks[line] + state.tShift[line]
    return re.match(_TAG_ALONE, state.src[start : state.eMarks[line]]) is not None


def _html_inline(state: StateInline, silent: bool) -> bool:
    is_html = re.compile(_NO_INLINE_HTML).match(state.src, state.pos) is None
    return is_html and html_inline(state, silent)


def _escape(state: StateInline, silent: bool) -> bool:
    is_tag = state.src.startswith("\\<", state.pos)
    return (is_tag and _leave_out_behind_address(state, silent)) or escape(state, silent)


def _backticks(state: StateInline, silent: bool) -> bool:
    is_mark = state.src[state.pos] == "`"
    return (is_mark and _leave_out_behind_address(state, silent)) or backtick(state, silent)


def _leave_out_behind_address(state: StateInline, silent: bool) -> bool:
    """Leave out the rest of a paragraph if a bare address stands before it.

    To GitHub an address goes on to white space or ``<``, but not in brackets: whether it escapes a
    tag or makes code of it is not known here.
    """
    before = state.pending[-_LONGEST_ADDRESS:]
    for token in reversed(state.tokens):
        if token.type != "text" or re.search(r"[\s<]", before) or len(before) > _LONGEST_ADDRESS:
            break
        before = token.content + before
    word = re.split(r"[\s<]", before)[-1]
    is_address = re.search(_ADDRESS, word) is not None or len(word) >= _LONGEST_ADDRESS
    if silent or not is_address:
        return False
    return _leave_out(state)


def _end_of_outer_link(state: StateInline, silent: bool) -> bool:
    """Leave out the rest of a paragraph where GitHub may end a link that holds another one: it
    does if brackets stand behind that, ``[ [a](b) [c] ](d "title")``.
    """
    is_end = state.src.startswith(("](", "]["), state.pos)
    if silent or not is_end or state.src.count("[", 0, state.pos) < 3:
        return False
    return _leave_out(state)


def _leave_out(state: StateInline) -> bool:
    """Leave out the rest of a paragraph."""
    state.push("unsure", "", 0).content = state.src[state.pos : state.posMax]
    state.pos = state.posMax
    return True


def _reference(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse a link reference, and what goes on its paragraph in a line right below it that is
    indented like code, is one tag, or is not indented like the item or quote that holds them.
    """
    if not _link_reference(state, first, end, silent):
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


def _link_reference(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse a link reference, also where the next line begins like an empty title, which to the
    library makes it none.
    """
    if reference(state, first, end, silent):
        return True
    if not state.src.startswith("[", state.bMarks[first] + state.tShift[first]):
        return False
    for line in range(first + 1, min(end, first + _LONGEST_REFERENCE)):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        if not text:
            return False  # the end of the paragraph
        if text.startswith(("''", '""', "()")):
            last = state.lineMax
            state.lineMax = line
            is_reference = reference(state, first, line, silent)
            state.lineMax = last
            return is_reference
    return False


def _footnote_reference(state: StateInline, silent: bool) -> bool:
    if silent:
        return False  # a link may hold one: to the library it would be a link in a link
    found = re.compile(_FOOTNOTE_REFERENCE).match(state.src, state.pos)
    if found is None or found[1].casefold() not in state.env.get("footnotes", ()):
        return False
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
    # Its first line is read again from behind the label, and all of it as what is indented by 4.
    line_start = state.bMarks[first]
    white_space = state.tShift[first]
    indent = state.sCount[first]
    parent = state.parentType
    rest = state.src[found.end() : state.eMarks[first]]
    state.bMarks[first] = found.end()
    state.tShift[first] = len(rest) - len(rest.lstrip(" \t"))
    state.blkIndent += 4
    state.sCount[first] = state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, first, end)
    state.bMarks[first] = line_start
    state.tShift[first] = white_space
    state.sCount[first] = indent
    state.parentType = parent
    state.blkIndent -= 4
    opening.map = [first, state.line]
    state.push("footnote_close", "", -1)
    return True


class _Footnote(NamedTuple):
    label: str
    source: str
    tokens: list[Token]


def _with_footnotes_at_the_end(
    tokens: list[Token], lines: list[str], left_out: list[str]
) -> list[Token]:
    """Return the tokens of the page: of footnotes only those that it refers to, each with its
    number. The labels, and the sources of the others, are added to ``left_out``.

    Where one holds HTML, all are left out: what of them is seen depends on their order.
    """
    page: list[Token] = []
    definitions: list[_Footnote] = []
    inside = [page]
    for token in tokens:
        if token.type == "footnote_open":
            first, end = token.map or (0, 0)
            source = "\n".join(lines[first:end]).strip()
            definitions.append(_Footnote(token.meta["label"], source, []))
            inside.append(definitions[-1].tokens)
        elif token.type == "footnote_close":
            inside.pop()
        else:
            inside[-1].append(token)
    footnotes = {note.label: note for note in reversed(definitions)}  # the first one counts
    if any(map(_holds_html, definitions)):
        footnotes = {}
    used: dict[str, _Footnote] = {}
    below = page
    while below:
        named = _named_in(below, footnotes)
        new = [note for note in named if note.label not in used]
        used |= {note.label: note for note in new}
        below = [token for note in new for token in note.tokens]
    numbers: dict[str, int] = {}
    for found in _footnote_references(page, *(note.tokens for note in used.values())):
        source = found.content
        number = numbers.setdefault(_label_of(found), len(numbers) + 1)
        found.content = f"[^{number}]"
        if source != found.content:
            left_out.append(source)
    for label, number in numbers.items():
        if label in used:
            page += [_paragraph(f"[^{number}]:"), *used[label].tokens]
    left_out += [note.source for note in definitions if used.get(note.label) is not note]
    return page


def _holds_html(footnote: _Footnote) -> bool:
    inline = (child for token in footnote.tokens for child in token.children or ())
    return any(token.type in ("html_block", "html_inline") for token in (*footnote.tokens, *inline))


def _named_in(tokens: Iterable[Token], footnotes: Mapping[str, _Footnote]) -> list[_Footnote]:
    """Return the footnotes to which the text of ``tokens`` refers."""
    labels = set(map(_label_of, _footnote_references(tokens)))
    return [footnote for label, footnote in footnotes.items() if label in labels]


def _label_of(footnote_reference: Token) -> str:
    return footnote_reference.content[2:-1].casefold()


def _footnote_references(*pages: Iterable[Token]) -> Iterator[Token]:
    for page in pages:
        for token in page:
            for child in token.children or ():
                if child.type == "footnote_reference":
                    yield child


def _paragraph(text: str) -> Token:
    """Return a block with ``text`` alone."""
    return Token(
        "html_block", "", 0, content=f"<p>{text.replace('&', '&amp;').replace('<', '&lt;')}</p>"
    )
