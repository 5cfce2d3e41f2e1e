"""The text of a Markdown body as readers of its page on GitHub see it.

Comments, attributes, addresses, the texts of images, link references and footnotes that nothing
refers to are no text of the page.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final, NamedTuple

from mogplex_ci.words.github_markdown import DRAWN, rendered

_ATTRIBUTE: Final = (
    r"[\s/]++|=?[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"?|'[^']*+'?|(?![\"'])[^\s>]*+))?|="
)
_MARKUP: Final = (
    r"(<!--[\s\S]*?(?:-->|\Z)"  # a comment that is never closed hides the rest
    r"|<(?:[!?]|/(?![A-Za-z]))[^>]*+>?"  # declarations, CDATA, instructions: comments to HTML
    rf"|</?[A-Za-z][^\s/>]*+(?:{_ATTRIBUTE})*+>?)"
)
"""What is no text in HTML, as its standard divides it. Every match is whole or ends the text.

Only ``-->`` ends a comment: to older parsers ``<!-->`` is none, and ``--!>`` no end.
"""
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
_UNSHOWN: Final = ("template", "video", "audio", "rp")
"""Elements whose content is not shown, or only by browsers that cannot play them or have no
annotations of Japanese.
"""
_DRAWN_BY_HTML: Final = rf"(?i)\b(?:{'|'.join(DRAWN)})\b"
"""Among the attributes of code: ``<pre lang="mermaid">``."""
_HIDING_FORMULA: Final = (
    r"\\(?:[hv]?phantom|(?:math)?[rlc]lap|smash|raisebox|hspace|(?:text|define)?color|f?colorbox"
    r"|bbox|style|class|cssId|data|href|mmlToken|require|label|tag|(?:re)?newcommand|newenvironment"
    r"|toggle|(?:math|text)tip|mathchoice)\s*[{\[]"
    r"|\\(?:[gex]?def|let)\s*\\|\\(?:m?kern|[hm]skip|raise|lower)\s*[-.\d]"
    r"|(?<![\w$])\${1,2}(?=\S)[^$%]*(?<!\\)%[^$]*(?<=\S)\${1,2}(?!\w)"
)
"""Is in a formula of which a part may not be shown: commands of MathJax that take letters out of
sight, and a comment.
"""
_USUAL: Final = frozenset((*_VOID, *_PARAGRAPHS, *_LINES, *_INLINE, *_MARKS))


class PageText(NamedTuple):
    """The text of a page, and what of its source is not in it."""

    text: str
    left_out: tuple[str, ...]
    """Each piece of markup that tells more than its name, once."""


def page_text(body: str) -> PageText:
    """Return what readers of the page see of ``body``, Markdown as GitHub takes it.

    Code stays code, between ``~~~`` or backticks; line breaks stay; a link is its text.
    """
    page = rendered(body)
    text = _Page(page.html)
    return PageText(text.text, tuple(dict.fromkeys(page.left_out + text.left_out)))


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
        self._has_formulas = "$" in html
        self._is_in_hidden_formula = False
        """Whether the rest of a block is not handed over since a formula in it hides something."""
        self._hidden: list[str] = []
        """The names of the open element that is not shown, and of those in it that may be as long
        open.
        """
        for number, part in enumerate(re.split(_MARKUP, html)):
            if number % 2 == 0:
                self._add_text(unescape(part))
            else:
                self._add_markup(part)
        self.text = "".join(self._parts).strip("\n")

    def _add_text(self, text: str) -> None:
        if self._has_formulas and not self._code_blocks and re.search(_HIDING_FORMULA, text):
            self._is_in_hidden_formula = True
        if self._hidden or self._is_in_hidden_formula:
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
            if not self._hidden and _leaves_template_open(source):
                self._hidden.append("template")
            return
        is_end = tag[1] == "/"
        name = tag[2].lower()
        attributes = tag[3]
        if attributes.strip(" />") or name not in _USUAL:
            self.left_out.append(source)
        if self._hidden:
            if is_end:
                self._end_hidden(name)
            elif name in _UNSHOWN or name in self._hidden:
                self._hidden.append(name)
        elif is_end:
            self._end(name)
        elif _is_hidden(name, attributes):
            self._hidden.append(name)
        else:
            self._start(name)

    def _end_hidden(self, name: str) -> None:
        """End the innermost hidden element of a name, and those in it. Only its own end tag ends a
        template.
        """
        innermost = len(self._hidden) - 1
        while innermost >= 0 and self._hidden[innermost] not in (name, "template"):
            innermost -= 1
        if innermost >= 0 and self._hidden[innermost] == name:
            del self._hidden[innermost:]

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
        elif name == "ol":
            self._lists.append(0)
        elif name == "ul":
            self._lists.append(None)
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
        if name in (*_PARAGRAPHS, *_LINES):
            self._is_in_hidden_formula = False

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
    if name in _UNSHOWN or (
        name in ("pre", "code") and re.search(_DRAWN_BY_HTML, unescape(attributes))
    ):
        return True
    return name not in _VOID and re.search(r"(?i)[\s/]hidden(?![\w-])", attributes) is not None


def _leaves_template_open(comment: str) -> bool:
    """Whether a ``template`` begins in ``comment`` and does not end there.

    GitHub's older CommonMark takes some comments for text, ``<!-- a -- b -->``, and a tag in such a
    comment for a tag.
    """
    depth = 0
    for tag in re.findall(r"(?i)</?template(?=[\s/>])", comment):
        if not tag.startswith("</"):
            depth += 1
        elif depth:
            depth -= 1
    return depth > 0
