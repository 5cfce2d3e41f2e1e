"""The words that ``include-event`` hands over are those that Chromium shows of the same HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mogplex_ci.words.github_markdown import github_html
from mogplex_ci.words.page_text import page_text
from tests.browser import chromium
from tests.unit.words.markup import PIECES
from tests.unit.words.test_page_text import HIDDEN, SHOWN

pytestmark = [pytest.mark.browser]
_INNER_TEXT = """html => {
  document.body.innerHTML = html;
  document.querySelectorAll("details").forEach(details => { details.open = true; });
  return document.body.innerText;
}"""


@pytest.fixture(scope="module")
def inner_text() -> Iterator[Callable[[str], str]]:
    """Return what Chromium shows of HTML, with all details open."""
    with chromium() as browser:
        page = browser.new_page(java_script_enabled=True)
        yield lambda html: page.evaluate(_INNER_TEXT, html)


def words(text: str) -> Counter[str]:
    """Return how often the words stand in a text that tests look for, its marks left out."""
    return Counter(re.findall(r"loud|hush|w\d+q", re.sub(r"[*_`~^]", "", text)))


def numbered(pieces: list[str]) -> str:
    """Return ``pieces`` as one body in which each word differs."""
    numbers = iter(range(1_000))
    return re.sub("WORD", lambda _: f"w{next(numbers)}q", "".join(pieces))


@pytest.mark.parametrize("body", (HIDDEN | SHOWN).values(), ids=HIDDEN | SHOWN)
def test_the_text_has_the_words_that_a_browser_shows(
    body: str, inner_text: Callable[[str], str]
) -> None:
    html = github_html(body)
    shown = words(inner_text(html))
    assert words(page_text(html)) == shown
    assert shown["loud"] > 0
    assert shown["hush"] == 0


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), min_size=3, max_size=20).map(numbered))
@example("<video><template></video> w1q")
@example("<video><select></video> w1q")
@example("<b hidden><table><td></b> w1q")
@example("<table><td><b hidden></td></table> w1q")
def test_no_word_is_handed_over_that_a_browser_does_not_show(
    inner_text: Callable[[str], str], body: str
) -> None:
    html = github_html(body)
    handed_over = words(page_text(html))
    shown = words(inner_text(html))
    assert handed_over <= shown
    if not re.search(r"<(?:template|video|audio|rp|!)|hidden|\$", html):
        assert handed_over == shown
