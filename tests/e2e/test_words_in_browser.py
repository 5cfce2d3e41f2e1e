"""The words that ``include-event`` hands over are those that Chromium shows of the same HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest

from mogplex_ci.words.visible_text import visible_text
from tests.browser import chromium
from tests.oracles.github_markdown import github_html
from tests.unit.words.markup import PIECES
from tests.unit.words.test_visible_text import HIDDEN, SHOWN

BODIES = 12_000
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
def test_a_browser_shows_the_words_that_are_handed_over(
    body: str, inner_text: Callable[[str], str]
) -> None:
    shown = words(inner_text(github_html(body)))
    assert words(visible_text(body)) <= shown
    assert shown["loud"] > 0
    assert shown["hush"] == 0


@pytest.mark.slow
def test_few_words_of_many_bodies_are_handed_over_that_a_browser_does_not_show(
    inner_text: Callable[[str], str],
) -> None:
    """The parsers differ in odd places, such as a link's source in a link."""
    chance = Random(1)  # noqa: S311 - not a secret
    leaks = []
    for _ in range(BODIES):
        body = numbered(chance.choices(PIECES, k=chance.randint(3, 20)))
        if not words(visible_text(body)) <= words(inner_text(github_html(body))):
            leaks.append(body)
    assert len(leaks) <= BODIES / 1_000, leaks
