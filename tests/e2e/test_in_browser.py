"""In a real browser: the HTML report of processes, and the words that ``include-event`` adds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

import pytest

from mogplex_ci.platforms.visible_text import visible_text
from tests.browser import chromium
from tests.emulator import Emulator
from tests.npm import node_modules
from tests.oracles.github_markdown import github_html
from tests.program import ROOT, step_against
from tests.unit.platforms.test_visible_text import HIDDEN, PIECES, SHOWN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BODIES = 3_000
_INNER_TEXT = """html => {
  document.body.innerHTML = html;
  document.querySelectorAll("details").forEach(details => { details.open = true; });
  return document.body.innerText;
}"""
SHOTS = ROOT / "out" / "screenshots"
DEVICES: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "desktop": (1200, "light"),
    "phone": (390, "dark"),
}
OPEN = "open => document.querySelectorAll('details').forEach(each => { each.open = open })"
SCENARIOS = ("success", "failed", "hostile", "paused", "documented", "many-events")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def report_of(scenario: str, folder: Path) -> Path:
    with Emulator(scenario, speed=50) as emulator:
        step = step_against(emulator, folder, prompt="Fix <b>the</b> login", output_dir=".")
        assert step.run().err == ""
    return step.workspace / "report.html"


def opened(browser: Browser, report: Path, device: str = "desktop") -> tuple[Page, list[str]]:
    """Open a page; return it, and everything that it does which it must not do."""
    (width, scheme), wrong = DEVICES[device], list[str]()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.on("popup", lambda popup: wrong.append(f"popup: {popup.url}"))
    page.on("request", lambda request: wrong.append(f"request: {request.url}"))
    page.goto(report.as_uri())
    wrong.remove(f"request: {report.as_uri()}")
    return page, wrong


@pytest.mark.node
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_everybody_can_read_it_and_nothing_leaves(
    browser: Browser, tmp_path: Path, scenario: str
) -> None:
    """As far as axe can tell: names, roles, keyboard and contrast, by the rules of WCAG and its
    good practice.
    """
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    report = report_of(scenario, tmp_path)
    for device in DEVICES:
        page, wrong = opened(browser, report, device)
        page.screenshot(path=SHOTS / f"report-{scenario}-{device}.png", full_page=True)
        unwanted = page.locator("script, iframe, img, object, link, form, base")
        assert unwanted.count() == 0
        assert page.evaluate("[...document.links].every(link => /^(https:|file:)/.test(link.href))")
        for is_open in (False, True):
            page.evaluate(OPEN, is_open)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert wrong == []
            page.evaluate(axe)
            found = page.evaluate("axe.run()")
            violations = [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]]
            assert violations == []
            assert len(found["passes"]) > 20, "axe has looked at the page"
        page.close()


def test_it_answers_at_a_glance_and_paper_shows_what_is_folded(
    browser: Browser, tmp_path: Path
) -> None:
    page, _ = opened(browser, report_of("success", tmp_path / "success"))
    body = page.locator(".entries details:not([open]) pre").first
    assert not body.is_visible()
    page.emulate_media(media="print")
    box = body.bounding_box()
    assert box is not None
    assert box["height"] > 10
    page.emulate_media(media="screen")
    assert page.title() == "✔ Run succeeded · acme/web"
    assert page.locator("h1").inner_text() == "Run succeeded"
    button = page.get_by_role("link", name="Open the pull request")
    assert button.get_attribute("href") == "https://github.com/acme/web/pull/42"
    assert page.locator(".legend li").count() == 5
    assert page.locator(".title").inner_text() == "Fix <b>the</b> login"
    page.get_by_text("The task").click()
    assert page.locator("pre", has_text="Fix <b>the</b> login").is_visible()
    page.get_by_text("Ids and counts").click()
    assert page.locator("td").all_inner_texts()[:2] == ["Repository", "acme/web"]
    page, _ = opened(browser, report_of("failed", tmp_path / "failed"))
    assert page.locator("h1").inner_text() == "Run failed"
    assert page.locator("section pre").first.inner_text() == "Agent run exited with code 1.\n"
    assert page.locator("li.bad").last.inner_text().startswith("00:")


def words(text: str) -> Counter[str]:
    """Return how often the words stand in a text that tests look for, its marks left out."""
    return Counter(re.findall(r"loud|hush|w\d+q", re.sub(r"[*_`~^]", "", text)))


def numbered(pieces: list[str]) -> str:
    """Return ``pieces`` as one body in which each word differs."""
    numbers = iter(range(1_000))
    return re.sub("WORD", lambda _: f"w{next(numbers)}q", "".join(pieces))


def test_a_browser_shows_the_words_that_are_handed_over(
    browser: Browser,
) -> None:
    page = browser.new_page()
    for name, body in (HIDDEN | SHOWN).items():
        shown = words(page.evaluate(_INNER_TEXT, github_html(body)))
        assert words(visible_text(body)) <= shown, name
        assert (shown["loud"] > 0, shown["hush"]) == (True, 0), name


def test_few_words_of_many_bodies_are_handed_over_that_a_browser_does_not_show(
    browser: Browser,
) -> None:
    """The parsers differ in odd places, such as a link's source in a link."""
    chance = Random(1)  # noqa: S311 - not a secret
    leaks, page = [], browser.new_page()
    for _ in range(BODIES):
        body = numbered(chance.choices(PIECES, k=chance.randint(3, 20)))
        if not words(visible_text(body)) <= words(page.evaluate(_INNER_TEXT, github_html(body))):
            leaks.append(body)
    assert len(leaks) <= BODIES / 1_000, leaks
