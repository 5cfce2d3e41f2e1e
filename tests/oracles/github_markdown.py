"""GitHub's rendering of markdown, by its own parser: which elements a page has, and which text
stands in them.
"""

from __future__ import annotations

from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options, markdown_to_html_with_extensions


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.inside: list[str] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "wbr":
            self.elements.append(tag if not attrs else f"{tag} {attrs}")
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.inside), data))

    @property
    def code(self) -> str:
        return "".join(text for inside, text in self.texts if "code" in inside)


def rendered(markdown: str) -> Page:
    """Return what GitHub makes of ``markdown``, HTML in it allowed."""
    return Page(
        cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    )


def github_html(body: str) -> str:
    """Return the HTML that GitHub makes of ``body``, before its sanitizer drops tags."""
    extensions = ("table", "strikethrough", "tasklist", "tagfilter", "autolink")
    options = (
        Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES | Options.CMARK_OPT_GITHUB_PRE_LANG
    )
    html: str = markdown_to_html_with_extensions(body, options, extensions)
    return html
