"""``include-event`` hands over what a reader of the page sees, as GitHub's own renderer has it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mogplex_ci.words.page_text import page_text


class _Reader(HTMLParser):
    """Reads the text of a page."""

    CDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]  # GitHub escapes their tags

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._unshown: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("template", "video", "audio", "rp"):
            self._unshown.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element and those in it; no other element's end goes beyond a template."""
        inside: list[str] = []
        while self._unshown:
            inside.append(self._unshown.pop())
            if inside[-1] == tag:
                return
            if inside[-1] == "template":
                break
        self._unshown += inside[::-1]

    def handle_data(self, data: str) -> None:
        if not self._unshown:
            self.text += data


def read_on_github(body: str) -> str:
    """Return the text of the page that cmark-gfm, which GitHub uses, makes of ``body``."""
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
    reader = _Reader()
    page = cmarkgfm.github_flavored_markdown_to_html(body, options)
    reader.feed(f"{page} -->")  # else a comment that is never closed counts as text
    reader.close()
    return reader.text


HIDDEN = {
    "a comment": "loud <!-- hush --> loud",
    "a comment of several lines": "loud\n\n<!--\nhush\n\nhush\n-->\n\nloud",
    "a comment in a list": "- loud\n- <!-- hush --> loud",
    "a comment in a quote": "> loud\n>\n> <!-- hush -->\n> loud",
    "a comment in a table": "| loud | loud |\n| --- | --- |\n| loud <!-- hush --> | loud |",
    "a comment in a word": "lo<!-- hush -->ud",
    "a comment that is never closed": "loud\n\n<!-- hush\n\nhush",
    "a comment with a tag in it": "loud <!-- <b>hush</b> --> loud",
    "a comment behind a heading": "# loud <!-- hush -->\n\nloud",
    "an instruction": "loud <?hush hush?> loud",
    "an instruction on its own": "<?php hush\nhush ?>\n\nloud",
    "a declaration": "loud <!DOCTYPE hush> loud",
    "a declaration on its own": "<!ELEMENT hush>\n\nloud",
    "CDATA": "loud <![CDATA[hush]]> loud",
    "CDATA on its own": "<![CDATA[hush\nhush]]>\n\nloud",
    "an attribute": '<b title="hush">loud</b>',
    "an attribute in single quotes": "<b title='hush'>loud</b>",
    "an attribute without quotes": "<b title=hush>loud</b>",
    "an attribute without a value": "<b hush>loud</b>",
    "an attribute of several lines": '<b\n title="hush\nhush">loud</b>',
    "an attribute with a tag in it": '<b title="<i>hush</i>">loud</b>',
    "an attribute of a block": '<div data-note="hush">\n\nloud\n\n</div>',
    "an attribute of an end tag": "<div>\nloud\n</div hush>",
    "an unknown tag": "<hush>loud</hush>",
    "an unknown tag with attributes": '<x-note text="hush">loud</x-note>',
    "a field's value": "loud <input value='hush'> loud",
    "a template": "loud <template>hush</template> loud",
    "a template of blocks": "<template>\n\nhush\n\n- hush\n\n</template>\n\nloud",
    "a template in a template": "<template><template></template>hush</template>\n\nloud",
    "a template that is never closed": "loud\n\n<template>\n\nhush",
    "a link's title": '[loud](https://example.com "hush")',
    "a link's title in brackets": "[loud](https://example.com (hush))",
    "a link's address": "[loud](https://example.com/hush)",
    "a reference's title": '[loud][a]\n\n[a]: https://example.com "hush"',
    "a reference's title on its own line": "[loud][a]\n\n[a]: https://example.com\n  'hush'",
    "a reference's label": "[loud][hush]\n\n[hush]: https://example.com",
    "a reference that nothing uses": "[hush]: https://example.com (hush)\n\nloud",
    "a reference as a comment": "loud\n\n[//]: # (hush)\n\nloud",
    "a reference to nowhere": "loud\n\n[comment]: <> (hush)\n\nloud",
    "a reference a second time": '[a]: x\n[a]: y "hush"\n\n[loud][a]',
    "a reference in a quote": '> [a]: x "hush"\n\nloud',
    "a reference in a list": '- [a]: x "hush"\n\nloud',
    "an image's text": "loud ![hush](x.png)",
    "an image's title": 'loud ![](x.png "hush")',
    "an image of a reference": "loud ![hush][a]\n\n[a]: x.png",
    "an image in a link": "[loud ![hush](x.png)](https://example.com)",
    "an image in HTML": '<img src="x.png" alt="hush">\n\nloud',
    "a footnote that nothing uses": "loud\n\n[^1]: hush",
    "a footnote of several blocks": "loud\n\n[^1]: hush\n\n    hush\n\nloud",
    "a footnote's next line": "loud\n\n[^1]: hush\nhush\n\nloud",
    "a footnote's table": "loud\n\n[^1]: hush\n| hush | hush |\n    |--|--|\n\nloud",
    "a footnote a second time": "loud[^1]\n\n[^1]: loud\n[^1]: hush",
    "a footnote whose reference is escaped": "loud \\[^1]\n\n[^1]: hush",
    "a footnote that only code names": "loud `[^1]`\n\n[^1]: hush",
    "a footnote's label": "loud[^hush]\n\n[^hush]: loud",
    "a label of a footnote with HTML": "loud[^hush]\n\n[^hush]: <b></b>",
    "what a browser plays": "loud <video src='x'>hush</video> <audio>hush</audio>",
    "a template that what is played does not end": "loud\n\n<video><template></video> hush",
    "what is played, around a template": "loud <video><template></template>hush</video>",
    "a comment that goes on a quote in a quote": "> > loud\nloud\n\t<!-- hush -->",
    "an image that goes on a quote in a quote": ">> [a]: u\nloud\n    # ![hush](u)",
    "a title of a link with a link": '[loud [loud](u) [loud] ](u "hush")',
    "a label of a link with a link": "[loud [loud](u) [loud] ][hush]\n\n[hush]: u",
    "a template behind what may be a tag": "loud https://example.com\\<b> <template>\n\nhush",
    "a template behind what may be a link": "loud [ [a](u) [a] ](u) <template>\n\nhush",
    "what browsers without ruby show": "loud <ruby>loud<rp>hush</rp><rt>loud</rt></ruby>",
    "a title of a link with a footnote": '[loud[^a]](u "hush")\n\n[^a]: loud',
    "a tag escaped by an address": "loud https://example.com\\<b hush>",
    "a tag in code that an address begins": "loud www.example.com*`<b hush>`",
    "a script as address": "[loud](<javascript:hush hush>)",
    "a script as a reference": "[loud][a]\n\n[a]: javascript:hush",
    "data as an image": "loud ![](data:text/plain,hush)",
    "a fence's info": "```python hush\nloud\n```",
    "a fence's info behind tildes": "~~~ text hush\nloud\n~~~",
    "a table's extra cell": "| loud |\n| --- |\n| loud | hush |",
    "an image below a reference": '[a]: x\n    ![hush](x.png "hush") loud',
    "an image in a paragraph below a reference": "[a]: x\n<b>\n![hush](x.png)</b> loud",
}
"""Bodies in which readers see ``loud`` and not ``hush``."""
SHOWN = {
    "Markdown in a code span": "loud `<!-- loud --> [a](loud)`",
    "Markdown in a code block": "```\n<!-- loud -->\n[a]: loud\n```",
    "an indented block": "loud\n\n    <!-- loud -->",
    "characters of HTML": "&lt;!-- loud --&gt; loud",
    "an escaped comment": "\\<!-- loud -->",
    "no comment": "loud <!-loud-> loud",
    "no declaration": "loud <!loud> loud",
    "text that is folded": "<details><summary>loud</summary>\n\nloud\n\n</details>",
    "a tag that GitHub shows": "<script>loud</script>\n\n<style>loud</style> loud",
    "a footnote": "loud[^a]\n\n[^a]: loud\n\n    loud",
    "a footnote of a footnote": "loud[^a]\n\n[^a]: loud[^b]\n[^b]: loud",
    "a link to nowhere": "[loud][loud]",
    "an address": "<https://example.com/loud>",
    "a reference that is none": "[loud]: <not an address loud",
    "a table": "| loud | loud |\n| :-- | --: |\n| loud | loud |",
    "text that was struck out": "~~loud~~ loud",
    "a quote in a list": "1. loud\n   > loud\n2. loud",
    "comparisons": "loud < 3 && loud > 2",
    "a type": "List<loud, loud> loud",
    "an address in code": "loud `https://a` and`https://b`/`https://loud`, https://c loud",
    "an address before code": "https://loud `loud` \\<loud>",
    "a word with signs": "**lo**ud _loud_ __loud__",
}
"""Bodies of which readers see every ``loud``."""


@pytest.mark.parametrize("body", [*HIDDEN.values(), *SHOWN.values()], ids=[*HIDDEN, *SHOWN])
def test_the_text_is_that_which_a_reader_of_the_page_sees(body: str) -> None:
    page = page_text(body)
    plain = re.sub(r"[*_`~]", "", page.text)
    assert "hush" not in read_on_github(body)
    assert "hush" not in page.text
    assert ("hush" in "".join(page.left_out)) == ("hush" in body)
    assert plain.count("loud") == read_on_github(body).count("loud") > 0


PIECES = [
    *(
        " WORD ",
        "WORD",
        "\n",
        "\n",
        "\n\n",
        "    ",
        "  ",
        "> ",
        "- ",
        "1. ",
        "# ",
        "---\n",
        "===\n",
    ),
    *("`", "```\n", "```WORD WORD\n", "~~~\n", "*", "**", "_", "~~", "\\", "&lt;", "<", ">", "\t"),
    *(
        "[",
        "]",
        "](u)",
        "](javascript:WORD)",
        '](u "WORD")',
        "[WORD][WORD]",
        "![WORD](u)",
        "[a]",
        "[WORD][a]",
    ),
    *('[a]: u "WORD"\n', "[a]: u\n", "[a]: WORD\n", "[^a]", "[^a]: WORD\n", "[^b]: WORD ", "[^b]"),
    *(
        "<!-- WORD -->",
        "<?WORD ?>",
        "<!WORD >",
        "<!W WORD>",
        "<![CDATA[WORD]]>",
        "<b WORD>",
        "</b>",
    ),
    *(
        "<b title='WORD'>",
        "<template>",
        "</template>",
        "<video>",
        "</video>",
        "<div>",
        "</div>",
        "<pre>",
        "</pre>",
        "<br>",
    ),
    *("<details><summary>WORD</summary>\n", "</details>", "<script>", "</script>", "<x-WORD>"),
    *("| WORD | WORD |\n", "|--|--|\n", "|WORD|WORD|WORD|\n", "- [ ] WORD\n", "<https://WORD>"),
]


def numbered(pieces: list[str]) -> str:
    """Return ``pieces`` as one body in which each word differs."""
    numbers = iter(range(1_000))
    return re.sub("WORD", lambda _: f"w{next(numbers)}q", "".join(pieces))


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), min_size=3, max_size=20).map(numbered))
@example("> a\n<b>\n![w1q](u)")
@example("- a\n<b>\n<? w1q")
@example("> [a]: u\n    [a]: w1q")
@example("[^a][b]\n\n[b]: x\n[^a]: w1q")
@example("[a]: w1q\n''>")
@example("x[^b]\n\n[^a]: <template>[^a]\n\n[^b]: w1q")
@example("x[^a] y[^b]\n\n[^b]: w1q\n\n[^a]: <template>")
def test_no_word_is_handed_over_that_github_does_not_show(body: str) -> None:
    handed_over = set(re.findall(r"w\d+q", page_text(body).text))
    assert handed_over <= set(re.findall(r"w\d+q", read_on_github(body)))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("One\ntwo  \nthree\\\nfour<br>five", "One\ntwo\nthree\nfour\nfive"),
        ("# Title\nText\n\nMore", "Title\n\nText\n\nMore"),
        (
            "- a\n- b\n  ```sh\n  make\n  ```\n\n3) c\n4) d",
            "- a\n- b\n  ~~~\n  make\n  ~~~\n\n1. c\n2. d",
        ),
        ("> a\n> b\n>\n> > c", "> a\n> b\n\n> > c"),
        ("| a | b |\n|---|---|\n| 1 |  |", "| a | b |\n| 1 |  |"),
        ("Run `make *` now, ~~not~~ **later**", "Run `make *` now, ~~not~~ later"),
        ("```py\nif x:\n\n    y  \n```", "~~~\nif x:\n\n    y  \n~~~"),
        ("[a](b) <https://c> d@e.f", "a https://c d@e.f"),
        ("[a](u) [b](u) c](d) [e", "a b c](d) [e"),
        ("a[^N] b[^2]\n\n[^2]: d\n[^n]: c\n", "a[^1] b[^2]\n\n[^1]:\n\nc\n\n[^2]:\n\nd"),
        ("<ul><li>a</ul></ul></li><li>b</pre>", "- a\n\n- b"),
        ("", ""),
        ("\0\r\nx\ry", "\ufffd\nx\ny"),
    ],
)
def test_the_text_keeps_its_lines_lists_quotes_and_code(body: str, text: str) -> None:
    assert page_text(body).text == text


@pytest.mark.parametrize("language", ["mermaid", "Math", "geojson", "topojson", "stl"])
def test_a_picture_drawn_from_code_is_left_out_like_any_other(language: str) -> None:
    """GitHub does not show its source, nor the comments in it."""
    page = page_text(f"a\n\n```{language}\n%% hush\n```\n\nb")
    assert (page.text, page.left_out) == ("a\n\nb", (f"```{language}", "%% hush\n"))


@pytest.mark.parametrize(
    "html",
    [
        "<pre lang='mermaid'><code>%% hush</code></pre>",
        "<pre lang=&#109;ermaid>%% hush</pre>",
        "<pre><code class='language-math'>hush</code></pre>",
    ],
)
def test_a_picture_drawn_from_html_is_left_out_too(html: str) -> None:
    page = page_text(f"{html}\n\nb")
    assert "hush" not in page.text
    assert "hush" in "".join(page.left_out)
    assert page.text.endswith("b")


FORMULAS = {
    "a phantom": "loud\n\n$\\phantom{\\text{hush}}$\n\nloud",
    "white letters between backticks": "loud\n\n$`\\color{white}{hush}`$\n\nloud",
    "letters in one another's place": "loud\n\n$$\n\\rlap{hush}{x}\n$$\n\nloud",
    "a macro": "loud\n\n$x \\def\\a{hush} y$\n\nloud",
    "letters moved away": "loud\n\n$x \\kern-99em hush$\n\nloud",
    "a formula's comment": "loud\n\n$x % hush\ny$\n\nloud",
    "a phantom with markup": "loud\n\n$\\phantom{a *hush* `hush`}$ hush\n\nloud",
    "a phantom in HTML": "loud\n\n<p>$\\phantom{hush}$</p>\n\nloud",
    "a phantom in a list": "loud\n\n- $\\phantom{hush}$\n\nloud",
    "a phantom in a table": "loud\n\n| $\\phantom{hush}$ |\n| --- |\n\nloud",
}
"""Formulas of which MathJax shows no ``hush``."""


@pytest.mark.parametrize("body", FORMULAS.values(), ids=FORMULAS)
def test_a_formula_that_hides_a_part_is_left_out(body: str) -> None:
    page = page_text(body)
    assert "hush" not in page.text
    assert "hush" in "".join(page.left_out)
    assert page.text.startswith("loud")
    assert page.text.endswith("loud")


@pytest.mark.parametrize(
    "text",
    [
        "$x^2 + \\frac{1}{2}$ and $$\\sum_i \\text{loud}$$",
        "costs $5, 10% of $6 and $HOME",
        "C:\\data\\style\\class.txt is in $env:PATH",
        "```tex\n$\\phantom{x}$ % loud\n```",
        "\\phantom{x}",
    ],
)
def test_other_formulas_and_what_looks_like_one_stay(text: str) -> None:
    page = page_text(text)
    assert page.text.replace("~~~\n", "```tex\n", 1).replace("~~~", "```") == text
    assert [left for left in page.left_out if left != "```tex"] == []


@pytest.mark.parametrize("comment", ["<!--> hush -->", "<!---> hush -->", "<!-- --!> hush -->"])
def test_what_is_a_comment_to_some_parsers_is_left_out(comment: str) -> None:
    page = page_text(f"loud {comment}")
    assert page.text.strip() == "loud"
    assert "hush" in "".join(page.left_out)


def test_what_other_servers_hide_is_left_out_too() -> None:
    page = page_text("a<span hidden>hush</span><br hidden>b")
    assert page == ("a\nb", ("<span hidden>", "hush", "<br hidden>"))
    assert page_text("a <b id=hidden data-hidden>c</b>").text == "a c"


@pytest.mark.parametrize("comment", ["<!-- a -- <template> -->", "<!-- </template><template> -->"])
def test_a_template_in_a_comment_that_may_be_none_hides_the_rest(comment: str) -> None:
    """To an older CommonMark ``<!-- a -- b -->`` is text."""
    assert page_text(f"a {comment} hush").text.strip() == "a"
    assert page_text("a <!-- <template></template> --> b").text.split() == ["a", "b"]


def test_the_deepest_quotes_and_lists_end_nothing() -> None:
    page = page_text("> " * 5_000 + "deep\n\nloud")
    assert page.text.endswith("loud")
