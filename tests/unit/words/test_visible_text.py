"""``include-event`` hands over the words that a reader of the page sees: Markdown's own text."""

from __future__ import annotations

import time

import pytest

from mogplex_ci.words.visible_text import visible_text
from tests.slow import mostly_slow

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
    "a template behind what may be a tag": "loud https://example.com\\<b> <template>\n\nhush",
    "a template behind what may be a link": "loud [ [a](u) [a] ](u) <template>\n\nhush",
    "what browsers without ruby show": "loud <ruby>loud<rp>hush</rp><rt>loud</rt></ruby>",
    "a title of a link with a footnote": '[loud[^a]](u "hush")\n\n[^a]: loud',
    "a script as address": "[loud](<javascript:hush hush>)",
    "a script as a reference": "[loud][a]\n\n[a]: javascript:hush",
    "data as an image": "loud ![](data:text/plain,hush)",
    "a fence's info": "```python hush\nloud\n```",
    "a fence's info behind tildes": "~~~ text hush\nloud\n~~~",
    "a table's extra cell": "| loud |\n| --- |\n| loud | hush |",
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


FORMULAS = {
    "a phantom": "loud\n\n$\\phantom{\\text{hush}}$\n\nloud",
    "white letters between backticks": "loud\n\n$`\\color{white}{hush}`$\n\nloud",
    "letters in one another's place": "loud\n\n$$\n\\rlap{hush}{x}\n$$\n\nloud",
    "a macro": "loud\n\n$x \\def\\a{hush} y$\n\nloud",
    "letters moved away": "loud\n\n$x \\kern-99em hush$\n\nloud",
    "a formula's comment": "loud\n\n$x % hush\ny$\n\nloud",
    "a comment between a formula's lines": "loud\n\n$$\nx + y % hush\n= z\n$$\n\nloud",
    "an environment": "loud\n\n$\\renewenvironment{x}{hush}{}$\n\nloud",
    "an operator": "loud\n\n$\\DeclareMathOperator{\\foo}{hush}$\n\nloud",
    "a phantom with markup": "loud\n\n$\\phantom{a *hush* `hush`}$ loud\n\nloud",
    "a phantom in HTML": "loud\n\n<p>$\\phantom{hush}$</p>\n\nloud",
    "a phantom in a list": "loud\n\n- $\\phantom{hush}$\n\nloud",
    "a phantom in a table": "loud\n\n| $\\phantom{hush}$ |\n| --- |\n\nloud",
}
"""Formulas of which MathJax shows no ``hush``."""


@pytest.mark.parametrize("body", [*(HIDDEN | SHOWN).values()], ids=[*(HIDDEN | SHOWN)])
def test_the_words_are_those_which_a_reader_of_the_page_sees(body: str) -> None:
    text = visible_text(body)
    assert "hush" not in text
    assert text.count("loud") + text.count("lo[…]ud") > 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("One\ntwo  \nthree\\\nfour<br>five", "One\ntwo\nthree\nfour\nfive"),
        ("# Title\nText\n\nMore", "# Title\nText\n\nMore"),
        (
            "- a\n- b\n  ```sh\n  make\n  ```\n\n3) c\n4) d",
            "- a\n- b\n  ~~~\n  make\n  ~~~\n\n3) c\n4) d",
        ),
        ("- - a\n  - b\n- > q\n  > r", "- - a\n  - b\n- > q\n  > r"),
        ("- [x] a\n- [ ] b", "- [x] a\n- [ ] b"),
        ("> a\n> b\n>\n> > c", "> a\n> b\n\n> > c"),
        ("| a | b |\n|---|---|\n| 1 |  |", "| a | b |\n\n| 1 |  |"),
        ("Run `make *` now, ~~not~~ **later**", "Run `make *` now, ~~not~~ later"),
        ("```py\nif x:\n\n    y  \n```", "~~~\nif x:\n\n    y\n~~~"),
        ("[a](b) <https://c> d@e.f", "a https://c d@e.f"),
        ("do <font>not</font> remove <blink>the</blink> check", "do not remove the check"),
        ("", ""),
        ("\0\r\nx\ry", "\ufffd\nx\ny"),
    ],
)
def test_the_words_are_laid_out_by_the_lines_of_the_source(body: str, text: str) -> None:
    assert visible_text(body) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Do <video>not</video> stop", "Do […] stop"),
        ("Do <!-- not --> stop", "Do […] stop"),
        ("Do <!-- --> stop", "Do  stop"),
        ("Do <video> </video>stop", "Do stop"),
        ("a\n\n<div hidden>\n\nb\n\n- c\n\n</div>\n\nd", "a\n\n[…]\n\n- […]\n\nd"),
        ("<span title='a hidden b' data-hidden>c</span>", "c"),
        ("<ruby>a<rp>(</rp><rt>b</rt></ruby>", "ab"),
        ("a\n\n<video><p>hush</video> hush\n\nhush", "a\n\n[…]"),  # an end tag too few
        ("Do ![not](broken.png) remove it", "Do […] remove it"),
        ("Do <img src=not.png> remove it", "Do […] remove it"),
        ("[![a](b)](c) ![d](e)\n![](f)\n\n# Title", "[…]\n\n# Title"),
        ("<sup><sub>a<small>b</small>c</sub></sup>d", "a[…]cd"),
        ("a\n\n<div title='b\n\nc", "a\n\n[…]\n\nc"),
        ("a\n\n[b]: c\n    <!-- d -->", "a\n\n[…]"),
        ("a[^b]\n\n[^b]: c\n```\nc\n\n    c", "a[…]"),
        ("- " * 25 + "deep", "[…]"),
        ("> " * 25 + "deep", "[…]"),
        ("a" * 60_001, "a" * 60_000 + "[…]"),
    ],
)
def test_a_gap_stands_where_words_are_left_out(body: str, text: str) -> None:
    assert visible_text(body) == text


@pytest.mark.parametrize("language", ["mermaid", "Math", "geojson", "topojson", "stl"])
def test_a_picture_drawn_from_code_is_left_out(language: str) -> None:
    """GitHub does not show its source, nor the comments in it."""
    assert visible_text(f"a\n\n```{language}\n%% hush\n```\n\nb") == "a\n\n[…]\n\nb"


@pytest.mark.parametrize("body", FORMULAS.values(), ids=FORMULAS)
def test_a_formula_is_left_out(body: str) -> None:
    assert "[…]" in visible_text(body)
    assert "hush" not in visible_text(body)


@pytest.mark.parametrize(
    "text",
    [
        "costs $5, 10% of $6 and $HOME",
        "C:\\data\\style\\class.txt is in $env:PATH",
        "~~~\n$\\phantom{x}$ % loud\n~~~",
        "run `$a` and `$b`",
    ],
)
def test_what_only_looks_like_a_formula_stays(text: str) -> None:
    assert visible_text(text) == text


HOSTILE = {
    "quotes": ">" * 65_000,
    "quotes of many lines": "> " * 300 + "a\n" + ("> " * 300 + "a\n") * 100,
    "lists": "".join(f"{' ' * 2 * depth}- a\n" for depth in range(250)),
    "brackets": "[" * 65_000,
    "images": "![" * 32_000,
    "links": "[a](" * 16_000,
    "stars": "*a **a " * 9_000,
    "underscores": "_a__b" * 13_000,
    "backticks": "".join("`" * n + " " for n in range(1, 350)),
    "tables": "|" * 8_000 + "\n" + "|-" * 8_000 + "|\n" + "|\n" * 16_000,
    "footnotes": "".join(f"[^{n}]: a[^{n + 1}]\n\n" for n in range(3_000)) + "[^0]",
    "references": "[a]: u\n" * 4_000 + "[a]" * 12_000,
    "tags": "<a" * 32_000,
    "attributes": "<a " + "b=c " * 16_000,
    "comments": "<!--" * 16_000,
    "entities": "&" * 65_000,
    "addresses": "www." * 16_000,
    "spaces": "a" + " " * 64_000 + "b",
    "dollars": "$" * 65_000,
    "comments in a formula": "$$" + "%" * 65_000,
    "letters in another order": "\u202e" * 20_000,
    "hidden elements": "<b hidden>" * 6_500,
    "backslashes in a formula": "$" + "\\color " * 9_000,
}
"""Bodies as long as GitHub takes them, that take a careless parser or reader for ever."""


@pytest.mark.parametrize("name", mostly_slow(HOSTILE, every=4))
def test_a_hostile_body_is_read_in_little_time(name: str) -> None:
    began = time.process_time()
    visible_text(HOSTILE[name])
    assert time.process_time() - began < 10.0
