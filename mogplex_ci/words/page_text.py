"""The text of HTML as readers of its page see it, laid out like plain Markdown.

The tags of every element are dropped and the text stays, as GitHub's own sanitizer does it: of
``do <font>not</font> remove it`` no word may go. Where something is drawn otherwise than it is
written, also an image, ``[…]`` stands, so that no sentence closes over a gap.
"""

import re
from html import unescape
from typing import Final

MAX_CHARACTERS: Final = 100_000
"""Where the reader stops: nested quotes make much text of little. The service accepts no prompt of
this length.
"""
_MAX_DEPTH: Final = 60
"""Quotes and lists in one another that begin a line with a mark."""
_GAP: Final = "[…]"
_GAPS: Final = r"\[…\](?:\s*\[…\])+"
"""A row of badges, for instance."""
_ATTRIBUTE: Final = (
    r"(=?[^\s/>=]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"?|'([^']*+)'?|(?![\"'])([^\s>]*+)))?"
)
_MARKUP: Final = (
    r"<!--[\s\S]*?(?:-->|\Z)"  # a comment that is never closed hides the rest
    r"|<(?:[!?]|/(?![A-Za-z]))[^>]*+>?"  # declarations, CDATA, instructions: comments to HTML
    rf"|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*+)(?P<attributes>(?:[\s/]++|{_ATTRIBUTE}|=)*+)>?"
)
"""Everything in HTML that is not text, by its standard. Every match is complete or ends the text.

Only ``-->`` ends a comment: for older parsers ``<!-->`` does not start one, and ``--!>`` does not
end it.
"""
_VOID: Final = (
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
    *("source", "track", "wbr"),
)
"""Elements without an end tag."""
_PARAGRAPHS: Final = (
    *("p", "div", "section", "article", "blockquote", "pre", "ul", "ol", "dl", "table", "details"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr"),
)
"""Elements with a blank line around them."""
_LINES: Final = ("li", "tr", "summary", "dt", "dd", "caption", "figcaption")
"""Elements that begin a line."""
_INSTEAD: Final = {"br": "\n", "img": _GAP}
"""The text for an element."""
_MARKS: Final = {"code": "`", "del": "~~", "s": "~~", "strike": "~~", "sup": "^"}
"""Marks around text that would otherwise lose its meaning."""
_UNSHOWN: Final = ("template", "video", "audio", "rp", "bdo")
"""Elements whose content is not shown, or only by browsers that cannot play them or have no
annotations of Japanese; and letters in another order.
"""
_REVERSED: Final = r"[\u202d\u202e][^\n]*"
"""Letters that are drawn in another order, as in ``bdo``, and the rest of their line."""
_DRAWN: Final = r"(?i)\b(?:mermaid|geojson|topojson|stl|math)\b"
"""Languages of code that GitHub shows as a picture, without their comments."""
_HIDING_FORMULA: Final = (
    r"\\(?:[hv]?phantom|(?:math)?[rlc]lap|smash|raisebox|hspace|(?:text|define)?color|f?colorbox"
    r"|bbox|style|class|cssId|data|href|mmlToken|require|label|tag|(?:re)?new(?:command|environment)"
    r"|DeclareMathOperator\*?|toggle|(?:math|text)tip|mathchoice)\s*[{\[]"
    r"|\\(?:[gex]?def|let)\s*\\|\\(?:m?kern|[hm]skip|raise|lower)\s*[-.\d]"
    r"|\$\$(?:[^$%\\]|\\[^$])*+%[^$]*+\$\$"
    r"|(?<![\w$])\${1,2}(?=\S)[^$%]*(?<!\\)%[^$]*(?<=\S)\${1,2}(?!\w)"
)
"""Is in a paragraph with a formula of which a part may not be shown: commands of MathJax that take
letters out of sight, and a comment.
"""


def page_text(html: str) -> str:
    """Return the visible text of ``html``, up to 100,000 characters.

    Code stays code, between ``~~~`` or backticks; line breaks stay; a link is its text.
    """
    page = _Page(has_formulas="$" in unescape(html))
    start = 0
    for markup in re.finditer(_MARKUP, html):
        page.add_text(unescape(html[start : markup.start()]))
        if markup["name"] is not None:
            page.add_tag(markup["name"].lower(), markup["attributes"], is_end=bool(markup["end"]))
        start = markup.end()
        if page.length > MAX_CHARACTERS:
            break
    else:
        page.add_text(unescape(html[start:]))
    return page.text()[:MAX_CHARACTERS]


class _Open:
    """An open quote or item of a list."""

    def __init__(self, name: str, first: str, later: str) -> None:
        self.name = name
        self.next = first
        """The start of its next line."""
        self.later = later


class _Page:
    """The text of a page up to the current position."""

    def __init__(self, *, has_formulas: bool) -> None:
        self.length = 0
        self._has_formulas = has_formulas
        self._blocks: list[str] = []
        """Finished blocks, such as paragraphs, each with the line breaks before it."""
        self._block: list[str] = []
        """The text of the block that is read."""
        self._breaks = 0
        """Line breaks before the next block."""
        self._is_code = False
        self._is_between_cells = False
        self._open: list[_Open] = []
        self._lists: list[int | None] = []
        """The number of the next item of each open list; None for a list without numbers."""
        self._hidden: list[str] = []
        """The names of the open element that is not shown, and of those that are open in it."""
        self._is_gap_marked = False

    def text(self) -> str:
        """Return the text, after the last part."""
        self._finish_block()
        return "".join(self._blocks)

    def add_text(self, text: str) -> None:
        """Read text, its characters unescaped."""
        if self._hidden:
            if not self._is_gap_marked and re.search(r"\w", text):
                self._block.append(_GAP)
                self._is_gap_marked = True
        elif text and not (self._is_between_cells and text.isspace()):
            self._block.append(text)

    def add_tag(self, name: str, attributes: str, *, is_end: bool) -> None:
        """Read a tag, its name in lower case."""
        if self._hidden:
            self._add_hidden_tag(name, is_end=is_end)
        elif is_end:
            self._end(name)
        else:
            self._separate(name)
            values = _attributes(attributes)
            if _is_hidden(name, values):
                self._hidden.append(name)
                self._is_gap_marked = False
            else:
                self._start(name, values)

    def _add_hidden_tag(self, name: str, *, is_end: bool) -> None:
        """Read a tag in an element that is not shown. That ends with its own end tag, if all in it
        has ended: a browser may take an end tag for none, as ``<video><template></video>``.
        """
        if not is_end:
            if name not in _VOID:
                self._hidden.append(name)
        elif self._hidden[-1] == name:
            self._hidden.pop()
            if not self._hidden:
                self._separate(name)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _INSTEAD:
            self._block.append(_INSTEAD[name])
        elif name == "blockquote":
            self._open.append(_Open(name, "> ", "> "))
        elif name == "pre":
            self._is_code = True
        elif name == "ol":
            start = attributes.get("start", "")
            self._lists.append(int(start) if re.fullmatch(r"[0-9]{1,9}", start) else 1)
        elif name == "ul":
            self._lists.append(None)
        elif name == "li":
            self._start_item()
        elif name == "tr":
            self._is_between_cells = True
        elif name in ("td", "th"):
            self._block.append("| ")
            self._is_between_cells = False
        elif name == "input" and attributes.get("type") == "checkbox":
            self._block.append("[x]" if "checked" in attributes else "[ ]")
        else:
            self._mark(name)

    def _start_item(self) -> None:
        marker = "- "
        if self._lists and self._lists[-1] is not None:
            marker = f"{self._lists[-1]}. "
            self._lists[-1] += 1
        self._open.append(_Open("li", marker, "  "))

    def _end(self, name: str) -> None:
        if name in ("td", "th"):
            self._block.append(" ")
            self._is_between_cells = True
        elif name == "tr":
            self._block.append("|")
            self._is_between_cells = False
        else:
            self._mark(name)
        self._finish_block_at(name)
        if name == "pre":
            self._is_code = False
        elif name in ("ul", "ol") and self._lists:
            self._lists.pop()
        if self._open and self._open[-1].name == name:
            self._open.pop()
        self._separate(name)

    def _mark(self, name: str) -> None:
        """Write the mark at both ends of an element; code in a block of code has that one's."""
        if name in _MARKS and not (self._is_code and name == "code"):
            self._block.append(_MARKS[name])

    def _separate(self, name: str) -> None:
        """Have the next text begin on a new line if the element ``name`` begins or ends there."""
        self._finish_block_at(name)
        if name in _PARAGRAPHS:
            self._breaks = max(self._breaks, 1 if self._lists else 2)
        elif name in _LINES:
            self._breaks = max(self._breaks, 1)

    def _finish_block_at(self, name: str) -> None:
        if name not in _PARAGRAPHS and name not in _LINES:
            return
        if self._is_code and name != "pre":
            self._block.append("\n")
        else:
            self._finish_block()

    def _finish_block(self) -> None:
        """Write the pending text as a block of its own."""
        if not self._block and not self._is_code:
            return
        text = "".join(self._block)
        self._block.clear()
        if self._is_code:
            text = "~~~\n" + text.removesuffix("\n") + "\n~~~"
        else:
            text = re.sub(_GAPS, _GAP, text)
            text = "\n".join(filter(None, map(str.strip, text.split("\n"))))
            if self._has_formulas and re.search(_HIDING_FORMULA, text):
                text = _GAP
        if not text:
            return
        text = re.sub(_REVERSED, _GAP, text)
        block = "\n".join(map(self._with_marks, text.split("\n")))
        if self._blocks:
            block = "\n" * self._breaks + block
        self._breaks = 0
        self._blocks.append(block)
        self.length += len(block)

    def _with_marks(self, line: str) -> str:
        """Return a line behind the marks of the quotes and items that it stands in."""
        if not line:
            return ""
        marks = [element.next for element in self._open[:_MAX_DEPTH]]
        for element in self._open[:_MAX_DEPTH]:
            element.next = element.later
        return "".join(marks) + line


def _attributes(source: str) -> dict[str, str]:
    """Return the values of attributes by their names in lower case; the first one of a name
    counts.
    """
    found = reversed(re.findall(_ATTRIBUTE, source))
    return {name.lower(): unescape(quoted + single + bare) for name, quoted, single, bare in found}


def _is_hidden(name: str, attributes: dict[str, str]) -> bool:
    """Whether the content of an element is not shown."""
    if name in _VOID:
        return False
    language = f"{attributes.get('lang', '')} {attributes.get('class', '')}"
    is_drawn = name in ("pre", "code") and re.search(_DRAWN, language) is not None
    return name in _UNSHOWN or "hidden" in attributes or is_drawn
