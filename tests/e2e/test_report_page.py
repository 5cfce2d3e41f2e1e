"""The HTML report of real processes in a real browser."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mogplex_ci.emulator import Emulator
from tests.browser import chromium
from tests.npm import node_modules
from tests.program import ROOT, GitHubStep
from tests.slow import mostly_slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser]
SHOTS = ROOT / "out" / "screenshots"
DEVICES = {"desktop": (1200, "light"), "phone": (390, "dark")}
SCENARIOS = ("success", "failed", "hostile", "paused", "documented", "many-events")
FLEET = "fleet"
"""Not a scenario: the report of a step that starts several runs."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The report of a scenario, written by a step that ran it when it was first asked for."""

    @functools.cache
    def report(scenario: str) -> Path:
        folder = tmp_path_factory.mktemp(scenario)
        return report_of("failed", folder, repo="acme/*") if scenario == FLEET else report_of(scenario, folder)

    return report


def report_of(scenario: str, folder: Path, **inputs: str) -> Path:
    step = GitHubStep(folder, inputs={"prompt": "Fix <b>the</b> login", "output-dir": ".", **inputs})
    with Emulator(scenario, speed=50) as emulator:
        step.inputs |= {"base-url": emulator.url, "api-key": emulator.token, "poll-interval": "100ms"}
        ended = step.run()
    assert ended.err == ""
    return step.workspace / "report.html"


class Opened:
    """A page, and everything that it did which it must not do."""

    def __init__(self, browser: Browser, report: Path, *, width: int = 1200, scheme: str = "light") -> None:
        self.wrong: list[str] = []
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("popup", lambda popup: self.wrong.append(f"popup: {popup.url}"))
        self.page.on("request", lambda request: self._request(request.url))
        self._own = report.as_uri()
        self.page.goto(self._own)

    def _request(self, url: str) -> None:
        if url != self._own and not url.startswith("data:"):
            self.wrong.append(f"request: {url}")


@pytest.mark.parametrize("scenario", mostly_slow([FLEET, *SCENARIOS], every=7))
def test_nothing_leaves_nothing_complains_and_it_fits(
    browser: Browser, reports: Callable[[str], Path], scenario: str
) -> None:
    for device, (width, scheme) in DEVICES.items():
        opened = Opened(browser, reports(scenario), width=width, scheme=scheme)
        page = opened.page
        page.screenshot(path=SHOTS / f"report-{scenario}-{device}.png", full_page=True)
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("script, iframe, img, object, link:not([rel=icon]), form, base").count() == 0
        assert page.evaluate("[...document.links].every(link => /^(https:|file:)/.test(link.href))")
        assert opened.wrong == []
        page.context.close()


@pytest.mark.node
@pytest.mark.parametrize("scenario", mostly_slow([FLEET, *SCENARIOS], every=7))
def test_everybody_can_read_it(browser: Browser, reports: Callable[[str], Path], scenario: str) -> None:
    """As far as axe can tell: names, roles, keyboard and contrast, by the rules of WCAG and its good practice."""
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    for width, scheme in DEVICES.values():
        page = Opened(browser, reports(scenario), width=width, scheme=scheme).page
        for unfolded in (False, True):
            page.evaluate(
                "unfolded => document.querySelectorAll('details').forEach(item => item.open = unfolded)", unfolded
            )
            page.evaluate(axe)
            found = page.evaluate("axe.run()")
            assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
            assert len(found["passes"]) > 20, "axe has looked at the page"
        page.context.close()


def test_it_answers_at_a_glance(browser: Browser, reports: Callable[[str], Path]) -> None:
    page = Opened(browser, reports("success")).page
    assert page.title() == "✔ Run succeeded · acme/web"
    assert page.locator("h1").inner_text() == "Run succeeded"
    button = page.get_by_role("link", name="Open the pull request")
    assert button.get_attribute("href") == "https://github.com/acme/web/pull/42"
    assert page.locator(".facts").inner_text().split("\n")[:2] == ["Repository", "acme/web"]
    assert page.locator(".legend li").count() == 5
    assert page.locator(".title").inner_text() == "Fix <b>the</b> login"
    page.get_by_text("The task").click()
    assert page.locator("pre", has_text="Fix <b>the</b> login").is_visible()
    page = Opened(browser, reports("failed")).page
    assert page.locator("h1").inner_text() == "Run failed"
    assert page.locator(".why pre").inner_text() == "Agent run exited with code 1."
    assert page.locator("li.bad").last.inner_text().startswith("00:")


def test_one_tool_can_be_looked_at_alone_without_javascript(browser: Browser, reports: Callable[[str], Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(reports("success").as_uri())
    shown = page.locator(".entries > li:visible")
    everything = shown.count()
    page.locator(".chips label", has_text="Command").click()
    assert set(shown.locator(".label").all_inner_texts()) == {"Command"}
    assert shown.count() < everything
    page.locator(".chips label", has_text="everything").click()
    assert shown.count() == everything
    context.close()


def test_a_bar_is_reached_by_keyboard_and_leads_to_its_call(browser: Browser, reports: Callable[[str], Path]) -> None:
    page = Opened(browser, reports("success")).page
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('svg') !== null"):
            break
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    assert name.startswith("Command")
    assert page.locator("li:target .label").inner_text() == "Command"


def test_paper_shows_what_is_folded(browser: Browser, reports: Callable[[str], Path]) -> None:
    page = Opened(browser, reports("success")).page
    body = page.locator(".entries details:not([open]) pre").first
    assert not body.is_visible()
    page.emulate_media(media="print")
    box = body.bounding_box()
    assert box is not None
    assert box["height"] > 10
    assert not page.locator(".chips").is_visible()


def test_a_table_s_headings_keep_their_words_on_a_phone(browser: Browser, reports: Callable[[str], Path]) -> None:
    width, scheme = DEVICES["phone"]
    page = Opened(browser, reports(FLEET), width=width, scheme=scheme).page
    heights = page.evaluate("[...document.querySelectorAll('th')].map(cell => cell.offsetHeight)")
    line = page.evaluate("parseFloat(getComputedStyle(document.querySelector('th')).lineHeight)")
    assert max(heights) < 3 * line  # "Pull request" has two words
